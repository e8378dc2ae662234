"""Work of former tenants, kept before anything is reset. (Skeleton.)"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from yaoki.systems.repopool.git.command import Git
    from yaoki.systems.repopool.layout import RepositoryLayout, SlotLayout

__all__ = ["Entry", "Quarantine"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What was kept of one tenancy.

    `ticket`: its id in this repository, "{slotN}/{fence}" and a number behind it if there are several. `kept_at`: ISO 8601, UTC.
    `base`: the commit that the tenant started from. `refs`: what is in quarantine.git, short name to commit (wip, index, head,
    heads/…, stash/…). `folders`: what was renamed away, by its path in the tree. `size`: bytes, as far as known.
    """

    ticket: str
    slot_id: str
    repo_name: str
    kept_at: str
    reason: str
    holder: str
    base: str
    refs: dict[str, str]
    folders: dict[str, str]
    size: int


class Quarantine:
    """The quarantine of one repository: commits in `quarantine.git`, which has objects of its own, and renamed folders."""

    def __init__(self, layout: RepositoryLayout, git: Git) -> None:
        self.layout = layout
        self.git = git

    def entries(self, slot: SlotLayout | None = None) -> list[Entry]:
        """All entries, oldest first; of one slot, if it is given."""
        raise NotImplementedError

    def restore(self, ticket: str, target: Path) -> None:
        """Write a kept work tree into the folder `target`, which must be empty or missing: a repository of its own, in which all
        kept commits are branches. Raises PoolManagerError.
        """
        raise NotImplementedError

    def drop(self, ticket: str) -> int:
        """Forget an entry for good. Returns the bytes that its renamed folders took. Raises PoolManagerError if there is none."""
        raise NotImplementedError

    def expire(self, *, older_than: float | None = None, keep_bytes: int | None = None, dry_run: bool = False) -> list[Entry]:
        """Drop entries older than `older_than` seconds, then the oldest ones until at most `keep_bytes` are left."""
        raise NotImplementedError

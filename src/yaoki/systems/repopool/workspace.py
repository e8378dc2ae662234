"""One slot on the disk: built, made ready, inspected, cleaned, removed. (Skeleton.)

Whose slot it is, and whether it may be touched, is decided by the caller.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yaoki.systems.repopool.git.command import Git
    from yaoki.systems.repopool.integrity import Damage
    from yaoki.systems.repopool.layout import SlotLayout
    from yaoki.systems.repopool.mirror import Base, Mirror
    from yaoki.systems.repopool.quarantine import Entry, Quarantine

__all__ = ["CleanPolicy", "Cleaned", "Head", "Prepared", "Workspace"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A slot that is ready. `branch`, `commit`: what is checked out. `proven`: its state was known without asking git."""

    branch: str
    commit: str
    proven: bool = False


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A slot after its tenant. `entry`: what was kept of his work, or None if there was none. `removed`: paths that were removed
    without being kept: ignored files. `proven`: nothing had changed, and git was not asked.
    """

    entry: Entry | None = None
    removed: tuple[str, ...] = ()
    proven: bool = False


@dataclass(frozen=True, slots=True)
class Head:
    """What is checked out in a tenant's tree, read from files. `branch`: None if detached. `commit`: None if unborn or unreadable."""

    branch: str | None
    commit: str | None


@dataclass(frozen=True, slots=True)
class CleanPolicy:
    """What a clean slot may still contain. `keep_ignored`: patterns of ignored files and folders that stay (caches)."""

    keep_ignored: Sequence[str] = field(default=())


class Workspace:
    """The slot at `slot`. Every method may be called again after it was killed half-way, and then completes the work."""

    def __init__(
        self, slot: SlotLayout, mirror: Mirror, quarantine: Quarantine, git: Git, policy: CleanPolicy | None = None
    ) -> None:
        self.slot = slot
        self.mirror = mirror
        self.quarantine = quarantine
        self.git = git
        self.policy = policy or CleanPolicy()

    def build(self, base: Base | None = None) -> Prepared:
        """Make the slot from the mirror, without network; nothing happens if it stands already. Atomic by rename.

        Raises GitOperationError.
        """
        raise NotImplementedError

    def prepare(self, base: Base | None = None) -> Prepared:
        """Make a clean slot ready for a tenant: check it, bring it to `base` (default: the mirror's). No network.

        If it turns out not to be clean, what is there is kept first, ticket "{slotN}/found". Raises GitOperationError or
        CleanupError if it is damaged: then it must not be given out, but repaired.
        """
        raise NotImplementedError

    def clean(self, *, ticket: str, reason: str = "released", holder: str = "", taken: bool = False) -> Cleaned:
        """Keep the tenant's work, then bring the tree and `.git` back to the base that he was given.

        `ticket`: unique for the tenancy: "{fence}". `taken`: the tenant did not give it back himself (he died, or was forced out):
        then ignored files are kept too. Raises GitOperationError or CleanupError: then nothing of his is lost, and the slot is
        not clean.
        """
        raise NotImplementedError

    def has_work(self) -> list[str]:
        """What a clean would keep, in words, one line each; [] if nothing. Changes nothing."""
        raise NotImplementedError

    def check(self, *, tier: int = 0, tenant: bool = False) -> list[Damage]:
        """What is damaged. `tenant`: somebody has the slot, so his own unborn branch, detached HEAD and locks are no damage."""
        raise NotImplementedError

    def head(self) -> Head:
        """What is checked out, read from files. No process; never raises for what a tenant did."""
        raise NotImplementedError

    def remove(self, *, ticket: str, reason: str = "removed", holder: str = "", taken: bool = False) -> Entry | None:
        """Keep the work, then remove the slot from the disk. Returns what was kept. Nothing happens if it does not exist."""
        raise NotImplementedError

    def disk_usage(self) -> int:
        """Bytes that the tree and our git folder take, each file once."""
        raise NotImplementedError

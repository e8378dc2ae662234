"""The repair ladder of a slot, the cheapest rung first. (Skeleton.)

Every rung can be run alone, and again; each keeps what it replaces (quarantine) before it replaces it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yaoki.systems.repopool.integrity import Damage
    from yaoki.systems.repopool.quarantine import Entry
    from yaoki.systems.repopool.workspace import Workspace

__all__ = ["RUNGS", "Repaired", "rebuild_git", "rebuild_mirror", "rebuild_tree", "remove_stale_locks", "repair"]

RUNGS = ("remove_stale_locks", "rebuild_git", "rebuild_tree", "rebuild_mirror")


@dataclass(frozen=True, slots=True)
class Repaired:
    """`ok`: the slot is clean, checked (tier 1) and may be offered. `rung`: what helped last. `remaining`: what is still damaged.
    `kept`: what went to quarantine. `reason`: in words, why it could not be repaired, with the way out; "" if ok.
    """

    ok: bool
    rung: str
    remaining: tuple[Damage, ...] = ()
    kept: tuple[Entry, ...] = ()
    reason: str = ""


def remove_stale_locks(workspace: Workspace) -> list[str]:
    """Remove `*.lock` files of git, also under refs, that no living process has open. Returns their paths in `.git`."""
    raise NotImplementedError


def rebuild_git(workspace: Workspace, *, ticket: str, reason: str, holder: str = "") -> Entry | None:
    """Set the tenant's `.git` aside, make a new one around the same files, then keep what differs and clean the slot."""
    raise NotImplementedError


def rebuild_tree(workspace: Workspace, *, ticket: str, reason: str, holder: str = "") -> Entry | None:
    """Set the whole slot aside by rename, and build it anew from the mirror."""
    raise NotImplementedError


def rebuild_mirror(workspace: Workspace, *, ticket: str, reason: str, holder: str = "") -> Entry | None:
    """Make the mirror anew, then do as `rebuild_tree`."""
    raise NotImplementedError


def repair(workspace: Workspace, *, ticket: str, reason: str = "damaged", holder: str = "") -> Repaired:
    """Go up the ladder until the slot is clean and passes tier 1. Never raises for damage: `Repaired.reason` says why not."""
    raise NotImplementedError

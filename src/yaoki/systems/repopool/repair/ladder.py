"""The repair ladder of a slot, the cheapest rung first (SPEC W2, W3, H3).

| rung | what it does |
| --- | --- |
| remove_stale_locks | removes `*.lock` files of git that no process has open |
| rebuild_git | keeps what can be read, sets `.git` aside, makes a new one around the same files, cleans |
| rebuild_tree | sets the whole slot aside by rename, builds it anew from the mirror |
| rebuild_mirror | makes the mirror anew, then does as rebuild_tree |

Every rung can be run alone, and again; each keeps what it replaces before it replaces it. None needs the network but the last one, and
that only if nothing on this disk has what is missing.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yaoki.core.faults.errors import DeadlineExceededError, Rejected
from yaoki.systems.repopool.errors import CleanupError, Failure, GitOperationError, LockTimeoutError
from yaoki.systems.repopool.files import is_folder
from yaoki.systems.repopool.integrity import Damage, DamageClass
from yaoki.systems.repopool.mirror.rebuild import rebuild
from yaoki.systems.repopool.slot.checks import locks_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from yaoki.systems.repopool.quarantine.quarantine import Entry
    from yaoki.systems.repopool.slot.workspace import Workspace

__all__ = ["RUNGS", "Repaired", "damages_of", "rebuild_git", "rebuild_mirror", "rebuild_tree", "remove_stale_locks", "repair"]

RUNGS = ("remove_stale_locks", "rebuild_git", "rebuild_tree", "rebuild_mirror")
"""The names of the rungs, in their order."""

_TIER = 1


@dataclass(frozen=True, slots=True)
class Repaired:
    """`ok`: the slot is clean, checked (tier 1) and may be offered. `rung`: what helped, "" if nothing was wrong, or what was tried last.
    `remaining`: what is still damaged. `kept`: what went to quarantine. `reason`: in words, why it could not be repaired, with the way
    out; "" if ok.
    """

    ok: bool
    rung: str
    remaining: tuple[Damage, ...] = ()
    kept: tuple[Entry, ...] = ()
    reason: str = ""


def damages_of(workspace: Workspace, *, tier: int = _TIER, tenant: bool = False) -> list[Damage]:
    """What is wrong with a slot and with the mirror under it. Raises GitOperationError for a full disk or want of time."""
    return [*workspace.mirror.check(tier=min(tier, 1)), *workspace.check(tier=tier, tenant=tenant)]


def remove_stale_locks(workspace: Workspace) -> list[str]:
    """Remove `*.lock` files of git, also under refs, that no process of this machine has open. Returns their paths in `.git`.

    git holds the file open only while it writes, so the caller must know that nobody has the slot, or that the file is old.
    """
    git_dir = workspace.slot.git
    if not is_folder(git_dir):
        return []
    names = locks_in(git_dir)
    busy = _open_files() if names else set()
    removed = []
    for name in names:
        path = git_dir / name
        if str(path.resolve()) not in busy:
            path.unlink(missing_ok=True)
            removed.append(name)
    return removed


def rebuild_git(workspace: Workspace, *, ticket: str, reason: str, holder: str = "") -> Entry | None:
    """Keep what can be read, set the tenant's `.git` aside, make a new one around the same files, and clean the slot."""
    return workspace.clean(ticket=ticket, reason=reason, holder=holder, taken=True).entry


def rebuild_tree(workspace: Workspace, *, ticket: str, reason: str, holder: str = "") -> Entry | None:
    """Set the whole slot aside by rename, and build it anew from the mirror."""
    return workspace.renew(ticket=ticket, reason=reason, holder=holder)


def rebuild_mirror(workspace: Workspace, *, ticket: str, reason: str, holder: str = "") -> Entry | None:
    """Make the mirror anew, if something is wrong with it, then do as `rebuild_tree`."""
    mirror = workspace.mirror
    if mirror.check(tier=2):
        rebuild(mirror, workspace.quarantine)
    return rebuild_tree(workspace, ticket=ticket, reason=reason, holder=holder)


def repair(workspace: Workspace, *, ticket: str, reason: str = "damaged", holder: str = "") -> Repaired:
    """Go up the ladder until the slot is clean and passes tier 1. Never raises for damage: `Repaired.reason` says why not.

    The caller knows that nobody has the slot. A full disk ends the ladder at once: every further rung would need more of it.
    """
    kept: list[Entry] = []
    rung = ""
    try:
        found = damages_of(workspace)
        if not found:
            return Repaired(ok=True, rung="")
        if all(damage.kind is DamageClass.STALE_LOCK for damage in found):
            rung = RUNGS[0]
            remove_stale_locks(workspace)
            found = damages_of(workspace)
            if not found:
                return Repaired(ok=True, rung=rung)
        problem = "; ".join(str(damage) for damage in found)
        for name, climb in _climbs(found):
            rung = name
            try:
                entry = climb(workspace, ticket=ticket, reason=reason, holder=holder)
            except (GitOperationError, CleanupError, Rejected, DeadlineExceededError) as error:
                if isinstance(error, GitOperationError) and error.failure is Failure.NO_SPACE:
                    raise
                problem = str(error)
                if name == RUNGS[3]:
                    # Without a mirror no other rung has anything to build from.
                    break
                continue
            if entry is not None:
                kept.append(entry)
            found = damages_of(workspace)
            if not found:
                return Repaired(ok=True, rung=rung, kept=tuple(kept))
            problem = "; ".join(str(damage) for damage in found)
    except (GitOperationError, LockTimeoutError, OSError) as error:
        return Repaired(ok=False, rung=rung, kept=tuple(kept), reason=str(error))
    return Repaired(ok=False, rung=rung, remaining=tuple(found), kept=tuple(kept), reason=problem)


def _climbs(found: list[Damage]) -> list[tuple[str, Callable[..., Entry | None]]]:
    """The rungs that can help against what was found."""
    climbs: list[tuple[str, Callable[..., Entry | None]]] = [
        (RUNGS[1], rebuild_git),
        (RUNGS[2], rebuild_tree),
        (RUNGS[3], rebuild_mirror),
    ]
    if any(damage.kind is DamageClass.BAD_MIRROR for damage in found):
        # What seems to be wrong with the slot may come from its mirror.
        return [(RUNGS[3], _mirror_first), *climbs[:2]]
    return climbs


def _mirror_first(workspace: Workspace, *, ticket: str, reason: str, holder: str) -> Entry | None:
    """Only the mirror is made anew; the slot is looked at again."""
    rebuild(workspace.mirror, workspace.quarantine)
    return None


def _open_files() -> set[str]:
    """The paths that processes of this machine have open, as far as we may know."""
    found: set[str] = set()
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with suppress(OSError):
            for entry in os.scandir(folder):
                with suppress(OSError):
                    found.add(os.readlink(entry.path))  # noqa: PTH115  # of a process, not of the disk
    return found

"""The repair ladder of a slot, the cheapest rung first (SPEC W2, W3, H3).

| rung | what it does |
| --- | --- |
| remove stale locks | removes `*.lock` files of git that no process has open |
| rebuild the mirror | makes the mirror anew, if it is damaged: what seems to be wrong with a slot may come from it |
| rebuild .git | keeps what can be read, sets `.git` aside, makes a new one around the same files, cleans |
| rebuild the tree | sets the whole slot aside by rename, builds it anew from the mirror |

Every rung can be run alone, and again; each keeps what it replaces before it replaces it. None needs the network but that of the mirror, and
that only if nothing on this disk has what is missing.

The ladder is one, and is walked in two ways. `repair` walks it at once, for whoever allocates or releases the slot and waits for it. A
recovery has the core's loop walk it, which notes each rung in its journal, gives it a time, verifies after it, and goes on after a kill; but
there is one recovery at a time over all processes, so nobody who only wants a slot may have to wait for it.
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
from yaoki.systems.repopool.mirror.rebuild import rebuild
from yaoki.systems.repopool.slot.checks import locks_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from yaoki.systems.repopool.integrity import Damage
    from yaoki.systems.repopool.quarantine.entry import Entry
    from yaoki.systems.repopool.slot.workspace import Workspace

__all__ = ["LADDER", "KeptAs", "Repaired", "Rung", "damages_of", "remove_stale_locks", "repair"]


@dataclass(frozen=True, slots=True)
class KeptAs:
    """Under which name the quarantine keeps what a rung replaces, why, and whose it was."""

    ticket: str
    reason: str = "damaged"
    holder: str = ""


@dataclass(frozen=True, slots=True)
class Rung:
    """`name`: for reports and the journal. `climb`: does it, and returns what went to quarantine; raises PoolManagerError or OSError.
    `applies`: whether there is anything that it could mend; it raises the same. `needed`: the rungs above build from what it makes, so if it
    raises the ladder ends.
    """

    name: str
    climb: Callable[[Workspace, KeptAs], Entry | None]
    applies: Callable[[Workspace], bool] = lambda _: True
    needed: bool = False


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


def damages_of(workspace: Workspace) -> list[Damage]:
    """What is wrong with a slot that nobody has, and with the mirror under it (tier 1). Raises GitOperationError for a full disk or want of
    time.
    """
    return [*workspace.mirror.check(tier=1), *workspace.check(tier=1)]


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


def repair(workspace: Workspace, kept_as: KeptAs) -> Repaired:
    """Go up the ladder until the slot is clean and passes tier 1. Never raises for damage: `Repaired.reason` says why not.

    The caller knows that nobody has the slot. A full disk ends the ladder at once: every further rung would need more of it. So does a
    mirror that cannot be made anew: no further rung would have anything to build from.
    """
    kept: list[Entry] = []
    name = ""
    try:
        found = damages_of(workspace)
        problem = _told(found)
        for rung in LADDER:
            if not found:
                break
            try:
                if not rung.applies(workspace):
                    continue
                name = rung.name
                entry = rung.climb(workspace, kept_as)
            except (GitOperationError, CleanupError, Rejected, DeadlineExceededError) as error:
                if isinstance(error, GitOperationError) and error.failure is Failure.NO_SPACE:
                    raise
                problem = str(error)
                if rung.needed:
                    break
                continue
            if entry is not None:
                kept.append(entry)
            found = damages_of(workspace)
            problem = _told(found)
    except (GitOperationError, LockTimeoutError, OSError) as error:
        return Repaired(ok=False, rung=name, kept=tuple(kept), reason=str(error))
    return Repaired(ok=not found, rung=name, remaining=tuple(found), kept=tuple(kept), reason=problem if found else "")


def _told(found: list[Damage]) -> str:
    return "; ".join(str(damage) for damage in found)


# --- the rungs --------------------------------------------------------------------------------------------------------------


def _remove_stale_locks(workspace: Workspace, kept_as: KeptAs) -> Entry | None:
    remove_stale_locks(workspace)
    return None


def _has_locks(workspace: Workspace) -> bool:
    return is_folder(workspace.slot.git) and bool(locks_in(workspace.slot.git))


def _rebuild_mirror(workspace: Workspace, kept_as: KeptAs) -> Entry | None:
    rebuild(workspace.mirror, workspace.quarantine)
    return None


def _is_mirror_damaged(workspace: Workspace) -> bool:
    return bool(workspace.mirror.check(tier=2))


def _rebuild_git(workspace: Workspace, kept_as: KeptAs) -> Entry | None:
    return workspace.clean(ticket=kept_as.ticket, reason=kept_as.reason, holder=kept_as.holder, taken=True).entry


def _rebuild_tree(workspace: Workspace, kept_as: KeptAs) -> Entry | None:
    return workspace.renew(ticket=kept_as.ticket, reason=kept_as.reason, holder=kept_as.holder)


LADDER = (
    Rung("remove stale locks", _remove_stale_locks, _has_locks),
    Rung("rebuild the mirror", _rebuild_mirror, _is_mirror_damaged, needed=True),
    Rung("rebuild .git", _rebuild_git),
    Rung("rebuild the tree", _rebuild_tree),
)
"""The rungs, in their order."""


def _open_files() -> set[str]:
    """The paths that processes of this machine have open, as far as we may know."""
    found: set[str] = set()
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with suppress(OSError):
            for entry in os.scandir(folder):
                with suppress(OSError):
                    found.add(os.readlink(entry.path))  # noqa: PTH115  # of a process, not of the disk
    return found

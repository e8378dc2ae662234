"""A file lock is taken: its holder waited for, and whoever has it now noted in the file (SPEC W4)."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from yaoki.core.clock import clock
from yaoki.systems.repopool.errors import LockTimeoutError
from yaoki.systems.repopool.leases.process import ProcessIdentity, this_process

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yaoki.service.file_lock import FileLock

__all__ = ["holder_said", "take", "take_in_time"]

_FIRST_WAIT, _LONGEST_WAIT = 0.002, 0.05
_GLANCE = 0.02


def take_in_time(lock: FileLock, seconds: float, what: str, *, slot_id: str | None = None) -> None:
    """Take a lock, and note in it who has it. `seconds`: how long to wait for its holder. `what`: the lock, for people.

    Raises LockTimeoutError, which names the holder, and OSError.
    """
    started = clock.now()
    wait = _FIRST_WAIT
    while (holder := take(lock)) is not None:
        # A holder without a note may be somebody who only looks whether the lock is held.
        left = started + (seconds if holder else max(seconds, _GLANCE)) - clock.now()
        if left <= 0:
            raise LockTimeoutError(
                f"{what} was not free within {seconds:.3g} s: {holder_said(holder)} holds it",
                slot_id=slot_id,
                way_out="try again when it is done, or end it",
            )
        clock.sleep(min(wait, left))
        wait = min(2.0 * wait, _LONGEST_WAIT)
    # On a full disk there may be no room for the note, which is no reason not to work.
    with suppress(OSError):
        lock.write({**this_process().to_dict(), "since": clock.wall()})


def take(lock: FileLock) -> Mapping[str, object] | None:
    """None if the lock is ours now; else the note of its holder. Its folder is made if it is missing. Raises OSError."""
    with suppress(FileNotFoundError):
        return lock.take()
    # Nobody holds a lock in a folder that is not there.
    lock.file.parent.mkdir(parents=True, exist_ok=True)
    return lock.take()


def holder_said(note: Mapping[str, object]) -> str:
    """The holder that a note names, for people."""
    process = ProcessIdentity.from_dict(note)
    return "another process" if process is None else str(process)

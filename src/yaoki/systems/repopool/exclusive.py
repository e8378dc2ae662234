"""One at a time on one part of the disk, over all processes; the git commands that run meanwhile count as well (SPEC W1)."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from yaoki.core import deadline
from yaoki.core.clock import clock
from yaoki.service.file_lock import FileLock
from yaoki.systems.repopool.errors import LockTimeoutError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["exclusive"]

_SHORTEST, _LONGEST = 0.002, 0.1


@contextmanager
def exclusive(file: Path, *, timeout: float, slot_id: str | None = None) -> Iterator[int]:
    """Hold the lock on `file`, made if it is missing, and give its descriptor for git to inherit.

    If we are killed, a git command that we have started still holds it until it ends: nobody comes in its way. `timeout`: seconds to
    wait for another holder; a deadline in force shortens it. Raises LockTimeoutError, which names the holder, and OSError.
    """
    lock = FileLock(file)
    until = min(clock.now() + timeout, deadline.current())
    pause = _SHORTEST
    file.parent.mkdir(parents=True, exist_ok=True)
    while (holder := lock.take()) is not None:
        if clock.now() >= until:
            who = f"process {holder['pid']}" if isinstance(holder.get("pid"), int) else "another process"
            raise LockTimeoutError(
                f"{who} has been busy with {file.stem} for {timeout:.3g} s",
                slot_id=slot_id,
                way_out="try again when it is done",
            )
        clock.sleep(min(pause, max(0.0, until - clock.now())))
        pause = min(pause * 2, _LONGEST)
    descriptor = lock.descriptor
    assert descriptor is not None
    try:
        # On a full disk there may be no room for the note, which is no reason not to work.
        with suppress(OSError):
            lock.write({"pid": os.getpid()})
        yield descriptor
    finally:
        lock.release()

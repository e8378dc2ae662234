"""One at a time on one part of the disk, over all processes; the git commands that run meanwhile count as well (SPEC W1)."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from yaoki.core import deadline
from yaoki.core.clock import clock
from yaoki.service.file_lock import FileLock
from yaoki.systems.repopool.leases.taking import take_in_time

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["exclusive"]


@contextmanager
def exclusive(file: Path, *, timeout: float, slot_id: str | None = None) -> Iterator[int]:
    """Hold the lock on `file`, made if it is missing, and give its descriptor for git to inherit.

    If we are killed, a git command that we have started still holds it until it ends: nobody comes in its way. `timeout`: seconds to
    wait for another holder; a deadline in force shortens it. Raises LockTimeoutError, which names the holder, and OSError.
    """
    lock = FileLock(file)
    seconds = max(0.0, min(timeout, deadline.current() - clock.now()))
    take_in_time(lock, seconds, file.stem, slot_id=slot_id)
    try:
        descriptor = lock.descriptor
        assert descriptor is not None
        yield descriptor
    finally:
        lock.release()

"""One builder at a time in a folder, and who it is (SPEC G1)."""

from __future__ import annotations

import os
import platform
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from yaoki.core.clock import clock
from yaoki.service.file_lock import FileLock
from yaoki.systems.chat.vector.errors import DataFolderError, IndexBusyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["building"]


@contextmanager
def building(folder: Path) -> Iterator[None]:
    """Hold the right to build in this folder. The operating system takes it back from a process that dies.

    Raises IndexBusyError, which names the holder, and DataFolderError where the lock file cannot be written or locked.
    """
    lock = FileLock(folder / "index.lock")
    try:
        holder = lock.take()
        if holder is None:
            since = datetime.fromtimestamp(clock.wall(), UTC).isoformat("T", "seconds")
            lock.write({"pid": os.getpid(), "host": platform.node(), "since": since})
    except OSError as error:
        lock.release()
        raise DataFolderError(folder, error.strerror or str(error)) from error
    if holder is not None:
        raise IndexBusyError(folder, _named(holder))
    try:
        yield
    finally:
        lock.release()


def _named(note: Mapping[str, object]) -> str:
    pid = note.get("pid")
    if not isinstance(pid, int):
        return "another process"
    return f"process {pid} on {str(note.get('host'))[:100]} (since {str(note.get('since'))[:40]})"

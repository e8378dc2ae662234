"""One builder at a time in a folder, and who it is (SPEC G1)."""

from __future__ import annotations

import fcntl
import json
import os
import platform
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from yaoki.core.clock import clock
from yaoki.systems.chat.errors import DataFolderError, IndexBusyError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["building"]

_LONGEST_NOTE = 4096


@contextmanager
def building(folder: Path) -> Iterator[None]:
    """Hold the right to build in this folder. The operating system takes it back from a process that dies.

    Raises IndexBusyError, which names the holder, and DataFolderError where the lock file cannot be written.
    """
    try:
        descriptor = os.open(folder / "index.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise DataFolderError(folder, error.strerror or str(error)) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise IndexBusyError(folder, _holder(descriptor)) from None
        except OSError as error:
            raise DataFolderError(folder, f"it cannot be locked ({error.strerror})") from error
        _sign(folder, descriptor)
        yield
    finally:
        # The file stays: were it removed, two processes could each lock a file of this name.
        os.close(descriptor)


def _sign(folder: Path, descriptor: int) -> None:
    note = {
        "pid": os.getpid(),
        "host": platform.node(),
        "since": datetime.fromtimestamp(clock.wall(), UTC).isoformat("T", "seconds"),
    }
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(note).encode(), 0)
    except OSError as error:
        raise DataFolderError(folder, error.strerror or str(error)) from error


def _holder(descriptor: int) -> str:
    try:
        note = json.loads(os.pread(descriptor, _LONGEST_NOTE, 0))
        return f"process {int(note['pid'])} on {str(note['host'])[:100]} (since {str(note['since'])[:40]})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"

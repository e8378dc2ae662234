"""A lock on a file that says who holds it.

The operating system gives it back however the process ends, so nobody ever needs to delete the file; its content is a note of
the holder's, for whoever finds the lock taken.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FileLock"]

_LONGEST_NOTE = 4096


class FileLock:
    """The lock on `file`, made if it is missing, for its owner alone; never through a symbolic link."""

    def __init__(self, file: str | os.PathLike[str]) -> None:
        self.file: Path = Path(file)
        self._descriptor: int | None = None

    def take(self) -> Mapping[str, object] | None:
        """Take the lock and return None; or return the holder's note, empty if it cannot be read.

        Raises OSError if the file cannot be opened or locked, and ImportError on a platform without such locks.
        """
        import fcntl

        # Not truncated: until the lock is ours, the content is the holder's.
        descriptor = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note = _read(descriptor)
            os.close(descriptor)
            return note
        except OSError:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return None

    def write(self, note: Mapping[str, object]) -> None:
        """Say who holds the lock; nothing happens while it is not held. Raises OSError."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, json.dumps(note).encode(), 0)

    def release(self) -> None:
        """Give the lock back; harmless while it is not held."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            # The file stays: to delete it would let two processes lock two files of one name.
            os.ftruncate(descriptor, 0)
            os.close(descriptor)


def _read(descriptor: int) -> Mapping[str, object]:
    try:
        note = json.loads(os.pread(descriptor, _LONGEST_NOTE, 0))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}

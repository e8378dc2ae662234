"""A lock on a file that says who holds it.

The operating system gives it back however the process ends, so nobody ever needs to delete the file; its content is a note of
the holder's, for whoever finds the lock taken, and it is empty when the lock was given back in order. A holder may delete the file
all the same: who gets the lock of a file that has lost its name tries again, so there are never two holders of one name.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from yaoki.core.fork import renew_after_fork

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FileLock"]

_LONGEST_NOTE = 4096


class FileLock:
    """The lock on `file`, made if it is missing, for its owner alone; never through a symbolic link."""

    def __init__(self, file: str | os.PathLike[str]) -> None:
        self.file: Path = Path(file)
        self._descriptor: int | None = None
        renew_after_fork(self)

    @property
    def descriptor(self) -> int | None:
        """For a child process to inherit: then the lock is held until the child has ended too. None while it is not held."""
        return self._descriptor

    def take(self) -> Mapping[str, object] | None:
        """Take the lock and return None; or return the holder's note, empty if it cannot be read.

        Raises OSError if the file cannot be opened or locked, and ImportError on a platform without such locks.
        """
        import fcntl

        while True:
            # Not truncated: until the lock is ours, the content is the holder's.
            descriptor = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0), 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                named = _has_name(descriptor, self.file)
            except BlockingIOError:
                note = _read(descriptor)
                os.close(descriptor)
                return note
            except OSError:
                os.close(descriptor)
                raise
            if named:
                self._descriptor = descriptor
                return None
            # Deleted by its former holder: another process may lock a new file of this name.
            os.close(descriptor)

    def write(self, note: Mapping[str, object]) -> None:
        """Say who holds the lock; nothing happens while it is not held. Raises OSError."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, json.dumps(note).encode(), 0)

    def note(self) -> Mapping[str, object]:
        """What stands in the file: the holder's note, or what a holder that was killed has left. Empty if nothing can be read."""
        try:
            descriptor = os.open(self.file, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0))
        except OSError:
            return {}
        try:
            return _read(descriptor)
        finally:
            os.close(descriptor)

    def release(self, *, delete: bool = False) -> None:
        """Give the lock back; harmless while it is not held. `delete`: the file goes as well, while the lock is still held."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        import fcntl

        try:
            if delete:
                self.file.unlink(missing_ok=True)
            os.ftruncate(descriptor, 0)
            # Not by closing alone: a child that was forked meanwhile may have the descriptor too.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        finally:
            os.close(descriptor)

    def renew(self) -> None:
        """Forget the lock in a forked child: it is the parent's."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _has_name(descriptor: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), file.stat(follow_symlinks=False))
    except FileNotFoundError:
        return False


def _read(descriptor: int) -> Mapping[str, object]:
    try:
        note = json.loads(os.pread(descriptor, _LONGEST_NOTE, 0))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}

"""Lock files of slots: `{slot_id}.lock` in one folder (SPEC W2, W4).

Whoever works on a slot's files holds its lock: the manager while it cleans or mends, and a program of yours if it likes. The
operating system gives a lock back however its holder ends, so what counts is whether it is held, never how old the file is. The
file holds a note about the holder, and is empty when the lock was given back in order.

| the file | is it a lock? |
| --- | --- |
| held | yes, whoever the note names; neither cleanup nor `force_unlock` takes it |
| free, of a slot, empty | no |
| free, of a slot, with the note of a process that is gone | an orphan: its holder was killed |
| free, of a slot, with another note | an orphan if it is older than `max_age_hours` |
| free, of no slot, whatever it is called | an orphan |
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yaoki.core.clock import clock
from yaoki.service.file_lock import FileLock
from yaoki.systems.repopool.errors import LockTimeoutError, PoolManagerError
from yaoki.systems.repopool.files import make_folder
from yaoki.systems.repopool.leases.liveness import process_liveness
from yaoki.systems.repopool.leases.process import ProcessIdentity
from yaoki.systems.repopool.leases.taking import holder_said, take, take_in_time
from yaoki.systems.repopool.names import split_slot_id
from yaoki.systems.repopool.parameters import duration, hours

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

__all__ = ["LockManager", "OrphanedLock", "hold"]

_SUFFIX = ".lock"


@dataclass(frozen=True, slots=True)
class OrphanedLock:
    """A lock file that nobody holds and that should not be there. `of_slot`: whether there is such a slot; `why`: in words."""

    slot_id: str
    of_slot: bool
    why: str


class LockManager:
    """The lock files in `locks_dir`, which is made at once.

    `slot_ids`: a function that tells the slots that there are. `lock_timeout`: one that tells the seconds to wait for a lock.
    """

    def __init__(
        self,
        locks_dir: str | os.PathLike[str],
        slot_ids: Callable[[], Collection[str]],
        lock_timeout: Callable[[], float] = lambda: 30.0,
    ) -> None:
        self.locks_dir: Path = Path(locks_dir)
        self._slot_ids = slot_ids
        self._lock_timeout = lock_timeout
        make_folder(self.locks_dir, "the folder for locks")

    # --- one lock

    @contextmanager
    def acquire_slot_lock(self, slot_id: str, timeout: float | None = None) -> Iterator[FileLock]:
        """Hold the lock of a slot in the block. `timeout`: seconds to wait; the configured `lock_timeout` by default, 0 does not wait.

        Raises LockTimeoutError, which says who holds it, and ConfigValidationError for what is no id of a slot.
        """
        seconds = duration("timeout", self._lock_timeout() if timeout is None else timeout, zero=True, infinite=True)
        with hold(self._lock(slot_id), seconds, f"the lock of {slot_id}", slot_id=slot_id) as lock:
            yield lock

    def is_locked(self, slot_id: str) -> bool:
        """Whether somebody holds the lock of the slot."""
        lock = self._found(slot_id)
        return lock.file.exists() and self._probe(lock) is not None

    def force_unlock(self, slot_id: str) -> bool:
        """Clean up after a holder that is gone; whether there was anything to clean up.

        A lock that is held is not taken: raises LockTimeoutError, which says by whom. End that process, and the lock is free.
        """
        lock = self._found(slot_id)
        if not lock.file.exists():
            return False
        holder = _take(lock)
        if holder is not None:
            raise LockTimeoutError(
                f"the lock of {slot_id} is held by {holder_said(holder)}, which lives",
                slot_id=slot_id,
                way_out="end that process: the lock is free as soon as it has ended",
            )
        left_over = lock.file.stat().st_size > 0
        unknown = slot_id not in self._slot_ids()
        lock.release(delete=unknown)
        return left_over or unknown

    # --- all locks

    def ensure(self, slot_id: str) -> None:
        """Make the lock file of a slot, if it is missing."""
        self._lock(slot_id).file.touch(mode=0o600, exist_ok=True)

    def discard(self, slot_id: str) -> None:
        """Remove the lock file of a slot that is gone, unless somebody holds it."""
        lock = self._lock(slot_id)
        if lock.file.exists() and _take(lock) is None:
            lock.release(delete=True)

    def orphaned(self, max_age_hours: float = 24) -> list[OrphanedLock]:
        """The lock files that nobody holds and that should not be there, as the table above says."""
        age, known = hours("max_age_hours", max_age_hours), self._slot_ids()
        found = (self._judged(file, known, age) for file in self._files())
        return [orphan for orphan in found if orphan is not None]

    def detect_stale_locks(self, max_age_hours: float = 24) -> list[str]:
        """The ids of slots whose lock was left behind: by a process that is gone, or `max_age_hours` ago by nobody knows whom."""
        age = hours("max_age_hours", max_age_hours)
        orphans = self.orphaned(max_age_hours)
        return [orphan.slot_id for orphan in orphans if orphan.of_slot or self._age(orphan.slot_id) >= age]

    def cleanup_stale_locks(self, max_age_hours: float = 24) -> int:
        """Clean up what `detect_stale_locks` finds. Returns how many; a lock that is held meanwhile stays."""
        return sum(self.clean(slot_id) for slot_id in self.detect_stale_locks(max_age_hours))

    def clean(self, slot_id: str) -> bool:
        """Clean up one lock that nobody holds. False if somebody does."""
        try:
            self.force_unlock(slot_id)
        except LockTimeoutError:
            return False
        return True

    # --- inside

    def _lock(self, slot_id: str) -> FileLock:
        split_slot_id(slot_id)
        return FileLock(self.locks_dir / f"{slot_id}{_SUFFIX}")

    def _found(self, name: str) -> FileLock:
        """The lock file of a slot; or another one that stands in the folder, whoever has put it there."""
        file = self.locks_dir / f"{name}{_SUFFIX}"
        return FileLock(file) if file.parent == self.locks_dir and file.is_file() else self._lock(name)

    def _probe(self, lock: FileLock) -> Mapping[str, object] | None:
        """The note of the holder; None if nobody holds it. What stands in a free file stays."""
        import fcntl

        try:
            descriptor = os.open(lock.file, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0))
        except OSError:
            return None
        try:
            # Shared, so that two who look do not take each other for holders.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return lock.note()
        finally:
            os.close(descriptor)
        return None

    def _files(self) -> list[Path]:
        return sorted(self.locks_dir.glob(f"*{_SUFFIX}"))

    def _judged(self, file: Path, known: Collection[str], max_age: float) -> OrphanedLock | None:
        slot_id = file.name.removesuffix(_SUFFIX)
        lock = FileLock(file)
        try:
            status = file.stat(follow_symlinks=False)
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(status.st_mode) or self._probe(lock) is not None:
            return None
        if slot_id not in known:
            return OrphanedLock(slot_id, False, "there is no such slot")
        if not status.st_size:
            return None
        holder = ProcessIdentity.from_dict(lock.note())
        if holder is not None and process_liveness(holder).dead:
            return OrphanedLock(slot_id, True, f"{holder}, its holder, was killed")
        if clock.wall() - status.st_mtime >= max_age:
            return OrphanedLock(slot_id, True, f"it was left behind more than {max_age / 3600.0:g} hours ago")
        return None

    def _age(self, slot_id: str) -> float:
        try:
            return clock.wall() - self._found(slot_id).file.stat().st_mtime
        except FileNotFoundError:
            return -1.0


@contextmanager
def hold(lock: FileLock, seconds: float, what: str, *, slot_id: str | None = None) -> Iterator[FileLock]:
    """Hold a lock in the block. `seconds`: how long to wait for it. `what`: the lock, for people.

    Raises LockTimeoutError, which says who holds it, and PoolManagerError if the platform or the folder has no locks for us.
    """
    with _usable(lock):
        take_in_time(lock, seconds, what, slot_id=slot_id)
    try:
        yield lock
    finally:
        lock.release()


def _take(lock: FileLock) -> Mapping[str, object] | None:
    with _usable(lock):
        return take(lock)


@contextmanager
def _usable(lock: FileLock) -> Iterator[None]:
    try:
        yield
    except ImportError:
        raise PoolManagerError("this platform has no file locks", way_out="use Linux or macOS") from None
    except LockTimeoutError:
        raise
    except OSError as error:
        raise PoolManagerError(
            f"the lock {lock.file} cannot be taken: {error.strerror}",
            way_out="make the folder of locks writable, on a local disk",
        ) from error

"""Lock files of slots (SPEC W2, W4)."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from tests.systems.repopool.states import dead_process
from yaoki.core.clock import clock
from yaoki.systems.repopool.errors import ConfigValidationError, LockTimeoutError
from yaoki.systems.repopool.leases.locks import LockManager

ONE, GONE = "workspace-web-slot1", "workspace-web-slot9"


@pytest.fixture
def locks(tmp_path: Path) -> LockManager:
    return LockManager(tmp_path / "locks", lambda: {ONE}, lambda: 0.0)


def leave(locks: LockManager, slot_id: str, text: str, hours: float = 0.0) -> Path:
    """A lock file that nobody holds."""
    file = locks.locks_dir / f"{slot_id}.lock"
    file.write_text(text)
    os.utime(file, (clock.wall() - 3600.0 * hours,) * 2)
    return file


def test_the_folder_is_there_as_soon_as_the_manager_is(tmp_path: Path) -> None:
    """SPEC W2: scripts put files there."""
    LockManager(tmp_path / "a" / "locks", set)

    assert (tmp_path / "a" / "locks").is_dir()


def test_a_folder_that_was_removed_is_made_again(locks: LockManager) -> None:
    """SPEC W4: whoever tidies up too much stops nobody."""
    locks.locks_dir.rmdir()

    with locks.acquire_slot_lock(ONE):
        assert locks.is_locked(ONE)


def test_a_lock_is_held_by_one(locks: LockManager) -> None:
    """SPEC W4: the other is told by whom, after the time that it would wait."""
    with locks.acquire_slot_lock(ONE):
        assert locks.is_locked(ONE)
        with pytest.raises(LockTimeoutError, match=f"process {os.getpid()}"), locks.acquire_slot_lock(ONE, 0.01):
            pass
    assert not locks.is_locked(ONE)
    assert (locks.locks_dir / f"{ONE}.lock").exists()


def test_a_lock_is_waited_for(locks: LockManager) -> None:
    """SPEC W4: and taken as soon as it is free."""
    held, give_back = threading.Event(), threading.Event()

    def hold() -> None:
        with locks.acquire_slot_lock(ONE):
            held.set()
            give_back.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    threading.Timer(0.05, give_back.set).start()
    with locks.acquire_slot_lock(ONE, 50.0):
        assert not thread.is_alive() or give_back.is_set()
    thread.join()


def test_force_unlock_does_not_take_a_lock_from_the_living(locks: LockManager) -> None:
    """Defect 5 of the original: it deleted the file, and a second process entered."""
    with locks.acquire_slot_lock(ONE):
        with pytest.raises(LockTimeoutError, match=f"held by process {os.getpid()}"):
            locks.force_unlock(ONE)
        assert locks.cleanup_stale_locks(max_age_hours=0) == 0
        with pytest.raises(LockTimeoutError), locks.acquire_slot_lock(ONE):
            pass


def test_force_unlock_cleans_up_after_a_holder_that_is_gone(locks: LockManager) -> None:
    """SPEC W4: whether there was anything to do."""
    leave(locks, ONE, '{"pid": 1}')

    assert locks.force_unlock(ONE) is True
    assert locks.force_unlock(ONE) is False
    assert locks.force_unlock(GONE) is False


def test_the_free_and_empty_file_of_a_slot_is_no_lock(locks: LockManager) -> None:
    """SPEC W2: however old it is."""
    leave(locks, ONE, "", hours=1000)

    assert locks.detect_stale_locks(0) == []
    assert locks.orphaned(0) == []


@pytest.mark.parametrize(
    ("slot_id", "text", "hours", "stale", "orphaned"),
    [
        (GONE, "", 0.0, False, True),
        (GONE, "", 25.0, True, True),
        (ONE, "somebody", 0.0, False, False),
        (ONE, "somebody", 25.0, True, True),
    ],
)
def test_age_counts_where_nothing_else_tells(
    locks: LockManager, slot_id: str, text: str, hours: float, stale: bool, orphaned: bool
) -> None:
    """SPEC W2: 24 hours for a lock left by nobody knows whom; a lock of no slot is an orphan at any age."""
    leave(locks, slot_id, text, hours)

    assert locks.detect_stale_locks() == ([slot_id] if stale else [])
    assert [orphan.slot_id for orphan in locks.orphaned()] == ([slot_id] if orphaned else [])


def test_the_note_of_a_dead_holder_is_stale_at_once(locks: LockManager) -> None:
    """SPEC W2: a lock whose holder is dead."""
    import json

    leave(locks, ONE, json.dumps(dead_process().to_dict()))

    assert locks.detect_stale_locks() == [ONE]
    assert locks.cleanup_stale_locks() == 1
    assert locks.detect_stale_locks() == []


def test_files_that_are_no_locks_of_slots_are_left_alone(locks: LockManager) -> None:
    """SPEC X: nothing of anybody's is deleted."""
    file = locks.locks_dir / "notes.txt"
    file.write_text("mine")
    (locks.locks_dir / "folder.lock").mkdir()
    (locks.locks_dir / "link.lock").symlink_to(file)

    assert locks.orphaned(0) == []
    assert file.read_text() == "mine"


def test_a_lock_file_of_no_slot_is_an_orphan_whatever_it_is_called(locks: LockManager) -> None:
    """SPEC W2: what is detected can be unlocked by the name that was told."""
    leave(locks, "gone-agent", "somebody", hours=25.0)

    assert locks.detect_stale_locks() == ["gone-agent"]
    assert locks.force_unlock("gone-agent") is True
    assert locks.orphaned() == []


@pytest.mark.parametrize("name", ["../victim", "gone-agent", "/etc/passwd"])
def test_what_is_neither_a_slot_nor_a_lock_file_cannot_be_unlocked(locks: LockManager, name: str) -> None:
    """Defect 21 of the original: a name never leads out of the folder of locks."""
    victim = locks.locks_dir.parent / "victim.lock"
    victim.write_text("mine")

    with pytest.raises(ConfigValidationError):
        locks.force_unlock(name)
    assert victim.read_text() == "mine"


@pytest.mark.parametrize("slot_id", ["../x", "", "workspace-web", "workspace-../x-slot1"])
def test_what_is_no_slot_has_no_lock(locks: LockManager, slot_id: str) -> None:
    """Defect 21 of the original: ids became paths unchecked."""
    with pytest.raises(ConfigValidationError), locks.acquire_slot_lock(slot_id):
        pass


def test_to_look_at_a_lock_disturbs_nobody(locks: LockManager) -> None:
    """SPEC W4: who only looks is not taken for a holder."""
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            locks.is_locked(ONE)

    locks.ensure(ONE)
    thread = threading.Thread(target=look)
    thread.start()
    try:
        for _ in range(200):
            with locks.acquire_slot_lock(ONE, 0.0):
                pass
    finally:
        stop.set()
        thread.join()

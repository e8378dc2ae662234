"""SPEC W1, W2: a disk of 24 MB that is full: what there is goes on, what cannot be kept stays where it is, and nothing is lost."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from yaoki.service.file_lock import FileLock
from yaoki.systems.repopool import PoolConfig, PoolManager, SlotState
from yaoki.systems.repopool.errors import CleanupError, GitOperationError, LockTimeoutError
from yaoki.systems.repopool.recovery.detection import DISK_FULL

ONE, TWO = "workspace-web-slot1", "workspace-web-slot2"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 24 MB."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a file system of 24 MB")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(place: Path) -> Path:
    """Use up the disk, to the last byte."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as opened:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while opened.write(bytes(size)) == size:
                    pass
            except OSError:
                continue
    return filler


@pytest.fixture
def manager(small_disk: Path, pool_origin: Path) -> Iterator[PoolManager]:
    manager = PoolManager(PoolConfig(small_disk / "workspaces"))
    manager.create_pool("web", str(pool_origin), 2)
    yield manager
    manager.close()


def test_slots_are_taken_and_given_back_on_a_full_disk(manager: PoolManager, small_disk: Path) -> None:
    """SPEC W1: the guard refuses a new slot only, and the state has its reserve."""
    fill(small_disk)

    with pytest.raises(GitOperationError, match="one more slot of web needs"):
        manager.add_slot("web")
    for _ in range(5):
        first, second = manager.allocate_slot("web"), manager.allocate_slot("web")
        first.release()
        second.release()
    manager.auto_recover()
    assert manager.last_recovery is not None
    assert [each.anomaly.kind for each in manager.last_recovery.handled] == [DISK_FULL]


def test_work_that_cannot_be_kept_stays_in_its_slot_until_there_is_space(manager: PoolManager, small_disk: Path) -> None:
    """Defect 15 of the original: after space had come back no slot could be allocated."""
    slot = manager.allocate_slot("web")
    work = os.urandom(6 << 20)
    (slot.slot_path / "work.bin").write_bytes(work)
    filler = fill(small_disk)

    with pytest.raises(CleanupError, match="kept out of use"):
        slot.release()

    broken = manager.get_pool("web").slots[0]
    assert broken.state is SlotState.ERROR
    assert broken.metadata["isolation_reason"]
    assert (slot.slot_path / "work.bin").read_bytes() == work
    assert manager.allocate_slot("web").slot_id == TWO
    manager.release_slot(TWO)

    filler.unlink()
    assert manager.auto_recover()["corrupted_recovered"] == 1
    assert [each.state for each in manager.get_pool("web").slots] == [SlotState.AVAILABLE] * 2
    (entry,) = manager.quarantine("web").entries()
    manager.quarantine("web").restore(entry.ticket, small_disk / "restored")
    assert (small_disk / "restored" / "work.bin").read_bytes() == work


def test_a_lock_without_room_for_its_note_is_a_lock(
    make_manager: Callable[..., PoolManager], monkeypatch: pytest.MonkeyPatch
) -> None:
    """SPEC W1: the note is for people; allocate and release are not refused for want of it."""

    def no_room(lock: FileLock, note: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    manager = make_manager(slots=1)
    monkeypatch.setattr(FileLock, "write", no_room)

    slot = manager.allocate_slot("web")
    (slot.slot_path / "work.txt").write_text("mine")
    slot.release()
    assert len(manager.quarantine("web").entries()) == 1
    with manager.lock_manager.acquire_slot_lock(ONE), pytest.raises(LockTimeoutError):
        manager.lock_manager.force_unlock(ONE)

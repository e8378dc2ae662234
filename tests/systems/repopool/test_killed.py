"""SPEC W1: kill -9 in the middle of create, allocate, release, recover: the pool goes on, and no work is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from yaoki.systems.repopool import PoolManager, SlotState
from yaoki.systems.repopool.git.command import Git
from yaoki.systems.repopool.quarantine.quarantine import Quarantine

pytestmark = pytest.mark.pool

Make = Callable[..., PoolManager]
KILLED = Path(__file__).with_name("killed.py")
MOMENTS = [0, 1, 2, 3, 5, 8]
"""Before which git command the process ends."""


def kill(manager: PoolManager, origin: Path, work: str, commands: int) -> None:
    """Let a process die before a git command; one whose work takes fewer comes to its end."""
    workspaces = manager.config.workspaces_dir
    done = subprocess.run(
        [sys.executable, str(KILLED), str(workspaces), str(origin), work, str(commands)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode in (-9, 0), done.stderr
    assert (done.returncode == 0) == (workspaces / "came to its end").exists()


def works(manager: PoolManager, slots: int) -> None:
    """Every slot can be allocated, used and given back."""
    manager.auto_recover()
    assert [slot.state for slot in manager.get_pool("web").slots] == [SlotState.AVAILABLE] * slots
    held = [manager.allocate_slot("web") for _ in range(slots)]
    for slot in held:
        assert (slot.slot_path / "file0.txt").read_text() == "line 0\n"
        assert not (slot.slot_path / "work.txt").exists()
        slot.release()
    assert manager.detect_corrupted_slots() == []


def is_kept(quarantine: Quarantine, folder: Path, text: str) -> bool:
    """Whether some entry brings the work back."""
    for number, entry in enumerate(quarantine.entries()):
        quarantine.restore(entry.ticket, folder / str(number))
        if (folder / str(number) / "work.txt").exists():
            return (folder / str(number) / "work.txt").read_text() == text
    return False


@pytest.mark.parametrize("commands", MOMENTS)
def test_a_half_built_pool_is_completed(make_manager: Make, pool_origin: Path, commands: int) -> None:
    """Defect 12 of the original: after kill -9 in create_pool the pool could never be made again."""
    manager = make_manager(slots=0)
    kill(manager, pool_origin, "create", commands)

    if not (manager.config.workspaces_dir / "came to its end").exists():
        manager.create_pool("web", str(pool_origin), 2)
    works(manager, 2)


@pytest.mark.parametrize("commands", MOMENTS)
def test_a_slot_whose_allocation_was_killed_comes_back(make_manager: Make, pool_origin: Path, commands: int) -> None:
    """SPEC W1: the owner is dead, so the slot is reclaimed at once."""
    manager = make_manager(slots=1)
    kill(manager, pool_origin, "allocate", commands)

    works(manager, 1)


@pytest.mark.parametrize("commands", MOMENTS)
def test_the_work_of_a_release_that_was_killed_is_kept(
    make_manager: Make, pool_origin: Path, tmp_path: Path, commands: int
) -> None:
    """SPEC W3: whatever the release had done by then."""
    manager = make_manager(slots=1)
    kill(manager, pool_origin, "release", commands)

    works(manager, 1)
    assert is_kept(manager.quarantine("web"), tmp_path, "mine")


@pytest.mark.parametrize("commands", MOMENTS)
def test_a_recovery_that_was_killed_is_continued(make_manager: Make, pool_origin: Path, tmp_path: Path, commands: int) -> None:
    """SPEC H3: by the next one, with the same outcome."""
    manager = make_manager(slots=1)
    kill(manager, pool_origin, "recover", commands)

    works(manager, 1)
    assert is_kept(manager.quarantine("web"), tmp_path, "mine")


def test_a_slot_that_kills_every_recovery_is_isolated_with_its_reason(make_manager: Make, tmp_path: Path) -> None:
    """SPEC H3: after three deaths it is out of use, for people too, until it is asked for; its work is kept."""
    manager = make_manager(slots=1)
    child = os.fork()
    if child == 0:
        (manager.allocate_slot("web").slot_path / "work.txt").write_text("mine")
        os._exit(0)
    os.waitpid(child, 0)
    for _ in range(3):
        child = os.fork()
        if child == 0:
            Git.run = lambda *_, **__: os.kill(os.getpid(), 9)  # type: ignore[assignment, method-assign, return-value]
            manager.auto_recover()
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9

    manager.auto_recover()

    slot = manager.get_slot("workspace-web-slot1")
    assert slot.state is SlotState.ERROR
    assert "interrupted 3 times" in slot.metadata["isolation_reason"]
    assert slot.metadata["suggested_command"]
    assert manager.recover_slot(slot.slot_id, force=True)
    works(manager, 1)
    assert is_kept(manager.quarantine("web"), tmp_path, "mine")

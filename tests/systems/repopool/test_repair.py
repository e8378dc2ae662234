"""The repair ladder, as a recovery walks it and as an allocation does (SPEC W3, H3)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.systems.repopool.conftest import git
from yaoki.systems.repopool import PoolManager
from yaoki.systems.repopool.errors import SlotAllocationError
from yaoki.systems.repopool.recovery.recovery import PoolRecovery
from yaoki.systems.repopool.repair.ladder import LADDER

Make = Callable[..., PoolManager]
ONE = "workspace-web-slot1"


def truncate_the_mirror(manager: PoolManager) -> None:
    (pack,) = (manager.config.workspaces_dir / "web" / "mirror.git" / "objects" / "pack").glob("*.pack")
    content = pack.read_bytes()
    pack.unlink()
    pack.write_bytes(content[:-30])


def recovered(manager: PoolManager) -> None:
    assert manager.auto_recover()["corrupted_recovered"] == 1


def allocated(manager: PoolManager) -> None:
    manager.allocate_slot("web").release()


@pytest.mark.parametrize("walk", [recovered, allocated])
def test_a_damaged_mirror_is_mended_without_touching_the_slot(make_manager: Make, walk: Callable[[PoolManager], None]) -> None:
    """SPEC W3: what seems to be wrong with a slot comes from its mirror, so its own repository and files stay, and nothing is kept."""
    manager = make_manager(slots=1)
    place = manager.get_slot(ONE).slot_path
    before = [each.stat().st_ino for each in (place, place / ".git", place / "file0.txt")]
    truncate_the_mirror(manager)

    walk(manager)

    assert [each.stat().st_ino for each in (place, place / ".git", place / "file0.txt")] == before
    assert manager.quarantine("web").entries() == []
    assert manager.detect_corrupted_slots() == []


def test_a_recovery_walks_the_rungs_that_an_allocation_does(make_manager: Make) -> None:
    """SPEC H3: there is one ladder; a recovery only looks once more before."""
    manager = make_manager(slots=0)
    recovery = manager._recovery
    assert isinstance(recovery, PoolRecovery)

    (names,) = [[repair.name for repair in ladder.repairs] for ladder in recovery._ladders() if ladder.kinds == ("corrupted",)]
    assert names == ["check again", *(rung.name for rung in LADDER)]


@pytest.mark.parametrize("walk", ["recovery", "allocation"])
def test_a_mirror_that_cannot_be_made_anew_ends_the_ladder(make_manager: Make, tmp_path: Path, walk: str) -> None:
    """SPEC W3: nothing above it has anything to build from, so the slot stays as it is; the reason is what the mirror lacks."""
    origin = tmp_path / "origin"
    origin.mkdir()
    git(origin, "init", "-q", "-b", "main")
    git(origin, "commit", "-q", "--allow-empty", "-m", "the first")
    manager = make_manager(slots=0)
    manager.create_pool("web", str(origin), 1)
    place = manager.get_slot(ONE).slot_path
    before = place.stat().st_ino
    shutil.rmtree(origin)
    shutil.rmtree(manager.config.workspaces_dir / "web" / "mirror.git")

    if walk == "recovery":
        assert manager.auto_recover()["corrupted_isolated"] == 1
    else:
        with pytest.raises(SlotAllocationError):
            manager.allocate_slot("web")

    assert place.stat().st_ino == before
    assert "the remote: git clone ended with 128" in manager.get_slot(ONE).metadata["isolation_reason"]

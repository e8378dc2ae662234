"""What a slot that cannot be mended says about itself (SPEC W3, H3)."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.systems.repopool.conftest import git
from yaoki.systems.repopool import PoolConfig, PoolManager, SlotState
from yaoki.systems.repopool.errors import CleanupError, NoAvailableSlotError

Make = Callable[..., PoolManager]
ONE = "workspace-web-slot1"


def test_the_reason_is_why_the_last_rung_did_not_help(tmp_path: Path) -> None:
    """SPEC H3: with neither mirror nor remote, the operator reads that the remote is missing, not only what he lacks here."""
    origin = tmp_path / "origin"
    origin.mkdir()
    git(origin, "init", "-q", "-b", "main")
    git(origin, "commit", "-q", "--allow-empty", "-m", "the first")
    manager = PoolManager(PoolConfig(tmp_path / "workspaces"))
    manager.create_pool("web", str(origin), 1)
    shutil.rmtree(origin)
    shutil.rmtree(tmp_path / "workspaces" / "web" / "mirror.git")

    assert manager.auto_recover()["corrupted_isolated"] == 1

    (slot,) = manager.get_pool("web").slots
    assert slot.state is SlotState.ERROR
    assert "the remote: git clone ended with 128" in slot.metadata["isolation_reason"]
    assert slot.metadata["suggested_command"] == f"yaoki pool recover {ONE} --force"


def test_a_recovery_of_one_slot_never_raises(make_manager: Make, caplog: pytest.LogCaptureFixture) -> None:
    """SPEC W3: what kept it from mending the slot is in the log, here a journal of a newer version."""
    manager = make_manager(slots=1)
    manager.auto_recover()
    journal = manager.config.workspaces_dir / "recovery.db"
    with sqlite3.connect(journal) as connection:
        connection.execute("PRAGMA user_version = 999")

    assert manager.recover_slot(ONE) is False
    assert "has version 999" in caplog.text


def test_a_tree_in_which_its_holder_may_write_is_offered_to_nobody(make_manager: Make, tmp_path: Path) -> None:
    """SPEC W3: it could not be renamed away, and nothing else seems to be wrong with it."""
    manager = make_manager(slots=1)
    slot = manager.allocate_slot("web")
    (tmp_path / "workspaces" / "quarantine").mkdir()
    (tmp_path / "workspaces" / "quarantine" / "web").write_text("in the way")

    with pytest.raises(CleanupError, match="its holder may still write in it"):
        manager.release_slot(ONE, force=True)

    assert slot.slot_path.is_dir()
    with pytest.raises(NoAvailableSlotError):
        manager.allocate_slot("web", timeout=0.0)
    manager.auto_recover()
    with pytest.raises(NoAvailableSlotError):
        manager.allocate_slot("web", timeout=0.0)
    assert manager.recover_slot(ONE, force=True)
    assert manager.allocate_slot("web").slot_id == ONE

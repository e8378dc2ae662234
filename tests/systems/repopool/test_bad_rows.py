"""Rows of the state that hold nonsense: no slot is hidden, none is taken from its holder, and the pool goes on (SPEC W2, W3)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from yaoki.systems.repopool import PoolManager, SlotState

Make = Callable[..., PoolManager]
ONE = "workspace-web-slot1"
NUMBERS = [
    *("allocation_count", "total_usage_seconds", "last_allocated_at", "last_released_at", "created_at", "updated_at", "pid"),
    *("lease_since", "lease_since_monotonic", "heartbeat_at", "lease_until", "isolated_at", "needs_cleaning", "durable"),
]
NONSENSE = [("metadata", "{"), ("metadata", "[]"), ("metadata", b"\xff"), ("state", "odd"), *((name, "x") for name in NUMBERS)]


def spoil(manager: PoolManager, column: str, value: object) -> None:
    """Write nonsense into the row of slot 1."""
    with closing(sqlite3.connect(manager.config.workspaces_dir / "pool.db")) as connection, connection:
        connection.execute(f"UPDATE slots SET {column} = ? WHERE number = 1", (value,))


@pytest.mark.parametrize(("column", "value"), NONSENSE)
def test_a_slot_is_not_taken_from_a_holder_whose_row_is_unreadable(make_manager: Make, column: str, value: object) -> None:
    """SPEC W3: recovery takes nothing from who may live; his own release mends the row."""
    manager = make_manager(slots=1)
    slot = manager.allocate_slot("web")
    (slot.slot_path / "work.txt").write_text("mine")
    spoil(manager, column, value)

    done = manager.auto_recover()

    assert (done["corrupted_recovered"], done["corrupted_isolated"], done["errors"]) == (0, 0, [])
    assert (slot.slot_path / "work.txt").read_text() == "mine"
    assert manager.get_slot(ONE).state is SlotState.ALLOCATED
    manager.release_slot(ONE, fence=slot.fence)
    if column == "isolated_at":
        # Somebody had isolated it, nobody knows when.
        assert manager.recover_slot(ONE)
    assert manager.get_slot(ONE).state is SlotState.AVAILABLE
    assert len(manager.quarantine("web").entries()) == 1


@pytest.mark.parametrize(("column", "value"), NONSENSE)
def test_a_free_slot_with_an_unreadable_row_is_recovered(make_manager: Make, column: str, value: object) -> None:
    """SPEC W2: bad metadata is detected, and mended; the rest of the pool is not touched."""
    manager = make_manager(slots=2)
    spoil(manager, column, value)

    found = [slot.slot_id for slot in manager.detect_corrupted_slots()]
    assert found in ([], [ONE])
    assert manager.auto_recover()["corrupted_recovered"] == len(found)
    assert [slot.state for slot in manager.get_pool("web").slots] == [SlotState.AVAILABLE] * 2
    for slot in [manager.allocate_slot("web"), manager.allocate_slot("web")]:
        slot.release()


def test_a_held_slot_with_an_unreadable_row_can_be_isolated(make_manager: Make) -> None:
    """SPEC W3: from its release on; to ask for it comes to an end."""
    manager = make_manager(slots=1)
    slot = manager.allocate_slot("web")
    spoil(manager, "metadata", "{")

    manager.isolate_slot(ONE)
    slot.release()

    assert manager.get_slot(ONE).state is SlotState.ERROR

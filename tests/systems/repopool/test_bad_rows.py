"""Rows of the state that hold nonsense: no slot is hidden, none is taken from its holder, and the pool goes on (SPEC W2, W3)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.systems.repopool.states import allocated, dead_lease
from yaoki.systems.repopool import PoolManager, SlotState
from yaoki.systems.repopool.errors import PoolManagerError

Make = Callable[..., PoolManager]
ONE = "workspace-web-slot1"
NUMBERS = [
    *("allocation_count", "total_usage_seconds", "last_allocated_at", "last_released_at", "created_at", "updated_at", "pid"),
    *("lease_since", "lease_since_monotonic", "heartbeat_at", "lease_until", "isolated_at", "needs_cleaning", "durable"),
]
OWNER = [
    *(("pid", "x"), ("pid", None), ("pid_started", b"\xff"), ("pid_started", "x"), ("boot", 7), ("boot", "x"), ("host", None)),
    *(("namespace", 7), ("durable", "x"), ("durable", 2), ("durable", None)),
]
"""What tells whether an owner lives, and cannot be read."""
NONSENSE = [
    *(("metadata", "{"), ("metadata", "[]"), ("metadata", b"\xff"), ("state", "odd"), *((name, "x") for name in NUMBERS)),
    *OWNER,
]


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


@pytest.mark.parametrize("column", ["lease_since", "lease_since_monotonic", "heartbeat_at", "updated_at", "lease_until"])
def test_the_slot_of_a_dead_owner_is_taken_back_whatever_its_times_say(make_manager: Make, column: str) -> None:
    """SPEC W3: his end is proven by his process; since when he had the slot is for people."""
    manager = make_manager(slots=1)
    allocated(manager._resources.store, dead_lease("agent"))
    spoil(manager, column, "x")

    assert manager.auto_recover()["errors"] == []
    assert manager.get_slot(ONE).is_available()


@pytest.mark.parametrize(("column", "value"), [*OWNER, ("holder", None)])
def test_who_cannot_be_told_alive_or_dead_keeps_his_slot_until_an_operator_takes_it(
    make_manager: Make, column: str, value: object
) -> None:
    """SPEC W3: unknown counts as alive; the doctor names the command that frees the slot, and his work is kept."""
    manager = make_manager(slots=1)
    slot = allocated(manager._resources.store, dead_lease("agent"))
    (slot.slot_path / "work.txt").write_text("mine")
    spoil(manager, column, value)

    assert manager.auto_recover()["errors"] == []
    assert manager.get_slot(ONE).state is SlotState.ALLOCATED
    (found,) = [each for each in manager.doctor(thorough=False, ask_remotes=False).examine() if not each.ok]
    assert (found.check, found.subject, found.command) == ("holder", ONE, f"yaoki pool release {ONE} --force")

    manager.release_slot(ONE, force=True)
    assert manager.get_slot(ONE).is_available()
    assert len(manager.quarantine("web").entries()) == 1


@pytest.mark.parametrize(("column", "value"), [*OWNER, ("holder", None)])
def test_a_slot_that_an_unknown_manager_has_left_is_recovered(
    make_manager: Make, monkeypatch: pytest.MonkeyPatch, column: str, value: object
) -> None:
    """SPEC W3: whoever works on a slot holds its lock; while that is free, and a minute has passed, nobody does."""
    manager = make_manager(slots=1)
    store = manager._resources.store
    store.take(ONE, manager.get_slot(ONE).fence, dead_lease("clean"))
    spoil(manager, column, value)

    manager.auto_recover()
    assert manager.get_slot(ONE).state is SlotState.CLEANING

    monkeypatch.setattr("yaoki.systems.repopool.resources.LEFT_SECONDS", 0.0)
    with manager.lock_manager.acquire_slot_lock(ONE):
        manager.auto_recover()
        assert manager.get_slot(ONE).state is SlotState.CLEANING
    assert manager.auto_recover()["errors"] == []
    assert manager.get_slot(ONE).is_available()


@pytest.mark.parametrize("column", ["lease_until", "heartbeat_at", "durable"])
def test_a_heartbeat_makes_no_lease_endless_whose_end_cannot_be_read(make_manager: Make, column: str) -> None:
    """SPEC W4: it is refused, and changes nothing; the slot can be released by its fence."""
    manager = make_manager(slots=1)
    slot = manager.allocate_slot("web", durable=True, ttl=3600.0)
    spoil(manager, column, "x")

    with pytest.raises(PoolManagerError, match="cannot be read"):
        slot.heartbeat()
    assert manager.auto_recover()["errors"] == []
    assert manager.get_slot(ONE).state is SlotState.ALLOCATED
    slot.release()
    assert manager.get_slot(ONE).is_available()

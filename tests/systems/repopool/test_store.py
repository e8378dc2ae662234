"""The state of the pools in SQLite: transitions on a fence, and what a file may look like (SPEC W1)."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tests.systems.repopool.states import allocated, store_with
from yaoki.core.clock import clock
from yaoki.systems.repopool.errors import PoolManagerError, PoolNotFoundError, SlotNotFoundError, StaleLeaseError
from yaoki.systems.repopool.leases.lease import new_lease
from yaoki.systems.repopool.models import SlotIsolation, SlotState
from yaoki.systems.repopool.store import Occasion, SqliteStore
from yaoki.systems.repopool.store.file_system import file_system_of, network_file_system


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return store_with(tmp_path)


def test_a_slot_goes_through_its_states_and_every_change_raises_the_fence(store: SqliteStore) -> None:
    """SPEC W1: AVAILABLE, CLEANING, ALLOCATED, CLEANING, AVAILABLE."""
    free = store.slots("web")[0]
    taken = store.take(free.slot_id, free.fence, new_lease("allocate"))
    held = store.allocate(taken.slot_id, taken.fence, new_lease("agent"), branch="main", commit="1", metadata={"job": 7})
    back = store.take(held.slot_id, held.fence, new_lease("release"), used=2.5)
    again = store.offer(back.slot_id, back.fence, branch="main", commit="1")

    states = [slot.state for slot in (free, taken, held, back, again)]
    assert [state.value for state in states] == ["available", "cleaning", "allocated", "cleaning", "available"]
    assert [slot.fence - free.fence for slot in (taken, held, back, again)] == [1, 2, 3, 4]
    assert (held.metadata, held.allocation_count) == ({"job": 7}, 1)
    assert (again.metadata, again.lease, again.total_usage_seconds) == ({}, None, 2.5)


def test_a_late_caller_changes_nothing(store: SqliteStore) -> None:
    """SPEC W1, W3: whoever holds an older fence is refused, and told who has the slot."""
    held = allocated(store)
    taken = store.take(held.slot_id, held.fence, new_lease("operator"))

    for late in (
        lambda: store.take(held.slot_id, held.fence, new_lease("late")),
        lambda: store.offer(held.slot_id, held.fence),
        lambda: store.heartbeat(held.slot_id, held.fence, until=None),
        lambda: store.remove_slot(held.slot_id, held.fence),
        lambda: store.isolate(held.slot_id, held.fence, SlotIsolation("operator", "why", 1.0)),
    ):
        with pytest.raises(StaleLeaseError, match="operator works on it"):
            late()
    assert store.slot(held.slot_id) == taken


def test_contenders_get_different_slots(store: SqliteStore) -> None:
    """Defect 14 of the original: all contenders queued for the same slot while others were idle."""
    taken: list[str] = []

    def contend() -> None:
        slot = store.take_free("web", new_lease(), Occasion())
        if slot is not None:
            taken.append(slot.slot_id)

    threads = [threading.Thread(target=contend) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == ["workspace-web-slot1", "workspace-web-slot2"]


def test_the_slot_that_was_released_longest_ago_is_taken_first(store: SqliteStore) -> None:
    """Defect 14 of the original: what was called least recently used was the most recent one."""
    first = allocated(store)
    taken = store.take(first.slot_id, first.fence, new_lease())
    store.offer(taken.slot_id, taken.fence)

    assert allocated(store).slot_id != first.slot_id


def test_concurrent_additions_get_numbers_of_their_own(store: SqliteStore) -> None:
    """Defect 12 of the original: of six concurrent add_slot five failed."""
    threads = [threading.Thread(target=lambda: store.add_slot("web", new_lease())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [slot.slot_id for slot in store.slots("web")] == [f"workspace-web-slot{number}" for number in range(1, 9)]


def test_the_number_of_a_removed_slot_is_given_again(store: SqliteStore) -> None:
    """SPEC W1: numbers do not grow without end."""
    slot = store.slots("web")[0]
    store.remove_slot(slot.slot_id, slot.fence)

    assert store.add_slot("web", new_lease()).slot_id == slot.slot_id


def test_a_slot_that_is_added_again_knows_none_of_the_former_fences(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SPEC W1: a holder of the removed slot is not taken for one of the new slot, even if the clock was set back."""
    held = allocated(store)
    store.remove_slot(held.slot_id, held.fence)
    monkeypatch.setattr(clock, "wall", lambda: 1.0)

    again = store.add_slot("web", new_lease())

    assert again.slot_id == held.slot_id
    assert again.fence > held.fence


def test_a_slot_isolated_while_it_is_held_goes_to_error_when_it_is_given_back(store: SqliteStore) -> None:
    """SPEC W3: an ALLOCATED slot is isolated when it is released."""
    held = allocated(store)
    noted = store.isolate_later(held.slot_id, held.fence, SlotIsolation("operator", "a look at it", 1000.0))
    taken = store.take(held.slot_id, held.fence, new_lease())
    back = store.offer(taken.slot_id, taken.fence)

    assert (noted.state, noted.fence) == (SlotState.ALLOCATED, held.fence)
    assert back.state is SlotState.ERROR
    assert back.metadata["isolation_reason"] == "a look at it"
    assert back.metadata["isolated_at"] == "1970-01-01T00:16:40+00:00"


def test_an_isolated_slot_is_not_handed_out(tmp_path: Path) -> None:
    """SPEC W2: ERROR is out of use."""
    store = store_with(tmp_path, slots=1)
    slot = store.slots()[0]
    store.isolate(slot.slot_id, slot.fence, SlotIsolation("recovery", "broken", 1.0))

    assert store.take_free("web", new_lease(), Occasion()) is None


def test_an_isolation_ends_by_recovery(tmp_path: Path) -> None:
    """Defect 11 of the original: an intact ERROR slot was counted as recovered and stayed in ERROR."""
    store = store_with(tmp_path, slots=1)
    slot = store.slots()[0]
    isolated = store.isolate(slot.slot_id, slot.fence, SlotIsolation("recovery", "broken", 1.0))
    taken = store.take(slot.slot_id, isolated.fence, new_lease())
    back = store.offer(slot.slot_id, taken.fence, recovered=True)

    assert (back.state, back.isolation, back.metadata) == (SlotState.AVAILABLE, None, {})


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [("metadata", "{", "cannot be read"), ("metadata", "3", "no table"), ("state", "odd", "'odd'")],
)
def test_bad_metadata_of_one_slot_hides_no_slot(store: SqliteStore, column: str, value: str, reason: str) -> None:
    """Defect 9 of the original: bad JSON made a slot vanish, a bad state stopped the whole pool."""
    with sqlite3.connect(store.file) as connection:
        connection.execute(f"UPDATE slots SET {column} = ? WHERE number = 1", (value,))
    connection.close()

    first, second = store.slots("web")
    assert first.state is SlotState.ERROR
    assert reason in first.metadata["isolation_reason"]
    assert second.state is SlotState.AVAILABLE


def test_what_is_not_there_is_said_to_be_missing(store: SqliteStore) -> None:
    """SPEC W1: a missing pool and a missing slot are errors of their own."""
    assert store.pool("other") is None
    assert store.slot("workspace-other-slot1") is None
    with pytest.raises(PoolNotFoundError, match="'other'"):
        store.take_free("other", new_lease(), Occasion())
    with pytest.raises(PoolNotFoundError, match="'other'"):
        store.add_slot("other", new_lease())
    with pytest.raises(SlotNotFoundError, match="workspace-web-slot9"):
        store.take("workspace-web-slot9", 1, new_lease())


def test_a_store_works_in_a_forked_child(store: SqliteStore) -> None:
    """SPEC W1: no connection crosses a fork."""
    held = allocated(store)
    child = os.fork()
    if child == 0:
        try:
            taken = store.take(held.slot_id, held.fence, new_lease("child"))
            os._exit(0 if taken.state is SlotState.CLEANING else 1)
        except BaseException:  # noqa: BLE001  # a child must not go on as a test
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    now = store.slot(held.slot_id)
    assert now is not None
    assert now.lease is not None
    assert (now.state, now.lease.holder) == (SlotState.CLEANING, "child")


def test_a_newer_file_is_refused_and_left_as_it_is(store: SqliteStore) -> None:
    """SPEC X: a format that is not known is not touched."""
    store.close()
    with sqlite3.connect(store.file) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(PoolManagerError, match=r"has version 99.*use the newer Yaoki"):
        store.slots()


def test_a_file_that_is_no_database_is_refused_with_a_way_out(tmp_path: Path) -> None:
    """SPEC X: bad input always gets a clear error, and loses nothing."""
    (tmp_path / "pool.db").write_bytes(b"not a database, but somebody's notes" * 40)

    with pytest.raises(PoolManagerError, match=r"cannot be used.*create_pool"):
        SqliteStore(tmp_path).slots()
    assert (tmp_path / "pool.db").read_bytes().startswith(b"not a database")


MOUNTS = """\
22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
30 22 0:40 / /srv rw - nfs4 server:/export rw
31 30 8:2 / /srv/local rw shared:1 - xfs /dev/sdb rw
32 22 0:41 / /media/my\\040share rw - cifs //host/share rw
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [("/var/pool", "ext4"), ("/srv/pool", "nfs4"), ("/srv/local/pool", "xfs"), ("/srvx", "ext4"), ("/media/my share", "cifs")],
)
def test_the_file_system_of_a_folder_is_that_of_the_innermost_mount(tmp_path: Path, folder: str, kind: str) -> None:
    """SPEC W1: SQLite is refused where two hosts could write."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)

    assert file_system_of(Path(folder), mounts) == kind
    assert network_file_system(Path(folder), mounts) == (kind if kind in ("nfs4", "cifs") else None)


def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC W1: with a clear error, before a file is made."""
    monkeypatch.setattr("yaoki.systems.repopool.store.connections.network_file_system", lambda folder: "nfs4")

    with pytest.raises(PoolManagerError, match=r"network file system \(nfs4\).*on a local disk"):
        SqliteStore(tmp_path).slots()
    assert not (tmp_path / "pool.db").exists()


def test_a_file_of_the_first_version_is_brought_up_to_date_after_a_copy(tmp_path: Path) -> None:
    """SPEC X: its pools and holders stay, what has been added works, and the former file is kept beside it."""
    store = store_with(tmp_path, slots=1)
    held = allocated(store)
    store.close()
    with closing(sqlite3.connect(store.file)) as connection, connection:
        connection.execute("DROP TABLE removed_slots")
        connection.execute("PRAGMA user_version = 1")

    assert store.slot(held.slot_id) == held
    store.remove_slot(held.slot_id, held.fence, former=held.lease)

    assert store.lease_before_removal(held.slot_id) == held.lease
    (copy,) = tmp_path.glob("pool.db.version-1-*")
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT id FROM slots").fetchall() == [(held.slot_id,)]

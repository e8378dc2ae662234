"""The fair queue for slots (SPEC W1)."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.systems.repopool.states import allocated, dead_process, store_with
from yaoki.core import deadline
from yaoki.core.clock import clock
from yaoki.core.parking import OnThread
from yaoki.systems.repopool.errors import NoAvailableSlotError, PoolNotFoundError
from yaoki.systems.repopool.leases.lease import new_lease
from yaoki.systems.repopool.leases.process import this_process
from yaoki.systems.repopool.models import Slot
from yaoki.systems.repopool.store import Occasion, SqliteStore
from yaoki.systems.repopool.waiting import Queue


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return store_with(tmp_path, slots=1)


def give_back(store: SqliteStore, slot: Slot) -> None:
    taken = store.take(slot.slot_id, slot.fence, new_lease())
    store.offer(taken.slot_id, taken.fence)


def test_without_a_timeout_nobody_waits(store: SqliteStore) -> None:
    """SPEC W1: NoAvailableSlotError at once, and it says how the slots are."""
    allocated(store)

    with pytest.raises(NoAvailableSlotError, match="1 allocated"):
        Queue(store).take("web", new_lease, timeout=None)
    assert store.tickets("web") == []


def test_who_waits_gets_the_slot_that_becomes_free(store: SqliteStore) -> None:
    """SPEC W1: with a timeout it waits."""
    held = allocated(store)
    thread = threading.Timer(0.05, give_back, (store, held))
    thread.start()

    slot = Queue(store).take("web", new_lease, timeout=30.0)

    thread.join()
    assert slot.slot_id == held.slot_id
    assert store.tickets("web") == []


def test_a_wait_ends_in_its_time(store: SqliteStore) -> None:
    """SPEC W1: the place in the queue goes with it."""
    allocated(store)

    with pytest.raises(NoAvailableSlotError, match="was free within"):
        Queue(store).take("web", new_lease, timeout=0.02)
    assert store.tickets("web") == []


def test_a_wait_ends_with_the_callers_deadline(store: SqliteStore) -> None:
    """SPEC T1: nobody waits beyond the deadline of the request."""
    allocated(store)

    with deadline.within(0.02), pytest.raises(NoAvailableSlotError):
        Queue(store).take("web", new_lease, timeout=3600.0)


def test_a_wait_that_nobody_wants_any_more_ends(store: SqliteStore) -> None:
    """SPEC W1: whoever is cancelled leaves the queue."""
    allocated(store)

    with pytest.raises(NoAvailableSlotError):
        Queue(store).take("web", new_lease, timeout=3600.0, given_up=lambda: True)
    assert store.tickets("web") == []


def test_the_first_in_the_queue_is_served_first(store: SqliteStore) -> None:
    """SPEC W1: in the order of the tickets, over all processes."""
    first = store.take_ticket("web", this_process(), clock.wall() + 60.0)
    second = store.take_ticket("web", this_process(), clock.wall() + 60.0)

    assert store.place("web", second) == (1, 1)
    assert store.take_free("web", new_lease(), Occasion(second)) is None
    assert store.take_free("web", new_lease(), Occasion()) is None
    assert store.take_free("web", new_lease(), Occasion(first)) is not None
    assert [ticket.number for ticket in store.tickets("web")] == [second]


def test_the_ticket_of_a_process_that_has_ended_holds_up_nobody(store: SqliteStore) -> None:
    """SPEC W1: whatever dies when, the others make progress."""
    store.take_ticket("web", dead_process(), clock.wall() + 3600.0)

    assert Queue(store).take("web", new_lease, timeout=None) is not None


def test_a_ticket_whose_time_has_passed_holds_up_nobody(store: SqliteStore) -> None:
    """SPEC W1: nor does one of a thread that is gone."""
    store.take_ticket("web", this_process(), clock.wall() - 1.0)

    assert store.take_free("web", new_lease(), Occasion()) is not None


def test_a_pool_that_is_not_there_is_not_waited_for(store: SqliteStore) -> None:
    """SPEC W1: PoolNotFoundError, with a timeout too."""
    with pytest.raises(PoolNotFoundError):
        Queue(store).take("other", new_lease, timeout=60.0)


def test_many_that_wait_are_all_served(store: SqliteStore) -> None:
    """SPEC W1: every caller makes progress."""
    served: list[int] = []
    gate = OnThread()

    def work(number: int) -> None:
        slot = Queue(store).take("web", new_lease, timeout=50.0)
        served.append(number)
        store.offer(slot.slot_id, slot.fence)
        gate.wake()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(served) == list(range(8))

"""SPEC W1: the states of slots against a model: no slot has two holders, and whoever holds an older fence changes nothing."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from yaoki.core.clock import clock
from yaoki.systems.repopool.errors import SlotNotFoundError, StaleLeaseError
from yaoki.systems.repopool.leases.lease import new_lease
from yaoki.systems.repopool.leases.process import this_process
from yaoki.systems.repopool.models import SlotIsolation, SlotState
from yaoki.systems.repopool.store import Occasion, SqliteStore

AVAILABLE, ALLOCATED, CLEANING, ERROR = SlotState.AVAILABLE, SlotState.ALLOCATED, SlotState.CLEANING, SlotState.ERROR
ACTORS = st.sampled_from(["ann", "bob", "eve"])
ISOLATION = SlotIsolation("operator", "why", 1000.0)


class Modelled:
    """What the model knows about one slot."""

    def __init__(self, state: SlotState, fence: int, holder: str | None) -> None:
        self.state = state
        self.fence = fence
        self.holder = holder
        self.isolated = False


class StoreModel(RuleBasedStateMachine):
    """Actors take, allocate, give back, isolate, with the fence that they have seen last or one from long ago."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
        self.store = SqliteStore(self.folder.name)
        self.store.add_pool("web", "/repository", 3)
        self.slots: dict[str, Modelled] = {}
        self.seen: list[tuple[str, int]] = []
        self.queue: list[int] = []

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    # --- what happens -------------------------------------------------------------------------------------------------------

    @rule(actor=ACTORS)
    def adds(self, actor: str) -> None:
        if len(self.slots) < 4:
            slot = self.store.add_slot("web", new_lease(actor))
            assert slot.slot_id not in self.slots
            self.slots[slot.slot_id] = Modelled(CLEANING, slot.fence, actor)
            self.seen.append((slot.slot_id, slot.fence))

    @rule(actor=ACTORS, place=st.integers(0, 3) | st.none())
    def takes_a_free_one(self, actor: str, place: int | None) -> None:
        ticket = None if place is None or place >= len(self.queue) else self.queue[place]
        slot = self.store.take_free("web", new_lease(actor), Occasion(ticket))
        free = [slot_id for slot_id, known in self.slots.items() if known.state is AVAILABLE]
        before = len(self.queue) if ticket is None else self.queue.index(ticket)
        assert (slot is not None) == (len(free) > before)
        if slot is not None:
            assert slot.slot_id in free
            if ticket is not None:
                self.queue.remove(ticket)
            self.moved(slot.slot_id, CLEANING, actor, slot.fence)

    @rule()
    def queues(self) -> None:
        self.queue.append(self.store.take_ticket("web", this_process(), clock.wall() + 3600.0))

    @rule(place=st.integers(0, 3))
    def leaves_the_queue(self, place: int) -> None:
        if place < len(self.queue):
            self.store.drop_ticket(self.queue.pop(place))

    @rule(actor=ACTORS, late=st.integers(0, 5))
    def takes(self, actor: str, late: int) -> None:
        self.tries(
            late, CLEANING, actor, set(SlotState), lambda one, fence: self.store.take(one, fence, new_lease(actor)).fence
        )

    @rule(actor=ACTORS, late=st.integers(0, 5))
    def allocates(self, actor: str, late: int) -> None:
        def allocate(slot_id: str, fence: int) -> int:
            held = self.store.allocate(slot_id, fence, new_lease(actor), branch="main", commit="1", metadata={"of": actor})
            assert held.metadata["of"] == actor
            return held.fence

        self.tries(late, ALLOCATED, actor, {CLEANING}, allocate)

    @rule(late=st.integers(0, 5), recovered=st.booleans())
    def offers(self, late: int, recovered: bool) -> None:
        def offer(slot_id: str, fence: int) -> int:
            now = self.store.offer(slot_id, fence, recovered=recovered)
            known = self.slots[slot_id]
            known.isolated = known.isolated and not recovered
            return now.fence

        self.tries(late, AVAILABLE, None, {CLEANING}, offer)

    @rule(late=st.integers(0, 5))
    def isolates(self, late: int) -> None:
        def isolate(slot_id: str, fence: int) -> int:
            now = self.store.isolate(slot_id, fence, ISOLATION)
            self.slots[slot_id].isolated = True
            return now.fence

        self.tries(late, ERROR, None, {AVAILABLE, CLEANING, ERROR}, isolate)

    @rule(late=st.integers(0, 5))
    def isolates_later(self, late: int) -> None:
        if len(self.seen) > late:
            slot_id, fence = self.seen[-1 - late]
            known = self.slots.get(slot_id)
            try:
                self.store.isolate_later(slot_id, fence, ISOLATION)
            except (StaleLeaseError, SlotNotFoundError):
                assert known is None or known.fence != fence
            else:
                assert known is not None
                assert known.fence == fence
                known.isolated = True

    @rule(late=st.integers(0, 5))
    def beats(self, late: int) -> None:
        if len(self.seen) > late:
            slot_id, fence = self.seen[-1 - late]
            known = self.slots.get(slot_id)
            try:
                self.store.heartbeat(slot_id, fence, until=None)
            except (StaleLeaseError, SlotNotFoundError):
                assert known is None or known.fence != fence
            else:
                assert known is not None
                assert known.fence == fence

    @rule(late=st.integers(0, 5))
    def removes(self, late: int) -> None:
        if len(self.seen) > late:
            slot_id, fence = self.seen[-1 - late]
            known = self.slots.get(slot_id)
            try:
                self.store.remove_slot(slot_id, fence)
            except (StaleLeaseError, SlotNotFoundError):
                assert known is None or known.fence != fence
            else:
                assert known is not None
                assert known.fence == fence
                del self.slots[slot_id]

    def tries(self, late, to, holder, allowed, act) -> None:  # type: ignore[no-untyped-def]
        """Act with a fence that was seen `late` changes ago: it succeeds exactly if it is the present one in an allowed state."""
        if len(self.seen) <= late:
            return
        slot_id, fence = self.seen[-1 - late]
        known = self.slots.get(slot_id)
        may = known is not None and known.fence == fence and known.state in allowed
        try:
            now = act(slot_id, fence)
        except (StaleLeaseError, SlotNotFoundError):
            assert not may
        else:
            assert may
            assert known is not None
            if to is AVAILABLE and known.isolated:
                to = ERROR
            self.moved(slot_id, to, holder, now)

    def moved(self, slot_id: str, state: SlotState, holder: str | None, fence: int) -> None:
        known = self.slots[slot_id]
        assert fence == known.fence + 1
        known.state, known.holder, known.fence = state, holder, fence
        self.seen.append((slot_id, fence))

    # --- what holds ---------------------------------------------------------------------------------------------------------

    @invariant()
    def store_and_model_agree(self) -> None:
        now = {slot.slot_id: slot for slot in self.store.slots("web")}
        assert now.keys() == self.slots.keys()
        for slot_id, known in self.slots.items():
            slot = now[slot_id]
            assert (slot.state, slot.fence) == (known.state, known.fence)
            assert (slot.lease.holder if slot.lease is not None else None) == known.holder
            assert (slot.isolation is not None) == known.isolated

    @invariant()
    def the_queue_is_as_it_was_joined(self) -> None:
        assert [ticket.number for ticket in self.store.tickets("web")] == self.queue


TestStoreModel = pytest.mark.timeout(120)(StoreModel.TestCase)
TestStoreModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)

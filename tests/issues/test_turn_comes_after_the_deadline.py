"""A call that got its place in time, but was woken only after its deadline, was started all the same."""

from __future__ import annotations

import threading

import pytest

from yaoki import Bulkhead, DeadlineExceededError, Pipeline, Timeout
from yaoki.core.pipeline.call import begin
from yaoki.core.pipeline.driver_sync import descend
from yaoki.core.pipeline.plan import Plan
from yaoki.core.policies.policy import Ticket
from yaoki.testing import VirtualClock


class _LateTicket(Ticket):
    """A turn that comes at once, noticed two seconds later."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.abandoned = False

    def wake_with(self, wake: object) -> None:
        self.clock.advance(2.0)

    def resolve(self, now: float) -> object:
        return "the place"

    def abandon(self, now: float) -> None:
        self.abandoned = True


class _Queue(Bulkhead):
    __slots__ = ("ticket",)

    ticket: _LateTicket

    def enter(self, call: object, now: float) -> object:
        return self.ticket


def test_t1_a_call_is_not_started_past_its_deadline() -> None:
    """SPEC T1: the place goes to the next, and the call ends with DeadlineExceededError."""
    with VirtualClock() as clock:
        queue = _Queue(1)
        queue.ticket = _LateTicket(clock)
        call = begin(Plan((Timeout(1.0), queue), None, is_async=False))

        refusal = descend(call, None)

        assert isinstance(refusal, DeadlineExceededError)
        assert queue.ticket.abandoned


def test_t1_who_waits_past_the_deadline_is_refused_and_the_place_is_free_again() -> None:
    """SPEC T1, T2: with real threads, nobody is left in line and no place is lost."""
    bulkhead = Bulkhead(1, max_queue=1)
    pipeline = Pipeline(Timeout(0.05), bulkhead)
    entered, leave = threading.Event(), threading.Event()

    def occupy() -> None:
        entered.set()
        leave.wait(10.0)

    other = threading.Thread(target=bulkhead.call, args=(occupy,))
    other.start()
    entered.wait(10.0)
    with pytest.raises(DeadlineExceededError):
        pipeline.call(str)
    leave.set()
    other.join()

    assert bulkhead.snapshot(0.0)["waiting"] == 0
    assert pipeline.call(str) == ""

"""SPEC T2: the bulkhead against a model that is two lists, driven by hand through every order of events."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.unit.policies.by_hand import a_call
from yaoki.core.faults.errors import BulkheadFullError
from yaoki.core.policies.bulkhead import Bulkhead, InLine

NEVER = float("inf")


class Caller:
    """Somebody who called: his ticket or his permit, how often he was woken, until when he waits."""

    def __init__(self, until: float) -> None:
        self.until = until
        self.ticket: InLine | None = None
        self.permit: object = None
        self.wakes = 0

    def wake(self) -> None:
        self.wakes += 1


class BulkheadModel(RuleBasedStateMachine):
    """`running`: who has a place and knows it. `given`: who has one and does not know it yet. `line`: who waits."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.running: list[Caller] = []
        self.given: list[Caller] = []
        self.line: list[Caller] = []
        self.from_before_the_fork: list[Caller] = []
        self.refused = 0

    @initialize(size=st.integers(1, 3), queue=st.integers(0, 4), wait=st.sampled_from([None, 0.0, 2.0, 5.0]))
    def build(self, size: int, queue: int, wait: float | None) -> None:
        self.size, self.queue, self.wait = size, queue, NEVER if wait is None else wait
        self.bulkhead = Bulkhead(size, queue, wait)

    def free(self) -> int:
        return self.size - len(self.running) - len(self.given)

    def give_next(self) -> None:
        """A place came back: the model gives it to the first in line."""
        if self.line and self.free():
            self.given.append(self.line.pop(0))

    @rule()
    def comes(self) -> None:
        caller = Caller(self.now + self.wait)
        answer = self.bulkhead.enter(a_call(self.bulkhead), self.now)

        if self.free() and not self.line:
            assert answer is self.bulkhead.free
            caller.permit = answer
            self.running.append(caller)
        elif len(self.line) < self.queue:
            assert isinstance(answer, InLine)
            caller.ticket = answer
            answer.wake_with(caller.wake)
            self.line.append(caller)
        else:
            assert isinstance(answer, BulkheadFullError)
            self.refused += 1

    @precondition(lambda self: self.running)
    @rule(data=st.data(), end=st.sampled_from([None, ValueError(), KeyboardInterrupt()]))
    def leaves(self, data: st.DataObject, end: BaseException | None) -> None:
        caller = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        self.bulkhead.leave(a_call(self.bulkhead), caller.permit, end, self.now)
        self.give_next()

    @precondition(lambda self: self.line or self.given)
    @rule(data=st.data())
    def looks(self, data: st.DataObject) -> None:
        caller = data.draw(st.sampled_from(self.line + self.given))
        assert caller.ticket is not None
        answer = caller.ticket.resolve(self.now)

        if caller in self.given:
            assert answer is self.bulkhead.free
            caller.permit = answer
            self.given.remove(caller)
            self.running.append(caller)
        elif self.now < caller.until:
            assert answer == caller.until
        else:
            assert isinstance(answer, BulkheadFullError)
            self.line.remove(caller)
            self.refused += 1

    @precondition(lambda self: self.line or self.given)
    @rule(data=st.data())
    def is_cancelled(self, data: st.DataObject) -> None:
        caller = data.draw(st.sampled_from(self.line + self.given))
        assert caller.ticket is not None
        caller.ticket.abandon(self.now)
        if caller in self.line:
            self.line.remove(caller)
        else:
            self.given.remove(caller)
            self.give_next()

    @rule(seconds=st.sampled_from([0.5, 1.0, 3.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def is_forked(self) -> None:
        self.bulkhead.renew()
        self.from_before_the_fork += self.running
        self.running, self.given, self.line = [], [], []

    @precondition(lambda self: self.from_before_the_fork)
    @rule()
    def gives_back_a_place_from_before_the_fork(self) -> None:
        caller = self.from_before_the_fork.pop()
        self.bulkhead.leave(a_call(self.bulkhead), caller.permit, None, self.now)

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "bulkhead"):
            return
        assert len(self.running) + len(self.given) <= self.size
        assert len(self.bulkhead.free) == self.free()
        assert [caller.ticket for caller in self.line] == list(self.bulkhead.waiters)
        assert not (self.line and self.free()), "nobody waits while a place is free"
        assert self.bulkhead.refused == self.refused
        assert all(caller.wakes == 1 for caller in self.given)
        assert all(caller.wakes == 0 for caller in self.line)
        assert self.bulkhead.evictable(self.now) == (self.free() == self.size and not self.line)


BulkheadModel.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestBulkheadModel = pytest.mark.timeout(60)(BulkheadModel.TestCase)

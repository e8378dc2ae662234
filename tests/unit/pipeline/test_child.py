"""SPEC B3, T1: a call in a worker thread that is ended from outside: every permit is settled exactly once, at every moment."""

from __future__ import annotations

from typing import Any

import pytest

from yaoki import CircuitBreaker, Fallback, Retry, Timeout, constant
from yaoki.core.faults.errors import DeadlineExceededError
from yaoki.core.pipeline.call import begin
from yaoki.core.pipeline.child import ThreadChild
from yaoki.core.pipeline.plan import Plan
from yaoki.core.policies.policy import Neutral, Policy, Ticket
from yaoki.testing import VirtualClock


class Judge(Policy):
    """Remembers how its permits were settled."""

    kind = "judge"

    def __init__(self) -> None:
        self.settled: list[str] = []

    def leave(self, call: Any, permit: object, error: BaseException | None, now: float) -> None:
        self.settled.append("returned" if error is None else type(error).__name__)


class Queue(Policy):
    """Lets nobody in at once."""

    kind = "queue"

    def __init__(self) -> None:
        self.settled: list[tuple[object, str]] = []

    def enter(self, call: Any, now: float) -> Ticket:
        return Ticket()

    def leave(self, call: Any, permit: object, error: BaseException | None, now: float) -> None:
        self.settled.append((permit, type(error).__name__))


class Meanwhile(Policy):
    """Ends the call, as another thread may, while the worker is in its `enter` or `leave`."""

    kind = "meanwhile"

    def __init__(self, moment: str) -> None:
        self.moment = moment

    def enter(self, call: Any, now: float) -> None:
        if self.moment == "enter":
            call.end(expired(), now)

    def leave(self, call: Any, permit: object, error: BaseException | None, now: float) -> None:
        if self.moment == "leave":
            self.moment = "done"
            call.end(expired(), now)


def expired() -> DeadlineExceededError:
    return DeadlineExceededError(Timeout(1.0), 1.0)


def child_of(*policies: Policy) -> ThreadChild:
    with VirtualClock():
        return ThreadChild(begin(Plan((Timeout(1.0, mode="thread"), *policies), None, is_async=False)))


ENDED = ["DeadlineExceededError"]


def test_b3_ended_before_it_entered_it_enters_nothing() -> None:
    """SPEC B3: the thread came too late."""
    judge = Judge()
    child = child_of(judge)
    child.end(expired(), 1.0)

    assert isinstance(child.descend(1.0), Neutral)
    assert (child.permits, judge.settled) == ([], [])


def settle(child: ThreadChild, how: str) -> object:
    if how == "failed":
        return child.failed(ConnectionError(), 0.5)
    if how == "returned":
        return child.returned("value", 0.5)
    child.release(0.5)
    return None


@pytest.mark.parametrize("how", ["failed", "returned", "release"])
def test_b3_what_the_function_does_after_the_end_settles_nothing_again(how: str) -> None:
    """SPEC B3: the late value, error or unwinding is inert."""
    judge = Judge()
    child = child_of(judge)
    child.descend(0.0)
    child.ran = True
    child.end(expired(), 1.0)

    assert settle(child, how) is None
    assert judge.settled == ENDED


@pytest.mark.parametrize("how", ["failed", "returned", "release"])
def test_b3_an_end_after_the_outcome_settles_nothing_again(how: str) -> None:
    """SPEC B3: the other way round."""
    judge = Judge()
    child = child_of(judge)
    child.descend(0.0)
    settle(child, how)
    child.end(expired(), 1.0)

    assert len(judge.settled) == 1


@pytest.mark.parametrize("how", ["failed", "returned"])
def test_b3_an_end_while_the_worker_settles_leaves_the_rest_to_the_worker(how: str) -> None:
    """SPEC B3: each of the policies hears once; those above the moment hear of the function's outcome, which came first."""
    outer, inner = Judge(), Judge()
    child = child_of(outer, Meanwhile("leave"), inner)
    child.descend(0.0)
    settle(child, how)

    assert (len(outer.settled), len(inner.settled)) == (1, 1)


def test_b3_an_end_while_the_worker_enters_is_carried_out_at_the_end_of_that_step() -> None:
    """SPEC B3: nothing that was entered is forgotten, and the function is not called."""
    outer, inner = Judge(), Judge()
    child = child_of(outer, Meanwhile("enter"), inner)

    assert isinstance(child.descend(1.0), Neutral)
    assert (outer.settled, inner.settled) == (ENDED, ENDED)


def test_b3_an_end_during_the_wait_for_the_next_attempt_ends_the_retry() -> None:
    """SPEC B3, R3: the permits above the Retry are settled, and no attempt follows."""
    judge = Judge()
    child = child_of(judge, Retry(3, constant(5.0)))
    child.descend(0.0)
    child.deadline = float("inf")
    assert child.failed(ConnectionError(), 0.5) == 5.0
    child.end(expired(), 1.0)

    assert isinstance(child.descend(5.5), Neutral)
    assert judge.settled == ENDED


def test_b3_a_place_that_is_granted_after_the_end_goes_back() -> None:
    """SPEC B3, T2: the worker was waiting in a queue; the place belongs to the queue's policy, not to another."""
    judge, queue = Judge(), Queue()
    child = child_of(judge, queue)
    assert isinstance(child.descend(0.0), Ticket)
    child.end(expired(), 1.0)
    child.admit("place")
    child.release(1.0)

    assert judge.settled == ENDED
    assert queue.settled == [("place", "Neutral")]


def test_b4_an_ended_call_is_a_failure_for_the_breaker_and_not_served_by_a_fallback() -> None:
    """SPEC B4, K1: judged, neither repeated nor replaced; nobody waits for an answer here."""
    breaker, fallback, retry = CircuitBreaker(failure_threshold=1), Fallback(value=0), Retry(3)
    child = child_of(fallback, retry, breaker)
    child.descend(0.0)
    child.ran = True
    child.end(expired(), 1.0)

    assert breaker.state == "open"
    assert (fallback.served, retry.budget) == (0, None)


def test_b4_a_predicate_that_raises_leaves_nothing_unsettled() -> None:
    """SPEC B4: its error comes out, after the rest went back as neutral."""

    def broken(error: BaseException) -> bool:
        raise LookupError("predicate")

    judge = Judge()
    child = child_of(judge, CircuitBreaker(failure_on=broken))
    child.descend(0.0)
    child.ran = True
    with pytest.raises(LookupError, match="predicate"):
        child.end(expired(), 1.0)

    assert judge.settled == ["Neutral"]


def test_t3_a_lost_call_starts_nothing_further_but_is_judged() -> None:
    """SPEC T3: what runs goes on and its failure counts; no attempt follows."""
    breaker = CircuitBreaker(failure_threshold=1)
    child = child_of(Retry(3, constant(0.0)), breaker)
    child.descend(0.0)
    child.ran = True
    child.lose()

    assert child.failed(ConnectionError(), 2.0) is None
    assert breaker.state == "open"
    assert isinstance(child.descend(2.0), Neutral)

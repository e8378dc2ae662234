"""One event says that a call failed for good, whatever its policies tried before."""

from __future__ import annotations

import pytest

from tests.conftest import World
from yaoki import CircuitBreaker, Fallback, Hedge, Pipeline, Retry, Timeout, constant, events
from yaoki.testing import Recorded, Script


def raised(recorded: Recorded) -> list[tuple[int, str, bool]]:
    return [(event.attempts, event.fault.error_type, event.refused) for event in recorded.of(events.CallRaised)]


def test_o3_a_failure_that_nobody_repeats_or_replaces_is_told_once(world: World, yaoki_events: Recorded) -> None:
    """SPEC O3: after the failure of its attempt."""
    with pytest.raises(KeyError):
        world.call(Pipeline(CircuitBreaker(), name="search"), Script(KeyError))

    assert yaoki_events.names() == ["CallFailed", "CallRaised"]
    assert raised(yaoki_events) == [(1, "KeyError", False)]


def test_o3_a_call_is_told_once_for_all_its_attempts(world: World, yaoki_events: Recorded) -> None:
    """SPEC O3: with their number."""
    with pytest.raises(ConnectionResetError):
        world.call(Pipeline(Retry(3, constant(0))), Script(then=ConnectionResetError))

    assert raised(yaoki_events) == [(3, "ConnectionResetError", False)]


def test_o3_what_succeeds_in_the_end_was_not_raised(world: World, yaoki_events: Recorded) -> None:
    """SPEC O3: neither a repeated call nor a replaced answer."""
    assert world.call(Pipeline(Retry(2, constant(0))), Script(ConnectionError, "found")) == "found"
    assert world.call(Pipeline(Fallback(value="served")), Script(ConnectionError)) == "served"

    assert raised(yaoki_events) == []


def test_o3_a_fallback_that_fails_lets_its_failure_be_raised(world: World, yaoki_events: Recorded) -> None:
    """SPEC O3: the fault is the one that the caller sees."""

    def broken(*args: object) -> object:
        raise LookupError

    with pytest.raises(LookupError):
        world.call(Pipeline(Fallback(broken)), Script(ConnectionResetError))

    assert raised(yaoki_events) == [(1, "LookupError", False)]


def test_o3_a_refusal_that_reaches_the_caller_is_told_as_one(world: World, yaoki_events: Recorded) -> None:
    """SPEC O3: nothing failed, it was not tried."""
    breaker = CircuitBreaker()
    breaker.isolate()

    with pytest.raises(Exception, match="isolated"):
        world.call(Pipeline(Retry(2, constant(0)), breaker), Script("never"))

    assert raised(yaoki_events) == [(1, "circuit_open", True)]


def test_o3_below_a_boundary_a_failure_is_told_once(world: World, yaoki_events: Recorded) -> None:
    """SPEC O3: a hedge, or a timeout by thread, runs calls inside of the call."""
    guard = Hedge(delay=60.0) if world.is_async else Timeout(60.0, mode="thread")

    with pytest.raises(ConnectionResetError):
        world.call(Pipeline(guard, Timeout(30.0)), Script(ConnectionResetError))

    assert raised(yaoki_events) == [(1, "ConnectionResetError", False)]


def test_o3_a_predicate_that_raises_is_what_the_caller_sees(world: World, yaoki_events: Recorded) -> None:
    """SPEC O3: the bug in the rule takes the place of the failure that it judged."""

    def broken(error: Exception) -> bool:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        world.call(Pipeline(Retry(2, constant(0), retry_on=broken)), Script(ConnectionError))

    assert raised(yaoki_events) == [(1, "ZeroDivisionError", False)]

"""SPEC X2: assertions about users' pipelines pass when they should, and say what happened when they do not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from yaoki import CircuitBreaker, Fallback, Pipeline, Rejected, Retry, Timeout, constant, exponential
from yaoki.testing import (
    VirtualClock,
    assert_opens_after,
    assert_recovers,
    assert_refuses,
    assert_retries,
    run,
)

BOTH_WORLDS = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


@pytest.fixture(autouse=True)
def clock() -> Iterator[VirtualClock]:
    with VirtualClock() as virtual:
        yield virtual


def three_attempts() -> Pipeline:
    return Pipeline(Retry(3, exponential(0.5, cap=5.0), budget=None), name="search")


def standard() -> Pipeline:
    return Pipeline(
        Fallback(value="none"),
        Timeout(60.0),
        Retry(3, constant(0.1), budget=None),
        CircuitBreaker(failure_threshold=5, open_timeout=30.0),
        Timeout(1.0),
    )


class Unguarded:
    """Lets every call through."""

    def call(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return fn(*args, **kwargs)

    async def acall(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return await fn(*args, **kwargs)


class Refusing(Unguarded):
    """Lets no call through."""

    def call(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        raise LookupError("not today")


def fails_with(*parts: str) -> pytest.RaisesExc[AssertionError]:
    """An AssertionError whose message has these parts, in order."""
    return pytest.raises(AssertionError, match="(?s)" + ".*".join(map(re.escape, parts)))


@BOTH_WORLDS
def test_x2_counts_attempts_and_delays(asynchronous: bool, clock: VirtualClock) -> None:
    """SPEC X2: a retry makes as many attempts as said, with the delays said."""
    clock.fix_random(0.5)

    assert_retries(three_attempts(), ConnectionError, attempts=3, delays=[0.25, 0.5], asynchronous=asynchronous)


def test_x2_one_attempt_means_not_retried() -> None:
    """SPEC X2: what must not be repeated is checked with `attempts=1`."""
    assert_retries(three_attempts(), ValueError("bad argument"), attempts=1, delays=[])


def test_x2_says_how_many_attempts_it_saw() -> None:
    """SPEC X2: expected, seen, how the call ended, and the events."""
    with fails_with(
        "expected 4 attempts for ConnectionError, saw 3", "the call raised ConnectionError", "events:", "RetryGivenUp"
    ):
        assert_retries(three_attempts(), ConnectionError, attempts=4)


def test_x2_says_which_delays_it_saw(clock: VirtualClock) -> None:
    """SPEC X2: both lists are shown."""
    clock.fix_random(0.5)

    with fails_with("expected the delays [1.0, 1.0] between the attempts, saw [0.25, 0.5]"):
        assert_retries(three_attempts(), ConnectionError, attempts=3, delays=[1.0, 1.0])


@BOTH_WORLDS
def test_x2_a_breaker_opens_and_recovers(asynchronous: bool) -> None:
    """SPEC X2: a single policy is a pipeline too."""
    breaker = CircuitBreaker(failure_threshold=3, open_timeout=10.0, success_threshold=2)

    assert_opens_after(breaker, failures=3, asynchronous=asynchronous)
    assert_refuses(breaker, asynchronous=asynchronous)
    assert_recovers(breaker, after=10.0, successes=2, asynchronous=asynchronous)


@BOTH_WORLDS
def test_x2_a_whole_pipeline_opens_and_recovers(asynchronous: bool) -> None:
    """SPEC X2: attempts are counted, not calls; an answer by a fallback counts as a refusal if the function was not called."""
    pipeline = standard()

    assert_opens_after(pipeline, failures=5, asynchronous=asynchronous)
    assert_refuses(pipeline, asynchronous=asynchronous)
    assert_recovers(pipeline, after=30.0, asynchronous=asynchronous)


def test_x2_says_when_the_circuit_opened_instead() -> None:
    """SPEC X2: too early and too late are told apart."""
    with fails_with("expected the circuit to open after 4 failures (ConnectionError), but it opened after 3", "CircuitChanged"):
        assert_opens_after(CircuitBreaker(failure_threshold=3), failures=4)
    with fails_with("expected the circuit to open after 2 failures (ConnectionError), but attempt 3 was still admitted"):
        assert_opens_after(CircuitBreaker(failure_threshold=3), failures=2)


def test_x2_a_fault_that_is_not_the_dependencys_does_not_open() -> None:
    """SPEC X2: `failure` says what the function raises."""
    with fails_with("after 5 failures (ValueError('mine'))", "attempt 6 was still admitted"):
        assert_opens_after(CircuitBreaker(), failures=5, failure=ValueError("mine"))


def test_x2_a_refusal_for_another_reason_is_none() -> None:
    """SPEC X2: something else that stops the call is not mistaken for an open circuit."""
    with fails_with("expected the call after 0 failures to be refused with CircuitOpenError, but it raised LookupError"):
        assert_opens_after(Refusing(), failures=1)
    with fails_with("refused with Rejected, but it raised LookupError"):
        assert_refuses(Refusing(), because=Rejected)


def test_x2_says_that_a_call_was_not_refused() -> None:
    """SPEC X2: with the events, here none."""
    with fails_with("expected the call to be refused, but it reached the function", "events: none"):
        assert_refuses(Unguarded())


def test_x2_says_when_the_circuit_admitted_calls_instead() -> None:
    """SPEC X2: not open at all, open for too short, open for too long."""
    with fails_with("expected the circuit to be open for 30 s, but now it admitted a call"):
        assert_recovers(CircuitBreaker(), after=30.0)

    breaker = CircuitBreaker(failure_threshold=1, open_timeout=20.0)
    assert_opens_after(breaker, failures=1)
    with fails_with("open for 30 s, but 0.001 s before the end of 30 s it admitted a call"):
        assert_recovers(breaker, after=30.0)

    breaker = CircuitBreaker(failure_threshold=1, open_timeout=40.0)
    assert_opens_after(breaker, failures=1)
    with fails_with("expected the circuit to admit trial call 1 of 1 after 30 s, but the call raised CircuitOpenError"):
        assert_recovers(breaker, after=30.0)


def test_x2_says_how_many_successes_it_takes_to_close() -> None:
    """SPEC X2: closed too late, closed too early."""
    breaker = CircuitBreaker(failure_threshold=1, success_threshold=2)
    assert_opens_after(breaker, failures=1)
    with fails_with("expected the circuit to close after 1 successful trial call, but it is half_open"):
        assert_recovers(breaker, after=30.0)

    pipeline = Pipeline(CircuitBreaker(failure_threshold=1))
    assert_opens_after(pipeline, failures=1)
    with fails_with("to close after 2 successful trial calls, but it was closed before trial call 2"):
        assert_recovers(pipeline, after=30.0, successes=2)


def test_x2_long_lists_of_events_are_cut() -> None:
    """SPEC X2: the last twenty are shown."""
    with fails_with("events:\n  (30 earlier ones)\n  "):
        assert_opens_after(Pipeline(Retry(2, constant(0.0), budget=None)), failures=19)


def test_x2_needs_virtual_time() -> None:
    """SPEC X2: nothing is played against real time, where a retry would really wait."""
    before = VirtualClock.installed()
    assert before is not None
    before.__exit__(None, None, None)
    try:
        with pytest.raises(RuntimeError, match="virtual_clock fixture"):
            assert_retries(three_attempts(), ConnectionError, attempts=3)
    finally:
        before.__enter__()


def test_x2_works_inside_an_asynchronous_test() -> None:
    """SPEC X2: the synchronous form also where an event loop runs."""

    async def main() -> None:
        assert_retries(three_attempts(), ConnectionError, attempts=3)

    run(main())

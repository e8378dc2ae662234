"""SPEC T1: what a Timeout does: refuses, bounds, cancels, counts; whose failure it is."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import pytest

from tests.conftest import World
from yaoki import (
    CircuitBreaker,
    CircuitState,
    ConfigurationError,
    DeadlineExceededError,
    Fallback,
    Origin,
    Pipeline,
    Recoverability,
    Retry,
    Timeout,
    classify,
    constant,
    deadline,
)
from yaoki.core.events import CallFailed, CallRefused
from yaoki.testing import Script, VirtualClock, record_events, run, takes

NOW = constant(0.0)


def test_t1_a_call_in_time_is_left_alone(world: World) -> None:
    """SPEC T1: its value, its exceptions."""
    guarded = world.guard(Timeout(5.0), Script(takes(4.0, "well"), takes(4.0, KeyError)))

    assert guarded() == "well"
    with pytest.raises(KeyError):
        guarded()


def test_t1_an_asynchronous_call_is_cancelled_at_its_deadline(either_path: str, virtual_clock: VirtualClock) -> None:
    """SPEC T1: at the very moment, with an error that is a TimeoutError and names the Timeout."""
    timeout = Timeout(2.0, name="search")
    script = Script(takes(60.0, "late"))
    with pytest.raises(TimeoutError) as raised:
        run(timeout(script.asynchronous)())

    assert isinstance(raised.value, DeadlineExceededError)
    assert raised.value.policy is timeout
    assert raised.value.until == 2.0
    assert str(raised.value) == "Timeout 'search' of 2 s has passed"
    assert virtual_clock.time == 2.0


def test_t1_the_cancelled_wait_is_the_cause(either_path: str, virtual_clock: VirtualClock) -> None:
    """SPEC T1: the traceback of the cause shows where the call hung."""
    with pytest.raises(DeadlineExceededError) as raised:
        run(Timeout(2.0)(Script(takes(60.0)).asynchronous)())

    assert isinstance(raised.value.__cause__, asyncio.CancelledError)


def test_t1_a_synchronous_call_is_not_interrupted(either_path: str, virtual_clock: VirtualClock) -> None:
    """SPEC T1: a late value is returned, and counted if that is wanted; a late exception comes out itself."""
    timeout = Timeout(2.0, count_overdue=True)
    guarded = timeout(Script(takes(3.0, "late"), takes(1.0, "in time"), takes(3.0, KeyError)).sync)

    assert [guarded(), guarded()] == ["late", "in time"]
    with pytest.raises(KeyError):
        guarded()
    assert timeout.snapshot(0.0)["overdue"] == 1


def test_t1_late_values_are_counted_by_every_timeout_that_wants_to(world: World) -> None:
    """SPEC T1: also by one around a shorter one, and by none that does not want to."""
    outer, inner, silent = Timeout(5.0, count_overdue=True), Timeout(2.0, count_overdue=True), Timeout(1.0)
    pipeline = Pipeline(outer, Retry(2, NOW), inner, silent)

    async def swallows(seconds: float) -> str:
        for _ in range(2):
            try:
                await asyncio.sleep(seconds / 2)
            except asyncio.CancelledError:
                continue
        return "late"

    def plain(seconds: float) -> str:
        return str(Script(takes(seconds, "late"))())

    for seconds in (6.0, 3.0, 1.5, 0.5):
        assert (run(pipeline.acall(swallows, seconds)) if world.is_async else pipeline.call(plain, seconds)) == "late"

    # A coroutine is late only if it swallows its cancellation, at 1 s, and goes on for half of its time.
    assert (outer.overdue, inner.overdue, silent.overdue) == ((0, 2, 0) if world.is_async else (1, 2, 0))


@pytest.mark.parametrize("stack", [lambda timeout: timeout, lambda timeout: Pipeline(timeout, Retry(5, NOW), CircuitBreaker())])
def test_t1_a_call_whose_deadline_has_passed_is_not_started(world: World, stack: Any) -> None:
    """SPEC T1: refused, with a reason; not retried; no failure of anybody."""
    script = Script()
    with record_events() as events, deadline.within(0.0), pytest.raises(DeadlineExceededError) as raised:
        world.guard(stack(Timeout(5.0)), script)()

    assert script.count == 0
    assert raised.value.policy is None
    assert str(raised.value) == "the caller's deadline has passed: the call was not started"
    assert [(event.policy, event.retry_after) for event in events.of(CallRefused)] == [("deadline", None)]
    assert events.of(CallFailed) == []


def test_t1_none_keeps_to_the_callers_deadline_alone(either_path: str, virtual_clock: VirtualClock) -> None:
    """SPEC T1: without one of its own."""
    guarded = Timeout(None)(Script(takes(60.0, "long"), takes(60.0, "late")).asynchronous)

    async def main() -> object:
        with deadline.within(2.0):
            return await guarded()

    assert run(guarded()) == "long"
    with pytest.raises(DeadlineExceededError, match="the caller's deadline has passed"):
        run(main())
    assert virtual_clock.time == 62.0


def test_t1_of_equal_deadlines_it_is_the_callers(world: World) -> None:
    """SPEC T1: both paths agree on whose it is, and so on whether the dependency is to blame."""
    breaker = CircuitBreaker(failure_threshold=1)
    pipeline = Pipeline(Timeout(2.0), breaker)

    async def main() -> None:
        with deadline.within(2.0):
            await pipeline.acall(Script(takes(60.0)).asynchronous)

    with pytest.raises(DeadlineExceededError) as raised:
        run(main())
    assert raised.value.policy is None
    assert breaker.state is CircuitState.CLOSED


# Nested


def test_t1_the_whole_call_and_one_attempt(either_path: str, virtual_clock: VirtualClock) -> None:
    """SPEC T1: the inner Timeout ends attempts, the outer one the call, its waits included."""
    script = Script(then=takes(60.0))
    guarded = Pipeline(Timeout(5.0), Retry(9, NOW, budget=None), Timeout(2.0))(script.asynchronous)
    with pytest.raises(DeadlineExceededError) as raised:
        run(guarded())

    assert [call.at for call in script.calls] == [0.0, 2.0, 4.0]
    assert virtual_clock.time == 5.0
    assert str(raised.value) == "Timeout of 5 s has passed"


def test_t1_an_attempt_that_timed_out_is_retried(either_path: str, virtual_clock: VirtualClock) -> None:
    """SPEC T1, R3: a timeout may heal."""
    script = Script(takes(60.0), "well")

    assert run(Pipeline(Retry(3, NOW), Timeout(2.0))(script.asynchronous)()) == "well"


def test_t1_a_passed_total_is_not_retried(world: World, virtual_clock: VirtualClock) -> None:
    """SPEC T1, R4: a Retry further in finds no time left."""
    script = Script(then=takes(6.0, ConnectionError))
    with pytest.raises((DeadlineExceededError, ConnectionError)):
        world.guard(Pipeline(Timeout(5.0), Retry(9, NOW)), script)()

    assert script.count == 1


# Whose failure


@pytest.mark.parametrize(
    "order",
    [
        lambda breaker: Pipeline(Timeout(1.0), breaker),
        lambda breaker: Pipeline(breaker, Timeout(1.0)),
        lambda breaker: Pipeline(Timeout(3.0), Retry(1), breaker, Timeout(1.0)),
    ],
    ids=["outside", "inside", "both"],
)
def test_b4_an_own_timeout_is_a_failure_for_the_breaker(either_path: str, virtual_clock: VirtualClock, order: Any) -> None:
    """SPEC T1, B4: a dependency that hangs opens the circuit, wherever the Timeout stands."""
    breaker = CircuitBreaker(failure_threshold=3)
    guarded = order(breaker)(Script(then=takes(60.0)).asynchronous)
    for _ in range(3):
        assert breaker.state is CircuitState.CLOSED
        with pytest.raises(DeadlineExceededError):
            run(guarded())

    assert breaker.state is CircuitState.OPEN


@pytest.mark.parametrize(
    "order",
    [
        lambda breaker: Pipeline(Timeout(None), breaker),
        lambda breaker: Pipeline(breaker, Timeout(30.0)),
        lambda breaker: Pipeline(Timeout(60.0), Retry(3, NOW), breaker, Timeout(30.0)),
    ],
    ids=["none", "inside", "both"],
)
@pytest.mark.parametrize("failure_on", [None, Exception, TimeoutError], ids=["classifier", "all", "timeouts"])
def test_b4_the_callers_deadline_is_neutral(
    either_path: str, virtual_clock: VirtualClock, order: Any, failure_on: type[Exception] | None
) -> None:
    """SPEC T1, B4: one impatient caller does not open the circuit for all, whatever it counts; it is not retried either."""
    breaker = CircuitBreaker(failure_threshold=1, failure_on=failure_on)
    script = Script(then=takes(60.0))
    pipeline = order(breaker)

    async def impatient() -> None:
        with deadline.within(1.0):
            await pipeline.acall(script.asynchronous)

    with pytest.raises(DeadlineExceededError) as raised:
        run(impatient())
    assert raised.value.policy is None
    assert breaker.state is CircuitState.CLOSED
    assert script.count == 1


def test_b4_a_deadline_set_further_in_is_a_failure(either_path: str, virtual_clock: VirtualClock) -> None:
    """SPEC T1, B4: a pipeline inside the function that runs out of its own time tells of a slow dependency."""
    breaker = CircuitBreaker(failure_threshold=1)
    inner = Timeout(1.0)(Script(then=takes(60.0)).asynchronous)

    async def impatient() -> None:
        with deadline.within(10.0):
            await breaker.acall(inner)

    with pytest.raises(DeadlineExceededError):
        run(impatient())
    assert breaker.state is CircuitState.OPEN


def test_f3_an_own_and_an_inherited_deadline_are_different_faults() -> None:
    """SPEC F3, T1: whose fault it is, and whether a repetition makes sense."""
    own = classify(DeadlineExceededError(Timeout(1.0), 1.0))
    inherited = classify(DeadlineExceededError(None, 1.0))

    assert (own.origin, own.recoverability.is_retryable) == (Origin.DEPENDENCY, True)
    assert (inherited.origin, inherited.recoverability) == (Origin.CALLER, Recoverability.FATAL)


# A fallback around it


def test_k1_a_fallback_is_not_cut_by_the_timeout_it_replaces(either_path: str, virtual_clock: VirtualClock) -> None:
    """SPEC K1, T1: a Fallback outside the Timeout has its own time."""

    async def slow_answer() -> str:
        await asyncio.sleep(10.0)
        return "instead"

    guarded = Pipeline(Fallback(slow_answer), Timeout(1.0))(Script(takes(60.0)).asynchronous)

    assert run(guarded()) == "instead"
    assert virtual_clock.time == 11.0


def test_k1_a_fallback_inside_a_timeout_is_cut_with_it(either_path: str, virtual_clock: VirtualClock) -> None:
    """SPEC K1, T1: a Timeout outside the Fallback bounds the answer too."""

    async def slow_answer() -> str:
        await asyncio.sleep(10.0)
        return "instead"

    guarded = Pipeline(Timeout(5.0), Fallback(slow_answer))(Script(takes(1.0, ConnectionError)).asynchronous)

    with pytest.raises(DeadlineExceededError):
        run(guarded())
    assert virtual_clock.time == 5.0


# Parameters


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"seconds": 0}, "seconds must be above 0 seconds, not 0"),
        ({"seconds": -1.0}, "seconds must be above 0 seconds, not -1.0"),
        ({"seconds": float("nan")}, "seconds must be a number, not NaN"),
        ({"seconds": "5"}, "seconds must be a number, not '5'"),
        ({"seconds": True}, "seconds must be a number, not True"),
        ({"seconds": 1.0, "mode": "signal"}, "mode must be 'deadline' or 'thread', not 'signal'"),
        ({"seconds": 1.0, "max_abandoned": 0}, "max_abandoned must be at least 1, not 0"),
    ],
    ids=str,
)
def test_t1_a_value_out_of_range_is_refused(parameters: dict[str, Any], message: str) -> None:
    """SPEC T1: the error names the parameter and its range."""
    with pytest.raises(ConfigurationError) as raised:
        Timeout(**parameters)

    assert str(raised.value) == message


def test_t1_a_timeout_of_infinity_is_none() -> None:
    """SPEC T1: both say that there is no time of its own."""
    assert Timeout(float("inf")).seconds == Timeout(None).seconds


def test_f5_the_error_can_be_pickled() -> None:
    """SPEC F5: it crosses process boundaries; the policy's label stays."""
    error = DeadlineExceededError(Timeout(2.0, name="search"), 5.0, "why")
    travelled = pickle.loads(pickle.dumps(error))

    assert str(travelled) == str(error) == "Timeout 'search' of 2 s has passed: why"
    assert (travelled.policy, travelled.until) == ("Timeout 'search' of 2 s", 5.0)

"""SPEC K1, R5: the call that does not raise: its outcome says what came out and what it took."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.conftest import World
from yaoki import (
    CircuitBreaker,
    CircuitOpenError,
    Fallback,
    Outcome,
    Pipeline,
    Recoverability,
    Retry,
    Timeout,
    constant,
    deadline,
)
from yaoki.testing import Script, VirtualClock, record_events, run, takes

NOW = constant(0.0)


def test_k1_a_value(world: World) -> None:
    """SPEC K1: nothing failed."""
    outcome = world.execute(Pipeline(Retry(3, NOW)), Script(takes(2.0, "well")))

    assert (outcome.value, outcome.ok, outcome.degraded, outcome.unwrap()) == ("well", True, False, "well")
    assert (outcome.error, outcome.fault, outcome.attempts, outcome.delays) == (None, None, 1, ())
    assert (outcome.elapsed, outcome.degraded_by) == (2.0, ())


def test_k1_a_failure(world: World) -> None:
    """SPEC K1: the exception and its classification, not raised."""
    error = ConnectionResetError("gone")
    outcome = world.execute(Pipeline(Retry(2, NOW)), Script(then=error))

    assert (outcome.value, outcome.ok, outcome.error) == (None, False, error)
    assert (outcome.fault.error_type, outcome.fault.recoverability) == ("ConnectionResetError", Recoverability.TRANSIENT)
    with pytest.raises(ConnectionResetError) as raised:
        outcome.unwrap()
    assert raised.value is error


def test_k1_none_is_a_value(world: World) -> None:
    """SPEC K1: an outcome is ok because there is no error."""
    outcome = world.execute(Retry(3, NOW), Script(None))

    assert (outcome.value, outcome.ok, outcome.unwrap()) == (None, True, None)


def test_r5_it_says_attempts_and_delays(world: World) -> None:
    """SPEC R5: seconds waited before each further attempt."""
    outcome = world.execute(Retry(4, constant(1.5)), Script(takes(1.0, ConnectionError), ConnectionError, "well"))

    assert (outcome.attempts, outcome.delays, outcome.elapsed) == (3, (1.5, 1.5), 4.0)


def test_k1_a_refusal(world: World) -> None:
    """SPEC K1, B5: with its fault and when a retry makes sense."""
    breaker = CircuitBreaker(failure_threshold=1, open_timeout=30.0)
    world.execute(breaker, Script(ConnectionError))
    outcome = world.execute(Pipeline(Retry(3, NOW), breaker), Script())

    assert isinstance(outcome.error, CircuitOpenError)
    assert outcome.fault.error_type == "circuit_open"
    assert outcome.fault.retry_after == 30.0


def test_k1_the_fault_is_that_of_the_error_that_came_out(world: World) -> None:
    """SPEC K1: a predicate that raised while a failure was judged is another error than that failure."""

    def broken(error: BaseException) -> bool:
        raise LookupError("the predicate")

    # With a listener the failure has been classified before the predicate is asked.
    with record_events():
        outcome = world.execute(Retry(3, NOW, give_up_on=broken), Script(ConnectionError))

    assert isinstance(outcome.error, LookupError)
    assert outcome.fault.error_type == "LookupError"


def test_k1_each_policy_that_replaced_the_answer_is_named(world: World) -> None:
    """SPEC K1: in the order in which they did."""

    def fails_too(*args: object) -> None:
        raise TimeoutError

    pipeline = Pipeline(Fallback(value="outer", name="outer"), Fallback(fails_too, name="broken"), Timeout(5.0))
    outcome = world.execute(pipeline, Script(ConnectionError))

    assert [(label, fault.error_type) for label, fault in outcome.degraded_by] == [("Fallback 'outer'", "TimeoutError")]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_r5_what_is_no_exception_is_raised(either_path: str, error: type[BaseException]) -> None:
    """SPEC R5: an outcome never holds it back."""
    with pytest.raises(error):
        Pipeline(Retry(3, NOW)).execute(Script(error).sync)


def test_r5_cancellation_is_raised(either_path: str, virtual_clock: VirtualClock) -> None:
    """SPEC R5: the task is cancelled."""

    async def main() -> bool:
        task = asyncio.create_task(Retry(3, NOW).aexecute(Script(takes(60.0)).asynchronous))  # type: ignore[arg-type]  # a coroutine
        await asyncio.sleep(1.0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert run(main())


def test_t1_its_time_is_bounded_too(either_path: str, virtual_clock: VirtualClock) -> None:
    """SPEC T1: a Timeout is a failure in the outcome."""

    async def main() -> Outcome[Any]:
        with deadline.within(9.0):
            return await Pipeline(Timeout(2.0), Retry(3, NOW)).aexecute(Script(then=takes(60.0)).asynchronous)

    outcome = run(main())

    assert isinstance(outcome.error, TimeoutError)
    assert outcome.elapsed == 2.0


def test_b7_a_key_has_outcomes_too(world: World) -> None:
    """SPEC B7: with the key's own state."""
    keyed = Pipeline(CircuitBreaker(failure_threshold=1)).keyed()
    assert world.execute(keyed["a"], Script(ConnectionError)).error is not None

    assert isinstance(world.execute(keyed["a"], Script()).error, CircuitOpenError)
    assert world.execute(keyed["b"], Script("well")).value == "well"


def test_k1_its_repr_is_short() -> None:
    """SPEC K1: what one wants to see in a log or a debugger."""
    with VirtualClock():
        well = Retry(3, NOW).execute(Script(takes(0.25, "well")).sync)
        served = Fallback(value=0).execute(Script(ConnectionError).sync)
        failed = Retry(1, NOW).execute(Script(ConnectionError("gone")).sync)

    assert repr(well) == "Outcome(value='well', attempts=1, elapsed=0.25)"
    assert repr(served) == "Outcome(value=0, attempts=1, elapsed=0, degraded_by=['Fallback'])"
    assert repr(failed) == "Outcome(error=ConnectionError('gone'), attempts=1, elapsed=0)"


def test_k1_it_is_generic() -> None:
    """SPEC K1: annotations may name the value's type at run time."""
    assert Outcome[int] is not None

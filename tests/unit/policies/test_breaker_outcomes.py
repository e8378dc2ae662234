"""SPEC B4: three outcomes. What is a failure of the dependency, what is a success, and what says nothing about it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.unit.policies.circuits import Circuit
from yaoki import (
    Bulkhead,
    BulkheadFullError,
    Category,
    CircuitBreaker,
    CircuitOpenError,
    DeadlineExceededError,
    Fault,
    Pipeline,
    Recoverability,
    Severity,
    Timeout,
    calls,
    deadline,
    seconds,
)
from yaoki.core.faults.category import Origin
from yaoki.testing import Script, VirtualClock, run, takes

pytestmark = pytest.mark.usefixtures("path", "virtual_clock")


class RefusedRequestError(Exception):
    """What a client makes of a 4xx: it carries its own record, and the fault is the caller's."""

    fault = Fault(Category.PROTOCOL, Severity.WARNING, Recoverability.FATAL, "http_404", origin=Origin.CALLER)


# --- ignored ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [TypeError, ValueError, KeyError, RefusedRequestError])
def test_b4_the_classifier_decides_by_default(error: type[Exception]) -> None:
    """SPEC B4: a caller's bug and a 4xx are no failures of the dependency."""
    circuit = Circuit(failure_threshold=1)

    circuit.fail(5, error=error)

    assert (circuit.state, circuit["failures"], circuit["ignored"]) == ("closed", 0, 5)


@pytest.mark.parametrize("error", [ConnectionRefusedError, TimeoutError, OSError, RuntimeError])
def test_b4_what_the_dependency_does_is_a_failure(error: type[Exception]) -> None:
    """SPEC B4: connections, timeouts and what nobody knows count."""
    circuit = Circuit(failure_threshold=2)

    circuit.fail(2, error=error)

    assert circuit.state == "open"


def test_b4_an_excluded_failure_does_not_reset_the_count() -> None:
    """SPEC B4: failure, ignored, failure with a threshold of two: open."""
    circuit = Circuit(failure_threshold=2)

    circuit.fail()
    circuit.fail(error=ValueError)
    circuit.fail()

    assert circuit.state == "open"


@pytest.mark.parametrize("window", [calls(10), seconds(60.0)], ids=repr)
def test_b4_an_excluded_failure_does_not_dilute_the_rate(window: object) -> None:
    """SPEC B4: five of ten calls failed, whatever number of calls was ignored among them."""
    circuit = Circuit(failure_rate=0.5, window=window, minimum_calls=10)

    circuit.succeed(5)
    for _ in range(5):
        circuit.fail(20, error=ValueError)
        circuit.fail()

    assert (circuit.state, circuit["ignored"]) == ("open", 100)


def test_b4_an_excluded_failure_is_not_slow_either() -> None:
    """SPEC B4: an ignored call says nothing, its duration neither."""
    circuit = Circuit(slow_call_duration=1.0, slow_call_rate=0.5, window=calls(2), minimum_calls=2)
    circuit.succeed(2)

    for _ in range(5):
        with pytest.raises(ValueError, match="wrong"):
            circuit.pipeline.call(Script(takes(5.0, ValueError("wrong"))))

    assert (circuit.state, circuit["window_slow_calls"]) == ("closed", 0)


# --- by type, tuple, predicate ------------------------------------------------------------------------------------------------


def is_temporary(error: BaseException) -> bool:
    return str(error) == "temporary"


@pytest.mark.parametrize(
    ("condition", "failure", "other"),
    [
        (LookupError, KeyError("k"), ConnectionResetError()),
        ((LookupError, OSError), IndexError("i"), ValueError()),
        (is_temporary, ValueError("temporary"), ConnectionResetError()),
    ],
    ids=["type", "tuple", "predicate"],
)
def test_b4_failure_on_says_what_counts(condition: object, failure: Exception, other: Exception) -> None:
    """SPEC B4: with failure_on the classifier is not asked; what it does not name is ignored."""
    circuit = Circuit(failure_threshold=2, failure_on=condition)

    circuit.fail(3, error=other)
    assert (circuit.state, circuit["ignored"]) == ("closed", 3)
    circuit.fail(2, error=failure)
    assert circuit.state == "open"


@pytest.mark.parametrize(
    "condition", [ConnectionResetError, (KeyError, ConnectionResetError), lambda error: type(error) is ConnectionResetError]
)
def test_b4_ignore_says_what_does_not_count(condition: object) -> None:
    """SPEC B4: ignore takes a type, a tuple of types or a predicate; what it does not name the classifier judges."""
    circuit = Circuit(failure_threshold=1, ignore=condition)

    circuit.fail(5, error=ConnectionResetError)
    assert circuit.state == "closed"
    circuit.fail(error=ConnectionRefusedError)
    assert circuit.state == "open"


def test_b4_ignore_goes_before_failure_on() -> None:
    """SPEC B4: what both name is ignored."""
    circuit = Circuit(failure_threshold=1, failure_on=OSError, ignore=ConnectionError)

    circuit.fail(5, error=ConnectionResetError)
    assert circuit.state == "closed"
    circuit.fail(error=TimeoutError)
    assert circuit.state == "open"


@pytest.mark.parametrize("parameter", ["failure_on", "ignore"])
def test_b4_a_predicate_that_raises_judges_nothing(virtual_clock: VirtualClock, parameter: str) -> None:
    """SPEC B4: its own error comes out, raised from the call's; nothing is counted, and a trial's place is free again."""

    def broken(error: BaseException) -> bool:
        raise ZeroDivisionError if isinstance(error, TimeoutError) else KeyError

    predicates: dict[str, Callable[[BaseException], bool]] = {"failure_on": lambda error: True, parameter: broken}
    circuit = Circuit(failure_threshold=1, open_timeout=30.0, **predicates)

    def judged() -> tuple[object, ...]:
        with pytest.raises(ZeroDivisionError) as raised:
            circuit.pipeline.call(Script(TimeoutError))
        assert isinstance(raised.value.__cause__, TimeoutError)
        return circuit.state, circuit["failures"], circuit["ignored"]

    assert judged() == ("closed", 0, 0)
    circuit.breaker.isolate()
    circuit.breaker.shut.until = 0.0  # type: ignore[union-attr]  # isolated until now
    assert judged() == ("half_open", 0, 0)
    circuit.succeed()

    assert circuit.state == "closed"


# --- who is it that ends a call -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError])
def test_b4_what_is_no_exception_is_neutral(error: type[BaseException]) -> None:
    """SPEC B4: whatever a predicate says, only an Exception can be a failure; the streak goes on where it was."""
    circuit = Circuit(failure_threshold=2, failure_on=lambda error: True)
    circuit.fail()

    circuit.fail(5, error=error)

    assert (circuit.state, circuit["consecutive_failures"], circuit["ignored"]) == ("closed", 1, 0)


def test_b4_a_cancelled_task_is_neutral() -> None:
    """SPEC B4: five callers who cancel change no count."""
    circuit = Circuit(failure_threshold=2)
    circuit.fail()

    async def main() -> None:
        for _ in range(5):
            task = asyncio.create_task(circuit.pipeline.acall(Script(takes(60.0)).asynchronous))  # type: ignore[arg-type]
            await asyncio.sleep(1.0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    run(main())

    assert (circuit.state, circuit["consecutive_failures"], circuit["successes"]) == ("closed", 1, 0)


@pytest.mark.parametrize("outside", [True, False])
def test_b4_the_pipelines_own_timeout_is_a_failure(outside: bool) -> None:
    """SPEC B4: a dependency that hangs opens the circuit, wherever in the pipeline the Timeout stands."""
    breaker = CircuitBreaker(failure_threshold=3)
    pipeline = Pipeline(Timeout(1.0), breaker) if outside else Pipeline(breaker, Timeout(1.0))

    async def main() -> None:
        for _ in range(3):
            with pytest.raises(DeadlineExceededError):
                await pipeline.acall(Script(takes(60.0)).asynchronous)  # type: ignore[arg-type]

    run(main())

    assert breaker.state == "open"


@pytest.mark.parametrize("failure_on", [None, TimeoutError])
def test_b4_the_deadline_that_the_caller_brought_along_is_neutral(failure_on: type[Exception] | None) -> None:
    """SPEC B4: an impatient caller does not open the circuit for everybody, whatever the breaker was told to count."""
    breaker = CircuitBreaker(failure_threshold=1, failure_on=failure_on)
    pipeline = Pipeline(breaker, Timeout(10.0))

    async def main() -> None:
        for _ in range(5):
            with deadline.within(1.0), pytest.raises(DeadlineExceededError):
                await pipeline.acall(Script(takes(60.0)).asynchronous)  # type: ignore[arg-type]

    run(main())

    assert (breaker.state, breaker.snapshot()["failures"]) == ("closed", 0)


def test_b4_a_deadline_that_has_passed_is_neutral(virtual_clock: VirtualClock) -> None:
    """SPEC B4: a call that was not started says nothing about the dependency."""
    breaker = CircuitBreaker(failure_threshold=1)
    pipeline = Pipeline(breaker, Timeout(10.0))
    dependency = Script()

    with deadline.within(1.0):
        virtual_clock.advance(1.0)
        for _ in range(5):
            with pytest.raises(DeadlineExceededError):
                pipeline.call(dependency)

    assert (breaker.state, dependency.count) == ("closed", 0)


def test_b4_a_call_that_waited_in_our_queue_until_its_timeout_is_neutral() -> None:
    """SPEC B4: it was not started, so its timeout says nothing about the dependency."""
    breaker, bulkhead = CircuitBreaker(failure_threshold=1), Bulkhead(1, max_queue=1)
    pipeline = Pipeline(Timeout(1.0), breaker, bulkhead)
    dependency = Script()

    def inside() -> None:
        with pytest.raises(DeadlineExceededError):
            pipeline.call(dependency)

    Pipeline(bulkhead).call(inside)

    assert (breaker.state, breaker.snapshot()["ignored"], dependency.count) == ("closed", 1, 0)


@pytest.mark.parametrize("failure_on", [None, Exception])
def test_b4_a_refusal_that_the_function_meets_is_neutral(failure_on: type[Exception] | None) -> None:
    """SPEC B4: the function calls something that is guarded in its turn, and refused: nobody was asked, so nobody failed."""
    inner, outer = Circuit(), Circuit(failure_threshold=1, failure_on=failure_on)
    inner.breaker.isolate()

    with pytest.raises(CircuitOpenError):
        outer.pipeline.call(inner.pipeline.call, Script())

    assert (outer.state, outer["failures"], outer["ignored"]) == ("closed", 0, 1)


def test_b4_a_refusal_further_in_is_neutral() -> None:
    """SPEC B4: our own full bulkhead is not the dependency's failure."""
    breaker, bulkhead = CircuitBreaker(failure_threshold=1), Bulkhead(1)
    pipeline = Pipeline(breaker, bulkhead)

    def inside() -> None:
        for _ in range(3):
            with pytest.raises(BulkheadFullError):
                pipeline.call(Script())

    Pipeline(bulkhead).call(inside)

    assert (breaker.state, breaker.snapshot()["failures"], breaker.snapshot()["ignored"]) == ("closed", 0, 3)

"""SPEC B1: when a circuit opens, and when it leaves OPEN."""

from __future__ import annotations

import pytest

from tests.unit.policies.circuits import Circuit
from yaoki import calls, seconds
from yaoki.testing import Script, VirtualClock, run, takes

pytestmark = pytest.mark.usefixtures("path", "virtual_clock")


# --- failures since the last success ------------------------------------------------------------------------------------------


def test_b1_opens_at_the_threshold_and_not_before() -> None:
    """SPEC B1: opens at count >= failure_threshold."""
    circuit = Circuit(failure_threshold=3)

    circuit.fail(2)
    assert circuit.state == "closed"
    circuit.fail()
    assert circuit.state == "open"


def test_b1_five_failures_are_the_default() -> None:
    """SPEC B1: a breaker that is told nothing opens at the fifth failure in a row."""
    circuit = Circuit()

    circuit.fail(4)
    assert circuit.state == "closed"
    circuit.fail()
    assert circuit.state == "open"


def test_b1_a_success_clears_the_count() -> None:
    """SPEC B1: failure_threshold counts failures since the last success."""
    circuit = Circuit(failure_threshold=2)

    for _ in range(3):
        circuit.fail()
        circuit.succeed()
    assert circuit.state == "closed"
    circuit.fail(2)
    assert circuit.state == "open"


def test_b1_failures_among_thousands_of_successes_open_nothing() -> None:
    """SPEC B1: the count of seed 003, which is never cleared, is not copied."""
    circuit = Circuit(failure_threshold=5)

    for _ in range(20):
        circuit.succeed(100)
        circuit.fail()

    assert (circuit.state, circuit["failures"], circuit["successes"]) == ("closed", 20, 2000)


# --- failures within a time ---------------------------------------------------------------------------------------------------


def test_b1_failures_within_the_window_open(virtual_clock: VirtualClock) -> None:
    """SPEC B1: with failure_window, failures that are all younger than it open the circuit."""
    circuit = Circuit(failure_threshold=3, failure_window=5.0)

    for _ in range(2):
        circuit.fail()
        virtual_clock.advance(2.0)
    circuit.fail()

    assert circuit.state == "open"


def test_b1_failures_outside_of_the_window_do_not_count(virtual_clock: VirtualClock) -> None:
    """SPEC B1: only failures younger than failure_window count; at exactly its length one is too old."""
    circuit = Circuit(failure_threshold=3, failure_window=5.0)

    circuit.fail()
    virtual_clock.advance(2.5)
    circuit.fail()
    virtual_clock.advance(2.5)
    circuit.fail()
    assert circuit.state == "closed"
    virtual_clock.advance(2.4)
    circuit.fail()
    assert circuit.state == "open"


def test_b1_a_success_clears_the_window_too(virtual_clock: VirtualClock) -> None:
    """SPEC B1: with failure_window a success still clears."""
    circuit = Circuit(failure_threshold=3, failure_window=60.0)

    for _ in range(4):
        circuit.fail(2)
        circuit.succeed()
        virtual_clock.advance(1.0)

    assert circuit.state == "closed"


def test_b1_sparse_failures_do_not_add_up(virtual_clock: VirtualClock) -> None:
    """SPEC B1: one failure an hour never makes five within five seconds, however long nobody succeeds."""
    circuit = Circuit(failure_threshold=5, failure_window=5.0)

    for _ in range(50):
        circuit.fail()
        virtual_clock.advance(3600.0)

    assert circuit.state == "closed"


# --- rate over calls ----------------------------------------------------------------------------------------------------------


def test_b1_opens_at_the_rate() -> None:
    """SPEC B1: opens at rate >= failure_rate."""
    circuit = Circuit(failure_rate=0.5, window=calls(20), minimum_calls=10)

    circuit.succeed(6)
    circuit.fail(5)
    assert circuit.state == "closed"
    circuit.fail()
    assert circuit.state == "open"


def test_b1_the_rate_is_not_judged_before_the_minimum() -> None:
    """SPEC B1: fewer than minimum_calls say nothing."""
    circuit = Circuit(failure_rate=0.1, window=calls(100), minimum_calls=10)

    circuit.fail(9)
    assert circuit.state == "closed"
    circuit.fail()
    assert circuit.state == "open"


def test_b1_a_good_call_never_opens() -> None:
    """SPEC B1: the success that completes minimum_calls opens nothing; the next failure does."""
    circuit = Circuit(failure_rate=0.5, window=calls(100), minimum_calls=10)

    circuit.fail(9)
    circuit.succeed(1)
    assert circuit.state == "closed"
    circuit.fail()
    assert circuit.state == "open"


def test_b1_the_window_slides_by_calls() -> None:
    """SPEC B1: of calls(10) the eleventh last is forgotten, be it good or bad."""
    circuit = Circuit(failure_rate=0.5, window=calls(10), minimum_calls=10)

    circuit.fail(4)
    circuit.succeed(6)
    circuit.succeed(4)
    circuit.fail(4)
    assert circuit.state == "closed"
    circuit.fail()
    assert circuit.state == "open"


@pytest.mark.parametrize(("rate", "size", "failures"), [(0.1, 30, 3), (0.3, 10, 3), (0.7, 10, 7), (1.0, 7, 7), (1 / 3, 99, 33)])
def test_b1_the_rate_is_exact(rate: float, size: int, failures: int) -> None:
    """SPEC B1: no rounding makes 3 of 30 less than a tenth."""
    circuit = Circuit(failure_rate=rate, window=calls(size), minimum_calls=size)

    circuit.succeed(size - failures)
    circuit.fail(failures - 1)
    assert circuit.state == "closed"
    circuit.fail()
    assert circuit.state == "open"


# --- rate over time -----------------------------------------------------------------------------------------------------------


def test_b1_the_rate_over_time_opens() -> None:
    """SPEC B1: failure_rate over seconds(s), from minimum_calls on."""
    circuit = Circuit(failure_rate=0.5, window=seconds(10.0), minimum_calls=4)

    circuit.succeed(2)
    circuit.fail()
    assert circuit.state == "closed"
    circuit.fail()
    assert circuit.state == "open"


def test_b1_sparse_failures_never_fill_a_window_over_time(virtual_clock: VirtualClock) -> None:
    """SPEC B1: what is older than the window has no part in the rate."""
    circuit = Circuit(failure_rate=0.5, window=seconds(10.0), minimum_calls=3)

    for _ in range(50):
        circuit.fail()
        virtual_clock.advance(5.1)

    assert circuit.state == "closed"


def test_b1_a_window_over_time_slides(virtual_clock: VirtualClock) -> None:
    """SPEC B1: failures on both sides of any full ten seconds add up; the window does not start anew with the clock's hand."""
    circuit = Circuit(failure_rate=0.5, window=seconds(10.0), minimum_calls=6)

    circuit.succeed()
    virtual_clock.advance(8.0)
    circuit.fail(3)
    virtual_clock.advance(4.0)
    circuit.fail(2)
    assert circuit.state == "closed"
    circuit.fail()
    assert circuit.state == "open"


def test_b1_the_failure_that_opens_a_new_bucket_counts(virtual_clock: VirtualClock) -> None:
    """SPEC B1: one failure in each tenth of the window, and the one that completes the minimum opens the circuit."""
    circuit = Circuit(failure_rate=1.0, window=seconds(10.0), minimum_calls=5)

    for _ in range(4):
        circuit.fail()
        virtual_clock.advance(1.0)
    assert circuit.state == "closed"
    circuit.fail()
    assert circuit.state == "open"


def test_b1_good_calls_of_the_past_do_not_hide_an_outage(virtual_clock: VirtualClock) -> None:
    """SPEC B1: a thousand successes are forgotten when they are older than the window."""
    circuit = Circuit(failure_rate=0.5, window=seconds(10.0), minimum_calls=5)

    circuit.succeed(1000)
    virtual_clock.advance(10.1)
    circuit.fail(5)

    assert circuit.state == "open"


# --- slow calls ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("window", [calls(10), seconds(100.0)], ids=repr)
def test_b1_slow_calls_open(window: object) -> None:
    """SPEC B1: opens at slow_call_rate; a call is slow that takes slow_call_duration or longer, whatever it returns."""
    circuit = Circuit(slow_call_duration=2.0, slow_call_rate=0.5, failure_rate=1.0, window=window, minimum_calls=4)
    circuit.succeed(2)

    assert circuit.pipeline.call(Script(takes(2.0, "late"))) == "late"
    assert circuit.state == "closed"
    assert circuit.pipeline.call(Script(takes(2.0, "late"))) == "late"
    assert (circuit.state, circuit["successes"], circuit["failures"]) == ("open", 4, 0)


@pytest.mark.parametrize("start", [0.1, 0.3, 1.1, 2.3, 1e5 + 0.7])
def test_b1_a_call_is_slow_to_the_nanosecond(virtual_clock: VirtualClock, start: float) -> None:
    """SPEC B1: exactly slow_call_duration is slow and a millisecond less is not, at whatever time the call starts."""
    virtual_clock.advance(start)
    circuit = Circuit(slow_call_duration=0.2, slow_call_rate=1.0, window=calls(2), minimum_calls=2)

    circuit.pipeline.call(Script(takes(0.199)))
    circuit.pipeline.call(Script(takes(0.2)))
    assert circuit["window_slow_calls"] == 1
    circuit.pipeline.call(Script(takes(0.2)))
    assert circuit.state == "open"


@pytest.mark.parametrize("window", [calls(10), seconds(100.0)], ids=repr)
def test_b1_a_slow_failure_counts_as_both(window: object) -> None:
    """SPEC B1: a call may be slow and fail; either rate opens."""
    circuit = Circuit(slow_call_duration=1.0, slow_call_rate=0.5, failure_rate=1.0, window=window, minimum_calls=4)
    circuit.succeed(2)
    circuit.fail(1)
    with pytest.raises(ConnectionResetError):
        circuit.pipeline.call(Script(takes(1.0, ConnectionResetError)))
    assert (circuit.state, circuit["window_slow_calls"], circuit["window_failures"]) == ("closed", 1, 2)

    circuit.pipeline.call(Script(takes(1.0)))
    circuit.pipeline.call(Script(takes(1.0)))

    assert circuit.state == "open"


def test_b1_slow_calls_slide_out_of_the_window() -> None:
    """SPEC B1: only the slow calls among the last n count."""
    circuit = Circuit(slow_call_duration=1.0, slow_call_rate=0.5, window=calls(4), minimum_calls=4)

    for _ in range(20):
        circuit.pipeline.call(Script(takes(1.0)))
        circuit.succeed(3)

    assert (circuit.state, circuit["window_slow_calls"]) == ("closed", 1)


# --- open ---------------------------------------------------------------------------------------------------------------------


def test_b1_leaves_open_at_its_time_and_not_before(virtual_clock: VirtualClock) -> None:
    """SPEC B1: leaves OPEN at elapsed >= open_timeout."""
    circuit = Circuit(failure_threshold=1, open_timeout=30.0)
    circuit.fail()

    virtual_clock.advance_to(29.999)
    circuit.refusal()
    assert circuit.state == "open"
    virtual_clock.advance_to(30.0)
    circuit.succeed()
    assert circuit.state == "closed"


def test_b1_the_error_that_opens_reaches_the_caller_itself() -> None:
    """SPEC B1: the failure that trips the circuit is raised as itself, with its own traceback."""
    circuit = Circuit(failure_threshold=1)
    error = ConnectionResetError("the real one")

    with pytest.raises(ConnectionResetError) as raised:
        circuit.pipeline.call(Script(error))

    assert raised.value is error
    assert error.__cause__ is None
    assert error.__context__ is None
    assert circuit.state == "open"


def test_b1_an_async_function_is_guarded_as_well(virtual_clock: VirtualClock) -> None:
    """SPEC B1: a coroutine function that fails opens the circuit when it is awaited, not when it is called."""
    circuit = Circuit(failure_threshold=3, open_timeout=10.0)
    dependency = Script(*[ConnectionResetError] * 3, "found")
    guarded = circuit.pipeline(dependency.asynchronous)

    async def main() -> object:
        for _ in range(3):
            with pytest.raises(ConnectionResetError):
                await guarded()
        assert circuit.state == "open"
        assert type(circuit.refusal()).__name__ == "CircuitOpenError"
        virtual_clock.advance(10.0)
        return await guarded()

    assert run(main()) == "found"
    assert (circuit.state, dependency.count) == ("closed", 4)


def test_b1_the_wall_clock_has_no_part_in_it(virtual_clock: VirtualClock) -> None:
    """SPEC B1, B2: while the circuit is open, a wall clock that jumps an hour changes nothing, in either direction."""
    circuit = Circuit(failure_threshold=1, open_timeout=30.0)
    circuit.fail()
    for jump in (3600.0, -7200.0):
        virtual_clock.jump_wall(jump)
        assert circuit.refusal().retry_after == 30.0

    virtual_clock.advance(30.0)
    circuit.succeed()

    assert circuit.state == "closed"

"""SPEC B2, B3: trial calls. Never a herd, never stuck, and what comes late changes nothing."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from tests.unit.policies.circuits import Circuit
from yaoki import Bulkhead, BulkheadFullError, CircuitBreaker, CircuitOpenError, Pipeline, calls
from yaoki.testing import Script, VirtualClock, run, takes

pytestmark = pytest.mark.usefixtures("path", "virtual_clock")


def opened(clock: VirtualClock, **parameters: object) -> Circuit:
    """A circuit that is open, and whose time is over."""
    circuit = Circuit(**{"failure_threshold": 1, "open_timeout": 30.0, **parameters})
    circuit.fail(circuit.breaker.config.failure_threshold or 1)
    clock.advance(circuit.refusal().retry_after or 0.0)
    return circuit


# --- the herd -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("permitted", [1, 3])
def test_b2_of_64_threads_exactly_the_permitted_number_gets_through(virtual_clock: VirtualClock, permitted: int) -> None:
    """SPEC B2: half_open_max_calls threads reach the dependency, all others are refused with the time to wait."""
    circuit = opened(virtual_clock, half_open_max_calls=permitted, success_threshold=permitted)
    start, over = threading.Barrier(64), threading.Event()
    reached: list[None] = []
    refusals: list[CircuitOpenError] = []

    def dependency() -> None:
        reached.append(None)
        assert over.wait(10.0)

    def call() -> None:
        start.wait()
        try:
            circuit.pipeline.call(dependency)
        except CircuitOpenError as refusal:
            refusals.append(refusal)
        if len(refusals) == 64 - permitted:
            over.set()

    threads = [threading.Thread(target=call) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(15.0)

    assert (len(reached), len(refusals)) == (permitted, 64 - permitted)
    assert all(refusal.retry_after == 30.0 for refusal in refusals)
    assert circuit.state == "closed"


@pytest.mark.parametrize("permitted", [1, 3])
def test_b2_of_64_tasks_exactly_the_permitted_number_gets_through(virtual_clock: VirtualClock, permitted: int) -> None:
    """SPEC B2: the same for tasks of an event loop, while the trials wait for their answer."""
    circuit = opened(virtual_clock, half_open_max_calls=permitted, success_threshold=permitted)
    dependency = Script(then=takes(5.0, "found"))

    async def main() -> list[object]:
        return await asyncio.gather(
            *(circuit.pipeline.acall(dependency.asynchronous) for _ in range(64)), return_exceptions=True
        )

    outcomes = run(main())

    refusals = [outcome for outcome in outcomes if isinstance(outcome, CircuitOpenError)]
    assert (dependency.count, outcomes.count("found"), len(refusals)) == (permitted, permitted, 64 - permitted)
    assert all(refusal.args[1] == 60.0 for refusal in refusals)
    assert circuit.state == "closed"


def test_b2_a_place_is_free_again_when_its_trial_has_ended(virtual_clock: VirtualClock) -> None:
    """SPEC B2: one at a time is not one in all: with success_threshold=3 three trials follow each other."""
    circuit = opened(virtual_clock, success_threshold=3)

    circuit.succeed(2)
    assert circuit.state == "half_open"
    circuit.succeed()
    assert circuit.state == "closed"


# --- the verdict --------------------------------------------------------------------------------------------------------------


def test_b2_the_first_failure_reopens(virtual_clock: VirtualClock) -> None:
    """SPEC B2: without a rate, one failed trial is enough, whatever succeeded before."""
    circuit = opened(virtual_clock, success_threshold=3)

    circuit.succeed(2)
    circuit.fail()

    assert circuit.state == "open"
    assert circuit.refusal().retry_after == 30.0


def test_b2_half_open_counts_calls_even_with_a_window_over_time(virtual_clock: VirtualClock) -> None:
    """SPEC B2: the trials decide, however long they are apart; the window of the closed state has no part in it."""
    circuit = Circuit(failure_rate=1.0, minimum_calls=2, success_threshold=2, open_timeout=1.0, window=calls(2))
    circuit.fail(2)
    virtual_clock.advance(1.0)

    circuit.succeed()
    virtual_clock.advance(86_400.0)
    circuit.succeed()

    assert circuit.state == "closed"


@pytest.mark.parametrize(("failures", "state"), [(0, "closed"), (2, "closed"), (3, "open")])
def test_b2_with_a_rate_all_trials_decide_together(virtual_clock: VirtualClock, failures: int, state: str) -> None:
    """SPEC B2: after half_open_max_calls settled trials the rate decides: 2 of 4 are 0.5, which is enough."""
    circuit = opened(virtual_clock, half_open_max_calls=4, half_open_success_rate=0.5)

    circuit.fail(failures)
    circuit.succeed(4 - failures - 1)
    assert circuit.state == "half_open"
    circuit.succeed()

    assert circuit.state == state


def test_b2_with_a_rate_no_more_trials_than_that_are_admitted(virtual_clock: VirtualClock) -> None:
    """SPEC B2: half_open_max_calls trials in all: while one of three is under way and two are settled, a fourth is refused."""
    circuit = opened(virtual_clock, half_open_max_calls=3, half_open_success_rate=0.5)
    circuit.succeed(2)

    circuit.pipeline.call(circuit.refusal)

    assert circuit.state == "closed"


def test_b2_with_a_rate_a_hanging_trial_is_one_failed_trial(virtual_clock: VirtualClock) -> None:
    """SPEC B2: a trial that hangs counts as failed; with 3 good ones of 4 that is no reason to open."""
    circuit = opened(virtual_clock, half_open_max_calls=4, half_open_success_rate=0.75, half_open_timeout=5.0)
    circuit.succeed(3)

    def hangs() -> None:
        virtual_clock.advance(5.0)
        circuit.succeed()
        assert circuit.state == "closed"

    circuit.pipeline.call(hangs)

    assert (circuit.state, circuit["failures"], circuit["successes"]) == ("closed", 2, 4)


# --- trials that hang ---------------------------------------------------------------------------------------------------------


def test_b2_a_trial_that_hangs_reopens(virtual_clock: VirtualClock) -> None:
    """SPEC B2: at half_open_timeout the next caller finds the circuit open again, for the whole open_timeout."""
    circuit = opened(virtual_clock, half_open_timeout=20.0)
    states: list[tuple[str, float | None]] = []

    def hangs() -> None:
        for seconds in (19.0, 1.0):
            virtual_clock.advance(seconds)
            states.append((circuit.state, circuit.refusal().retry_after))
        states.append((circuit.state, None))

    circuit.pipeline.call(hangs)

    assert states == [("half_open", 1.0), ("half_open", 30.0), ("open", None)]


def test_b2_what_a_hanging_trial_says_in_the_end_comes_too_late(virtual_clock: VirtualClock) -> None:
    """SPEC B3: after the next trial has been admitted, the success of the one that hung closes nothing."""
    circuit = opened(virtual_clock, half_open_timeout=20.0, success_threshold=2)

    def hangs() -> None:
        virtual_clock.advance(20.0)
        circuit.refusal()
        virtual_clock.advance(30.0)
        circuit.succeed()

    circuit.pipeline.call(hangs)
    assert circuit.state == "half_open"
    circuit.succeed()
    assert circuit.state == "closed"


def test_b2_a_trial_that_took_too_long_has_failed_although_nobody_came(virtual_clock: VirtualClock) -> None:
    """SPEC B2: a good answer after half_open_timeout is a failed trial."""
    circuit = opened(virtual_clock, half_open_timeout=20.0)

    assert circuit.pipeline.call(Script(takes(20.0, "late"))) == "late"

    assert circuit.state == "open"


def test_b2_several_hanging_trials_are_counted_one_by_one(virtual_clock: VirtualClock) -> None:
    """SPEC B2: two trials hang, and two failures are counted."""
    circuit = opened(virtual_clock, half_open_max_calls=2, half_open_timeout=20.0)

    def hangs() -> None:
        virtual_clock.advance(20.0)
        circuit.refusal()

    circuit.pipeline.call(circuit.pipeline.call, hangs)

    assert (circuit.state, circuit["failures"]) == ("open", 1 + 2)


def test_b2_a_hanging_trial_with_nothing_to_wait_for(virtual_clock: VirtualClock) -> None:
    """SPEC B2: with open_timeout=0 the caller who finds the trial hanging makes the next trial himself."""
    circuit = Circuit(failure_threshold=1, open_timeout=0.0, half_open_timeout=20.0)
    circuit.fail()

    def hangs() -> None:
        virtual_clock.advance(20.0)
        circuit.succeed()

    circuit.pipeline.call(hangs)

    assert circuit.state == "closed"
    assert [each["state"] for each in circuit["transitions"]] == ["open", "half_open", "open", "half_open", "closed"]  # type: ignore[attr-defined]


def test_b2_a_slow_trial_does_not_close(virtual_clock: VirtualClock) -> None:
    """SPEC B1, B2: where slow calls open the circuit, a slow trial shows that it is still slow."""
    circuit = opened(
        virtual_clock, failure_threshold=None, failure_rate=1.0, minimum_calls=1, slow_call_duration=2.0, slow_call_rate=1.0
    )

    circuit.pipeline.call(Script(takes(2.0)))
    assert circuit.state == "open"
    virtual_clock.advance(30.0)
    circuit.pipeline.call(Script(takes(1.9)))
    assert circuit.state == "closed"


# --- trials that judge nothing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError, GeneratorExit])
def test_b2_a_trial_that_is_broken_off_gives_its_place_back(virtual_clock: VirtualClock, error: type[BaseException]) -> None:
    """SPEC B2, B4: the circuit is still half-open, and the next call is admitted at once."""
    circuit = opened(virtual_clock)

    circuit.fail(error=error)
    assert circuit.state == "half_open"
    circuit.succeed()
    assert circuit.state == "closed"


def test_b2_a_cancelled_trial_gives_its_place_back(virtual_clock: VirtualClock) -> None:
    """SPEC B2, B4: a task that is cancelled in its trial decides nothing; ten of them neither."""
    circuit = opened(virtual_clock)

    async def main() -> None:
        for _ in range(10):
            task = asyncio.create_task(circuit.pipeline.acall(Script(takes(60.0)).asynchronous))  # type: ignore[arg-type]
            await asyncio.sleep(0.0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert circuit.state == "half_open"

    run(main())
    circuit.succeed()

    assert (circuit.state, circuit["failures"]) == ("closed", 1)


def test_b2_an_excluded_failure_gives_the_place_back(virtual_clock: VirtualClock) -> None:
    """SPEC B4: an ignored trial is neither good nor bad."""
    circuit = opened(virtual_clock, ignore=LookupError)

    circuit.fail(5, error=KeyError)
    assert (circuit.state, circuit["ignored"]) == ("half_open", 5)
    circuit.succeed()
    assert circuit.state == "closed"


def test_b2_an_abandoned_generator_gives_the_place_back(virtual_clock: VirtualClock) -> None:
    """SPEC B2: a trial that was a stream nobody reads any more, closed by the garbage collector."""
    circuit = opened(virtual_clock)

    @circuit.pipeline
    def stream() -> Iterator[int]:
        yield from range(10)

    abandoned = stream()
    assert next(abandoned) == 0
    circuit.refusal()
    del abandoned
    gc.collect()

    assert circuit.state == "half_open"
    circuit.succeed()
    assert circuit.state == "closed"


def test_b2_a_trial_that_is_refused_further_in_gives_the_place_back(virtual_clock: VirtualClock) -> None:
    """SPEC B4: a full bulkhead below the breaker says nothing about the dependency."""
    breaker, bulkhead = CircuitBreaker(failure_threshold=1, open_timeout=30.0), Bulkhead(1)
    pipeline = Pipeline(breaker, bulkhead)
    with pytest.raises(ConnectionResetError):
        pipeline.call(Script(ConnectionResetError))
    virtual_clock.advance(30.0)

    for _ in range(3):
        with pytest.raises(BulkheadFullError):
            Pipeline(bulkhead).call(pipeline.call, Script("found"))
    assert breaker.state == "half_open"
    assert pipeline.call(Script("found")) == "found"

    assert breaker.state == "closed"


# --- late results -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", [ConnectionResetError, "found"])
def test_b3_a_result_of_an_earlier_closed_state_changes_nothing(virtual_clock: VirtualClock, outcome: object) -> None:
    """SPEC B3: two calls admitted long ago, before the circuit opened, recovered and closed, end now."""
    circuit = Circuit(failure_threshold=2, open_timeout=30.0)

    def long_ago(then: object) -> object:
        if then is not None:
            with pytest.raises(ConnectionResetError) if outcome is ConnectionResetError else nullcontext():
                circuit.pipeline.call(long_ago, None)
        else:
            circuit.fail(2)
            virtual_clock.advance(30.0)
            circuit.succeed()
            circuit.fail(1)
        return Script(outcome)()

    with pytest.raises(ConnectionResetError) if outcome is ConnectionResetError else nullcontext():
        circuit.pipeline.call(long_ago, 1)

    assert (circuit.state, circuit["consecutive_failures"]) == ("closed", 1)


def test_b3_a_success_of_the_closed_state_does_not_close_a_half_open_circuit(virtual_clock: VirtualClock) -> None:
    """SPEC B3: only trials decide about a half-open circuit."""
    circuit = Circuit(failure_threshold=1, open_timeout=30.0, success_threshold=2)

    def long_ago() -> None:
        circuit.fail()
        virtual_clock.advance(30.0)
        circuit.succeed()

    circuit.pipeline.call(long_ago)

    assert circuit.state == "half_open"


def test_b3_a_failed_trial_of_an_earlier_half_open_state_changes_nothing(virtual_clock: VirtualClock) -> None:
    """SPEC B3: two trials at once, the first closes the circuit, the failure of the second comes too late."""
    circuit = opened(virtual_clock, half_open_max_calls=2)

    def second() -> None:
        circuit.succeed()
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        circuit.pipeline.call(second)

    assert (circuit.state, circuit["consecutive_failures"]) == ("closed", 0)


# --- growing open time --------------------------------------------------------------------------------------------------------


def test_b2_the_open_time_grows_up_to_its_cap(virtual_clock: VirtualClock) -> None:
    """SPEC B2: open_timeout times open_timeout_multiplier for each further opening in a row, at most open_timeout_cap."""
    circuit = Circuit(failure_threshold=1, open_timeout=10.0, open_timeout_multiplier=2.0, open_timeout_cap=60.0)
    waits = []

    for _ in range(5):
        circuit.fail()
        waits.append(circuit.refusal().retry_after)
        virtual_clock.advance(waits[-1] or 0.0)

    assert waits == [10.0, 20.0, 40.0, 60.0, 60.0]
    assert circuit["opened_in_a_row"] == 5


def test_b2_the_open_time_starts_again_when_the_circuit_has_closed(virtual_clock: VirtualClock) -> None:
    """SPEC B2: growth is for openings in a row."""
    circuit = Circuit(failure_threshold=1, open_timeout=10.0, open_timeout_multiplier=3.0)
    for _ in range(3):
        circuit.fail()
        virtual_clock.advance(circuit.refusal().retry_after or 0.0)
    circuit.succeed()

    circuit.fail()

    assert circuit.refusal().retry_after == 10.0


@pytest.mark.parametrize(("chance", "expected"), [(0.0, 10.0), (0.5, 7.5)])
def test_b2_jitter_shortens_the_open_time(virtual_clock: VirtualClock, chance: float, expected: float) -> None:
    """SPEC B2: less a random share of at most open_timeout_jitter, so that many clients do not come back at once."""
    virtual_clock.fix_random(chance)
    circuit = Circuit(failure_threshold=1, open_timeout=10.0, open_timeout_jitter=0.5)

    circuit.fail()

    assert circuit.refusal().retry_after == expected


@pytest.mark.parametrize(("open_timeout", "longest"), [(0.0, 0.0), (1.0, 3600.0 * 24 * 365)])
def test_b2_growth_without_a_cap_ends_somewhere(open_timeout: float, longest: float) -> None:
    """SPEC B2: after two thousand openings in a row the open time is still a number; nothing to wait stays nothing."""
    config = CircuitBreaker(open_timeout=open_timeout, open_timeout_multiplier=2.0).config

    assert config.open_for(2000, 0.0) == longest

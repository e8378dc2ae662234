"""SPEC T3: hedged calls, in tasks and in threads."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
import traceback
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from yaoki import (
    Budget,
    Bulkhead,
    CircuitBreaker,
    CircuitState,
    DeadlineExceededError,
    Hedge,
    Pipeline,
    Retry,
    Timeout,
    constant,
    deadline,
)
from yaoki.core import events
from yaoki.core.policies.hedge import MOST_ABANDONED
from yaoki.testing import VirtualClock, record_events, run

Outcome = Any

# What is doubtful in a service shows here that a boundary changes no rule.
pytestmark = pytest.mark.filterwarnings("ignore::yaoki.core.pipeline.order.PolicyOrderWarning")


class Dependency:
    """Plays one outcome for each call, each `(seconds, outcome)`; says what was started, cancelled and finished when."""

    def __init__(self, *outcomes: tuple[float, Outcome]) -> None:
        self.outcomes = outcomes
        self.started: list[float] = []
        self.finished: list[float] = []
        self.cancelled: list[float] = []

    async def __call__(self) -> Outcome:
        loop = asyncio.get_running_loop()
        seconds, outcome = self.outcomes[len(self.started)]
        self.started.append(loop.time())
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.cancelled.append(loop.time())
            raise
        self.finished.append(loop.time())
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


def timed(pipeline: Pipeline, dependency: Callable[..., Any]) -> tuple[Any, float]:
    """What the pipeline answers, and the virtual second at which it does."""

    async def main() -> tuple[Any, float]:
        answer = await pipeline.acall(dependency)
        return answer, asyncio.get_running_loop().time()

    return run(main())


def error_of(pipeline: Pipeline, dependency: Callable[..., Any]) -> tuple[BaseException, float]:
    async def main() -> tuple[BaseException, float]:
        with pytest.raises(BaseException) as raised:  # what it is, the test says
            await pipeline.acall(dependency)
        return raised.value, asyncio.get_running_loop().time()

    return run(main())


class TestInTasks:
    def test_t3_a_fast_call_is_not_hedged(self) -> None:
        """SPEC T3: a hedge is no race: nothing starts before the delay."""
        dependency = Dependency((0.1, "first"))

        assert timed(Pipeline(Hedge(0.5)), dependency) == ("first", 0.1)
        assert dependency.started == [0.0]

    def test_t3_the_first_answer_wins_and_the_loser_is_cancelled_and_awaited(self) -> None:
        """SPEC T3: loser cancelled; when the caller goes on, nothing of it runs any more."""
        dependency = Dependency((10.0, "slow"), (0.1, "fast"))
        hedge = Hedge(0.5)

        assert timed(Pipeline(hedge), dependency) == ("fast", 0.6)
        assert (dependency.started, dependency.cancelled) == ([0.0, 0.5], [0.6])
        assert (hedge.started, hedge.won) == (1, 1)

    def test_t3_the_first_call_may_win_against_its_hedge(self) -> None:
        """SPEC T3: whoever answers first, also the call that was given up as slow."""
        dependency = Dependency((0.7, "first"), (10.0, "hedge"))
        hedge = Hedge(0.5)

        assert timed(Pipeline(hedge), dependency) == ("first", 0.7)
        assert (hedge.started, hedge.won) == (1, 0)

    def test_t3_the_cleaning_up_of_the_loser_is_waited_for(self) -> None:
        """SPEC T3: awaited, not only cancelled: a connection is given back before the answer goes on."""
        steps: list[str] = []

        async def dependency() -> str:
            if not steps:
                steps.append("first")
                try:
                    await asyncio.sleep(10.0)
                finally:
                    await asyncio.sleep(0.3)
                    steps.append("cleaned up")
            return "answer"

        assert timed(Pipeline(Hedge(0.5)), dependency) == ("answer", 0.8)
        assert steps == ["first", "cleaned up"]

    def test_t3_a_failure_does_not_end_the_call_while_another_runs(self) -> None:
        """SPEC T3: the first that does not fail wins."""
        dependency = Dependency((0.6, ConnectionError("first")), (0.5, "second"))

        assert timed(Pipeline(Hedge(0.5)), dependency) == ("second", 1.0)

    def test_t3_a_failure_of_the_only_call_is_the_outcome_at_once(self) -> None:
        """SPEC T3: what fails fast is a Retry's business, which waits and has a budget; no hedge starts."""
        boom = ConnectionError("boom")
        dependency = Dependency((0.1, boom))

        assert error_of(Pipeline(Hedge(0.5)), dependency) == (boom, 0.1)
        assert len(dependency.started) == 1

    def test_t3_when_all_fail_the_last_error_is_raised_itself(self) -> None:
        """SPEC T3, R5: the original exception, with its own traceback."""
        first, second = ConnectionError("first"), TimeoutError("second")
        dependency = Dependency((0.6, first), (0.5, second))
        error, at = error_of(Pipeline(Hedge(0.5)), dependency)

        assert (error, at) == (second, 1.0)
        assert traceback.extract_tb(error.__traceback__)[-1].name == "__call__"

    def test_t3_max_extra_calls_start_a_delay_apart(self) -> None:
        """SPEC T3: max_extra=2 makes three calls at most."""
        dependency = Dependency((10.0, 0), (10.0, 1), (0.1, 2))
        hedge = Hedge(0.5, max_extra=2)

        assert timed(Pipeline(hedge), dependency) == (2, 1.1)
        assert (dependency.started, dependency.cancelled) == ([0.0, 0.5, 1.0], [1.1, 1.1])

    def test_t3_an_exhausted_budget_suppresses_the_new_hedge_only(self) -> None:
        """SPEC T3 (failsafe-go 141): the call that runs goes on, and so does a hedge that was started before."""
        budget = Budget(14)
        dependency = Dependency((2.0, "first"), (3.0, "hedge"), (4.0, "unhedged"))
        pipeline = Pipeline(Hedge(0.5, budget=budget))

        async def main() -> list[str]:
            one = asyncio.create_task(pipeline.acall(dependency))
            await asyncio.sleep(1.0)
            two = asyncio.create_task(pipeline.acall(dependency))
            return [await one, await two]

        assert run(main()) == ["first", "unhedged"]
        assert dependency.cancelled == [2.0]
        assert len(dependency.started) == 3

    def test_t3_the_delay_is_learned_from_the_latencies_seen(self) -> None:
        """SPEC T3: after a hundred calls of 0.1 s, one that hangs is hedged after 0.1 s."""
        dependency = Dependency(*[(0.1, "quick")] * 100, (60.0, "hangs"), (0.1, "hedge"))
        pipeline = Pipeline(Hedge())

        async def main() -> tuple[str, float]:
            for _ in range(100):
                await pipeline.acall(dependency)
            start = asyncio.get_running_loop().time()
            return await pipeline.acall(dependency), asyncio.get_running_loop().time() - start

        answer, seconds = run(main())
        assert answer == "hedge"
        assert seconds == pytest.approx(0.2)

    def test_t3_a_hedge_keeps_to_the_timeout_around_it(self) -> None:
        """SPEC T1, T3 (dotnet/extensions 5699): hedged calls honour the total timeout."""
        timeout = Timeout(1.0)
        dependency = Dependency((60.0, 0), (60.0, 1))
        error, at = error_of(Pipeline(timeout, Hedge(0.4)), dependency)

        assert isinstance(error, DeadlineExceededError)
        assert (error.policy, at) == (timeout, 1.0)
        assert dependency.cancelled == [1.0, 1.0]

    def test_t1_a_timeout_around_a_hedge_is_a_failure_for_a_breaker_inside(self) -> None:
        """SPEC B4, T1: the pipeline's own timeout is the dependency's failure, below a boundary too."""
        breaker = CircuitBreaker(failure_threshold=2)
        error_of(Pipeline(Timeout(1.0), Hedge(0.4), breaker), Dependency((60.0, 0), (60.0, 1)))

        assert breaker.state is CircuitState.OPEN

    def test_t1_an_inherited_deadline_cuts_a_hedge_and_is_nobodys_fault(self) -> None:
        """SPEC T1, B4: the caller's deadline is kept by a pipeline with a Timeout; the breaker does not count it."""
        breaker = CircuitBreaker(failure_threshold=1)
        pipeline = Pipeline(Timeout(5.0), Hedge(0.4), breaker)

        async def main() -> float:
            with deadline.within(1.0), pytest.raises(DeadlineExceededError) as raised:
                await pipeline.acall(Dependency((60.0, 0), (60.0, 1)))
            assert raised.value.policy is None
            return asyncio.get_running_loop().time()

        assert run(main()) == 1.0
        assert breaker.state is CircuitState.CLOSED

    def test_t3_each_hedged_call_has_a_timeout_of_its_own_inside(self) -> None:
        """SPEC T1, T3: a Timeout below the Hedge counts from the start of each call."""
        dependency = Dependency((60.0, 0), (60.0, 1))
        error, at = error_of(Pipeline(Hedge(0.4), Timeout(1.0)), dependency)

        assert isinstance(error, DeadlineExceededError)
        assert (dependency.cancelled, at) == ([1.0, 1.4], 1.4)

    def test_b4_the_cancelled_loser_is_neutral_for_a_breaker_inside(self) -> None:
        """SPEC B4: losing judges nothing; winning is a success."""
        breaker = CircuitBreaker(failure_threshold=1)
        pipeline = Pipeline(Hedge(0.5), breaker)

        assert timed(pipeline, Dependency((60.0, "slow"), (0.1, "fast"))) == ("fast", 0.6)
        assert (breaker.snapshot()["successes"], breaker.snapshot()["failures"]) == (1, 0)

    def test_t2_the_cancelled_loser_gives_its_place_back(self) -> None:
        """SPEC T2, T3: two places, two hedged calls one after the other."""
        bulkhead = Bulkhead(2)
        pipeline = Pipeline(Hedge(0.5), bulkhead)
        dependency = Dependency((60.0, 0), (0.1, 1), (60.0, 2), (0.1, 3))

        async def main() -> list[int]:
            return [await pipeline.acall(dependency), await pipeline.acall(dependency)]

        assert run(main()) == [1, 3]

    def test_r5_cancelling_the_caller_cancels_all_calls_and_is_not_swallowed(self) -> None:
        """SPEC R5: cancellation goes through, and nothing is left running."""
        dependency = Dependency((60.0, 0), (60.0, 1))
        hedge = Hedge(0.5)

        async def main() -> None:
            task = asyncio.create_task(Pipeline(hedge).acall(dependency))
            await asyncio.sleep(1.0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert asyncio.all_tasks() == {asyncio.current_task()}

        run(main())
        assert dependency.cancelled == [1.0, 1.0]

    def test_r5_a_cancellation_while_the_loser_cleans_up_is_not_lost(self) -> None:
        """SPEC R5: the caller is cancelled at the moment when the answer is there: it is cancelled, after the cleaning up."""
        cleaned: list[float] = []

        async def dependency() -> str:
            if not cleaned:
                cleaned.append(-1.0)
                try:
                    await asyncio.sleep(60.0)
                finally:
                    await asyncio.sleep(1.0)
                    cleaned.append(asyncio.get_running_loop().time())
            return "answer"

        async def main() -> None:
            task = asyncio.create_task(Pipeline(Hedge(0.5)).acall(dependency))
            await asyncio.sleep(0.8)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        run(main())
        assert cleaned == [-1.0, 1.5]

    def test_r5_a_cancellation_from_inside_is_the_outcome(self) -> None:
        """SPEC R5: what is no Exception is not waited out by a further call."""

        async def dependency() -> None:
            raise asyncio.CancelledError

        async def main() -> None:
            with pytest.raises(asyncio.CancelledError):
                await Pipeline(Hedge(0.5)).acall(dependency)

        run(main())

    def test_r3_retries_times_hedges_bound_the_calls(self) -> None:
        """SPEC R3, T3 (Kevlar 21): slow failures make (retries + 1) x (extra + 1) calls, fast ones retries + 1."""
        slow = Dependency(*[(1.0, ConnectionError())] * 6)
        fast = Dependency(*[(0.1, ConnectionError())] * 3)
        for dependency in (slow, fast):
            error_of(Pipeline(Retry(3, constant(0), budget=None), Hedge(0.5, budget=None)), dependency)

        assert (len(slow.started), len(fast.started)) == (6, 3)

    def test_r6_the_attempt_of_a_retry_outside_is_seen_inside_every_hedge(self) -> None:
        """SPEC R6: current_attempt() crosses the boundary upward."""
        pipeline = Pipeline(Retry(2, constant(0)), Hedge(0.5))
        seen: list[int] = []

        async def dependency() -> str:
            seen.append(pipeline.current_attempt())
            await asyncio.sleep(1.0)
            if len(seen) <= 2:
                raise ConnectionError
            return "answer"

        assert run(pipeline.acall(dependency)) == "answer"
        assert seen == [1, 1, 2, 2]

    def test_k1_the_outcome_tells_what_happened_below_the_hedge(self) -> None:
        """SPEC K1: attempts and delays of a Retry inside the winner are in the Outcome."""
        calls: list[int] = []

        async def dependency() -> str:
            calls.append(1)
            if len(calls) < 3:
                raise ConnectionError
            return "answer"

        pipeline = Pipeline(Hedge(30.0), Retry(3, constant(0.25)))
        outcome = run(pipeline.aexecute(dependency))

        assert (outcome.value, outcome.attempts) == ("answer", 3)
        assert len(outcome.delays) == 2

    def test_b7_events_below_a_hedge_carry_the_key(self) -> None:
        """SPEC B7: the key is known above the boundary only, and told all the same."""
        keyed = Pipeline(CircuitBreaker(), Hedge(30.0), name="peers").keyed()

        async def main() -> None:
            with pytest.raises(ConnectionError):
                await keyed["p1"].acall(Dependency((0.1, ConnectionError())))

        with record_events() as recorded:
            run(main())
        assert [(event.pipeline, event.key) for event in recorded.of(events.CallFailed)] == [("peers", "p1")]

    def test_f3_a_failure_below_the_hedge_is_told_once(self) -> None:
        """SPEC F3: one event for each call that failed, none for the boundary."""
        dependency = Dependency((1.0, ConnectionError("first")), (1.0, ConnectionError("second")))
        with record_events() as recorded:
            error_of(Pipeline(CircuitBreaker(), Hedge(0.5)), dependency)

        assert len(recorded.of(events.CallFailed)) == 2

    def test_r4_a_retry_outside_sees_a_breaker_below_the_hedge_open(self) -> None:
        """SPEC R4: the real error comes out, not the refusal of a breaker that the retry has opened itself."""
        dependency = Dependency(*[(0.1, ConnectionError("down"))] * 3)
        error, _ = error_of(Pipeline(Retry(3, constant(0.01)), Hedge(30.0), CircuitBreaker(failure_threshold=1)), dependency)

        assert isinstance(error, ConnectionError)
        assert len(dependency.started) == 1

    def test_t3_a_hedge_inside_a_hedge_works(self) -> None:
        """SPEC T3: boundaries nest; all that lost is cancelled."""
        dependency = Dependency((60.0, 0), (60.0, 1), (60.0, 2), (0.1, 3))
        answer, at = timed(Pipeline(Hedge(1.0), Hedge(0.4)), dependency)

        assert (answer, at) == (3, 1.5)
        assert dependency.cancelled == [1.5, 1.5, 1.5]

    def test_r5_nothing_of_a_failed_call_waits_for_the_collector(self) -> None:
        """SPEC R5: no reference cycles: the frame that failed is freed at once."""

        class Big:
            pass

        alive: list[weakref.ref[Big]] = []

        async def dependency() -> None:
            big = Big()
            alive.append(weakref.ref(big))
            await asyncio.sleep(1.0)
            raise ConnectionError

        async def main() -> list[bool]:
            try:
                await Pipeline(Hedge(0.5)).acall(dependency)
            except ConnectionError:
                pass
            await asyncio.sleep(0)
            return [each() is None for each in alive]

        gc.collect()
        gc.disable()
        try:
            assert run(main()) == [True, True]
        finally:
            gc.enable()


# Threads


@pytest.fixture
def virtual() -> Iterator[VirtualClock]:
    """Virtual time in which a thread that works gets plenty of real time before a wait is jumped over."""
    with VirtualClock(grace=0.05) as clock:
        yield clock


def eventually(condition: Callable[[], bool]) -> bool:
    pause = threading.Event()
    for _ in range(5000):
        if condition():
            return True
        pause.wait(0.001)
    return False


class Threaded:
    """Plays outcomes in threads: a `threading.Event` hangs until it is set, anything else comes at once."""

    def __init__(self, *outcomes: Any) -> None:
        self.outcomes = outcomes
        self.threads: list[threading.Thread] = []

    def __call__(self) -> Any:
        outcome = self.outcomes[len(self.threads)]
        self.threads.append(threading.current_thread())
        if isinstance(outcome, threading.Event):
            assert outcome.wait(20.0)
            return "late"
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


class TestInThreads:
    def test_t3_the_winner_is_returned_at_once_while_the_loser_hangs(self, virtual: VirtualClock) -> None:
        """SPEC T3: sync mode does not wait for the loser."""
        hang = threading.Event()
        hedge = Hedge(0.5)
        try:
            assert Pipeline(hedge).call(Threaded(hang, "fast")) == "fast"
            assert (virtual.time, hedge.won, hedge.abandoned) == (0.5, 1, 1)
        finally:
            hang.set()
        assert eventually(lambda: hedge.abandoned == 0)

    def test_t3_a_fast_call_is_not_hedged(self, virtual: VirtualClock) -> None:
        """SPEC T3: one call, no time passes."""
        virtual.grace = 5.0
        dependency = Threaded("first")

        assert Pipeline(Hedge(0.5)).call(dependency) == "first"
        assert (virtual.time, len(dependency.threads)) == (0.0, 1)

    def test_t3_a_failure_of_the_only_call_is_the_outcome_with_its_own_traceback(self) -> None:
        """SPEC T3, R5: the exception object that the function raised, and the line that did it."""
        boom = ConnectionError("boom")
        with pytest.raises(ConnectionError) as raised:
            Pipeline(Hedge(30.0)).call(Threaded(boom))

        assert raised.value is boom
        assert traceback.extract_tb(boom.__traceback__)[-1].line == "raise outcome"

    def test_t3_a_failed_call_waits_for_the_one_that_runs(self, virtual: VirtualClock) -> None:
        """SPEC T3: first non-failure wins."""
        hang = threading.Event()
        calls: list[int] = []

        def dependency() -> str:
            calls.append(1)
            if len(calls) == 1:
                assert hang.wait(20.0)
                return "first"
            hang.set()
            raise ConnectionError("hedge")

        assert Pipeline(Hedge(0.5)).call(dependency) == "first"

    def test_t3_the_hanging_loser_is_judged_by_its_policies_when_it_ends(self, virtual: VirtualClock) -> None:
        """SPEC T3, B4: a place is held as long as it is used, and given back then."""
        hang = threading.Event()
        bulkhead = Bulkhead(2)
        pipeline = Pipeline(Hedge(0.5), bulkhead)
        pipeline.call(Threaded(hang, "fast"))

        held = bulkhead.snapshot(0.0)["in_use"]
        hang.set()

        assert held == 1
        assert eventually(lambda: bulkhead.snapshot(0.0)["in_use"] == 0)

    def test_r3_a_loser_does_not_retry(self, virtual: VirtualClock) -> None:
        """SPEC R3, T3: what nobody waits for is not tried again when it fails."""
        hang = threading.Event()
        calls: list[int] = []

        def dependency() -> str:
            calls.append(1)
            if len(calls) == 1:
                assert hang.wait(20.0)
                raise ConnectionError("too late")
            return "fast"

        hedge = Hedge(0.5)
        pipeline = Pipeline(hedge, Retry(5, constant(0)))
        assert pipeline.call(dependency) == "fast"
        hang.set()

        assert eventually(lambda: hedge.abandoned == 0)
        assert len(calls) == 2

    def test_t1_at_the_deadline_the_calls_are_abandoned_as_failed(self, virtual: VirtualClock) -> None:
        """SPEC T1, T3: a synchronous hedge honours the total timeout, and a breaker inside hears of it at once."""
        hang = threading.Event()
        virtual.grace = 0.3
        timeout, breaker = Timeout(1.0), CircuitBreaker(failure_threshold=2)
        pipeline = Pipeline(timeout, Hedge(0.4), breaker)
        try:
            with pytest.raises(DeadlineExceededError) as raised:
                pipeline.call(Threaded(hang, hang))
            assert (raised.value.policy, virtual.time) == (timeout, 1.0)
            assert breaker.state is CircuitState.OPEN
        finally:
            hang.set()
        assert eventually(lambda: pipeline.snapshot()["policies"][1]["abandoned"] == 0)  # type: ignore[index]  # a list of dicts
        assert breaker.snapshot()["successes"] == 0

    def test_t3_with_too_many_abandoned_threads_calls_run_unhedged_in_their_own(self, virtual: VirtualClock) -> None:
        """SPEC T3: a dependency that hangs for ever cannot eat all threads."""
        hang = threading.Event()
        hedge = Hedge(0.5, budget=None)
        pipeline = Pipeline(hedge)
        virtual.grace = 0.0
        try:
            for _ in range(MOST_ABANDONED):
                while pipeline.call(Threaded(hang, "fast")) != "fast":
                    pass
            dependency = Threaded("alone")
            assert pipeline.call(dependency) == "alone"
            assert dependency.threads == [threading.current_thread()]
        finally:
            hang.set()
        assert eventually(lambda: hedge.abandoned == 0)

    def test_t1_context_variables_and_deadline_come_along(self) -> None:
        """SPEC T1: what the caller published is in force in the worker."""
        variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")
        variable.set("caller's")

        def dependency() -> tuple[str, float]:
            return variable.get(), deadline.current()

        with VirtualClock(grace=5.0), deadline.within(7.0):
            assert Pipeline(Hedge(30.0)).call(dependency) == ("caller's", 7.0)

    def test_r6_the_attempt_is_seen_in_the_worker(self) -> None:
        """SPEC R6: current_attempt() works in the thread of a hedged call."""
        pipeline = Pipeline(Retry(3, constant(0)), Hedge(30.0))
        seen: list[int] = []

        def dependency() -> str:
            seen.append(pipeline.current_attempt())
            if len(seen) < 3:
                raise ConnectionError
            return "answer"

        assert pipeline.call(dependency) == "answer"
        assert seen == [1, 2, 3]

    def test_r5_a_keyboard_interrupt_in_the_worker_reaches_the_caller(self) -> None:
        """SPEC R5: what is no Exception is never kept back."""
        with pytest.raises(KeyboardInterrupt):
            Pipeline(Hedge(30.0)).call(Threaded(KeyboardInterrupt()))

    def test_r5_nothing_of_a_failed_call_waits_for_the_collector(self) -> None:
        """SPEC R5: no reference cycles through the thread: the frame that failed is freed at once."""

        class Big:
            pass

        alive: list[weakref.ref[Big]] = []

        def dependency() -> None:
            big = Big()
            alive.append(weakref.ref(big))
            raise ConnectionError

        gc.collect()
        gc.disable()
        try:
            try:
                Pipeline(Hedge(30.0)).call(dependency)
            except ConnectionError:
                pass
            assert eventually(lambda: alive[0]() is None)
        finally:
            gc.enable()

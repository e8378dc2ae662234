"""SPEC R6: the block form, `for attempt in pipeline.attempts(): with attempt: ...`."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from yaoki import (
    Bulkhead,
    CircuitBreaker,
    CircuitOpenError,
    CircuitState,
    ConfigurationError,
    DeadlineExceededError,
    Fallback,
    Hedge,
    Pipeline,
    RateLimitedError,
    RateLimiter,
    Retry,
    RetryExhaustedError,
    Timeout,
    constant,
    deadline,
)
from yaoki.core.clock import clock
from yaoki.core.policies.policy import Answer, Policy
from yaoki.testing import VirtualClock, run

pytestmark = pytest.mark.filterwarnings("ignore::yaoki.core.pipeline.order.PolicyOrderWarning")


@pytest.fixture(autouse=True)
def virtual() -> Iterator[VirtualClock]:
    """No test of this file sleeps."""
    with VirtualClock() as virtual:
        yield virtual


def in_use(bulkhead: Bulkhead) -> object:
    return bulkhead.snapshot(0.0)["in_use"]


class TestPlain:
    def test_r6_a_block_is_tried_again_after_the_waits_of_the_retry(self) -> None:
        """SPEC R6, R1: attempt.number counts from 1; the wait is spent in the head of the loop."""
        seen = []
        for attempt in Pipeline(Retry(3, constant(0.5))).attempts():
            with attempt:
                seen.append((attempt.number, clock.now()))
                if len(seen) < 3:
                    raise ConnectionError

        assert seen == [(1, 0.0), (2, 0.5), (3, 1.0)]

    def test_r6_a_single_policy_has_the_block_form_too(self) -> None:
        """SPEC R6: a policy alone is a pipeline of one."""
        numbers = []
        for attempt in Retry(3, constant(0)).attempts():
            with attempt:
                numbers.append(attempt.number)
                if attempt.number < 2:
                    raise ConnectionError

        assert numbers == [1, 2]

    def test_r5_the_last_error_is_raised_as_itself_with_its_note(self) -> None:
        """SPEC R5: the block's own exception object."""
        errors = [ConnectionError("1"), ConnectionError("2")]
        raised = iter(errors)

        def loop() -> None:
            for attempt in Pipeline(Retry(2, constant(0))).attempts():
                with attempt:
                    raise next(raised)

        with pytest.raises(ConnectionError) as given_up:
            loop()
        assert given_up.value is errors[1]
        assert given_up.value.__notes__[0].startswith("gave up after 2 attempts")

    def test_r5_wrapped_errors_carry_all_attempts(self) -> None:
        """SPEC R5: Retry(wrap=True) works in blocks."""

        def loop() -> None:
            for attempt in Pipeline(Retry(2, constant(0), wrap=True)).attempts():
                with attempt:
                    raise ConnectionError(str(attempt.number))

        with pytest.raises(RetryExhaustedError) as raised:
            loop()
        assert [str(error) for error in raised.value.attempts] == ["1", "2"]

    def test_r3_what_does_not_heal_is_raised_at_once(self) -> None:
        """SPEC R3: the pipeline's own rules decide."""
        numbers = []

        def loop() -> None:
            for attempt in Pipeline(Retry(5, constant(0))).attempts():
                with attempt:
                    numbers.append(attempt.number)
                    raise TypeError("a bug")

        with pytest.raises(TypeError, match="a bug"):
            loop()
        assert numbers == [1]

    def test_r6_the_loop_ends_after_a_block_that_ended_normally(self) -> None:
        """SPEC R6: what stands after the block runs once."""
        after = []
        for attempt in Pipeline(Retry(3, constant(0))).attempts():
            with attempt:
                pass
            after.append(attempt.number)

        assert after == [1]

    def test_b4_break_and_return_out_of_a_block_are_its_success(self) -> None:
        """SPEC B4: the block ended normally."""
        breaker = CircuitBreaker()
        pipeline = Pipeline(Retry(3, constant(0)), breaker)
        for attempt in pipeline.attempts():
            with attempt:
                break

        def returns() -> str:
            for attempt in pipeline.attempts():
                with attempt:
                    return "answer"
            return "nothing"

        assert returns() == "answer"
        assert breaker.snapshot()["successes"] == 2

    def test_b4_every_attempt_is_judged_by_the_breaker(self) -> None:
        """SPEC B4, R4: failures in blocks open the circuit; the real error comes out, and the next block is refused."""
        breaker = CircuitBreaker(failure_threshold=2)
        pipeline = Pipeline(Retry(5, constant(0.1)), breaker)

        def loop() -> None:
            for attempt in pipeline.attempts():
                with attempt:
                    raise ConnectionError

        with pytest.raises(ConnectionError):
            loop()
        with pytest.raises(CircuitOpenError):
            loop()
        assert breaker.snapshot()["failures"] == 2

    def test_t2_the_place_is_held_by_the_block_and_given_back(self) -> None:
        """SPEC T2: however the block ends."""
        bulkhead = Bulkhead(1)
        held = []
        for attempt in Pipeline(Retry(2, constant(0)), bulkhead).attempts():
            with attempt:
                held.append(in_use(bulkhead))
                if attempt.number == 1:
                    raise ConnectionError

        assert held == [1, 1]
        assert in_use(bulkhead) == 0

    def test_t2_a_loop_left_between_its_blocks_gives_everything_back(self) -> None:
        """SPEC T2: a policy outside the Retry holds its place over the attempts, and not beyond the loop."""
        bulkhead = Bulkhead(1)
        held: object = None
        for attempt in Pipeline(bulkhead, Retry(3, constant(0))).attempts():
            with attempt:
                raise ConnectionError
            held = in_use(bulkhead)
            break

        assert (held, in_use(bulkhead)) == (1, 0)

    def test_r5_keyboard_interrupt_goes_through_and_is_neutral(self) -> None:
        """SPEC R5, B4: never retried, nothing judged, places back."""
        bulkhead, breaker = Bulkhead(1), CircuitBreaker(failure_threshold=1)

        def loop() -> None:
            for attempt in Pipeline(Retry(3, constant(0), retry_on=BaseException), bulkhead, breaker).attempts():
                with attempt:
                    raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            loop()
        assert (in_use(bulkhead), breaker.state) == (0, CircuitState.CLOSED)

    def test_t1_the_deadline_is_published_in_the_block_only(self) -> None:
        """SPEC T1: what the block calls inherits it."""
        seen = []
        for attempt in Pipeline(Timeout(9.0), Retry(2, constant(1.0)), Timeout(3.0)).attempts():
            with attempt:
                seen.append(deadline.current())
                if attempt.number == 1:
                    raise ConnectionError
            seen.append(deadline.current())

        assert seen == [3.0, deadline.NEVER, 4.0, deadline.NEVER]

    def test_t1_no_attempt_starts_after_the_deadline(self) -> None:
        """SPEC R4, T1: the wait would end after it."""

        def loop() -> None:
            for attempt in Pipeline(Timeout(1.0), Retry(5, constant(0.4))).attempts():
                with attempt:
                    raise ConnectionError(str(attempt.number))

        with pytest.raises(ConnectionError, match="3") as raised:
            loop()
        assert "deadline" in raised.value.__notes__[0]
        assert clock.now() == 0.8

    def test_r6_the_attempt_is_readable_through_the_pipeline(self) -> None:
        """SPEC R6: current_attempt() works in blocks."""
        pipeline = Pipeline(Retry(3, constant(0)))
        seen = []
        for attempt in pipeline.attempts():
            with attempt:
                seen.append(pipeline.current_attempt())
                if len(seen) < 3:
                    raise ConnectionError

        assert seen == [1, 2, 3]
        assert pipeline.current_attempt() == 1

    def test_r6_blocks_nest(self) -> None:
        """SPEC R6, T1: the tighter deadline inside, the outer one again after it."""
        seen = []
        for outer in Pipeline(Timeout(5.0)).attempts():
            with outer:
                for inner in Pipeline(Timeout(9.0)).attempts():
                    with inner:
                        seen.append(deadline.current())
                seen.append(deadline.current())

        assert seen == [5.0, 5.0]

    def test_t3_a_queue_is_waited_in_in_the_head_of_the_loop(self) -> None:
        """SPEC T3: the block begins when its permit is there."""
        limiter = RateLimiter(1.0, burst=1, max_wait=10.0)
        times = []
        for _ in range(3):
            for attempt in Pipeline(limiter).attempts():
                with attempt:
                    times.append(clock.now())

        assert times == pytest.approx([0.0, 1.0, 2.0])

    def test_r3_a_refusal_that_is_retried_costs_no_round(self) -> None:
        """SPEC R3: with retry_on naming refusals, the loop's head waits and asks again."""
        pipeline = Pipeline(Retry(3, constant(1.0), retry_on=RateLimitedError), RateLimiter(1.0, burst=1))
        rounds = []
        for _ in range(2):
            for attempt in pipeline.attempts():
                with attempt:
                    rounds.append((attempt.number, clock.now()))

        assert [number for number, _ in rounds] == [1, 2]
        assert [at for _, at in rounds] == pytest.approx([0.0, 1.0])

    def test_b7_blocks_of_a_keyed_pipeline_have_the_state_of_their_key(self) -> None:
        """SPEC B7: one key's open circuit is not the other's."""
        keyed = Pipeline(CircuitBreaker(failure_threshold=1)).keyed()

        def loop(key: str, *, fails: bool) -> None:
            for attempt in keyed[key].attempts():
                with attempt:
                    if fails:
                        raise ConnectionError

        with pytest.raises(ConnectionError):
            loop("a", fails=True)
        with pytest.raises(CircuitOpenError):
            loop("a", fails=False)
        loop("b", fails=False)

    def test_r5_nothing_of_a_failed_block_waits_for_the_collector(self) -> None:
        """SPEC R5: no reference cycles."""

        class Big:
            pass

        alive: list[weakref.ref[Big]] = []

        def loop() -> None:
            for attempt in Pipeline(Retry(2, constant(0)), CircuitBreaker()).attempts():
                with attempt:
                    big = Big()
                    alive.append(weakref.ref(big))
                    raise ConnectionError

        gc.collect()
        gc.disable()
        try:
            try:
                loop()
            except ConnectionError:
                pass
            assert [each() for each in alive] == [None, None]
        finally:
            gc.enable()


class TestMisuse:
    def test_r6_a_body_that_does_not_enter_the_attempt_is_told_so(self) -> None:
        """SPEC R6: else nothing would be guarded, and the loop would never end."""
        bulkhead = Bulkhead(1)
        rounds = []

        def loop() -> None:
            for attempt in Pipeline(Retry(3), bulkhead).attempts():
                rounds.append(attempt.number)  # noqa: PERF401  # the loop raises

        with pytest.raises(RuntimeError, match="must enter `with attempt:`"):
            loop()
        assert (rounds, in_use(bulkhead)) == ([1], 0)

    def test_r6_one_attempts_object_is_looped_over_once_at_a_time(self) -> None:
        """SPEC R6: two loops over one object would mix their attempts; one after the other is fine."""
        attempts = Pipeline(Retry(3, constant(0))).attempts()
        for attempt in attempts:
            with pytest.raises(RuntimeError, match="already looped over"):
                iter(attempts)
            with attempt:
                pass
        rounds = 0
        for attempt in attempts:
            with attempt:
                rounds += 1

        assert rounds == 1

    def test_r6_a_loop_that_was_left_may_be_followed_by_another(self) -> None:
        """SPEC R6: `break` between the blocks ends the first one."""
        attempts = Pipeline(Retry(3, constant(0))).attempts()
        for attempt in attempts:
            with attempt:
                raise ConnectionError
            break
        numbers = []
        for attempt in attempts:
            with attempt:
                numbers.append(attempt.number)

        assert numbers == [1]

    def test_r6_an_attempt_is_entered_once_in_each_round(self) -> None:
        """SPEC R6: a second block would not be guarded."""
        for attempt in Pipeline(Retry(3)).attempts():
            with attempt:
                pass
            with pytest.raises(RuntimeError, match="once in each round"):
                attempt.__enter__()

    def test_r5_an_attempt_that_outlives_its_loop_swallows_nothing(self) -> None:
        """SPEC R5: without the loop there is no second attempt, so the failure comes out."""
        attempt = next(iter(Pipeline(Retry(3, constant(0))).attempts()))
        with pytest.raises(RuntimeError, match="belongs into the loop"):
            attempt.__enter__()

        def taken_out() -> None:
            loop = iter(Pipeline(Retry(3, constant(0))).attempts())
            attempt = next(loop)
            with attempt:
                del loop
                raise ConnectionError("boom")

        with pytest.raises(ConnectionError, match="boom"):
            taken_out()

    @pytest.mark.parametrize(
        ("policy", "reason"),
        [
            (Hedge(1.0), "several times at once"),
            (Timeout(1.0, mode="thread"), "thread of its own"),
            (Fallback(value=0), "no value that another could replace"),
            (Retry(retry_if_result=lambda value: True), "retry_if_result"),
        ],
        ids=["hedge", "thread", "fallback", "result"],
    )
    def test_r6_policies_that_cannot_work_in_a_block_are_refused(self, policy: Policy, reason: str) -> None:
        """SPEC R6: at attempts(), with the reason, wherever in the pipeline they stand."""
        with pytest.raises(ConfigurationError, match=reason):
            Pipeline(CircuitBreaker(), policy).attempts()
        with pytest.raises(ConfigurationError, match="cannot guard a block"):
            policy.attempts()

    def test_r6_an_answer_of_a_policy_unknown_to_us_replaces_nothing(self) -> None:
        """SPEC R5, R6: a block has no value, so the error comes out."""

        class Answers(Policy):
            kind = "answers"

            def leave(self, call: Any, permit: object, error: BaseException | None, now: float) -> Answer | None:
                return None if error is None else Answer("instead")

        def loop() -> None:
            for attempt in Pipeline(Answers()).attempts():
                with attempt:
                    raise ConnectionError("boom")

        with pytest.raises(ConnectionError, match="boom"):
            loop()


class TestAsynchronous:
    def test_r6_a_block_is_tried_again_after_the_waits_of_the_retry(self) -> None:
        """SPEC R6: `async for` with `async with`."""

        async def main() -> list[tuple[int, float]]:
            seen = []
            async for attempt in Pipeline(Retry(3, constant(0.5))).attempts():
                async with attempt:
                    seen.append((attempt.number, clock.now()))
                    if len(seen) < 3:
                        raise ConnectionError
            return seen

        assert run(main()) == [(1, 0.0), (2, 0.5), (3, 1.0)]

    @pytest.mark.parametrize("plain", [False, True], ids=["async with", "with"])
    def test_t1_a_timeout_cancels_the_block_and_the_next_attempt_runs(self, plain: bool) -> None:
        """SPEC T1, R3: as asyncio.timeout does; a plain `with` does as well, since nothing is awaited at its ends."""
        timeout = Timeout(1.0)

        async def body(number: int, ends: list[float]) -> None:
            try:
                await asyncio.sleep(60.0 if number == 1 else 0.25)
            finally:
                ends.append(clock.now())

        async def main() -> list[float]:
            ends: list[float] = []
            async for attempt in Pipeline(Retry(2, constant(0.5)), timeout).attempts():
                if plain:
                    with attempt:
                        await body(attempt.number, ends)
                else:
                    async with attempt:
                        await body(attempt.number, ends)
            assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]  # inside a task
            return ends

        assert run(main()) == [1.0, 1.75]

    def test_t1_the_timeout_of_the_last_attempt_is_raised_from_the_cancellation(self) -> None:
        """SPEC T1, B4: DeadlineExceededError, and a failure for the breaker inside."""
        timeout, breaker = Timeout(1.0), CircuitBreaker(failure_threshold=1)

        async def block() -> None:
            async for attempt in Pipeline(timeout, breaker).attempts():
                async with attempt:
                    await asyncio.sleep(60.0)

        async def main() -> DeadlineExceededError:
            with pytest.raises(DeadlineExceededError) as raised:
                await block()
            return raised.value

        error = run(main())
        assert (error.policy, error.until) == (timeout, 1.0)
        assert isinstance(error.__cause__, asyncio.CancelledError)
        assert breaker.state is CircuitState.OPEN

    def test_r5_cancelling_the_task_goes_through_and_is_neutral(self) -> None:
        """SPEC R5, B4: told apart from the Timeout's own cancellation."""
        bulkhead, breaker = Bulkhead(1), CircuitBreaker(failure_threshold=1)
        rounds: list[int] = []

        async def block() -> None:
            async for attempt in Pipeline(Retry(3, constant(0)), Timeout(5.0), bulkhead, breaker).attempts():
                async with attempt:
                    rounds.append(attempt.number)
                    await asyncio.sleep(60.0)

        async def main() -> None:
            task = asyncio.create_task(block())
            await asyncio.sleep(1.0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        run(main())
        assert (rounds, in_use(bulkhead), breaker.state) == ([1], 0, CircuitState.CLOSED)

    def test_r5_cancelling_the_task_in_the_wait_gives_everything_back(self) -> None:
        """SPEC R5, T2: the place of a policy outside the Retry too."""
        bulkhead = Bulkhead(1)

        async def block() -> None:
            async for attempt in Pipeline(bulkhead, Retry(3, constant(60.0))).attempts():
                async with attempt:
                    raise ConnectionError

        async def main() -> None:
            task = asyncio.create_task(block())
            await asyncio.sleep(1.0)
            assert in_use(bulkhead) == 1
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert in_use(bulkhead) == 0

        run(main())

    def test_t1_the_deadline_is_published_in_the_block_of_this_task_only(self) -> None:
        """SPEC T1: interleaved tasks keep their own, with plain `with` too."""

        async def block(seconds: float) -> list[float]:
            seen = []
            async for attempt in Pipeline(Timeout(seconds)).attempts():
                with attempt:
                    for _ in range(2):
                        await asyncio.sleep(0.5)
                        seen.append(deadline.current())
            seen.append(deadline.current())
            return seen

        async def main() -> list[list[float]]:
            return list(await asyncio.gather(block(5.0), block(9.0)))

        assert run(main()) == [[5.0, 5.0, deadline.NEVER], [9.0, 9.0, deadline.NEVER]]

    def test_b4_break_and_return_out_of_a_block_are_its_success(self) -> None:
        """SPEC B4: as in the plain form."""
        breaker = CircuitBreaker()
        pipeline = Pipeline(Retry(3, constant(0)), breaker)

        async def main() -> str:
            async for attempt in pipeline.attempts():
                async with attempt:
                    break
            async for attempt in pipeline.attempts():
                async with attempt:
                    return "answer"
            return "nothing"

        assert run(main()) == "answer"
        assert breaker.snapshot()["successes"] == 2

    def test_r6_the_attempt_is_readable_through_the_pipeline(self) -> None:
        """SPEC R6: by a context variable, so in this task only."""
        pipeline = Pipeline(Retry(3, constant(0)))

        async def main() -> list[int]:
            seen = []
            async for attempt in pipeline.attempts():
                async with attempt:
                    await asyncio.sleep(0.1)
                    seen.append(pipeline.current_attempt())
                    if len(seen) < 2:
                        raise ConnectionError
            return [*seen, pipeline.current_attempt()]

        assert run(main()) == [1, 2, 1]

    def test_t2_a_place_is_awaited_in_the_head_of_the_loop(self) -> None:
        """SPEC T2: the queue of a bulkhead, without blocking the event loop."""
        pipeline = Pipeline(Bulkhead(1, max_queue=5))

        async def block(ends: list[float]) -> None:
            async for attempt in pipeline.attempts():
                async with attempt:
                    await asyncio.sleep(1.0)
                    ends.append(clock.now())

        async def main() -> list[float]:
            ends: list[float] = []
            await asyncio.gather(*(block(ends) for _ in range(3)))
            return ends

        assert run(main()) == [1.0, 2.0, 3.0]

    def test_r6_an_asynchronous_block_needs_the_asynchronous_loop(self) -> None:
        """SPEC R6: a plain loop would block the event loop while it waits."""

        async def main() -> None:
            for attempt in Pipeline(Retry(3)).attempts():
                with pytest.raises(RuntimeError, match="async for"):
                    async with attempt:
                        pass
                with attempt:
                    pass

        run(main())

    def test_r6_a_body_that_does_not_enter_the_attempt_is_told_so(self) -> None:
        """SPEC R6: as in the plain form."""

        async def main() -> None:
            with pytest.raises(RuntimeError, match="must enter"):
                async for _ in Pipeline(Retry(3)).attempts():
                    pass

        run(main())

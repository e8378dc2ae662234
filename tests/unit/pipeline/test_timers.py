"""SPEC T1: asynchronous deadlines: their own cancellation is told apart from everybody else's, and taken back."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from yaoki import (
    Bulkhead,
    CircuitBreaker,
    CircuitState,
    DeadlineExceededError,
    Fallback,
    Pipeline,
    Retry,
    Timeout,
    constant,
    deadline,
)
from yaoki.core.pipeline.timers import Queue
from yaoki.testing import Script, VirtualEventLoop, run, takes

NOW = constant(0.0)

pytestmark = pytest.mark.usefixtures("either_path", "virtual_clock")

GUARDS: dict[str, Callable[[], Any]] = {
    "alone": lambda: Timeout(1.0),
    "standard": lambda: Pipeline(
        Fallback(value=0, on=KeyError), Timeout(3.0), Retry(1, NOW), CircuitBreaker(failure_threshold=9), Timeout(1.0)
    ),
    "with_a_place": lambda: Pipeline(Bulkhead(50), Timeout(1.0)),
}


@pytest.fixture(params=GUARDS)
def guard(request: pytest.FixtureRequest) -> Any:
    """A pipeline with one second for a call."""
    return GUARDS[request.param]()


def cancelling() -> int:
    task = asyncio.current_task()
    assert task is not None
    return task.cancelling()


async def hangs() -> None:
    await asyncio.sleep(60.0)


# The balance of cancellations


def test_t1_a_timeout_leaves_the_task_as_it_was(guard: Any) -> None:
    """SPEC T1: `cancelling()` is 0 afterwards, and the task goes on."""

    async def main() -> int:
        for _ in range(3):
            with pytest.raises(DeadlineExceededError):
                await guard(hangs)()
            await asyncio.sleep(0.5)
        return cancelling()

    assert run(main()) == 0


def test_t1_a_call_in_time_leaves_no_alarm(guard: Any) -> None:
    """SPEC T1: nothing cancels the task when the time is over, and the call is not."""

    async def quick() -> int:
        await asyncio.sleep(0.5)
        return 1

    async def main() -> tuple[int, int]:
        value = await guard(quick)()
        await asyncio.sleep(5.0)
        return value, cancelling()

    assert run(main()) == (1, 0)


@pytest.mark.parametrize("end", ["value", "error"])
def test_t1_a_swallowed_cancellation_is_taken_back(guard: Any, end: str) -> None:
    """SPEC T1: the function's own late value or error comes out, and the task is not left half cancelled."""

    async def swallows() -> str:
        try:
            await asyncio.sleep(60.0)
        except asyncio.CancelledError:
            if end == "error":
                raise LookupError("its own") from None
        await asyncio.sleep(0)
        return "late"

    async def main() -> tuple[object, int]:
        try:
            outcome: object = await guard(swallows)()
        except LookupError as error:
            outcome = str(error)
        await asyncio.sleep(1.0)
        return outcome, cancelling()

    assert run(main()) == ("late" if end == "value" else "its own", 0)


def test_t1_an_answer_that_comes_with_the_deadline_leaves_the_task_sound(guard: Any) -> None:
    """SPEC T1: whichever of the two is handled first, no cancellation is left that would strike later."""

    async def main(seconds: float) -> int:
        loop = asyncio.get_running_loop()
        answer = loop.create_future()
        loop.call_later(seconds, answer.set_result, "just")

        async def waits() -> object:
            return await answer

        try:
            await guard(waits)()
        except DeadlineExceededError:
            pass
        await asyncio.sleep(1.0)
        return cancelling()

    for seconds in (0.999_999, 1.0, 1.000_001):
        assert run(main(seconds)) == 0


# Somebody else cancels too


@pytest.mark.parametrize("first", ["deadline", "caller"])
def test_t1_a_cancellation_at_the_same_moment_wins(guard: Any, first: str) -> None:
    """SPEC T1, R5: who cancels the task gets it cancelled, in whichever order the two come; nothing is judged."""

    async def main() -> tuple[bool, int]:
        loop = asyncio.get_running_loop()
        guarded = guard(hangs)
        if first == "caller":
            loop.call_later(1.0, lambda: task.cancel())  # noqa: PLW0108  # the task is made below
        task = loop.create_task(guarded())
        if first == "deadline":
            await asyncio.sleep(0)
            loop.call_later(1.0, task.cancel)
        await asyncio.wait([task])
        return task.cancelled(), task.cancelling()

    assert run(main()) == (True, 1)
    for policy in getattr(guard, "policies", ()):
        if isinstance(policy, CircuitBreaker):
            assert policy.snapshot()["failures"] == 0


def test_t1_a_cancellation_just_before_wins_too(guard: Any) -> None:
    """SPEC T1, R5: the deadline passes while the function cleans up, and cuts that; the task is cancelled all the same."""
    cleaned: list[str] = []

    async def cleans_up() -> None:
        try:
            await asyncio.sleep(60.0)
        finally:
            await asyncio.sleep(60.0)
            cleaned.append("never")

    async def main() -> tuple[bool, float]:
        loop = asyncio.get_running_loop()
        task = loop.create_task(guard(cleans_up)())
        loop.call_later(0.5, task.cancel)
        await asyncio.wait([task])
        return task.cancelled(), loop.time()

    assert run(main()) == (True, 1.0)
    assert cleaned == []


def test_t1_a_swallowed_cancellation_of_somebody_else_does_not_switch_the_deadline_off(guard: Any) -> None:
    """SPEC T1: a function that swallows its caller's cancellation and hangs is cut at its deadline nevertheless."""

    async def stubborn() -> None:
        try:
            await asyncio.sleep(60.0)
        except asyncio.CancelledError:
            await asyncio.sleep(60.0)

    async def main() -> float:
        loop = asyncio.get_running_loop()
        task = loop.create_task(guard(stubborn)())
        loop.call_later(0.5, task.cancel)
        await asyncio.wait([task])
        assert task.cancelled()
        return loop.time()

    assert run(main()) == 1.0


def test_t1_a_task_already_cancelled_once_can_time_out(guard: Any) -> None:
    """SPEC T1: cancellations from before the call belong to somebody else's account."""

    async def main() -> tuple[str, int]:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            pass
        try:
            await guard(hangs)()
        except DeadlineExceededError:
            return "timed out", task.cancelling()
        return "went on", task.cancelling()

    assert run(main()) == ("timed out", 1)


# Nested time-outs


def test_t1_an_outer_timeout_is_not_lost_while_the_inner_one_cleans_up(guard: Any) -> None:
    """SPEC T1: an inner call that hangs after its own time-out is ended by the outer deadline."""

    async def cleans_up() -> None:
        try:
            await asyncio.sleep(60.0)
        finally:
            await asyncio.sleep(60.0)

    inner = Timeout(0.5)(cleans_up)

    async def outer() -> None:
        await inner()

    async def main() -> tuple[float, int]:
        with pytest.raises(DeadlineExceededError):
            await guard(outer)()
        return asyncio.get_running_loop().time(), cancelling()

    assert run(main()) == (1.0, 0)


def test_t1_two_deadlines_at_the_same_moment_end_both_calls(guard: Any) -> None:
    """SPEC T1: an inner time-out that is handled does not use up the outer one."""
    inner = Timeout(1.0)(hangs)

    async def handles() -> None:
        try:
            await inner()
        except DeadlineExceededError:
            await asyncio.sleep(60.0)

    async def main() -> float:
        with pytest.raises(DeadlineExceededError):
            await guard(handles)()
        return asyncio.get_running_loop().time()

    assert run(main()) == 1.0


def test_t1_an_inner_timeout_that_is_handled_leaves_the_outer_call_going(guard: Any) -> None:
    """SPEC T1: only the inner call has failed."""
    inner = Timeout(0.5)(hangs)

    async def handles() -> str:
        try:
            await inner()
        except DeadlineExceededError:
            return f"handled, {cancelling()}"
        return "not reached"

    assert run(guard(handles)()) == "handled, 0"


# asyncio's own


def test_t1_inside_asyncio_timeout(guard: Any) -> None:
    """SPEC T1: `asyncio.timeout` around a guarded call takes back its own cancellation only."""

    async def main() -> tuple[bool, float, int]:
        try:
            async with asyncio.timeout(0.5):
                await guard(hangs)()
        except TimeoutError as error:
            ours = isinstance(error, DeadlineExceededError)
        return ours, asyncio.get_running_loop().time(), cancelling()

    assert run(main()) == (False, 0.5, 0)


def test_t1_around_asyncio_timeout(guard: Any) -> None:
    """SPEC T1: `asyncio.timeout` inside the function, shorter and longer."""

    async def inside(seconds: float) -> None:
        async with asyncio.timeout(seconds):
            await asyncio.sleep(60.0)

    async def main(seconds: float) -> tuple[bool, float, int]:
        try:
            await guard(inside)(seconds)
        except TimeoutError as error:
            ours = isinstance(error, DeadlineExceededError)
        return ours, asyncio.get_running_loop().time(), cancelling()

    assert run(main(0.5)) == (False, 0.5, 0)
    assert run(main(5.0)) == (True, 1.5, 0)


def test_t1_around_a_task_group(guard: Any) -> None:
    """SPEC T1: the group's tasks are cancelled and awaited, then the time-out comes out."""
    ended: list[str] = []

    async def member(name: str) -> None:
        try:
            await asyncio.sleep(60.0)
        finally:
            ended.append(name)

    async def grouped() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(member("a"))
            tasks.create_task(member("b"))

    async def main() -> int:
        with pytest.raises(DeadlineExceededError):
            await guard(grouped)()
        return cancelling()

    assert run(main()) == 0
    assert sorted(ended) == ["a", "b"]


def test_t1_inside_a_task_group(guard: Any) -> None:
    """SPEC T1: a member that times out fails the group like any other error."""

    async def main() -> tuple[list[type], float]:
        failed: list[type] = []
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(guard(hangs)())
                tasks.create_task(asyncio.sleep(60.0))
        except ExceptionGroup as group:
            failed = [type(error) for error in group.exceptions]
        return failed, asyncio.get_running_loop().time()

    assert run(main()) == ([DeadlineExceededError], 1.0)


def test_t1_inside_wait_for(guard: Any) -> None:
    """SPEC T1: `asyncio.wait_for` cancels the guarded call as a caller does."""

    async def main() -> float:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(guard(hangs)(), 0.5)
        return asyncio.get_running_loop().time()

    assert run(main()) == 0.5


def test_t1_a_shielded_wait_goes_on_without_the_call(guard: Any) -> None:
    """SPEC T1: what the function protects from cancellation is not cancelled; the call ends."""

    async def main() -> tuple[float, bool]:
        shielded = asyncio.ensure_future(asyncio.sleep(5.0))

        async def waits() -> None:
            await asyncio.shield(shielded)

        with pytest.raises(DeadlineExceededError):
            await guard(waits)()
        time = asyncio.get_running_loop().time()
        await shielded
        return time, shielded.cancelled()

    assert run(main()) == (1.0, False)


# Many calls, one timer


def test_t1_many_calls_share_one_timer(either_path: str) -> None:
    """SPEC T1: the healthy calls of one Timeout have one duration, so the first one's timer serves them all."""
    timers = 0

    class CountingLoop(VirtualEventLoop):
        def call_at(self, when: float, *args: Any, **kwargs: Any) -> asyncio.TimerHandle:
            nonlocal timers
            timers += 1
            return super().call_at(when, *args, **kwargs)

    @Timeout(1.0)
    async def quick() -> None:
        return

    async def main() -> int:
        await asyncio.gather(*[quick() for _ in range(1000)])
        return timers

    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        counted = runner.run(main())

    assert counted == (1 if either_path == "generated" else 1000)


def test_t1_many_calls_end_each_at_its_own_moment(guard: Any) -> None:
    """SPEC T1: none early, none late, whatever the others do."""
    ended: dict[int, float] = {}

    async def call(number: int) -> None:
        await asyncio.sleep(number * 0.1)
        if number % 3 == 0:
            await guard(asyncio.sleep)(0.2)
            return
        with pytest.raises(DeadlineExceededError):
            await guard(hangs)()
        ended[number] = asyncio.get_running_loop().time()

    async def main() -> None:
        await asyncio.gather(*map(call, range(12)))

    run(main())

    assert ended == pytest.approx({number: 1.0 + number * 0.1 for number in range(12) if number % 3})


def test_t1_a_timeout_serves_one_loop_after_another() -> None:
    """SPEC T1: a Timeout is bound to no loop; a timer that the first loop still had does not matter."""
    timeout = Timeout(1.0)
    for _ in range(3):
        assert run(timeout(asyncio.sleep)(0.5, "well")) == "well"
        with pytest.raises(DeadlineExceededError):
            run(timeout(hangs)())


def test_t1_closed_loops_are_forgotten() -> None:
    """SPEC T1: at most the last one is kept, until the next comes."""
    timeout = Timeout(1.0)
    guarded = timeout(asyncio.sleep)
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    async def main() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        await guarded(0.5)

    for _ in range(4):
        run(main())
    gc.collect()

    assert sum(loop() is not None for loop in loops) <= 1
    assert len(timeout.timers) <= 1


def test_t1_queues_of_loops_in_several_threads_do_not_disturb_each_other(either_path: str) -> None:
    """SPEC T1: each loop has its own queue, however they start at the same time."""
    timeout = Timeout(30.0)
    barrier = threading.Barrier(8)
    seen: list[Queue] = []
    failures: list[BaseException] = []

    @timeout
    async def guarded() -> None:
        queue = timeout.timers.get(asyncio.get_running_loop())
        if queue is not None:
            seen.append(queue)
        await asyncio.sleep(0)

    async def many() -> None:
        for _ in range(20):
            await guarded()

    def work() -> None:
        try:
            for _ in range(5):
                barrier.wait()
                loop = asyncio.SelectorEventLoop()
                loop.run_until_complete(many())
                loop.close()
        except BaseException as error:  # noqa: BLE001  # told in the test's own thread
            failures.append(error)
            barrier.abort()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert len(seen) == (8 * 5 * 20 if either_path == "generated" else 0)
    assert all(not queue.alarms for queue in seen)


# Outside of a task


def driven_by_hand(coroutine: Awaitable[Any]) -> Any:
    """What a coroutine returns that is driven in a callback of a loop, where no task runs."""
    outcome: list[Any] = []

    def drive() -> None:
        with pytest.raises(StopIteration) as stopped:
            coroutine.send(None)  # type: ignore[attr-defined]  # a coroutine
        outcome.append(stopped.value.value)

    async def main() -> None:
        asyncio.get_running_loop().call_soon(drive)
        await asyncio.sleep(1.0)

    run(main())
    return outcome[0]


def test_t1_outside_a_task_the_deadline_is_published_all_the_same(guard: Any) -> None:
    """SPEC T1: there is nothing to cancel, but whoever asks is told, and the guard works."""

    async def asks() -> float:
        return deadline.remaining()

    assert driven_by_hand(guard(asks)()) == 1.0
    assert deadline.current() == deadline.NEVER


def test_t1_outside_a_task_places_come_back() -> None:
    """SPEC T1, T2: a bulkhead in the same pipeline does not lose a place."""
    bulkhead = Bulkhead(2)
    pipeline = Pipeline(bulkhead, Timeout(1.0))

    async def well() -> int:
        return bulkhead.snapshot(0.0)["in_use"]  # type: ignore[return-value]  # a number

    for _ in range(5):
        assert driven_by_hand(pipeline(well)()) == 1
    assert bulkhead.snapshot(0.0)["in_use"] == 0


def test_t1_outside_a_task_attempts_after_the_first_have_deadlines_too() -> None:
    """SPEC T1: in the driver as on the healthy path."""
    seen: list[float] = []

    async def fails_first() -> str:
        seen.append(deadline.remaining())
        if len(seen) == 1:
            raise ConnectionError
        return "well"

    assert driven_by_hand(Pipeline(Retry(2, NOW), Timeout(1.0))(fails_first)()) == "well"
    assert seen == [1.0, 1.0]


# The collector


def test_t1_an_abandoned_call_is_closed_in_silence() -> None:
    """SPEC T1: a coroutine that nobody awaits any more may be closed in another context than its own, where nothing was set."""
    breaker = CircuitBreaker(failure_threshold=2)
    pipeline = Pipeline(Timeout(5.0), Retry(2, NOW), breaker, Timeout(1.0))
    closed: list[int] = []

    async def close(coroutine: Any) -> float:
        coroutine.close()
        return deadline.current()

    async def main(script: Script) -> float:
        abandoned = pipeline.acall(script.asynchronous)
        abandoned.send(None)
        mine = deadline.current()
        closed.append(await asyncio.create_task(close(abandoned)) == mine)
        await asyncio.sleep(9.0)
        return mine

    assert run(main(Script(takes(60.0)))) == 1.0
    assert run(main(Script(ConnectionResetError, takes(60.0)))) == 10.0
    assert closed == [True, True]
    assert (breaker.state, breaker.snapshot()["failures"]) == (CircuitState.CLOSED, 1)


def test_t1_an_alarm_of_an_abandoned_call_strikes_nobody() -> None:
    """SPEC T1: the alarm went with the call, and the task lives on."""
    pipeline = Pipeline(Timeout(5.0), Retry(2, NOW), Timeout(1.0))

    async def main() -> int:
        for script in (Script(takes(60.0)), Script(ConnectionResetError, takes(60.0))):
            abandoned = pipeline.acall(script.asynchronous)
            abandoned.send(None)
            abandoned.close()
            await asyncio.sleep(9.0)
        return cancelling()

    assert run(main()) == 0

"""SPEC K1, P1: the cached fallback lets one caller at a time make an answer, tasks and threads alike."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from functools import partial

import pytest

from tests.unit.policies.by_hand import Asked, forked
from yaoki.core import deadline
from yaoki.core.faults.errors import DeadlineExceededError
from yaoki.core.policies.cached_fallback import CachedFallback
from yaoki.testing import run

# One at a time: tasks


def test_k1_tasks_that_ask_for_the_same_share_one_answer() -> None:
    """SPEC K1: one refresh at a time for each key; other keys do not wait."""
    asked = Asked()
    cached = CachedFallback(asked.slowly)

    async def main() -> None:
        answers = await asyncio.gather(*(cached("tea") for _ in range(50)), cached("coffee"))
        assert answers == [1] * 50 + [2]
        assert asyncio.get_running_loop().time() == 1.0

    run(main())

    assert asked.calls == [("tea",), ("coffee",)]


@pytest.mark.parametrize("kind", ["coroutine function", "partial", "lambda", "awaitable object"])
def test_k1_whatever_returns_an_awaitable_is_awaited(kind: str) -> None:
    """SPEC K1, P1: functions that only turn out to be asynchronous when called are served like coroutine functions."""
    asked = Asked()

    class Awaitable:
        def __await__(self) -> object:
            return asked.slowly().__await__()

    function: Callable[[], object] = {
        "coroutine function": asked.slowly,
        "partial": partial(asked.slowly),
        "lambda": lambda *args: asked.slowly(*args),  # noqa: PLW0108  # the point of the test
        "awaitable object": Awaitable,
    }[kind]
    cached = CachedFallback(function)

    async def main() -> None:
        assert await asyncio.gather(cached(), cached(), cached()) == [1, 1, 1]
        assert await cached() == 1

    run(main())

    assert len(asked.calls) == 1


def test_k1_an_old_answer_serves_while_a_new_one_is_made() -> None:
    """SPEC K1: nobody waits who can have the old one."""
    asked = Asked()
    cached = CachedFallback(asked.slowly, ttl=10.0)

    async def main() -> None:
        await cached()
        await asyncio.sleep(20)
        renewing = asyncio.create_task(cached())
        await asyncio.sleep(0.5)
        assert await cached() == 1
        assert await renewing == 2
        assert await cached() == 2

    run(main())


def test_k1_a_cancelled_caller_hands_over() -> None:
    """SPEC K1: who makes the answer is cancelled; one of those who wait makes it, once, and all get it."""
    asked = Asked()
    cached = CachedFallback(asked.slowly)

    async def main() -> None:
        tasks = [asyncio.create_task(cached()) for _ in range(10)]
        await asyncio.sleep(0.5)
        tasks[0].cancel()
        tasks[1].cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(answer) for answer in answers[:2]] == [asyncio.CancelledError] * 2
        assert answers[2:] == [2] * 8

    run(main())

    assert len(asked.calls) == 2


def test_k1_an_error_goes_to_all_who_waited() -> None:
    """SPEC K1: the function is not called once for each of them."""
    asked = Asked()
    cached = CachedFallback(asked.slowly)
    error = ConnectionError("down")

    async def main() -> None:
        async def fail() -> int:
            await asyncio.sleep(1.0)
            asked.calls.append(None)
            raise error

        failing = CachedFallback(fail)
        assert await asyncio.gather(*(failing() for _ in range(5)), return_exceptions=True) == [error] * 5
        assert await cached() == 2

    run(main())


def test_k1_nobody_waits_past_his_deadline() -> None:
    """SPEC T1, K1: who waits for another's answer gives up at his deadline; the other one goes on."""
    asked = Asked()
    cached = CachedFallback(asked.slowly)

    async def main() -> None:
        making = asyncio.create_task(cached())
        await asyncio.sleep(0.25)
        with deadline.within(0.5), pytest.raises(DeadlineExceededError, match="another caller runs"):
            await cached()
        assert asyncio.get_running_loop().time() == 0.75
        assert await making == 1

    run(main())


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_k1_a_coroutine_that_is_never_awaited_holds_up_nobody() -> None:
    """SPEC K1: whoever drops the coroutine has claimed nothing."""
    asked = Asked()
    cached = CachedFallback(asked.slowly)

    async def main() -> None:
        cached().close()
        cached().close()
        assert await asyncio.wait_for(cached(), 5) == 1

    run(main())


def test_k1_a_function_that_waits_for_itself_is_told_so() -> None:
    """SPEC K1: an error instead of a wait that never ends."""

    def ask_again() -> object:
        return cached()

    async def ask_again_async() -> object:
        return await cached_async()

    cached = CachedFallback(ask_again)
    cached_async = CachedFallback(ask_again_async)

    with pytest.raises(RuntimeError, match=r"CachedFallback\(ask_again\) calls itself"):
        cached()
    with pytest.raises(RuntimeError, match=r"CachedFallback\(ask_again_async\) calls itself"):
        run(cached_async())


# One at a time: threads


def in_threads(*functions: Callable[[], object]) -> list[object]:
    """What the functions return or raise, each in a thread of its own."""
    outcomes: list[object] = [None] * len(functions)

    def call(index: int) -> None:
        try:
            outcomes[index] = functions[index]()
        except BaseException as error:  # noqa: BLE001  # the test looks at it
            outcomes[index] = error

    threads = [threading.Thread(target=call, args=(index,)) for index in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    return outcomes


def test_k1_threads_that_ask_for_the_same_share_one_answer() -> None:
    """SPEC K1: one thread makes it, the others wait for it; the lock is not held meanwhile."""
    everybody = threading.Barrier(2, timeout=5)
    asked = Asked()

    def slowly(key: str) -> int:
        everybody.wait()
        return asked(key)

    cached = CachedFallback(slowly)

    # The barrier lets two functions run at once, one for each key, and no third.
    outcomes = in_threads(*[lambda: cached("tea")] * 6, *[lambda: cached("coffee")] * 6)

    assert len(set(outcomes[:6])) == len(set(outcomes[6:])) == 1
    assert sorted(asked.calls) == [("coffee",), ("tea",)]


def test_k1_a_thread_that_is_interrupted_hands_over() -> None:
    """SPEC K1: the next one makes the answer."""
    waiting = threading.Event()
    calls: list[None] = []

    def interrupted_at_first() -> str:
        calls.append(None)
        if len(calls) == 1:
            waiting.wait(5)
            raise KeyboardInterrupt
        return "answer"

    cached = CachedFallback(interrupted_at_first)

    def second() -> object:
        while not calls:
            pass
        threading.Timer(0.05, waiting.set).start()
        return cached()

    outcomes = in_threads(cached, second)

    assert isinstance(outcomes[0], KeyboardInterrupt)
    assert outcomes[1] == "answer"


def test_k1_a_thread_gives_up_at_its_deadline() -> None:
    """SPEC T1, K1: as tasks do."""
    inside, over = threading.Event(), threading.Event()

    def hang() -> str:
        inside.set()
        over.wait(5)
        return "late"

    cached = CachedFallback(hang)

    def impatient() -> object:
        inside.wait(5)
        try:
            with deadline.within(0.02):
                return cached()
        finally:
            over.set()

    outcomes = in_threads(cached, impatient)

    assert outcomes[0] == "late"
    assert isinstance(outcomes[1], DeadlineExceededError)


def test_k1_two_event_loops_share_one_answer() -> None:
    """SPEC K1: tasks wait across loops."""
    started = threading.Barrier(2, timeout=5)
    asked = Asked()

    async def slowly() -> int:
        await asyncio.sleep(0.05)
        return asked()

    cached = CachedFallback(slowly)

    async def main() -> list[object]:
        started.wait()
        return await asyncio.gather(*(cached() for _ in range(5)))

    assert in_threads(lambda: asyncio.run(main()), lambda: asyncio.run(main())) == [[1] * 5, [1] * 5]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork")
def test_k1_a_forked_child_does_not_wait_for_the_parents_callers() -> None:
    """SPEC K1: the answers are there in the child, and nobody is making any."""
    over = threading.Event()
    inside = threading.Event()

    def hang(name: str) -> str:
        if name == "hangs" and threading.current_thread() is not threading.main_thread():
            inside.set()
            over.wait(5)
        return name

    cached = CachedFallback(hang)
    cached("kept")
    thread = threading.Thread(target=cached, args=("hangs",))
    thread.start()
    inside.wait(5)
    try:
        answer = forked(lambda: [cached("kept"), cached("hangs"), cached.snapshot()["made"]])
    finally:
        over.set()
        thread.join(5)

    assert answer == ["kept", "hangs", 2]

"""SPEC T1: the deadline of a request: it nests, the tighter wins, and it travels."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from yaoki import Pipeline, Retry, Timeout, constant, deadline
from yaoki.core.clock import clock
from yaoki.testing import VirtualClock, run

NEVER = float("inf")


@pytest.fixture(autouse=True)
def _in_virtual_time(virtual_clock: VirtualClock) -> None:
    """All tests of this file run in virtual time, which starts at 0."""


# Blocks


def test_t1_without_a_deadline_there_is_all_the_time() -> None:
    """SPEC T1: infinity means none."""
    assert (deadline.current(), deadline.remaining(), deadline.headers()) == (NEVER, NEVER, {})


def test_t1_a_block_has_at_most_its_seconds() -> None:
    """SPEC T1: the deadline is a moment, so time runs."""
    with deadline.within(5.0):
        clock.sleep(2.0)
        assert (deadline.current(), deadline.remaining()) == (5.0, 3.0)
        clock.sleep(10.0)
        assert deadline.remaining() == 0.0
    assert deadline.current() == NEVER


def test_t1_an_error_ends_a_block_too() -> None:
    """SPEC T1: nothing of it is left."""
    with pytest.raises(KeyError), deadline.within(5.0):
        raise KeyError
    assert deadline.current() == NEVER


@pytest.mark.parametrize(
    ("outer", "inner", "expected"), [(5.0, 2.0, 2.0), (2.0, 5.0, 2.0), (NEVER, 3.0, 3.0), (3.0, NEVER, 3.0)]
)
def test_t1_the_tighter_wins(outer: float, inner: float, expected: float) -> None:
    """SPEC T1: an inner block never gives more time than the outer one."""
    with deadline.within(outer):
        with deadline.within(inner):
            assert deadline.current() == expected
        assert deadline.current() == outer


@pytest.mark.parametrize("seconds", [0.0, -1.0, -NEVER])
def test_t1_no_time_at_all_is_a_deadline_that_has_passed(seconds: float) -> None:
    """SPEC T1: what is left of a budget may be negative."""
    with deadline.within(seconds):
        assert deadline.remaining() == 0.0


def test_t1_nan_is_refused() -> None:
    """SPEC T1: it would compare as any time and none."""
    with pytest.raises(ValueError, match="not NaN"):
        deadline.within(float("nan"))


def test_t1_one_object_may_nest_in_itself_and_be_used_again() -> None:
    """SPEC T1: each entry counts from its own moment."""
    block = deadline.within(5.0)
    with block:
        clock.sleep(1.0)
        with block:
            assert deadline.current() == 5.0
        assert deadline.current() == 5.0
    assert deadline.current() == NEVER
    with block:
        assert deadline.current() == 6.0
    assert deadline.current() == NEVER


def test_t1_an_abandoned_generator_ends_its_block_in_silence() -> None:
    """SPEC T1: the collector may close it in a context where nothing was set."""

    def items() -> Iterator[int]:
        with deadline.within(5.0):
            yield 1

    async def elsewhere(abandoned: list[Iterator[int]]) -> float:
        abandoned.clear()
        gc.collect()
        return deadline.current()

    async def main() -> float:
        abandoned = [items()]
        next(abandoned[0])
        return await asyncio.create_task(elsewhere(abandoned))

    assert run(main()) == 5.0


# Tasks and threads


def test_t1_a_task_inherits_it_and_keeps_its_own_to_itself() -> None:
    """SPEC T1: tasks interleave, so each has its own."""

    async def child(seconds: float) -> float:
        with deadline.within(seconds):
            await asyncio.sleep(0.5)
            return deadline.current()

    async def main() -> tuple[list[float], float]:
        with deadline.within(3.0):
            seen = await asyncio.gather(child(1.0), child(2.0), child(9.0))
            return seen, deadline.current()

    assert run(main()) == ([1.0, 2.0, 3.0], 3.0)


def test_t1_a_new_thread_has_none() -> None:
    """SPEC T1: a thread is no part of the request unless somebody says so."""
    with deadline.within(5.0), ThreadPoolExecutor(1) as pool:
        assert pool.submit(deadline.current).result() == NEVER


def test_t1_to_thread_carries_it_along() -> None:
    """SPEC T1: `asyncio.to_thread` copies the context, of a block and of an asynchronous Timeout."""

    async def in_a_block() -> float:
        with deadline.within(5.0):
            return await asyncio.to_thread(deadline.current)

    async def in_a_timeout() -> float:
        return await asyncio.to_thread(deadline.current)

    assert run(in_a_block()) == 5.0
    assert run(Timeout(7.0)(in_a_timeout)()) == 7.0


def test_t1_threads_do_not_see_each_other() -> None:
    """SPEC T1: a synchronous Timeout holds in its own thread."""
    entered, seen = threading.Event(), threading.Event()
    others: list[float] = []

    def guarded() -> None:
        entered.set()
        seen.wait(5.0)

    def other() -> None:
        entered.wait(5.0)
        others.append(deadline.current())
        seen.set()

    thread = threading.Thread(target=other)
    thread.start()
    Timeout(5.0).call(guarded)
    thread.join()

    assert others == [NEVER]


# Pipelines


def test_t1_a_timeout_publishes_its_deadline(either_path: str) -> None:
    """SPEC T1: whatever runs below reads it, in both worlds; afterwards the former one is back."""

    def guarded() -> float:
        return deadline.current()

    async def guarded_async() -> float:
        await asyncio.sleep(0)
        return deadline.current()

    for before in (NEVER, 2.0):
        with deadline.within(before):
            assert Timeout(5.0)(guarded)() == min(5.0, before)
            assert deadline.current() == before
            assert run(Timeout(5.0)(guarded_async)()) == min(5.0, before)
            assert deadline.current() == before


def test_t1_every_attempt_publishes_its_deadline(either_path: str) -> None:
    """SPEC T1, R4: the second attempt has a deadline of its own, inside that of the whole call."""
    seen: list[float] = []

    def guarded() -> None:
        seen.append(deadline.current())
        clock.sleep(1.0)
        raise ConnectionError

    async def guarded_async() -> None:
        seen.append(deadline.current())
        await asyncio.sleep(1.0)
        raise ConnectionError

    pipeline = Pipeline(Timeout(5.0), Retry(3, constant(0.0)), Timeout(2.5))
    with pytest.raises(ConnectionError):
        pipeline.call(guarded)
    with pytest.raises(ConnectionError):
        run(pipeline.acall(guarded_async))

    assert seen == [2.5, 3.5, 4.5, 5.5, 6.5, 7.5]
    assert deadline.current() == NEVER


def test_t1_the_whole_calls_deadline_is_tighter_in_the_last_attempt(either_path: str) -> None:
    """SPEC T1: the tighter of the two holds."""
    seen: list[float] = []

    def guarded() -> None:
        seen.append(deadline.current())
        clock.sleep(2.0)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        Pipeline(Timeout(5.0), Retry(3, constant(0.0)), Timeout(2.5)).call(guarded)

    assert seen == [2.5, 4.5, 5.0]


def test_t1_pipelines_nest_across_worlds(either_path: str) -> None:
    """SPEC T1: a plain function inside a coroutine, and a loop inside a plain function, read the same deadline."""

    @Timeout(9.0)
    def inner() -> float:
        return deadline.current()

    @Timeout(2.0)
    async def outer() -> float:
        return inner()

    assert run(outer()) == 2.0

    @Timeout(9.0)
    async def inner_async() -> float:
        return deadline.current()

    @Timeout(2.0)
    def outer_plain() -> float:
        return run(inner_async())

    assert outer_plain() == 2.0


def test_t1_a_waiting_task_does_not_lend_its_deadline(either_path: str) -> None:
    """SPEC T1: while one guarded coroutine waits, another and plain functions on the same thread have their own."""
    seen: dict[str, float] = {}

    @Timeout(1.5)
    async def slow() -> None:
        await asyncio.sleep(1.0)
        seen["slow"] = deadline.current()

    @Timeout(9.0)
    async def other() -> None:
        await asyncio.sleep(0.5)
        seen["other"] = deadline.current()

    async def plain() -> None:
        await asyncio.sleep(0.25)
        seen["plain"] = deadline.current()

    async def main() -> None:
        await asyncio.gather(slow(), other(), plain())

    run(main())

    assert seen == {"plain": NEVER, "other": 9.0, "slow": 1.5}


# The header


def test_t1_the_header_carries_the_milliseconds_left() -> None:
    """SPEC T1: rounded down, so that the other side never believes in more time than there is."""
    with deadline.within(2.5):
        assert deadline.headers() == {"X-Request-Timeout-Ms": "2500"}
        clock.sleep(0.0004)
        assert deadline.headers() == {"X-Request-Timeout-Ms": "2499"}
        clock.sleep(10.0)
        assert deadline.headers() == {"X-Request-Timeout-Ms": "0"}


def test_t1_the_header_sets_the_deadline_on_the_other_side() -> None:
    """SPEC T1: both ways."""
    with deadline.within(2.5):
        sent = deadline.headers()
    clock.sleep(100.0)
    with deadline.from_headers(sent):
        assert deadline.remaining() == 2.5
    assert deadline.current() == NEVER


def test_t1_the_header_does_not_extend_the_servers_own_deadline() -> None:
    """SPEC T1: the tighter wins."""
    with deadline.within(1.0), deadline.from_headers({deadline.HEADER: "60000"}):
        assert deadline.remaining() == 1.0


@pytest.mark.parametrize("name", ["X-Request-Timeout-Ms", "x-request-timeout-ms", "X-REQUEST-TIMEOUT-MS"])
def test_t1_the_headers_name_is_read_in_any_case(name: str) -> None:
    """SPEC T1: HTTP/2 sends it in small letters."""
    with deadline.from_headers({"Accept": "*/*", name: " 250 "}):
        assert deadline.remaining() == 0.25


@pytest.mark.parametrize(
    "value", ["", "soon", "-5", "+5", "1e3", "1.5", "0x10", "NaN", "inf", "1 000", "٥", "²", "9" * 13, "9" * 5000]
)
def test_t1_a_malformed_header_sets_no_deadline(value: str) -> None:
    """SPEC T1, X5: who sends nonsense gets what everybody gets who sends nothing."""
    with deadline.from_headers({deadline.HEADER: value}):
        assert deadline.remaining() == NEVER


def test_t1_no_header_sets_no_deadline() -> None:
    """SPEC T1: most clients send none."""
    with deadline.from_headers({"Accept": "*/*"}):
        assert deadline.remaining() == NEVER


def test_t1_a_header_of_zero_is_a_deadline_that_has_passed() -> None:
    """SPEC T1: a call whose deadline has passed is not started."""
    with deadline.from_headers({deadline.HEADER: "0"}), pytest.raises(TimeoutError, match="the call was not started"):
        Timeout(None).call(pytest.fail)


def test_a_shielded_block_has_a_deadline_of_its_own(virtual_clock: VirtualClock) -> None:
    """SPEC T1: what was taken is given back although the request is over."""
    with deadline.within(0.0):
        with deadline.shielded(5.0):
            assert deadline.remaining() == 5.0
            with deadline.within(2.0):
                assert deadline.remaining() == 2.0
        assert deadline.remaining() == 0.0
    assert deadline.current() == deadline.NEVER


def test_a_shielded_block_is_not_reached_by_the_deadline_of_a_running_call(virtual_clock: VirtualClock) -> None:
    """SPEC T1: the deadline of a Timeout around it counts as well."""
    seen: list[float] = []

    @Timeout(1.0)
    def call() -> None:
        with deadline.shielded(deadline.NEVER):
            seen.append(deadline.remaining())
        seen.append(deadline.remaining())

    call()
    assert seen == [deadline.NEVER, 1.0]

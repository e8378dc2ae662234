"""asyncio, queues, threads, executors, provoked for real (SPEC F3)."""

from __future__ import annotations

import asyncio
import concurrent.futures
import concurrent.futures.process
import concurrent.futures.thread
import multiprocessing
import queue
import threading
from collections.abc import Callable

import pytest

from tests.unit.faults.verdicts import CALLER, DEPENDENCY, FATAL, LOCAL, RECOVERABLE, THE_CALLERS, TRANSIENT, raised_by, says
from yaoki.core.faults.category import Category


def test_a_stream_that_ends_too_soon_is_the_network() -> None:
    """SPEC F3: the peer closed in the middle of a message."""

    async def read() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(b"ab")
        reader.feed_eof()
        await reader.readexactly(4)

    error = raised_by(lambda: asyncio.run(read()))

    assert type(error) is asyncio.IncompleteReadError
    assert says(error) == (Category.NETWORK, TRANSIENT, DEPENDENCY)


def test_a_line_without_end_is_a_broken_protocol() -> None:
    """SPEC F3: LimitOverrunError."""

    async def read() -> None:
        reader = asyncio.StreamReader(limit=4)
        reader.feed_data(b"x" * 100)
        await reader.readuntil(b"\n")

    assert says(raised_by(lambda: asyncio.run(read()))) == (Category.PROTOCOL, FATAL, DEPENDENCY)


def test_asyncios_timeout_is_a_timeout() -> None:
    """SPEC F3: it is the built-in TimeoutError."""

    async def wait() -> None:
        async with asyncio.timeout(0):
            await asyncio.Event().wait()

    assert says(raised_by(lambda: asyncio.run(wait()))) == (Category.TIMEOUT, RECOVERABLE, DEPENDENCY)


@pytest.mark.parametrize(
    "use",
    [
        lambda: asyncio.Queue().get_nowait(),
        lambda: queue.Queue().get_nowait(),
        lambda: queue.SimpleQueue().get_nowait(),
        lambda: _filled(asyncio.Queue(1)).put_nowait(2),
        lambda: _filled(queue.Queue(1)).put_nowait(2),
    ],
    ids=["asyncio-empty", "empty", "simple-empty", "asyncio-full", "full"],
)
def test_a_full_or_empty_queue_is_not_now(use: Callable[[], object]) -> None:
    """SPEC F3: our own queues."""
    assert says(raised_by(use)) == (Category.CAPACITY, TRANSIENT, LOCAL)


def _filled(waiting: asyncio.Queue[int] | queue.Queue[int]) -> asyncio.Queue[int] | queue.Queue[int]:
    waiting.put_nowait(1)
    return waiting


def test_a_result_set_twice_is_a_bug() -> None:
    """SPEC F3: InvalidStateError of asyncio and of concurrent.futures."""

    async def twice() -> None:
        future = asyncio.get_running_loop().create_future()
        future.set_result(1)
        future.set_result(2)

    future: concurrent.futures.Future[int] = concurrent.futures.Future()
    future.set_result(1)

    assert says(raised_by(lambda: asyncio.run(twice()))) == THE_CALLERS
    assert says(raised_by(lambda: future.set_result(2))) == THE_CALLERS


def test_cancelled_work_was_called_off() -> None:
    """SPEC F3: concurrent.futures' CancelledError is an Exception."""
    future: concurrent.futures.Future[int] = concurrent.futures.Future()
    future.cancel()

    assert says(raised_by(future.result)) == (Category.STATE, FATAL, CALLER)


def test_a_result_that_does_not_come_is_a_timeout() -> None:
    """SPEC F3: concurrent.futures' TimeoutError is the built-in one."""
    future: concurrent.futures.Future[int] = concurrent.futures.Future()

    assert says(raised_by(lambda: future.result(timeout=0))) == (Category.TIMEOUT, RECOVERABLE, DEPENDENCY)


@pytest.mark.parametrize(
    "cls",
    [
        concurrent.futures.BrokenExecutor,
        concurrent.futures.process.BrokenProcessPool,
        concurrent.futures.thread.BrokenThreadPool,
    ],
)
def test_a_broken_executor_stays_broken(cls: type[Exception]) -> None:
    """SPEC F3: the same executor refuses every further call."""
    assert says(cls("x")) == (Category.SYSTEM, FATAL, LOCAL)


def test_a_broken_barrier_heals() -> None:
    """SPEC F3: threading and asyncio."""
    barrier = threading.Barrier(2)
    barrier.abort()

    assert says(raised_by(barrier.wait)) == (Category.STATE, RECOVERABLE, LOCAL)
    assert says(asyncio.BrokenBarrierError()) == (Category.STATE, RECOVERABLE, LOCAL)


def test_multiprocessings_own_timeout_is_a_timeout() -> None:
    """SPEC F3: it is not the built-in one."""
    assert not issubclass(multiprocessing.TimeoutError, TimeoutError)
    assert says(multiprocessing.TimeoutError()) == (Category.TIMEOUT, RECOVERABLE, DEPENDENCY)

"""SPEC H4: work in flight: who is admitted, who is refused, what is still there."""

from __future__ import annotations

import asyncio
import gc
import pickle
import weakref

import pytest

from yaoki import Rejected, Shutdown, ShuttingDownError, classify
from yaoki.testing import VirtualClock


def test_new_work_is_refused_after_the_request(virtual_clock: VirtualClock) -> None:
    """SPEC H4: the refusal is a Rejected with a kind of its own."""
    shutdown = Shutdown()
    shutdown.request()

    with pytest.raises(Rejected, match="the process is shutting down and takes no new work") as refused, shutdown.work("job"):
        pytest.fail("the work was admitted")

    assert isinstance(refused.value, ShuttingDownError)
    assert classify(refused.value).error_type == "shutting_down"
    assert str(pickle.loads(pickle.dumps(refused.value))) == str(refused.value)
    assert shutdown.left() == []


def test_during_the_wait_for_the_balancer_work_is_admitted(virtual_clock: VirtualClock) -> None:
    """SPEC H4: the balancer still sends some, until it has seen the readiness."""
    shutdown = Shutdown(balancer_wait=5.0)
    shutdown.request()
    virtual_clock.advance(4.9)

    with shutdown.work("job"):
        assert shutdown.left() == ["job (1, oldest 0.0 s)"]
        assert not shutdown.draining
        virtual_clock.advance(0.1)
        assert shutdown.draining

    with pytest.raises(ShuttingDownError), shutdown.work("job"):
        pytest.fail("the work was admitted")


def test_a_part_of_admitted_work_is_admitted(virtual_clock: VirtualClock) -> None:
    """SPEC H4: the drain waits for requests in flight, so what they consist of must go on."""
    shutdown = Shutdown()

    with shutdown.work("request"):
        shutdown.request()
        with shutdown.work("query"):
            assert len(shutdown.left()) == 2
        assert shutdown.left() == ["request (1, oldest 0.0 s)"]


@pytest.mark.virtual_time
async def test_a_task_of_admitted_work_is_a_part_of_it_while_the_work_lasts() -> None:
    """SPEC H4: a task left behind by a finished request is new work."""
    shutdown = Shutdown()
    outcomes: list[str] = []

    async def background(delay: float) -> None:
        await asyncio.sleep(delay)
        try:
            async with shutdown.work("background"):
                outcomes.append("admitted")
        except ShuttingDownError:
            outcomes.append("refused")

    async with shutdown.work("request"):
        tasks = [asyncio.create_task(background(delay)) for delay in (1.0, 3.0)]
        shutdown.request()
        await asyncio.sleep(2.0)
    await asyncio.gather(*tasks)

    assert outcomes == ["admitted", "refused"]


def test_work_of_another_shutdown_is_no_ticket(virtual_clock: VirtualClock) -> None:
    """SPEC H4: each one knows its own."""
    one, other = Shutdown(), Shutdown()
    other.request()

    with one.work("request"), pytest.raises(ShuttingDownError), other.work("query"):
        pytest.fail("the work was admitted")

    assert one.left() == []


def test_work_that_raises_is_over(virtual_clock: VirtualClock) -> None:
    """SPEC H4: only what runs is waited for."""
    shutdown = Shutdown()

    with pytest.raises(ZeroDivisionError), shutdown.work("job"):
        _ = 1 / 0

    assert shutdown.left() == []
    assert shutdown.drain_threads() == 0


def test_one_block_of_work_at_a_time(virtual_clock: VirtualClock) -> None:
    """SPEC H4: an object entered twice would be counted once; after its end it may be used again."""
    shutdown = Shutdown()
    work = shutdown.work("job")

    with work, pytest.raises(RuntimeError, match=r"this work \(job\) is in flight already"), work:
        pytest.fail("entered twice")
    with work:
        assert shutdown.left() == ["job (1, oldest 0.0 s)"]

    assert shutdown.left() == []


@pytest.mark.virtual_time
async def test_an_abandoned_coroutine_is_over_when_it_is_collected() -> None:
    """SPEC H4: a generator that nobody finishes does not hold the drain for ever."""
    shutdown = Shutdown()

    async def stream() -> None:
        async with shutdown.work("stream"):
            await asyncio.get_running_loop().create_future()

    coroutine = stream()
    coroutine.send(None)
    assert shutdown.left() == ["stream (1, oldest 0.0 s)"]
    del coroutine
    gc.collect()

    assert shutdown.left() == []


def test_a_shutdown_that_nobody_has_is_gone() -> None:
    """SPEC H4: it is kept by its users alone."""
    shutdown = Shutdown()
    with shutdown.work("job"):
        pass
    watching = weakref.ref(shutdown)
    del shutdown
    gc.collect()

    assert watching() is None

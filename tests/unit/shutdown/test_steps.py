"""SPEC H4: what is done on the way down, in which order, and what of a step that fails or hangs."""

from __future__ import annotations

import asyncio
import logging

import pytest

from yaoki import ConfigurationError, Shutdown
from yaoki.testing import VirtualClock

pytestmark = pytest.mark.virtual_time


async def test_steps_before_in_order_and_steps_after_in_reverse() -> None:
    """SPEC H4: what was opened last is closed first; functions and coroutine functions alike."""
    shutdown = Shutdown()
    done: list[str] = []

    async def consumer() -> None:
        await asyncio.sleep(0.1)
        done.append("consumer")

    shutdown.add_step("listener", lambda: done.append("listener"))
    shutdown.add_step("consumer", consumer)
    shutdown.add_step("database", lambda: done.append("database"), after=True)
    shutdown.add_step("cache", lambda: done.append("cache"), after=True)

    assert await shutdown.drain() == 0
    assert done == ["listener", "consumer", "cache", "database"]


async def test_a_function_runs_on_the_event_loop() -> None:
    """SPEC H4: a server is closed where it lives."""
    shutdown = Shutdown()
    loops: list[object] = []
    shutdown.add_step("server", lambda: loops.append(asyncio.get_running_loop()))

    await shutdown.drain()

    assert loops == [asyncio.get_running_loop()]


@pytest.mark.parametrize("after", [False, True])
async def test_a_step_that_raises_does_not_stop_the_others(caplog: pytest.LogCaptureFixture, after: bool) -> None:
    """SPEC H4: it is logged with its exception; what was in flight was drained all the same."""
    shutdown = Shutdown()
    done: list[str] = []

    async def fails() -> None:
        raise OSError("address in use")

    shutdown.add_step("good", lambda: done.append("good"), after=after)
    shutdown.add_step("fails", fails, after=after)
    shutdown.add_step("worse", lambda: done.append(str(1 / 0)), after=after)
    shutdown.add_step("good too", lambda: done.append("good too"), after=after)

    assert await shutdown.drain() == 0
    assert sorted(done) == ["good", "good too"]
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert sorted(record.getMessage() for record in errors) == [
        "the step fails of the shutdown failed",
        "the step worse of the shutdown failed",
    ]
    assert all(record.exc_info for record in errors)


async def test_a_step_before_that_hangs_takes_no_more_than_the_drain(
    virtual_clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """SPEC H4: it is cancelled, named and forced; later ones still begin."""
    shutdown = Shutdown(drain_timeout=10.0)
    done: list[str] = []

    async def hangs() -> None:
        try:
            await asyncio.sleep(1000.0)
        except asyncio.CancelledError:
            done.append("cancelled")
            raise

    async def brief() -> None:
        done.append("brief")

    shutdown.add_step("hangs", hangs)
    shutdown.add_step("brief", brief)

    assert await shutdown.drain() == 3
    assert virtual_clock.time == 10.0
    assert sorted(done) == ["brief", "cancelled"]
    assert "the step hangs of the shutdown took too long and was left" in caplog.text
    assert "left: step hangs" in caplog.text


async def test_a_step_after_that_hangs_takes_no_more_than_its_time(
    virtual_clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """SPEC H4: `close_timeout` for all of them; the exit code says that something was left."""
    shutdown = Shutdown(close_timeout=5.0)

    async def hangs() -> None:
        await asyncio.sleep(1000.0)

    shutdown.add_step("database", hangs, after=True)

    assert await shutdown.drain() == 3
    assert virtual_clock.time == 5.0
    assert "the step database of the shutdown took too long and was left" in caplog.text


async def test_a_second_signal_leaves_a_hanging_step(virtual_clock: VirtualClock) -> None:
    """SPEC H4: nothing is waited for any more."""
    shutdown = Shutdown()

    async def hangs() -> None:
        await asyncio.sleep(1000.0)

    shutdown.add_step("database", hangs, after=True)
    shutdown.signal(15)
    asyncio.get_running_loop().call_later(1.0, shutdown.signal, 2)

    assert await shutdown.drain() == 130
    assert virtual_clock.time == 1.0


def test_what_cannot_be_called_is_no_step() -> None:
    """SPEC H4: found when it is added, not when the process ends."""
    with pytest.raises(ConfigurationError, match="step must be callable without arguments"):
        Shutdown().add_step("listener", None)  # type: ignore[arg-type]  # on purpose

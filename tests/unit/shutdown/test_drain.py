"""SPEC H4: the way down on an event loop: readiness, balancer, no new work, drain, force, exit code."""

from __future__ import annotations

import asyncio
import logging

import pytest

from yaoki import ConfigurationError, Probes, Shutdown, ShuttingDownError
from yaoki.testing import VirtualClock

pytestmark = pytest.mark.virtual_time


async def busy(shutdown: Shutdown, name: str, seconds: float) -> None:
    async with shutdown.work(name):
        await asyncio.sleep(seconds)


async def later(seconds: float, do: object, *arguments: object) -> None:
    await asyncio.sleep(seconds)
    assert callable(do)
    do(*arguments)


async def test_work_in_flight_is_drained(virtual_clock: VirtualClock) -> None:
    """SPEC H4: exit code 0 as soon as the last work is done."""
    shutdown = Shutdown()
    tasks = [asyncio.create_task(busy(shutdown, "request", seconds)) for seconds in (2.0, 7.0)]
    await asyncio.sleep(1.0)

    assert await shutdown.drain() == 0
    assert virtual_clock.time == 7.0
    assert all(task.done() and not task.cancelled() for task in tasks)
    assert shutdown.exit_code == 0


async def test_an_idle_process_ends_at_once(virtual_clock: VirtualClock) -> None:
    """SPEC H4: nothing is in flight, nothing is waited for."""
    assert await Shutdown().drain() == 0
    assert virtual_clock.time == 0.0


async def test_what_is_left_after_30_seconds_is_named_and_forced(
    virtual_clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """SPEC H4: up to 30 s by default, then a warning that names what was left, and exit code 3."""
    shutdown = Shutdown()
    tasks = [asyncio.create_task(busy(shutdown, name, 100.0)) for name in ("upload", "upload", "report")]
    quick = asyncio.create_task(busy(shutdown, "quick", 5.0))
    await asyncio.sleep(1.0)

    assert await shutdown.drain() == 3
    assert virtual_clock.time == 31.0
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.getMessage() == (
        "forcing the shutdown, the time is over; left: upload (2, oldest 31.0 s), report (1, oldest 31.0 s)"
    )
    assert quick.done()
    assert all(task.cancelled() for task in tasks)


async def test_the_time_is_counted_from_the_request(virtual_clock: VirtualClock) -> None:
    """SPEC H4: who comes late to the drain gets what is left of it."""
    shutdown = Shutdown(drain_timeout=10.0)
    task = asyncio.create_task(busy(shutdown, "request", 60.0))
    await asyncio.sleep(0.0)
    shutdown.request()
    await asyncio.sleep(4.0)

    assert await shutdown.drain() == 3
    assert virtual_clock.time == 10.0
    assert task.cancelled()


async def test_the_order_of_the_way_down(virtual_clock: VirtualClock) -> None:
    """SPEC H4: readiness false, wait for the balancer, no new work, drain, the rest."""
    shutdown = Shutdown(balancer_wait=5.0)
    probes = Probes(shutdown=shutdown)
    story: list[tuple[float, str]] = []
    shutdown.add_step("listener", lambda: story.append((virtual_clock.time, "listener closed")))
    shutdown.add_step("database", lambda: story.append((virtual_clock.time, "database closed")), after=True)

    async def visit() -> None:
        while True:
            try:
                with shutdown.work("visit"):
                    story.append((virtual_clock.time, f"admitted, ready {probes.ready().ok}"))
                    await asyncio.sleep(4.0)
            except ShuttingDownError:
                story.append((virtual_clock.time, f"refused, ready {probes.ready().ok}"))
                return

    visitor = asyncio.create_task(visit())
    await asyncio.sleep(1.0)
    shutdown.request("deploy")
    code = await shutdown.drain()
    await visitor

    assert code == 0
    assert story == [
        (0.0, "admitted, ready True"),
        (4.0, "admitted, ready False"),
        (6.0, "listener closed"),
        (8.0, "refused, ready False"),
        (8.0, "database closed"),
    ]


async def test_a_second_signal_forces_at_once(virtual_clock: VirtualClock, caplog: pytest.LogCaptureFixture) -> None:
    """SPEC H4: 130 for SIGINT, the warning names what was left, and the steps after are left out."""
    shutdown = Shutdown(balancer_wait=2.0)
    done: list[str] = []
    shutdown.add_step("database", lambda: done.append("closed"), after=True)
    tasks = [
        asyncio.create_task(busy(shutdown, "upload", 100.0)),
        asyncio.create_task(later(1.0, shutdown.signal, 15)),
        asyncio.create_task(later(5.0, shutdown.signal, 2)),
    ]
    await shutdown.wait()

    assert await shutdown.drain() == 130
    assert virtual_clock.time == 5.0
    assert done == []
    assert "a further signal, SIGINT; left: upload (1, oldest 5.0 s)" in caplog.text
    assert shutdown.forced
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_second_signal_ends_the_wait_for_the_balancer_too(virtual_clock: VirtualClock) -> None:
    """SPEC H4: 143 for SIGTERM."""
    shutdown = Shutdown(balancer_wait=60.0)
    shutdown.signal(15)
    task = asyncio.create_task(later(1.0, shutdown.signal, 15))

    assert await shutdown.drain() == 143
    assert virtual_clock.time == 1.0
    await task


async def test_a_first_signal_after_a_request_does_not_force(virtual_clock: VirtualClock) -> None:
    """SPEC H4: an orchestrator asks by its hook, and then sends SIGTERM; that is no impatience."""
    shutdown = Shutdown()
    task = asyncio.create_task(busy(shutdown, "request", 8.0))
    await asyncio.sleep(0.0)
    shutdown.request("hook")
    signals = asyncio.create_task(later(1.0, shutdown.signal, 15))

    assert await shutdown.drain() == 0
    assert (virtual_clock.time, shutdown.reason) == (8.0, "hook")
    await asyncio.gather(task, signals)


async def test_force_ends_the_drain(virtual_clock: VirtualClock) -> None:
    """SPEC H4: without a signal the code of an end by force is 3."""
    shutdown = Shutdown()
    tasks = [asyncio.create_task(busy(shutdown, "request", 8.0)), asyncio.create_task(later(2.0, shutdown.force, "operator"))]
    await asyncio.sleep(0.0)

    assert await shutdown.drain() == 3
    assert virtual_clock.time == 2.0
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_the_first_reason_stays() -> None:
    """SPEC H4: the log says why the process ended."""
    shutdown = Shutdown()
    waiting = asyncio.create_task(shutdown.wait())
    await asyncio.sleep(0.0)
    shutdown.request("SIGTERM")
    shutdown.request("once more")

    assert await waiting == "SIGTERM"
    assert await shutdown.wait() == "SIGTERM"
    assert shutdown.reason == "SIGTERM"


async def test_two_drains_are_one(virtual_clock: VirtualClock) -> None:
    """SPEC H4: whoever comes second waits for the first, and both hear the same code."""
    shutdown = Shutdown()
    steps: list[float] = []
    shutdown.add_step("once", lambda: steps.append(virtual_clock.time))
    task = asyncio.create_task(busy(shutdown, "request", 3.0))
    await asyncio.sleep(0.0)

    assert await asyncio.gather(shutdown.drain(), shutdown.drain()) == [0, 0]
    assert await shutdown.drain() == 0
    assert steps == [0.0]
    await task


async def test_a_cancelled_drain_is_taken_over_by_whoever_waits(virtual_clock: VirtualClock) -> None:
    """SPEC H4: the shutdown does not stand still because one of its callers is gone."""
    shutdown = Shutdown()
    task = asyncio.create_task(busy(shutdown, "request", 6.0))
    await asyncio.sleep(0.0)
    first, second = asyncio.create_task(shutdown.drain()), asyncio.create_task(shutdown.drain())
    await asyncio.sleep(1.0)
    first.cancel()

    assert await second == 0
    assert first.cancelled()
    assert virtual_clock.time == 6.0
    await task


async def test_a_drain_inside_of_work_is_refused() -> None:
    """SPEC H4: it would wait 30 seconds for itself."""
    shutdown = Shutdown()

    async with shutdown.work("request"):
        with pytest.raises(RuntimeError, match=r"a drain inside of work \(request\) would wait for itself"):
            await shutdown.drain()

    assert not shutdown.requested


async def test_a_task_that_ignores_its_cancellation_is_left(virtual_clock: VirtualClock) -> None:
    """SPEC H4: cancelled work gets a second to unwind, and no more."""
    shutdown = Shutdown(drain_timeout=1.0)

    async def stubborn() -> None:
        async with shutdown.work("stubborn"):
            for _ in range(10):
                try:
                    await asyncio.sleep(10.0)
                except asyncio.CancelledError:
                    continue

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0.0)

    assert await shutdown.drain() == 3
    assert virtual_clock.time == 2.0
    assert shutdown.left() == ["stubborn (1, oldest 2.0 s)"]
    await task


async def test_a_task_whose_work_is_just_over_is_not_cancelled(virtual_clock: VirtualClock) -> None:
    """SPEC H4: the work was named, and ends this very moment; what the task does then is nobody's business here."""
    shutdown = Shutdown()
    over = asyncio.Event()

    async def server() -> str:
        async with shutdown.work("request"):
            await over.wait()
        await asyncio.sleep(5.0)
        return "went on"

    task = asyncio.create_task(server())
    await asyncio.sleep(1.0)
    shutdown.force("operator")
    # The work ends in the turn of the loop in which its cancellation would arrive.
    over.set()

    assert await shutdown.drain() == 3
    assert await task == "went on"


async def test_cancelled_work_unwinds_before_the_steps_after(virtual_clock: VirtualClock) -> None:
    """SPEC H4: nothing is closed under a task that still ends."""
    shutdown = Shutdown(drain_timeout=1.0)
    story: list[str] = []
    shutdown.add_step("database", lambda: story.append("database closed"), after=True)

    async def careful() -> None:
        async with shutdown.work("careful"):
            try:
                await asyncio.sleep(10.0)
            finally:
                await asyncio.sleep(0.5)
                story.append("rolled back")

    task = asyncio.create_task(careful())
    await asyncio.sleep(0.0)

    assert await shutdown.drain() == 3
    assert story == ["rolled back", "database closed"]
    assert virtual_clock.time == 1.5
    await asyncio.gather(task, return_exceptions=True)


async def test_a_shutdown_tells_what_it_is_doing(caplog: pytest.LogCaptureFixture) -> None:
    """SPEC H4, O3: begin with its reason and end with its code, at INFO."""
    caplog.set_level(logging.INFO)
    shutdown = Shutdown()
    assert (shutdown.requested, shutdown.draining, shutdown.exit_code) == (False, False, None)
    assert repr(shutdown) == "<Shutdown: serving, 0 in flight>"
    shutdown.request("deploy")
    assert (shutdown.requested, shutdown.draining) == (True, True)

    await shutdown.drain()

    assert caplog.messages == ["shutting down: deploy", "shut down: exit code 0"]
    assert repr(shutdown) == "<Shutdown: ended with 0, 0 in flight>"


@pytest.mark.parametrize("name", ["drain_timeout", "balancer_wait", "close_timeout"])
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf"), "30"])
def test_a_wrong_time_is_refused(name: str, value: float) -> None:
    """SPEC H4: the message names the parameter."""
    with pytest.raises(ConfigurationError, match=name):
        Shutdown(**{name: value})

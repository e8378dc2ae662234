"""Health checks played in virtual time, on an event loop or by threads."""

from __future__ import annotations

import asyncio
import threading

from yaoki import HealthChecks
from yaoki.testing import VirtualClock, run


def play(way: str, checks: HealthChecks, seconds: float, clock: VirtualClock) -> None:
    """Let the checks run for so many seconds; then stop them."""
    if way == "loop":
        run(on_loop(checks, seconds))
        return
    checks.start_threads()
    # A test's own sleep would jump over everything unless the threads have come to their waits before.
    until_parked(clock, len(checks.results()))
    clock.sleep(seconds)
    checks.stop()


async def on_loop(checks: HealthChecks, seconds: float) -> None:
    task = checks.start()
    await asyncio.sleep(seconds)
    checks.stop()
    await task


def until_parked(clock: VirtualClock, threads: int) -> None:
    """Wait, in real time, until so many threads wait in virtual time."""
    pause = threading.Event()
    for _ in range(2000):
        if clock.waits() >= threads:
            return
        pause.wait(0.001)
    raise AssertionError(f"{clock.waits()} of {threads} threads wait")

"""A function in a daemon thread, whose caller may stop waiting for it."""

from __future__ import annotations

import asyncio
import threading

from yaoki.core.daemon import DaemonRun


def test_what_a_coroutine_returns_is_the_value() -> None:
    """SPEC H2: a check may be a coroutine function in a program of threads."""
    over = threading.Event()

    async def check() -> str:
        return "well"

    run = DaemonRun(check, over.set)
    run.start("check")

    assert over.wait(10.0)
    assert run.done
    assert run.value == "well"


def test_a_coroutine_is_cancelled_also_before_it_runs() -> None:
    """SPEC H2: who gives up while the coroutine is being made leaves none behind that nobody can end."""
    given_up, over = threading.Event(), threading.Event()

    async def hang() -> None:
        await asyncio.Event().wait()

    def slow_to_begin() -> object:
        given_up.wait(10.0)
        return hang()

    run = DaemonRun(slow_to_begin, over.set)
    run.start("check")
    run.cancel()
    given_up.set()

    assert over.wait(10.0)
    assert isinstance(run.error, asyncio.CancelledError)

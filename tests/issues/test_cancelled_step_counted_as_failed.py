"""A step of a recovery that was cancelled was taken for one that had failed, or was never cancelled.

It ended between the look whether it had and the decision; or its coroutine ran before the thread knew whom to cancel.
"""

from __future__ import annotations

import asyncio
import threading

import pytest

from yaoki.core.daemon import DaemonRun
from yaoki.core.recovery.steps import Behind, Steps, Stopped, _Call


class _Patient(Behind):
    """Looks away until what was left behind has ended."""

    __slots__ = ()

    def add(self, run: DaemonRun, subject: str) -> None:
        while not run.done:
            threading.Event().wait(0.001)
        super().add(run, subject)


@pytest.mark.asyncio
async def test_a_step_that_ends_by_being_cancelled_is_interrupted_not_failed() -> None:
    """SPEC H3: what was interrupted is continued, so it must not count as a failed attempt."""
    started = threading.Event()
    steps = Steps(_Patient(lambda: None), asyncio.get_running_loop())

    async def hang() -> None:
        started.set()
        await asyncio.Event().wait()

    recovery = asyncio.create_task(asyncio.to_thread(steps.run, "mend", "subject", hang, 30.0))
    await asyncio.to_thread(started.wait, 10.0)
    steps.stop()

    with pytest.raises(Stopped):
        await recovery


@pytest.mark.asyncio
async def test_a_step_is_cancelled_although_its_coroutine_is_not_yet_known() -> None:
    """SPEC H3: a recovery that is stopped leaves no coroutine behind that nobody can end."""

    async def hang() -> None:
        await asyncio.Event().wait()

    call = _Call(hang, float("inf"), asyncio.get_running_loop())
    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.to_thread(call)

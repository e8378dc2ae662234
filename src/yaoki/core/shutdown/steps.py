"""The steps of a shutdown, carried out on an event loop or in a thread (SPEC H4).

A function is called on the loop itself where there is one, since that is where a listener must be closed; in a thread of its own
where there is none, so that it can be left if it hangs.
"""

from __future__ import annotations

from yaoki.core.clock import clock
from yaoki.core.daemon import DaemonRun

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable
    from typing import Any

    from yaoki.core.parking import OnLoop, OnThread

__all__ = ["Step", "carry_out", "carry_out_async"]


class Step:
    """Something to do on the way. `begun`: whether it was started; a step is never started twice."""

    __slots__ = ("action", "begun", "error", "finished", "name")

    begun: bool
    finished: bool
    error: BaseException | None

    def __init__(self, name: str, action: Callable[[], object]) -> None:
        self.name: str = name
        self.action: Callable[[], object] = action
        self.renew()

    def renew(self) -> None:
        """It has not been done."""
        self.begun = False
        self.finished = False
        self.error = None


def carry_out(step: Step, until: Callable[[], float], parking: OnThread) -> None:
    """Do a step in a daemon thread; leave it when `until` has come, which is asked again whenever something happens."""
    step.begun = True
    run = DaemonRun(step.action, parking.wake)
    try:
        run.start(f"yaoki-step-{step.name}")
    except RuntimeError as error:
        step.error, step.finished = error, True
        return
    while not run.done and clock.now() < until():
        parking.park(until())
    if run.done:
        step.error, step.finished = run.error, True
    else:
        run.cancel()


async def carry_out_async(step: Step, until: Callable[[], float], parking: OnLoop) -> None:
    """The same on the event loop. A coroutine gets to its first wait even if the time is over already."""
    from asyncio import ensure_future

    step.begun = True
    try:
        value: Any = step.action()
        task = ensure_future(value) if hasattr(value, "__await__") else None
    except Exception as error:  # noqa: BLE001  # a step is the program's own code; its failure must not stop the others
        step.error, step.finished = error, True
        return
    if task is None:
        step.finished = True
        return
    task.add_done_callback(parking.look)
    try:
        await parking.park(until())
        while not task.done() and clock.now() < until():
            await parking.park(until())
        if task.done():
            step.finished = True
            step.error = None if task.cancelled() else task.exception()
    finally:
        if not task.done():
            task.cancel()
            task.add_done_callback(_retrieve)


def _retrieve(task: Future[object]) -> None:
    # Nobody waits for it any more, and nobody shall be told that nobody asked for its exception.
    if not task.cancelled():
        task.exception()

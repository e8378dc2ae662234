"""How a shutdown waits and carries out its steps, on an event loop and in a thread (SPEC H4).

Both drivers do the same: `park` until woken or until a moment, and `carry_out` a step until it is done or given up. A sync step
runs on the loop itself where there is one, since a listener must be closed there; in a thread of its own where there is none.
"""

from __future__ import annotations

import threading

from yaoki.core.clock import clock
from yaoki.core.daemon import DaemonRun

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future, TimerHandle
    from collections.abc import Awaitable, Callable

__all__ = ["OnLoop", "OnThread", "Step"]

_NEVER = float("inf")


class Step:
    """Something to do on the way. `begun`: whether it was started; a step is never started twice."""

    __slots__ = ("action", "begun", "error", "finished", "name")

    def __init__(self, name: str, action: Callable[[], object]) -> None:
        self.name = name
        self.action = action
        self.renew()

    def renew(self) -> None:
        """It has not been done."""
        self.begun = False
        self.finished = False
        self.error: BaseException | None = None


class OnLoop:
    """Waits on an event loop."""

    __slots__ = ("_loop", "_parked", "_woken")

    def __init__(self) -> None:
        from asyncio import get_running_loop

        self._loop: AbstractEventLoop = get_running_loop()
        self._parked: Future[None] | None = None
        self._woken = False

    def wake(self) -> None:
        """Look again. From any thread, and from a signal handler."""
        try:
            self._loop.call_soon_threadsafe(self._look)
        except RuntimeError:
            # The loop is closed: nobody waits on it any more.
            return

    def _look(self) -> None:
        self._woken = True
        if self._parked is not None and not self._parked.done():
            self._parked.set_result(None)

    async def park(self, until: float) -> None:
        """Wait until woken, at most until a moment. A wake that came since the last wait counts."""
        alarm: TimerHandle | None = None
        if not self._woken:
            self._parked = self._loop.create_future()
            if until < _NEVER:
                alarm = self._loop.call_later(max(0.0, until - clock.now()), self._look)
            try:
                await self._parked
            finally:
                self._parked = None
                if alarm is not None:
                    alarm.cancel()
        self._woken = False

    async def carry_out(self, step: Step, until: Callable[[], float]) -> None:
        """Do a step; leave it when `until` has come, which is asked again whenever something happens."""
        step.begun = True
        try:
            value = step.action()
        except Exception as error:  # noqa: BLE001  # a step is the program's own code; its failure must not stop the others
            step.error, step.finished = error, True
            return
        if hasattr(value, "__await__"):
            await self._finish(step, value, until)
        else:
            step.finished = True

    async def _finish(self, step: Step, awaitable: Awaitable[object], until: Callable[[], float]) -> None:
        from asyncio import ensure_future

        task = ensure_future(_awaited(awaitable))
        task.add_done_callback(lambda _: self._look())
        try:
            while not task.done() and clock.now() < until():
                await self.park(until())
            if task.done():
                step.finished = True
                step.error = task.exception() if not task.cancelled() else None
        finally:
            if not task.done():
                task.cancel()
                task.add_done_callback(_retrieve)


async def _awaited(awaitable: Awaitable[object]) -> object:
    return await awaitable


def _retrieve(task: Future[object]) -> None:
    # Nobody waits for it, and nobody shall be told that nobody asked for its exception.
    if not task.cancelled():
        task.exception()


class OnThread:
    """Waits by blocking the thread."""

    __slots__ = ("_gate",)

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._gate.acquire()

    def wake(self) -> None:
        """Look again. From any thread, and from a signal handler."""
        try:
            self._gate.release()
        except RuntimeError:
            # Woken twice before it could look: one look is enough.
            return

    def park(self, until: float) -> None:
        """Wait until woken, at most until a moment. A wake that came since the last wait counts."""
        clock.acquire(self._gate, until - clock.now())

    def carry_out(self, step: Step, until: Callable[[], float]) -> None:
        """Do a step in a daemon thread; leave it when `until` has come."""
        step.begun = True
        run = DaemonRun(step.action, self.wake)
        try:
            run.start(f"yaoki-step-{step.name}")
        except RuntimeError as error:
            step.error, step.finished = error, True
            return
        while not run.done and clock.now() < until():
            self.park(until())
        if run.done:
            step.error, step.finished = run.error, True
        else:
            run.cancel()

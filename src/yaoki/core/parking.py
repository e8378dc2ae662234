"""Waiting until a moment or until woken, on an event loop and in a thread.

A wake may come from any thread and inside of a signal handler, and one that comes before the wait is not lost. A wait may end
a little early or for nothing: who waits looks again whether it is over.
"""

from __future__ import annotations

import threading

from yaoki.core.clock import clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future, Handle
    from typing import Protocol

    class Wakes(Protocol):
        """Somebody who waits."""

        def wake(self) -> None:
            """Look again."""


__all__ = ["NEVER", "OnLoop", "OnThread"]

NEVER = float("inf")


class OnLoop:
    """A coroutine that waits on the running event loop."""

    __slots__ = ("_loop", "_parked", "_woken")

    def __init__(self) -> None:
        from asyncio import get_running_loop

        self._loop: AbstractEventLoop = get_running_loop()
        self._parked: Future[None] | None = None
        self._woken = False

    def wake(self) -> None:
        """Look again. From any thread, and from a signal handler."""
        try:
            self._loop.call_soon_threadsafe(self.look)
        except RuntimeError:
            # The loop is closed: nobody waits on it any more.
            return

    def look(self, _: object = None) -> None:
        """Look again. On the loop only."""
        self._woken = True
        if self._parked is not None and not self._parked.done():
            self._parked.set_result(None)

    async def park(self, until: float) -> None:
        """Wait until woken, at most until a moment. Other tasks get their turn in any case."""
        alarm: Handle | None = None
        self._parked = self._loop.create_future()
        if self._woken:
            alarm = self._loop.call_soon(self.look)
        elif until < NEVER:
            alarm = self._loop.call_later(max(0.0, until - clock.now()), self.look)
        try:
            await self._parked
        finally:
            self._parked = None
            if alarm is not None:
                alarm.cancel()
        self._woken = False


class OnThread:
    """A thread that waits by blocking."""

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
        """Wait until woken, at most until a moment."""
        clock.acquire(self._gate, until - clock.now())

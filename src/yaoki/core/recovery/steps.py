"""Foreign code under a deadline: detectors, repairs, verifications, the quarantine, hooks (SPEC H3).

Each runs in a daemon thread; coroutine functions run on the event loop that the recovery was started from, or in a loop of the
thread where there is none. What takes too long is cancelled if it is a coroutine, and left behind if it is a function. Inside,
the deadline in force is the step's own.
"""

from __future__ import annotations

from yaoki.core import deadline
from yaoki.core.clock import clock
from yaoki.core.daemon import DaemonRun
from yaoki.core.parking import OnThread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Future
    from typing import Any

__all__ = ["Behind", "Hung", "Steps", "Stopped"]


class Stopped(Exception):  # noqa: N818  # the word for it; never leaves this room
    """Somebody has asked the recovery to stop."""


class Hung(Exception):  # noqa: N818  # the word for it; never leaves this room
    """A step has not ended in its time."""


class Behind:
    """What was left behind and may still run, by whom it worked on. `idle` is called when the last one has ended."""

    __slots__ = ("_idle", "_runs")

    def __init__(self, idle: Callable[[], None]) -> None:
        self._runs: dict[DaemonRun, str] = {}
        self._idle = idle

    def __contains__(self, subject: object) -> bool:
        return any(name == subject and not run.done for run, name in list(self._runs.items()))

    def __bool__(self) -> bool:
        return any(not run.done for run in list(self._runs))

    def add(self, run: DaemonRun, subject: str) -> None:
        """`run` works on `subject` and is not waited for any more."""
        self._runs[run] = subject
        if run.done:
            self.settle()

    def settle(self) -> None:
        """Forget those that have ended."""
        for run in [run for run in list(self._runs) if run.done]:
            self._runs.pop(run, None)
        if not self._runs:
            self._idle()


class Steps:
    """Runs the steps of one recovery, one after the other, for a thread that blocks meanwhile."""

    __slots__ = ("_behind", "_loop", "_parking", "stopped")

    def __init__(self, behind: Behind, loop: AbstractEventLoop | None = None) -> None:
        self._behind = behind
        self._loop = loop
        self._parking = OnThread()
        self.stopped: bool = False

    def stop(self) -> None:
        """End the wait for whatever runs, and everything after it. From any thread."""
        self.stopped = True
        self._parking.wake()

    def wait(self, seconds: float) -> None:
        """Let time pass. Raises Stopped when somebody has asked to stop."""
        until = clock.now() + seconds
        while self._goes_on() and clock.now() < until:
            self._parking.park(until)
        if not self._goes_on():
            raise Stopped

    def _goes_on(self) -> bool:
        return not self.stopped

    def run(self, name: str, subject: str, function: Callable[[], object], timeout: float) -> object:
        """What `function` returns. Raises what it raises, Hung after `timeout` seconds, or Stopped."""
        if not self._goes_on():
            raise Stopped
        until = clock.now() + timeout
        call = _Call(function, until, self._loop)
        run = DaemonRun(call, lambda: self._ended(run))
        run.start(f"yaoki-recovery-{name}")
        ended = False
        try:
            while not run.done and self._goes_on() and clock.now() < until:
                self._parking.park(until)
            # Asked once: what is cancelled below may end at once, and that is not the step's own end.
            ended = run.done
        finally:
            if not ended:
                call.cancel()
                run.cancel()
                self._behind.add(run, subject)
        if not ended:
            if not self._goes_on():
                raise Stopped
            raise Hung(f"{name} has not ended within {timeout:g} s")
        if isinstance(run.error, Exception):
            raise run.error
        if run.error is not None:
            # Neither a cancellation nor an exit inside of a step is one of the recovery.
            raise RuntimeError(f"{name} ended with {type(run.error).__name__}") from run.error
        return run.value

    def _ended(self, run: DaemonRun) -> None:
        self._parking.wake()
        self._behind.settle()


class _Call:
    """The function, in a thread; a coroutine function's coroutine on the event loop, if there is one."""

    __slots__ = ("_cancelled", "_function", "_future", "_loop", "_until")

    def __init__(self, function: Callable[[], object], until: float, loop: AbstractEventLoop | None) -> None:
        self._function = function
        self._until = until
        self._loop = loop
        self._future: Future[object] | None = None
        self._cancelled = False

    def cancel(self) -> None:
        """Cancel the coroutine on the event loop, if there is one; also one that is about to be handed over."""
        self._cancelled = True
        if self._future is not None:
            self._future.cancel()

    def __call__(self) -> object:
        # The context is this thread's own, and ends with it; tasks that are made here inherit it.
        deadline.context.set(self._until)
        value = self._function()
        if self._loop is None or not hasattr(value, "__await__"):
            return value
        from asyncio import run_coroutine_threadsafe

        self._future = run_coroutine_threadsafe(_awaited(value), self._loop)
        if self._cancelled:
            self._future.cancel()
        return self._future.result()


def _awaited(awaitable: Any) -> Coroutine[Any, Any, object]:
    async def main() -> object:
        value: object = await awaitable
        return value

    return main()

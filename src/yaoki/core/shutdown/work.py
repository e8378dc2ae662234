"""Work in flight: what a drain waits for (SPEC H4)."""

from __future__ import annotations

import sys
from contextvars import ContextVar

from yaoki.core.clock import clock
from yaoki.core.faults.errors import ShuttingDownError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import Task
    from collections.abc import Callable
    from contextvars import Token
    from types import TracebackType

    from yaoki.core.shutdown.phases import Phases

__all__ = ["Work", "summary"]

_NEVER = float("inf")


class Work:
    """A block of work that the drain waits for, for `with` and `async with`. It may be entered again when it is over.

    `since`: the monotonic time when it was entered. `task`: the task that entered it, or None outside of tasks.
    """

    __slots__ = ("_ended", "_phases", "_token", "name", "outer", "since", "task")

    since: float

    def __init__(self, phases: Phases, name: str, ended: Callable[[], None]) -> None:
        self._phases = phases
        self._ended = ended
        self._token: Token[Work | None] | None = None
        self.name: str = name
        self.outer: Work | None = None
        self.since = 0.0
        self.task: Task[object] | None = None

    def __enter__(self) -> None:
        """Raises ShuttingDownError if new work is refused, and RuntimeError if it is entered already."""
        if self._token is not None:
            raise RuntimeError(f"this work ({self.name}) is in flight already: each block takes one of its own")
        self.since = clock.now()
        self.outer = running(self._phases)
        if not self._phases.admit(self, self.outer, self.since):
            # Who drains may have seen this work in the moment before it was refused.
            self._ended()
            raise ShuttingDownError("the process", _NEVER)
        self.task = _current_task()
        self._token = _running.set(self)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        token, self._token, self.task = self._token, None, None
        if token is None:
            return
        self._phases.leave(self)
        try:
            _running.reset(token)
        except ValueError:
            # The garbage collector closes an abandoned coroutine in another context than its own, where nothing was set.
            pass
        self._ended()

    async def __aenter__(self) -> None:
        self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)

    def cancel(self) -> None:
        """Cancel the task whose work this is, if it is one; a thread cannot be cancelled."""
        task = self.task
        if task is None:
            return

        def cancel() -> None:
            # The work may be over by now, and the task busy with something else.
            if self.task is task:
                task.cancel()

        try:
            task.get_loop().call_soon_threadsafe(cancel)
        except RuntimeError:
            # The loop is closed, and the task gone with it.
            return


_running: ContextVar[Work | None] = ContextVar("yaoki_work", default=None)


def running(phases: Phases) -> Work | None:
    """The innermost work of this shutdown that this code is a part of, and that is in flight."""
    work = _running.get()
    while work is not None and (work._phases is not phases or work not in phases.in_flight):
        work = work.outer
    return work


def _current_task() -> Task[object] | None:
    # A program that never loaded asyncio has no task, and shall not load it for this.
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return None
    try:
        task: Task[object] | None = asyncio.current_task()
    except RuntimeError:
        return None
    return task


def summary(phases: Phases, now: float) -> list[str]:
    """What is in flight, by name, oldest first: "request (2, oldest 3.1 s)"."""
    ages: dict[str, list[float]] = {}
    for work in list(phases.in_flight):
        ages.setdefault(work.name, []).append(now - work.since)
    return [f"{name} ({len(each)}, oldest {max(each):.1f} s)" for name, each in ages.items()]

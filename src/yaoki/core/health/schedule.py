"""When health checks run: each in its own time, on an event loop or in threads (SPEC H2).

Both schedules do the same. Each check has a task or a thread of its own: run, note, wait for the rest of its period. The first
run is at once. Stopping ends all waits and cuts what runs.
"""

from __future__ import annotations

import threading

from yaoki.core.clock import clock
from yaoki.core.parking import NEVER, OnLoop, OnThread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import Task, TaskGroup
    from collections.abc import Callable, Iterable

    from yaoki.core.health.checks import Watched

__all__ = ["LoopSchedule", "ThreadSchedule", "once_in_threads", "once_on_loop"]


class LoopSchedule:
    """Runs checks by tasks of the running event loop."""

    __slots__ = ("_group", "_loop", "_parking", "_stopped", "_tasks", "task")

    def __init__(self) -> None:
        from asyncio import get_running_loop

        self._loop = get_running_loop()
        self._parking = OnLoop()
        self._group: TaskGroup | None = None
        self._tasks: dict[Watched, Task[None]] = {}
        self._stopped = False
        self.task: Task[None] | None = None

    @property
    def is_dead(self) -> bool:
        """Whether its loop is closed, so that nothing runs any more."""
        return self._loop.is_closed()

    async def serve(self, watched: Callable[[], Iterable[Watched]]) -> None:
        """Run the checks until `stop` or cancellation."""
        from asyncio import TaskGroup

        async with TaskGroup() as group:
            self._group = group
            for each in watched():
                self._launch(each)
            while not self._stopped:
                await self._parking.park(NEVER)
            for task in self._tasks.values():
                task.cancel()

    def add(self, watched: Watched) -> None:
        """Run one more check, from now on. From any thread."""
        try:
            self._loop.call_soon_threadsafe(self._launch, watched)
        except RuntimeError:
            # The loop is closed: nothing runs any more.
            return

    def stop(self) -> None:
        """End all runs. From any thread."""
        self._stopped = True
        self._parking.wake()

    def _launch(self, watched: Watched) -> None:
        # Without a group it has not begun yet, and finds the check when it does.
        if self._group is not None and not self._stopped and watched not in self._tasks:
            self._tasks[watched] = self._group.create_task(_watch_on_loop(watched), name=f"yaoki-checks-{watched.check.name}")


async def _watch_on_loop(watched: Watched) -> None:
    parking = OnLoop()
    while not watched.is_over:
        next_at = clock.now() + watched.check.pause()
        watched.note(await watched.runs.on_loop(parking))
        while clock.now() < next_at:
            await parking.park(next_at)


async def once_on_loop(watched: Iterable[Watched]) -> None:
    """Run every check once, side by side."""
    from asyncio import TaskGroup

    async def run(each: Watched) -> None:
        each.note(await each.runs.on_loop(OnLoop()))

    async with TaskGroup() as group:
        # Kept by the group.
        for each in watched:
            group.create_task(run(each))


class ThreadSchedule:
    """Runs checks by daemon threads."""

    __slots__ = ("_parkings", "_stopped")

    is_dead = False

    def __init__(self) -> None:
        self._parkings: dict[OnThread, None] = {}
        self._stopped = False

    def add(self, watched: Watched) -> None:
        """Run one more check, from now on. Raises RuntimeError if the system gives no thread."""
        threading.Thread(target=self._watch, args=(watched,), name=f"yaoki-checks-{watched.check.name}", daemon=True).start()

    def stop(self) -> None:
        """End all runs. From any thread."""
        self._stopped = True
        for parking in list(self._parkings):
            parking.wake()

    def _goes_on(self) -> bool:
        return not self._stopped

    def _watch(self, watched: Watched) -> None:
        parking = OnThread()
        self._parkings[parking] = None
        while self._goes_on() and not watched.is_over:
            next_at = clock.now() + watched.check.pause()
            watched.note(watched.runs.in_thread(parking))
            while self._goes_on() and clock.now() < next_at:
                parking.park(next_at)
        del self._parkings[parking]


def once_in_threads(watched: Iterable[Watched]) -> None:
    """Run every check once, side by side, and wait for all."""
    parking = OnThread()
    running: dict[Watched, None] = dict.fromkeys(watched)

    def run(each: Watched) -> None:
        try:
            each.note(each.runs.in_thread(OnThread()))
        finally:
            del running[each]
            parking.wake()

    for each in list(running):
        threading.Thread(target=run, args=(each,), name=f"yaoki-checks-{each.check.name}", daemon=True).start()
    while running:
        parking.park(NEVER)

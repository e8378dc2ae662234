"""An event loop in virtual time: it jumps over waits, and names a deadlock (SPEC X2).

When no callback is ready, the loop moves the virtual clock to its next timer. When there is no timer either, and nothing else
that could wake it, it raises `Deadlock` with the tasks that wait. What is real is waited for in real time, while the virtual
time stands still: open sockets and pipes, jobs in executors, threads that were started since the loop was made. They get
`VirtualClock.patience` real seconds before a wait is jumped over, and `VirtualClock.limit` before a deadlock is called.
"""

from __future__ import annotations

import asyncio
import math
import selectors
import threading

from yaoki.testing.deadlock import Deadlock, describe
from yaoki.testing.virtual_clock import SLICE, VirtualClock, slices

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from concurrent.futures import Executor
    from contextvars import Context
    from typing import Any, TypeVar, TypeVarTuple

    from _typeshed import FileDescriptorLike

    T = TypeVar("T")
    Ts = TypeVarTuple("Ts")
    Ready = list[tuple[selectors.SelectorKey, int]]

__all__ = ["VirtualEventLoop", "run"]

# What `asyncio.sleep` schedules, and nothing else does.
_END_OF_SLEEP = getattr(asyncio.futures, "_set_result_unless_cancelled", None)

_POOL_THREADS = "asyncio_"


def run(main: Coroutine[Any, Any, T], *, clock: VirtualClock | None = None, debug: bool | None = None) -> T:
    """Run `main` in virtual time and return its result, as `asyncio.run` does in real time.

    `clock` is installed meanwhile; without one, the virtual clock in use goes on, or a new one starts. In the end tasks are
    cancelled and awaited, asynchronous generators closed, the loop closed. Raises Deadlock when everybody waits for ever, and
    RuntimeError inside a running event loop.
    """
    if asyncio._get_running_loop() is not None:
        main.close()
        raise RuntimeError("run() cannot be called from a running event loop: await the coroutine there")
    clock = clock or VirtualClock.installed() or VirtualClock()
    with clock, asyncio.Runner(debug=debug, loop_factory=lambda: VirtualEventLoop(clock)) as runner:
        return runner.run(main)


class VirtualEventLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is a VirtualClock.

    `clock`: the clock to share; without one it takes the virtual clock in use, or installs a new one until it is closed. So
    the class itself serves as a loop factory.
    """

    def __init__(self, clock: VirtualClock | None = None) -> None:
        clock = clock or VirtualClock.installed()
        self._borrowed = clock is not None
        self.clock: VirtualClock = clock or VirtualClock()
        self._selector_in_time = _SelectorInTime(self)
        super().__init__(self._selector_in_time)
        self._selector_in_time.ignore_present()
        self._jobs: dict[asyncio.Future[Any], str] = {}
        self._threads_before = frozenset(threading.enumerate())
        if not self._borrowed:
            self.clock.__enter__()

    def close(self) -> None:
        """Close the loop, and end the clock that it brought along."""
        if self.is_closed():
            return
        super().close()
        if not self._borrowed:
            self.clock.__exit__(None, None, None)

    def time(self) -> float:
        """The virtual time in seconds."""
        return self.clock.time

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call after `delay` virtual seconds."""
        if callback is _END_OF_SLEEP:
            self.clock.sleeps.append(delay)
        return super().call_later(delay, callback, *args, context=context)

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Run in a thread or process; the loop waits for it in real time."""
        future = super().run_in_executor(executor, func, *args)
        self._jobs[future] = f"executor job {getattr(func, '__qualname__', repr(func))}"
        future.add_done_callback(self._jobs.pop)
        return future

    def next_timer(self) -> float:
        """When the next timer is due; infinity if there is none."""
        scheduled: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]  # the one place that knows
        return scheduled[0].when() if scheduled else math.inf

    def still_open(self) -> list[str]:
        """What could wake this loop from outside: names of sockets, executor jobs, threads."""
        threads = [
            f"thread {thread.name!r}"
            for thread in threading.enumerate()
            if thread not in self._threads_before
            and thread is not threading.current_thread()
            and not thread.name.startswith(_POOL_THREADS)
        ]
        return [*self._selector_in_time.descriptors(), *self._jobs.values(), *threads]

    def parked_elsewhere(self) -> bool:
        """Whether all that is open are threads, each of which waits in virtual time itself."""
        return not self._selector_in_time.descriptors() and self.clock.waits() > len(self.still_open())

    def deadlock(self) -> Deadlock:
        """The error that names the waiting tasks."""
        return Deadlock(describe(self.clock.time, asyncio.all_tasks(self), self.still_open()))


class _SelectorInTime(selectors.BaseSelector):
    """The real selector, with waits in virtual time."""

    def __init__(self, loop: VirtualEventLoop) -> None:
        self._loop = loop
        self._real = selectors.DefaultSelector()
        self._of_the_loop: frozenset[FileDescriptorLike] = frozenset()

    def ignore_present(self) -> None:
        """What is registered now belongs to the loop itself."""
        self._of_the_loop = frozenset(self._real.get_map())

    def descriptors(self) -> list[str]:
        """The sockets and pipes that somebody watches."""
        return [f"descriptor {number}" for number in self._real.get_map() if number not in self._of_the_loop]

    def select(self, timeout: float | None = None) -> Ready:
        if timeout is not None and timeout <= 0:
            return self._real.select(0)
        when = self._loop.next_timer()
        return self._wait_for_ever() if when == math.inf else self._wait_until(when)

    def _wait_until(self, when: float) -> Ready:
        clock = self._loop.clock
        with clock.parked(when):
            looks, seen = 0, clock.stirred
            while clock.time < when:
                # In this order: who is gone from the list of what is open may have woken the loop just before.
                patient = looks < self._looks_before_a_jump()
                ready = self._real.select(0)
                if not ready and not patient and clock.arrive(when):
                    break
                ready = ready or self._real.select(SLICE)
                if ready:
                    return ready
                looks, seen = (looks + 1, seen) if seen == clock.stirred else (0, clock.stirred)
        return []

    def _looks_before_a_jump(self) -> int:
        if not self._loop.still_open():
            return 0
        clock = self._loop.clock
        return slices(clock.grace if self._loop.parked_elsewhere() else clock.patience)

    def _wait_for_ever(self) -> Ready:
        looks = 0
        while True:
            patient = looks < self._looks_before_a_deadlock()
            ready = self._real.select(SLICE if patient else 0)
            if ready:
                return ready
            if not patient:
                raise self._loop.deadlock()
            looks += 1

    def _looks_before_a_deadlock(self) -> int:
        clock = self._loop.clock
        if self._loop.still_open():
            return slices(clock.limit)
        # A thread older than the loop seldom knows it, but it may.
        return slices(clock.patience) if threading.active_count() > 1 else 0

    def register(self, fileobj: FileDescriptorLike, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: FileDescriptorLike, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[FileDescriptorLike, selectors.SelectorKey]:
        return self._real.get_map()

    def get_key(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        return self._real.get_key(fileobj)

    def close(self) -> None:
        self._real.close()

"""The shutdown of one process, for event loops and threads (SPEC H4).

A request makes readiness false. After `balancer_wait` new work is refused and the steps before the drain are done; work in
flight gets `drain_timeout` in all; what is left is named in a warning and forced; then come the steps after the drain.

| exit code | |
| --- | --- |
| 0 | everything was drained |
| 3 | forced: the time was over |
| 130, 143 | forced by a second signal, SIGINT or SIGTERM |
"""

from __future__ import annotations

from yaoki.core.clock import clock
from yaoki.core.faults.errors import ConfigurationError
from yaoki.core.fork import renew_after_fork
from yaoki.core.interpreter import lock_of
from yaoki.core.parameters import duration
from yaoki.core.parking import NEVER, OnLoop, OnThread
from yaoki.core.shutdown import signals
from yaoki.core.shutdown.phases import DRAINED, FORCED, Phases
from yaoki.core.shutdown.steps import Step, carry_out, carry_out_async
from yaoki.core.shutdown.work import Work, running, summary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from logging import Logger
    from typing import TypeAlias

    from yaoki.core.parking import Wakes

    # What comes next on the way: a wait until a moment, or a step with the moment at which it is left.
    Leg: TypeAlias = float | tuple[Step, Callable[[], float]]

__all__ = ["DRAINED", "FORCED", "Shutdown"]

UNWIND = 1.0
"""Seconds that cancelled tasks get to end, before the steps after the drain take things away from them."""


class Shutdown:
    """The one place that knows whether the process is to end, and what is still in flight.

    `drain_timeout`: seconds that work in flight gets. `balancer_wait`: seconds between readiness going false and the first
    refusal, for a balancer to notice. `close_timeout`: seconds that the steps after the drain get together.

    One object serves threads and event loops at once. A forked child starts with one that nobody has requested.

    Raises ConfigurationError for a value out of its range.
    """

    __slots__ = ("__weakref__", "_driven", "_phases", "_steps", "_steps_after", "_waiting", "close_timeout")

    def __init__(self, *, drain_timeout: float = 30.0, balancer_wait: float = 0.0, close_timeout: float = 5.0) -> None:
        self.close_timeout: float = duration("close_timeout", close_timeout, zero=True)
        self._phases = Phases(
            duration("drain_timeout", drain_timeout, zero=True), duration("balancer_wait", balancer_wait, zero=True)
        )
        self._steps: list[Step] = []
        self._steps_after: list[Step] = []
        self._waiting: dict[Wakes, None] = {}
        self._driven = False  # guarded by lock_of(self)
        renew_after_fork(self)

    # --- asking for it ------------------------------------------------------------------------------------------------------

    def request(self, reason: str = "requested") -> None:
        """Ask the process to end. From any thread, any number of times; the first reason stays. Nothing waits here."""
        self._phases.request(reason, clock.now())
        self._wake()

    def force(self, reason: str = "forced") -> None:
        """End at once: whatever drains stops waiting, and the exit code is 3. Requests the shutdown too."""
        self._phases.force(FORCED, reason, clock.now())
        self._wake()

    def signal(self, number: int) -> None:
        """Hear a signal: the first one requests the shutdown, every further one forces it. Safe in a signal handler."""
        self._phases.signal(number, signals.name_of(number), clock.now())
        self._wake()

    def install_signals(self, *, watchdog: bool = True) -> bool:
        """Let SIGTERM and SIGINT request the shutdown, and a second one force it. True if the handlers are in place.

        False outside of the main thread, where no handler can be installed; then `request` still works. After the second
        signal the former handlers are back, so a third one is the operating system's. `watchdog`: a daemon thread ends the
        process when its time is over although nobody carries the shutdown out, because an event loop is blocked for instance.

        Raises RuntimeError if another Shutdown of this process has the signals and has not ended.
        """
        return signals.install(self, watchdog=watchdog)

    def wake_also(self, waiting: Wakes) -> None:
        """Wake `waiting` too whenever something has happened to this shutdown."""
        self._waiting[waiting] = None

    def remove_signals(self) -> None:
        """Put back the handlers that were there before. Harmless if this Shutdown has none."""
        signals.remove(self)

    # --- what others ask ----------------------------------------------------------------------------------------------------

    @property
    def requested(self) -> bool:
        """Whether the process is to end: readiness is false from here on."""
        return self._phases.reason is not None

    @property
    def reason(self) -> str | None:
        """Why the process is to end; None if it is not."""
        return self._phases.reason

    @property
    def draining(self) -> bool:
        """Whether new work is refused."""
        return self._phases.refuses(clock.now())

    @property
    def forced(self) -> bool:
        """Whether waiting was given up, by a signal or by `force`."""
        return self._phases.forced_by is not None

    @property
    def exit_code(self) -> int | None:
        """0, 3, 130 or 143 once the shutdown was carried out; None before."""
        return self._phases.exit_code

    @property
    def forced_code(self) -> int:
        """The exit code of an end by force: of the signal that forced it, or 3."""
        return self._phases.forced_by if self._phases.forced_by is not None else FORCED

    @property
    def seconds(self) -> float:
        """How many seconds it can take in all, from the request to the exit code."""
        return self._phases.balancer_wait + self._phases.drain_timeout + UNWIND + self.close_timeout

    def left(self) -> list[str]:
        """What is in flight, by name, oldest first: "request (2, oldest 3.1 s)"."""
        return summary(self._phases, clock.now())

    # --- work and steps -----------------------------------------------------------------------------------------------------

    def work(self, name: str) -> Work:
        """A block of work that the drain waits for: `with` or `async with`.

        Entering raises ShuttingDownError, a Rejected, once new work is refused; a block inside of admitted work is admitted.
        When the time is over, tasks are cancelled, threads are named and left.
        """
        return Work(self._phases, name, self._wake_if_requested)

    def add_step(self, name: str, step: Callable[[], object], *, after: bool = False) -> None:
        """Something to do on the way: before the drain, as soon as new work is refused (close listeners), or `after` it.

        `step` is a function or coroutine function; in `drain` a function runs on the event loop, in `drain_threads` in a thread
        of its own. Steps before run in the order in which they were added, steps after in the reverse order. One that raises
        is logged, one that takes too long is left and named, and the others still run. A second signal leaves them out.
        """
        if not callable(step):
            raise ConfigurationError(f"step must be callable without arguments, not {step!r}")
        if after:
            self._steps_after.insert(0, Step(name, step))
        else:
            self._steps.append(Step(name, step))

    # --- the way down -------------------------------------------------------------------------------------------------------

    async def wait(self) -> str:
        """Wait until the shutdown is requested; returns the reason."""
        parking = OnLoop()
        self._waiting[parking] = None
        try:
            while self._phases.reason is None:
                await parking.park(NEVER)
        finally:
            del self._waiting[parking]
        return self._phases.reason

    def wait_threads(self) -> str:
        """The same, blocking the thread."""
        parking = OnThread()
        self._waiting[parking] = None
        try:
            while self._phases.reason is None:
                parking.park(NEVER)
        finally:
            del self._waiting[parking]
        return self._phases.reason

    async def drain(self) -> int:
        """Carry the shutdown out, requesting it if nobody has; returns the exit code. Whoever comes second waits for the first.

        Raises RuntimeError inside of work that it would wait for.
        """
        self._begin()
        parking = OnLoop()
        self._waiting[parking] = None
        try:
            while self._phases.exit_code is None:
                if self._take_over():
                    try:
                        for leg in self._way_down():
                            if isinstance(leg, tuple):
                                await carry_out_async(*leg, parking)
                            else:
                                await parking.park(leg)
                    finally:
                        self._give_back()
                else:
                    await parking.park(NEVER)
        finally:
            del self._waiting[parking]
        return self._phases.exit_code

    def drain_threads(self) -> int:
        """The same, blocking the thread."""
        self._begin()
        parking = OnThread()
        self._waiting[parking] = None
        try:
            while self._phases.exit_code is None:
                if self._take_over():
                    try:
                        for leg in self._way_down():
                            if isinstance(leg, tuple):
                                carry_out(*leg, parking)
                            else:
                                parking.park(leg)
                    finally:
                        self._give_back()
                else:
                    parking.park(NEVER)
        finally:
            del self._waiting[parking]
        return self._phases.exit_code

    def _begin(self) -> None:
        inside = running(self._phases)
        if inside is not None:
            raise RuntimeError(f"a drain inside of work ({inside.name}) would wait for itself: call request() there")
        self.request("drain")

    def _way_down(self) -> Iterator[Leg]:
        phases, log = self._phases, _log()
        log.info("shutting down: %s", phases.reason)
        while not phases.refuses(clock.now()):
            yield phases.refuse_at
        for step in self._steps:
            if not step.begun and phases.forced_by is None:
                yield step, self._drain_until
                _tell(log, step)
        while phases.in_flight and not phases.gives_up(clock.now()):
            yield phases.drain_until
        yield from self._leave_behind(log)
        until = clock.now() + self.close_timeout
        for step in self._steps_after:
            if not step.begun and phases.forced_by is None:
                yield step, lambda: until if phases.forced_by is None else -NEVER
                _tell(log, step)
        phases.close(late=any(step.begun and not step.finished for step in self._steps_after))
        log.info("shut down: exit code %d", phases.end())

    def _drain_until(self) -> float:
        return self._phases.drain_until if self._phases.forced_by is None else -NEVER

    def _leave_behind(self, log: Logger) -> Iterator[Leg]:
        phases = self._phases
        left = summary(phases, clock.now())
        left += [f"step {step.name}" for step in self._steps if step.begun and not step.finished]
        phases.close(late=bool(left))
        if not left:
            return
        log.warning("forcing the shutdown, %s; left: %s", phases.forced_why, ", ".join(left))
        tasks = [work for work in list(phases.in_flight) if work.task is not None]
        for work in tasks:
            work.cancel()
        until = clock.now() + UNWIND
        while phases.forced_by is None and clock.now() < until and any(work in phases.in_flight for work in tasks):
            yield until

    def _take_over(self) -> bool:
        with lock_of(self):
            mine, self._driven = not self._driven, True
        return mine

    def _give_back(self) -> None:
        with lock_of(self):
            self._driven = False
        self._wake()

    def _wake(self) -> None:
        for parking in list(self._waiting):
            parking.wake()

    def _wake_if_requested(self) -> None:
        if self._phases.reason is not None:
            self._wake()

    def renew(self) -> None:
        """Start anew, in a forked child: what is in flight and who waits belongs to the parent."""
        self._phases.renew()
        self._waiting = {}
        self._driven = False
        for step in (*self._steps, *self._steps_after):
            step.renew()
        self.remove_signals()

    def __repr__(self) -> str:
        state = "serving" if self.reason is None else "draining" if self.exit_code is None else f"ended with {self.exit_code}"
        return f"<Shutdown: {state}, {len(self._phases.in_flight)} in flight>"


def _tell(log: Logger, step: Step) -> None:
    if step.error is not None:
        log.error("the step %s of the shutdown failed", step.name, exc_info=step.error)
    elif not step.finished:
        log.warning("the step %s of the shutdown took too long and was left", step.name)


def _log() -> Logger:
    import logging

    return logging.getLogger("yaoki.shutdown")

"""The crossing of a boundary by a synchronous call: what a hedge and a timeout by thread do with the calls below (SPEC T1, T3).

The calls below run in worker threads; the thread of the call only waits, and goes on as soon as the outcome is decided. Beside
it stands `hedging`, for asynchronous calls.
"""

from __future__ import annotations

from collections import deque
from functools import partial

from yaoki.core.clock import clock
from yaoki.core.deadline import NEVER
from yaoki.core.faults.errors import DeadlineExceededError
from yaoki.core.parking import OnThread
from yaoki.core.pipeline.child import Child, ThreadChild, outcome
from yaoki.core.pipeline.workers import Run
from yaoki.core.policies.hedge import MOST_ABANDONED, Hedge, Race
from yaoki.core.policies.timeout import Timeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from yaoki.core.pipeline.call import Call
    from yaoki.core.policies.policy import Step

    Drive: TypeAlias = Callable[[Call, Callable[..., object], tuple[object, ...], Mapping[str, object], Step], object]
    Below: TypeAlias = Callable[[Child], object]

__all__ = ["crossing"]


def crossing(call: Call, fn: Callable[..., object], drive: Drive) -> Callable[..., object]:
    """The function that the driver `drive` calls in place of `fn`: it calls `fn` below the boundary, by the same driver."""
    return partial(_hedged if isinstance(call.policies[-1], Hedge) else _watched, call, fn, drive)


def _below(fn: Callable[..., object], drive: Drive, args: tuple[object, ...], kwargs: Mapping[str, object]) -> Below:
    def below(child: Child) -> object:
        return drive(child, fn, args, kwargs, 0.0)

    return below


def _watched(call: Call, fn: Callable[..., object], drive: Drive, /, *args: object, **kwargs: object) -> object:
    """Call in a worker thread; at the deadline leave it behind."""
    timeout = call.policies[-1]
    assert isinstance(timeout, Timeout)
    if timeout.abandoned >= timeout.max_abandoned:
        call.ran = False
        detail = f"the call was not started, since {timeout.abandoned} abandoned threads still run"
        raise DeadlineExceededError(timeout, clock.now(), detail)
    threads = _Threads(call, timeout, _below(fn, drive, args, kwargs))
    until = call.deadline
    try:
        threads.start(0)
        while (run := threads.wait(until)) is None:
            if until <= clock.now():
                threads.expire()
                until = NEVER
        return outcome(run)
    finally:
        threads.leave_behind()


def _hedged(call: Call, fn: Callable[..., object], drive: Drive, /, *args: object, **kwargs: object) -> object:
    """Call in a worker thread, and in further ones as the Hedge decides; answer with the first value."""
    hedge, race = call.policies[-1], call.permits[-1]
    assert isinstance(hedge, Hedge)
    assert isinstance(race, Race)
    if hedge.abandoned >= MOST_ABANDONED:
        return _unhedged(call, race, _below(fn, drive, args, kwargs))
    threads = _Threads(call, hedge, _below(fn, drive, args, kwargs))
    until = call.deadline if call.plan.has_timeout else NEVER
    try:
        threads.start(0)
        while True:
            run = threads.wait(min(until, race.next_at))
            if run is not None:
                race.ended(run.number, run.error, clock.now())
                if threads.decides(run):
                    return outcome(run)
            elif until <= clock.now():
                threads.expire()
                until = race.next_at = NEVER
            elif hedge.another(call, race, clock.now()):
                threads.start(race.extra)
    finally:
        threads.leave_behind()


def _unhedged(call: Call, race: Race, below: Below) -> object:
    child = Child(call)
    try:
        value = below(child)
    except BaseException as error:
        race.ended(0, error, clock.now())
        child.report(failed=True)
        raise
    race.ended(0, None, clock.now())
    child.report(failed=False)
    return value


class _Threads:
    """The calls below one crossing that run in worker threads."""

    def __init__(self, call: Call, owner: Hedge | Timeout, below: Below) -> None:
        self.call = call
        self.owner = owner
        self.below = below
        self.running: list[Run] = []
        self.ended: deque[Run] = deque()
        self.parking = OnThread()

    def start(self, number: int) -> None:
        """Start one more call. Raises RuntimeError if there is no thread for the first; further ones are then left out."""
        run = Run(ThreadChild(self.call), self.below, self.owner, number, self._wake)
        try:
            run.start()
        except RuntimeError:
            if number == 0:
                raise
            return
        self.running.append(run)

    def _wake(self, run: Run) -> None:
        self.ended.append(run)
        self.parking.wake()

    def wait(self, until: float) -> Run | None:
        """A call that ended; None if none did until then, or perhaps a little before."""
        if not self.ended:
            self.parking.park(until)
        return self.ended.popleft() if self.ended else None

    def decides(self, run: Run) -> bool:
        """Whether this call is the outcome: a value, what is no failure, or the failure of the last one that ran."""
        self.running.remove(run)
        if isinstance(run.error, Exception) and self.running:
            run.error = None
            return False
        return True

    def expire(self) -> None:
        """The deadline has passed: abandon what still runs. Raises DeadlineExceededError unless a result came just now."""
        call, now = self.call, clock.now()
        error = DeadlineExceededError(call.timeout, call.deadline, "the call was abandoned in its thread")
        try:
            for run in list(self.running):
                if run.abandon():
                    self.running.remove(run)
                    run.child.end(error, now)
                    run.child.report(failed=False)
            if not self.running:
                raise error
        finally:
            del error

    def leave_behind(self) -> None:
        """The outcome is decided: what still runs is left to end by itself."""
        for run in self.running:
            if run.abandon():
                run.child.lose()
            else:
                run.error = None
        self.running.clear()

"""Virtual time: a clock that a test moves, in the place of the operating system's (SPEC X2).

How time passes. With one thread, a sleep returns at once, and time has moved by its length. With several, each that sleeps or
waits for a lock is *parked* until some moment. When nothing has stirred for `grace` real seconds, so that every other thread
had its chance to go on, release a lock or park too, time moves to the earliest of these moments. So threads sleep side by
side, nobody's wait is passed over, and time never runs backward.
"""

from __future__ import annotations

import math
import random
import threading
from contextlib import contextmanager
from itertools import cycle

from yaoki.core.clock import Clock, clock
from yaoki.core.faults.errors import ConfigurationError
from yaoki.testing.deadlock import Deadlock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Self

__all__ = ["VirtualClock"]

SLICE = 0.005
"""Real seconds between two looks at the virtual time, for who waits for something real at the same time."""


def slices(seconds: float) -> int:
    """How many looks make up so many real seconds."""
    return max(1, math.ceil(seconds / SLICE))


class VirtualClock:
    """Time for tests. In a `with` block it stands in for the time of the whole library, also for what was built before.

    `start`: the first monotonic second. `wall_start`: the first wall time, in seconds since 1970. `seed`: of the jitter, which
    is the same in every run. The other three are real seconds: `grace` is how long nothing must have stirred before
    time moves to the end of a parked wait; `patience` is what sockets, executor jobs and threads get before a virtual event loop jumps over a
    wait; `limit` is what they get before an endless wait is called a `Deadlock`.

    Blocks nest, and each restores what stood before. Raises ConfigurationError for a value out of its range.
    """

    def __init__(
        self,
        start: float = 0.0,
        *,
        wall_start: float = 1_735_689_600.0,
        seed: int = 0,
        grace: float = 0.05,
        patience: float = 1.0,
        limit: float = 10.0,
    ) -> None:
        for name, value in (("start", start), ("wall_start", wall_start)):
            if not math.isfinite(value):
                raise ConfigurationError(f"{name} must be a finite number of seconds, not {value!r}")
        for name, value in (("grace", grace), ("patience", patience), ("limit", limit)):
            if not 0.0 <= value < math.inf:
                raise ConfigurationError(f"{name} must be a finite number of real seconds, 0 or more, not {value!r}")
        self.grace = grace
        self.patience = patience
        self.limit = limit
        self.sleeps: list[float] = []
        """The length of every sleep, `asyncio.sleep` on a virtual event loop included, in the order in which they began."""
        self._moved = threading.Condition()
        self._time = float(start)  # guarded by _moved for writing, as is _agenda
        self._agenda: list[float] = []
        self.stirred: int = 0
        """How often time moved, or a wait in virtual time began or ended."""
        self._wall_ahead = wall_start - start
        self._replaced: list[dict[str, object]] = []
        self._draw: Callable[[], float]
        self.seed_random(seed)

    @staticmethod
    def installed() -> VirtualClock | None:
        """The virtual clock that stands in for the library's time now, or None in real time."""
        owner = getattr(clock.now, "__self__", None)
        return owner if isinstance(owner, VirtualClock) else None

    def __enter__(self) -> Self:
        self._replaced.append({name: getattr(clock, name) for name in Clock.__slots__})
        for name in Clock.__slots__:
            setattr(clock, name, getattr(self, name))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if VirtualClock.installed() is not self:
            raise RuntimeError("this virtual clock is not the one in use: nested clocks end in reverse order")
        for name, function in self._replaced.pop().items():
            setattr(clock, name, function)

    # --- for tests ----------------------------------------------------------------------------------------------------------

    @property
    def time(self) -> float:
        """The virtual time, in monotonic seconds."""
        return self._time

    def advance(self, seconds: float) -> None:
        """Move time on by `seconds`, now. Waits of other threads that end on the way end in their order.

        Raises ValueError below 0.
        """
        self._travel(self._end_of(seconds, "time to advance by"))

    def advance_to(self, moment: float) -> None:
        """Move time on to `moment`, in monotonic seconds; not at all if it is over. Raises ValueError for infinity."""
        if not math.isfinite(moment):
            raise ValueError(f"the moment to advance to is a finite number of seconds, not {moment!r}")
        self._travel(moment)

    def work(self, seconds: float) -> None:
        """Let `seconds` pass as a sleep does, without a note in `sleeps`: for the time that a scripted call takes."""
        self._spend(seconds, "the length of a call", [])

    def jump_wall(self, seconds: float) -> None:
        """Set the wall clock forward, or back if negative, as an administrator would. The monotonic time stays."""
        if not math.isfinite(seconds):
            raise ValueError(f"the wall clock jumps by a finite number of seconds, not {seconds!r}")
        self._wall_ahead += seconds

    def fix_random(self, *values: float) -> None:
        """Let `random` return `values` in turn, then again from the first. Raises ValueError outside of [0, 1)."""
        if not values or not all(0.0 <= value < 1.0 for value in values):
            raise ValueError(f"random numbers are one or more, each 0 or more and below 1, not {values!r}")
        self._draw = cycle(values).__next__

    def seed_random(self, seed: int) -> None:
        """Let `random` return the stream that belongs to `seed`."""
        self._draw = random.Random(seed).random  # noqa: S311  # jitter, not a secret

    # --- the slots of the library's clock -----------------------------------------------------------------------------------

    def now(self) -> float:
        """The virtual time, in monotonic seconds."""
        return self._time

    def now_ns(self) -> int:
        """The virtual time, in integer nanoseconds."""
        return round(self._time * 1e9)

    def wall(self) -> float:
        """Virtual seconds since 1970: moves along with the time, and by `jump_wall`."""
        return self._time + self._wall_ahead

    def random(self) -> float:
        """The next random number: of the seed's stream, or of those given to `fix_random`."""
        return self._draw()

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass. Raises ValueError below 0, as the real one does."""
        self._spend(seconds, "the length of a sleep", self.sleeps)

    def acquire(self, lock: threading.Lock, seconds: float) -> bool:
        """Take `lock` within `seconds` of virtual time, and say whether it was taken.

        Raises Deadlock when the wait has no end and nobody releases the lock: at once if no other thread lives, else after
        `limit` real seconds.
        """
        if lock.acquire(blocking=False):
            return True
        return seconds > 0.0 and self._wait(lock, self._time + seconds)

    # --- how time passes ----------------------------------------------------------------------------------------------------

    def _spend(self, seconds: float, what: str, noted: list[float]) -> None:
        with self._moved:
            until = self._end_of(seconds, what)
            noted.append(seconds)
            if not self._agenda and threading.current_thread() is threading.main_thread():
                self._move_locked(until)
                return
        never = threading.Lock()
        never.acquire()
        self._wait(never, until)

    def _wait(self, lock: threading.Lock, until: float) -> bool:
        with self.parked(until):
            looks, seen = 0, self.stirred
            while self._time < until:
                if lock.acquire(timeout=SLICE):
                    return True
                # Whoever has just been woken gets the whole grace, however long this thread has waited.
                looks, seen = (looks + 1, seen) if seen == self.stirred else (0, self.stirred)
                if looks >= slices(self.grace) and not self.arrive(until):
                    self._refuse_endless(until, looks)
        return lock.acquire(blocking=False)

    def _refuse_endless(self, until: float, looks: int) -> None:
        if until == math.inf and (looks >= slices(self.limit) or threading.active_count() == 1):
            raise Deadlock(
                f"thread {threading.current_thread().name!r} waits without an end, and nobody let it go on "
                f"at {self._time:.6g} s of virtual time"
            )

    @contextmanager
    def parked(self, until: float) -> Iterator[None]:
        """A block in which this thread waits until a moment: nobody passes over it, and it leaves soon after it has come."""
        with self._moved:
            self._agenda.append(until)
            self._stir_locked()
        try:
            yield
        finally:
            with self._moved:
                self._agenda.remove(until)
                self._stir_locked()

    def arrive(self, until: float) -> bool:
        """Move time to the end of the own parked wait, if no other parked wait ends earlier. Never to infinity."""
        with self._moved:
            if until == math.inf or min(self._agenda) < until:
                return False
            self._move_locked(until)
            return True

    def waits(self) -> int:
        """How many waits are parked in virtual time."""
        return len(self._agenda)

    def _end_of(self, seconds: float, what: str) -> float:
        if not 0.0 <= seconds < math.inf:
            raise ValueError(f"{what} is a finite number of seconds, 0 or more, not {seconds!r}")
        return self._time + seconds

    def _travel(self, until: float) -> None:
        with self._moved:
            while (first := min(self._agenda, default=until)) < until:
                parked = len(self._agenda)
                self._move_locked(first)
                # Bounded, in case a parked thread was stopped, in a debugger for instance.
                self._moved.wait_for(lambda: not any(moment <= self._time for moment in self._agenda), timeout=1.0)
                # What those who left do now, they do at this moment: until they park again, or for the grace.
                self._moved.wait_for(lambda: len(self._agenda) >= parked, timeout=self.grace)  # noqa: B023  # used at once
            self._move_locked(until)

    def _move_locked(self, until: float) -> None:
        self._time = max(self._time, until)
        self._stir_locked()

    def _stir_locked(self) -> None:
        self.stirred += 1
        self._moved.notify_all()

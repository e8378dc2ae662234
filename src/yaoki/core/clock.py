"""Time and chance: the only door to clocks, sleeping and randomness. Times are seconds as floats.

Everything reads through the one `clock` object, slot by slot, so that a test can replace time for functions that were
decorated long before. The random source is the library's own: `random.seed()` in the user's program does not make two
processes wait alike, and a forked child starts a stream of its own.
"""

from __future__ import annotations

import sys
import time
from _random import Random

from yaoki.core.interpreter import after_fork

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

__all__ = ["Clock", "clock", "file_time_ns"]


class Clock:
    """The functions that tell and spend time.

    `now`: monotonic seconds. `now_ns`: the same in integer nanoseconds. `wall`: seconds since 1970, for reports only.
    `sleep`: blocks the thread. `acquire`: takes a lock within a number of seconds, and says whether it did.
    `random`: uniform in [0, 1).
    """

    __slots__ = ("acquire", "now", "now_ns", "random", "sleep", "wall")

    now: Callable[[], float]
    now_ns: Callable[[], int]
    wall: Callable[[], float]
    sleep: Callable[[float], None]
    acquire: Callable[[threading.Lock, float], bool]
    random: Callable[[], float]

    def __init__(self) -> None:
        self.real_time()
        self.reseed()

    def real_time(self) -> None:
        """Take time from the operating system."""
        self.now = time.monotonic
        self.now_ns = time.monotonic_ns
        self.wall = time.time
        self.sleep = time.sleep
        self.acquire = _acquire

    def reseed(self) -> None:
        """Start a random stream that no other process shares."""
        # `_random.Random()` seeds itself from the operating system; the `random` module would cost a tenth of our import.
        self.random = Random().random


def _acquire(lock: threading.Lock, seconds: float) -> bool:
    # A negative wait would be refused, or be one without an end.
    seconds = min(max(seconds, 0.0), _LONGEST_WAIT)
    if seconds > _HEARD_WITHIN and _hears_signals():
        until = time.monotonic() + seconds
        while (seconds := until - time.monotonic()) > _HEARD_WITHIN:
            if lock.acquire(timeout=_HEARD_WITHIN):
                return True
    return lock.acquire(timeout=max(seconds, 0.0))


def _hears_signals() -> bool:
    import threading

    return threading.current_thread() is threading.main_thread()


_LONGEST_WAIT = 3600.0 * 24 * 7
# Seconds. Python hears a signal in its main thread, between two steps of it: one that comes just before a wait begins, or is delivered to
# another thread, does not end the wait.
_HEARD_WITHIN = 0.5

TICK: float = time.get_clock_info("monotonic").resolution
"""Seconds between two values of the monotonic clock. An event loop may wake up that much too early."""

# Seconds by which a file may bear an earlier time than the clock tells, where the system has no clock of ticks.
_LATEST_TICK = 0.02
# From linux/time.h: Python has no name for it.
_CLOCK_REALTIME_COARSE = 5


def file_time_ns() -> int:
    """The time in ns that the operating system writes on what is changed now, or a little before: nothing that is changed later bears an
    earlier one, on a file system that tells parts of seconds. Never virtual, as files are not.
    """
    if sys.platform == "linux":
        try:
            return time.clock_gettime_ns(_CLOCK_REALTIME_COARSE)
        except OSError:
            # Something that stands in for Linux.
            pass
    return time.time_ns() - int(_LATEST_TICK * 1e9)


clock: Clock = Clock()

after_fork(clock.reseed)

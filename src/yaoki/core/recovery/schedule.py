"""When a service recovers: every so many seconds, or at a time of day (SPEC H3, W5)."""

from __future__ import annotations

from yaoki.core.clock import clock
from yaoki.core.faults.errors import ConfigurationError
from yaoki.core.parameters import duration, share

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import tzinfo
    from typing import Protocol

    class Schedule(Protocol):
        """When the next run is due. `longest`: no run is more seconds away than that, unless the wall clock was set back."""

        longest: float

        def first(self, now: float) -> float:
            """The wall time of the first run, for a service that starts at the wall time `now`."""
            ...

        def after(self, due: float, now: float) -> float:
            """The wall time of the run after the one that was due at `due` and has ended at `now`."""
            ...


__all__ = ["Daily", "Every"]


class Every:
    """At once, and then every `seconds`, from start to start; `jitter`: the share by which that varies, either way.

    Raises ConfigurationError for a value out of its range.
    """

    __slots__ = ("jitter", "longest", "seconds")

    def __init__(self, seconds: float, *, jitter: float = 0.1) -> None:
        self.seconds: float = duration("seconds", seconds)
        self.jitter: float = share("jitter", jitter, zero=True)
        self.longest: float = self.seconds * (1.0 + self.jitter)

    def first(self, now: float) -> float:
        return now

    def after(self, due: float, now: float) -> float:
        # One that took longer than the interval is not made up for.
        return max(now, due + self.seconds * (1.0 + self.jitter * (2.0 * clock.random() - 1.0)))

    def __repr__(self) -> str:
        return f"every {self.seconds:g} s"


class Daily:
    """Once a day at a time of day, "02:00" for instance, or up to `jitter` seconds later.

    `zone`: a tzinfo; without one the time zone of the host. Where a clock change leaves the time out, the run comes an hour
    later or earlier; where it comes twice, the run comes once.

    Raises ConfigurationError for a value out of its range.
    """

    __slots__ = ("hour", "jitter", "longest", "minute", "zone")

    def __init__(self, time: str, *, jitter: float = 0.0, zone: tzinfo | None = None) -> None:
        hour, _, minute = time.partition(":")
        if not (hour.isdecimal() and minute.isdecimal() and len(minute) == 2 and int(hour) < 24 and int(minute) < 60):
            raise ConfigurationError(f"time must be a time of day from 00:00 to 23:59, not {time!r}")
        self.hour: int = int(hour)
        self.minute: int = int(minute)
        self.jitter: float = duration("jitter", jitter, zero=True)
        self.zone: tzinfo | None = zone
        self.longest: float = 49 * 3600.0 + self.jitter

    def first(self, now: float) -> float:
        return self._next(now) + self.jitter * clock.random()

    def after(self, due: float, now: float) -> float:
        # From its own moment on without the jitter, so that no day is left out or comes twice.
        return self._next(max(due, now)) + self.jitter * clock.random()

    def _next(self, now: float) -> float:
        from datetime import datetime, timedelta

        today = datetime.fromtimestamp(now, self.zone).replace(hour=self.hour, minute=self.minute, second=0, microsecond=0)
        for days in (0, 1, 2):
            moment = (today + timedelta(days=days)).timestamp()
            if moment > now:
                return moment
        raise AssertionError("a day has at most two midnights")

    def __repr__(self) -> str:
        return f"daily at {self.hour:02}:{self.minute:02}"

"""The mode that a service reports: follows the modes of its answers with hysteresis, and measures its time (SPEC K2).

A mode is reported when answers of that mode, or worse ones, have kept coming for `worsen_after` seconds, and it is left when
only better ones have come for `recover_after` seconds. Better answers in between do not end the coming of worse ones, unless
they are all that comes for `worsen_after` seconds: so a service that fails for one user in three reports it, and one bad
answer a day does not. Without answers nothing changes: there is no evidence.

The modes of answers are never held back. This is about the service.
"""

from __future__ import annotations

from yaoki.core import events
from yaoki.core.clock import clock
from yaoki.core.degradation.ladder import Ladder, Mode
from yaoki.core.faults.errors import ConfigurationError
from yaoki.core.interpreter import lock_of
from yaoki.core.parameters import duration

__all__ = ["ReportedMode"]


class ReportedMode:
    """The reported mode of one service; it starts in the best mode. One object serves threads and event loops at once.

    `worsen_after`, `recover_after`: seconds; 0 follows at once. `name` tells its ModeChanged events from those of others.

    Raises ConfigurationError for a value out of its range.
    """

    __slots__ = (
        "_answers",
        "_level",
        "_since",
        "_since_wall",
        "_spent",
        "_steps",
        "ladder",
        "name",
        "recover_after",
        "worsen_after",
    )

    def __init__(
        self, ladder: Ladder, *, worsen_after: float = 5.0, recover_after: float = 30.0, name: str | None = None
    ) -> None:
        if not isinstance(ladder, Ladder):
            raise ConfigurationError(f"ladder must be a Ladder, not {ladder!r}")
        if name is not None and not isinstance(name, str):
            raise ConfigurationError(f"name must be a text, not {name!r}")
        self.ladder: Ladder = ladder
        self.worsen_after: float = duration("worsen_after", worsen_after, zero=True)
        self.recover_after: float = duration("recover_after", recover_after, zero=True)
        self.name: str | None = name
        # Guarded by lock_of(self).
        self._steps = [_Step() for _ in ladder.modes]
        self._level = 0
        self._since = clock.now()
        self._since_wall = clock.wall()
        self._spent = [0.0] * len(ladder)
        self._answers = [0] * len(ladder)

    def observe(self, mode: Mode) -> Mode:
        """Hear the mode of one answer; returns the mode reported now. Raises ConfigurationError for a mode of another ladder."""
        try:
            level = self.ladder.modes.index(mode)
        except ValueError:
            raise ConfigurationError(f"mode must be one of {self.ladder!r}, not {mode!r}") from None
        with lock_of(self):
            now = clock.now()
            self._answers[level] += 1
            before, after = self._level, self._judge_locked(level, now)
            spent = 0.0
            if after != before:
                spent = now - self._since
                self._spent[before] += spent
                self._level, self._since, self._since_wall = after, now, clock.wall()
        reported = self.ladder.modes[after]
        if after != before and events.listeners:
            previous = self.ladder.modes[before].name
            events.emit(events.ModeChanged(service=self.name, previous=previous, mode=reported.name, after=spent))
        return reported

    def _judge_locked(self, level: int, now: float) -> int:
        # Each step down the ladder is judged alone. A bad answer for one is bad for all above it, so they stay in order.
        reported = 0
        for place, step in enumerate(self._steps):
            if 0 < place <= level:
                step.worse(now, self.worsen_after)
            elif place:
                step.better(now, self.recover_after if step.reported else self.worsen_after)
            if step.reported:
                reported = place
        return reported

    @property
    def current(self) -> Mode:
        """The mode reported now."""
        return self.ladder.modes[self._level]

    def time_in(self) -> dict[str, float]:
        """Seconds spent in each reported mode so far, by name, in the order of the ladder. Measured by the monotonic clock."""
        with lock_of(self):
            spent = list(self._spent)
            spent[self._level] += clock.now() - self._since
        return {mode.name: seconds for mode, seconds in zip(self.ladder, spent, strict=True)}

    def snapshot(self) -> dict[str, object]:
        """The reported mode, since when (wall clock), seconds in each mode, answers of each mode. JSON-ready."""
        with lock_of(self):
            mode, since, answers, spent = self.current, self._since_wall, list(self._answers), self.time_in()
        counts = {each.name: count for each, count in zip(self.ladder, answers, strict=True)}
        return {"service": self.name, "mode": mode.name, "since": since, "seconds_in": spent, "answers": counts}

    def __repr__(self) -> str:
        return f"<ReportedMode {self.name or ''}: {self.current.name}>"


class _Step:
    """One mode below the best: since when it, or a worse one, has kept coming, and since when only better ones come."""

    __slots__ = ("bad_since", "good_since", "reported")

    def __init__(self) -> None:
        self.bad_since: float | None = None
        self.good_since: float | None = None
        self.reported = False

    def worse(self, now: float, wait: float) -> None:
        """An answer of this mode or a worse one."""
        over = not self.reported and self.good_since is not None and now - self.good_since >= wait
        if self.bad_since is None or over:
            self.bad_since = now
        self.good_since = None
        if now - self.bad_since >= wait:
            self.reported = True

    def better(self, now: float, wait: float) -> None:
        """An answer of a better mode."""
        if self.bad_since is None:
            return
        if self.good_since is None:
            self.good_since = now
        if now - self.good_since >= wait:
            self.bad_since = self.good_since = None
            self.reported = False

"""Counting windows: when do failures add up to "it is down"? (SPEC B1)

A window counts one era of a closed circuit. A success is one increment of `ok`, for every kind of window alike, so a healthy
call costs the same whatever is counted; all else is derived at a failure, under the breaker's lock. A window that nobody
refers to any more may still be incremented by a late call: that is how late results become harmless.

| window | trips at a failure when |
| --- | --- |
| Consecutive | `failure_threshold` failures since the last success |
| Burst | `failure_threshold` failures since the last success, all within `failure_window` seconds |
| Calls | failures among the last n calls reach `failure_rate`, or slow calls reach `slow_call_rate` |
| Seconds | the same among the calls of the last s seconds |

A rate is judged when a failure or a slow call is counted, never at a good call: a good call cannot make things worse.
"""

from __future__ import annotations

from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Thresholds(Protocol):
        """What a window needs to know to judge; the breaker's configuration has it."""

        failure_threshold: int | None
        failure_window: float | None
        failure_rate: float | None
        minimum_calls: int
        slow_call_rate: float | None
        window: CallsWindow | SecondsWindow


__all__ = ["Burst", "Calls", "CallsWindow", "Consecutive", "Held", "Seconds", "SecondsWindow", "SlowCalls", "Window"]


class CallsWindow:
    """The last `count` calls; made by `calls(count)`."""

    __slots__ = ("count",)

    def __init__(self, count: int) -> None:
        self.count: int = count

    def __repr__(self) -> str:
        return f"calls({self.count})"


class SecondsWindow:
    """The calls of the last `length` seconds; made by `seconds(length)`."""

    __slots__ = ("length",)

    def __init__(self, length: float) -> None:
        self.length: float = length

    def __repr__(self) -> str:
        return f"seconds({self.length:g})"


class Window:
    """One era of a closed circuit: what was counted in it, and whether that is too much.

    `ok` counts successes, `failed` failures. `fail_locked` and `slow_locked` answer whether the circuit must open.
    """

    __slots__ = ("failed", "ok")

    failed: int
    ok: int

    def __init__(self) -> None:
        self.ok = 0
        self.failed = 0

    def fail_locked(self, limits: Thresholds, now: float, *, slow: bool) -> bool:
        """Count a failure; True: open."""
        raise NotImplementedError

    def slow_locked(self, limits: Thresholds, now: float) -> bool:
        """Count a slow success, already counted in `ok`; True: open."""
        return False

    def streaks(self) -> tuple[int, int]:
        """Consecutive failures and consecutive successes up to now; one of them is zero."""
        raise NotImplementedError

    def rates(self, limits: Thresholds, now: float) -> tuple[int, int, int]:
        """Calls, failures and slow calls in the window."""
        raise NotImplementedError


class Held(Window):
    """A circuit that a person holds closed: counts, and never trips (SPEC B6)."""

    __slots__ = ()

    failed: int

    edge: float = float("inf")
    """Read by the healthy path of a breaker with a time window: here there is never a bucket to turn."""

    def fail_locked(self, limits: Thresholds, now: float, *, slow: bool) -> bool:
        """Count a failure; never opens."""
        self.failed += 1
        return False

    def streaks(self) -> tuple[int, int]:
        """Not kept: nothing depends on them."""
        return 0, 0

    def rates(self, limits: Thresholds, now: float) -> tuple[int, int, int]:
        """All calls since the circuit is held closed."""
        return self.ok + self.failed, self.failed, 0


_NO_RUN = (0, 0)


class Consecutive(Window):
    """Failures since the last success."""

    __slots__ = ("_run",)

    failed: int

    def __init__(self) -> None:
        super().__init__()
        # How many successes there were at the latest failure, and the length of the run that it ended; in one slot, since a
        # window that has seen no failure shall be small.
        self._run: tuple[int, int] = _NO_RUN

    def fail_locked(self, limits: Thresholds, now: float, *, slow: bool) -> bool:
        """Count a failure; True at `failure_threshold` in a row."""
        self.failed += 1
        ok, length = self._run
        run = self._run = (self.ok, length + 1 if self.ok == ok else 1)
        return limits.failure_threshold is not None and run[1] >= limits.failure_threshold

    def streaks(self) -> tuple[int, int]:
        """Consecutive failures and consecutive successes up to now."""
        ok, length = self._run
        since = self.ok - ok
        return (0, since) if since else (length, 0)

    def rates(self, limits: Thresholds, now: float) -> tuple[int, int, int]:
        """All calls of this era."""
        return self.ok + self.failed, self.failed, 0


class Burst(Consecutive):
    """Failures since the last success, and all within the failure window."""

    __slots__ = ("_times",)

    def __init__(self) -> None:
        super().__init__()
        self._times: deque[float] | None = None

    def fail_locked(self, limits: Thresholds, now: float, *, slow: bool) -> bool:
        """Count a failure; True when `failure_threshold` failures in a row lie within `failure_window` seconds."""
        super().fail_locked(limits, now, slow=slow)
        threshold, length = limits.failure_threshold, limits.failure_window
        if threshold is None or length is None:
            return False
        if self._times is None:
            self._times = deque(maxlen=threshold)
        if self._run[1] == 1:
            self._times.clear()
        self._times.append(now)
        return len(self._times) == threshold and now - self._times[0] < length


class Calls(Window):
    """The last n calls. A failure is remembered by its position, so good calls need no ring.

    A call's position is the number of calls counted up to it. Slow calls are kept the same way by `SlowCalls`.
    """

    __slots__ = ("_failures",)

    failed: int

    def __init__(self) -> None:
        super().__init__()
        self._failures: deque[int] | None = None

    def fail_locked(self, limits: Thresholds, now: float, *, slow: bool) -> bool:
        """Count a failure; True when the failure rate among the last n calls is reached."""
        self.failed += 1
        position = self.ok + self.failed
        failures = self._failures
        if failures is None:
            failures = self._failures = deque()
        failures.append(position)
        return self._reached(failures, position, limits, limits.failure_rate)

    @staticmethod
    def _reached(positions: deque[int], position: int, limits: Thresholds, rate: float | None) -> bool:
        window = limits.window
        size = window.count if isinstance(window, CallsWindow) else 0
        oldest = position - size
        while positions and positions[0] <= oldest:
            positions.popleft()
        total = min(position, size)
        return rate is not None and total >= limits.minimum_calls and len(positions) / total >= rate

    def streaks(self) -> tuple[int, int]:
        """Consecutive failures (at most the window's size) and consecutive successes up to now."""
        position = self.ok + self.failed
        failures = self._failures
        if not failures:
            return 0, self.ok
        since = position - failures[-1]
        if since:
            return 0, since
        streak = 0
        for failure in reversed(failures):
            if failure != position - streak:
                break
            streak += 1
        return streak, 0

    def rates(self, limits: Thresholds, now: float) -> tuple[int, int, int]:
        """Calls, failures and slow calls among the last n."""
        position = self.ok + self.failed
        return self._total(limits, position), self._within(self._failures, limits, position), 0

    @staticmethod
    def _total(limits: Thresholds, position: int) -> int:
        window = limits.window
        return min(position, window.count) if isinstance(window, CallsWindow) else 0

    def _within(self, positions: deque[int] | None, limits: Thresholds, position: int) -> int:
        oldest = position - self._total(limits, position)
        return sum(1 for each in positions or () if each > oldest)


class SlowCalls(Calls):
    """The last n calls, slow ones counted beside the failed ones."""

    __slots__ = ("_slow",)

    def __init__(self) -> None:
        super().__init__()
        self._slow: deque[int] = deque()

    def fail_locked(self, limits: Thresholds, now: float, *, slow: bool) -> bool:
        """Count a failure, which may be slow too; True when either rate is reached."""
        trip = super().fail_locked(limits, now, slow=slow)
        return (self.slow_locked(limits, now) if slow else False) or trip

    def slow_locked(self, limits: Thresholds, now: float) -> bool:
        """Count the latest call as slow; True when the slow-call rate is reached."""
        position = self.ok + self.failed
        self._slow.append(position)
        return self._reached(self._slow, position, limits, limits.slow_call_rate)

    def rates(self, limits: Thresholds, now: float) -> tuple[int, int, int]:
        """Calls, failures and slow calls among the last n."""
        total, failures, _ = super().rates(limits, now)
        return total, failures, self._within(self._slow, limits, self.ok + self.failed)


_BUCKETS = 10
_NOT_BEGUN = float("-inf")


class Seconds(Consecutive):
    """The calls of the last s seconds, in buckets of a tenth of that; each begins with its first call.

    Nothing older than s seconds is ever counted, and everything younger than nine tenths of s is. A good call reads the clock once
    and compares it with `edge`, the end of the current bucket; only a call past the edge turns the buckets.
    """

    __slots__ = ("_closed", "_failed_before", "_ok_before", "_slow", "_start", "edge")

    def __init__(self) -> None:
        super().__init__()
        self.edge: float = _NOT_BEGUN
        self._start = 0.0
        self._ok_before = 0
        self._failed_before = 0
        self._slow = 0
        self._closed: deque[tuple[float, int, int, int]] = deque(maxlen=_BUCKETS)

    def turn_locked(self, limits: Thresholds, now: float) -> None:
        """Close the current bucket if `now` is past its edge, and forget what has become too old."""
        length = self._length(limits)
        edge = self.edge
        if now < edge:
            return
        # From here to the last field nothing is called: the garbage collector may run a destructor, and that may count a call.
        start, slow = self._start, self._slow
        ok, failed = self.ok - self._ok_before, self.failed - self._failed_before
        self._ok_before += ok
        self._failed_before += failed
        self._slow = 0
        self._start = now
        self.edge = now + length / _BUCKETS
        if edge != _NOT_BEGUN:
            self._closed.append((start, ok, failed, slow))
        oldest = now - length
        while self._closed and self._closed[0][0] < oldest:
            self._closed.popleft()

    @staticmethod
    def _length(limits: Thresholds) -> float:
        window = limits.window
        return window.length if isinstance(window, SecondsWindow) else 0.0

    def fail_locked(self, limits: Thresholds, now: float, *, slow: bool) -> bool:
        """Count a failure; True when either rate among the calls of the last s seconds is reached."""
        self.turn_locked(limits, now)
        super().fail_locked(limits, now, slow=slow)
        if slow:
            self._slow += 1
        return self._judge(limits, now)

    def slow_locked(self, limits: Thresholds, now: float) -> bool:
        """Count the latest call as slow; True when the slow-call rate is reached."""
        self.turn_locked(limits, now)
        self._slow += 1
        return self._judge(limits, now)

    def _judge(self, limits: Thresholds, now: float) -> bool:
        total, failed, slow = self.rates(limits, now)
        if total < limits.minimum_calls:
            return False
        too_many = limits.failure_rate is not None and failed / total >= limits.failure_rate
        too_slow = limits.slow_call_rate is not None and slow / total >= limits.slow_call_rate
        return too_many or too_slow

    def rates(self, limits: Thresholds, now: float) -> tuple[int, int, int]:
        """Calls, failures and slow calls of the last s seconds; reading forgets nothing."""
        oldest = now - self._length(limits)
        ok = failed = slow = 0
        if self._start >= oldest:
            ok, failed, slow = self.ok - self._ok_before, self.failed - self._failed_before, self._slow
        for start, good, bad, late in self._closed:
            if start >= oldest:
                ok, failed, slow = ok + good, failed + bad, slow + late
        return ok + failed, failed, slow

"""How an adaptive limit learns: from a window of calls to the next limit (SPEC T2).

| algorithm | grows | shrinks |
| --- | --- | --- |
| `Gradient` | while calls take about as long as in the long run | in proportion as they take longer: work queues up over there |
| `Aimd` | by one for each window | by a tenth when a call was too slow, timed out, or was refused for want of capacity |

Neither grows unless at least half of the limit was in use: a limit that nobody reaches says nothing about what is bearable.
`Gradient` is Gradient2 of Netflix' concurrency-limits with its figures; but since a dependency where everything times out gives no
latencies at all, a window with more overloads than answers shrinks the limit as `Aimd` does.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Algorithm: TypeAlias = "Aimd | Gradient"

__all__ = ["Aimd", "Gradient", "Sampled"]

_BACKOFF = 0.9
_SMOOTHING = 0.2
_QUEUE = 4.0
_LONG_RUN = 600.0
_WARM_UP = 10


class Sampled:
    """What was seen in one window.

    `since` when, in monotonic seconds, and its `length`; `answers`, and the `seconds` that they took together; `overloads`; how
    many calls ran at once at `most`.
    """

    __slots__ = ("answers", "length", "most", "overloads", "seconds", "since")

    def __init__(self, since: float) -> None:
        self.since: float = since
        self.length: float = 0.0
        self.answers: int = 0
        self.seconds: float = 0.0
        self.overloads: int = 0
        self.most: int = 0


class Aimd:
    """Additive increase, multiplicative decrease. An answer that took `slow_call_duration` seconds counts as an overload."""

    __slots__ = ("slow_call_duration",)

    def __init__(self, slow_call_duration: float) -> None:
        self.slow_call_duration: float = slow_call_duration

    @property
    def baseline(self) -> float | None:
        """None: only the fixed duration counts."""
        return None

    def is_slow(self, seconds: float) -> bool:
        """Whether it took as long as an overload does."""
        return seconds >= self.slow_call_duration

    def next_limit(self, limit: float, window: Sampled) -> float:
        """A tenth less after an overload, one more after a well used window without."""
        if window.overloads:
            return limit * _BACKOFF
        return limit + 1.0 if window.most * 2 >= limit else limit


class Gradient:
    """Compares the latency of a window with that of the last ten minutes; `tolerance` times as long is still normal."""

    __slots__ = ("_windows", "long_run", "tolerance")

    def __init__(self, tolerance: float) -> None:
        self.tolerance: float = tolerance
        self.long_run: float = 0.0
        self._windows = 0

    @property
    def baseline(self) -> float | None:
        """The average latency in the long run, in seconds."""
        return self.long_run if self._windows else None

    def is_slow(self, seconds: float) -> bool:
        """No: how long answers take is the gradient's business."""
        return False

    def next_limit(self, limit: float, window: Sampled) -> float:
        """More while latency is normal, at most half less in proportion as it grows; smoothed."""
        if window.overloads > window.answers:
            return limit * _BACKOFF
        if not window.answers:
            return limit
        latency = window.seconds / window.answers
        self._remember(latency, window.length)
        if self.long_run > 2.0 * latency:
            # The dependency is fast again after a long overload: the memory of that would let latency double unseen.
            self.long_run *= 0.95
        if window.most * 2 < limit:
            return limit
        gradient = 1.0 if latency <= 0.0 else max(0.5, min(1.0, self.tolerance * self.long_run / latency))
        return limit * (1.0 - _SMOOTHING) + (limit * gradient + _QUEUE) * _SMOOTHING

    def _remember(self, latency: float, seconds: float) -> None:
        self._windows += 1
        if self._windows <= _WARM_UP:
            self.long_run += (latency - self.long_run) / self._windows
        else:
            self.long_run += (latency - self.long_run) * min(1.0, 2.0 * seconds / (_LONG_RUN + 1.0))

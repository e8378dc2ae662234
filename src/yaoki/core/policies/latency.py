"""The latency histogram: how long calls take, at the cost of two clock reads and one increment (SPEC O1).

Bucket n counts the calls that took from 2^(n-1) to 2^n - 1 nanoseconds: the number of binary digits of the time is the bucket.
Inside a bucket a quantile is taken as if its calls were spread evenly, so it is right within a factor of two.
"""

from __future__ import annotations

from yaoki.core.interpreter import GIL, lock_of
from yaoki.core.parameters import share
from yaoki.core.policies.policy import Fragment, Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable

    from yaoki.core.pipeline.call import Call
    from yaoki.core.policies.policy import Permit

__all__ = ["LatencyHistogram"]

BUCKETS = 80
"""Up to 2^79 nanoseconds, nineteen million years: no clock shows a longer time, virtual or not."""


class LatencyHistogram(Policy):
    """Counts how long calls take: values and failures alike, but neither refusals nor cancelled calls.

    It stands for what is inside it: outside a Retry it measures whole calls with their waits, inside it attempts.
    """

    __slots__ = ("__weakref__", "counts", "key", "name")

    kind = "latency"

    counts: list[int]
    """How many calls took so many nanoseconds, by the number of binary digits."""

    def __init__(self, *, name: str | None = None) -> None:
        self.name: str | None = name
        self.key: Hashable = None
        self.counts = [0] * BUCKETS

    def fresh(self, key: Hashable) -> LatencyHistogram:
        """An empty histogram for one key."""
        histogram = LatencyHistogram(name=self.name)
        histogram.key = key
        return histogram

    # The rule

    def enter(self, call: Call, now: float) -> Permit:
        """Note the time."""
        return Began(round(now * 1e9))

    def extend(self, call: Call, permit: Permit, now: float, paused: float) -> None:
        """What the consumer of a generator took is not the call's time."""
        permit.nanoseconds += round(paused * 1e9)  # type: ignore[attr-defined]  # the Began that `enter` returned

    def leave(self, call: Call, permit: Permit, error: BaseException | None, now: float) -> None:
        """Count the call, unless it was refused further in or ended without an outcome."""
        if error is None or (call.ran and isinstance(error, Exception)):
            self.count(max(0, round(now * 1e9) - permit.nanoseconds))  # type: ignore[attr-defined]  # what `enter` returned

    def count(self, nanoseconds: int) -> None:
        """Count one call."""
        if GIL:
            self.counts[nanoseconds.bit_length()] += 1
        else:
            with lock_of(self):
                self.counts[nanoseconds.bit_length()] += 1

    def healthy(self) -> Fragment | None:
        """Two clock reads, which policies share, and one increment."""
        return Fragment(
            permit="_y_Began(_y_start_ns)",
            success=("{p}.counts[(_y_end_ns - _y_start_ns).bit_length()] += 1",),
            names={"_y_Began": Began},
            nanoseconds=True,
        )

    # Reading

    def quantile(self, q: float) -> float | None:
        """The time in seconds that a share `q` of the calls took at most; None before the first call.

        Raises ConfigurationError for a share outside of 0 to 1.
        """
        return _quantile(list(self.counts), share("q", q, zero=True))

    def snapshot(self, now: float) -> dict[str, object]:
        """How many calls were counted, three quantiles in seconds, and the buckets: [seconds below which, calls]."""
        counts = list(self.counts)
        return {
            "kind": self.kind,
            "name": self.name,
            "calls": sum(counts),
            "p50": _quantile(counts, 0.5),
            "p95": _quantile(counts, 0.95),
            "p99": _quantile(counts, 0.99),
            "buckets": [[(1 << digits) * 1e-9, count] for digits, count in enumerate(counts) if count],
        }


class Began:
    """When a call began, in monotonic nanoseconds."""

    __slots__ = ("nanoseconds",)

    def __init__(self, nanoseconds: int) -> None:
        self.nanoseconds: int = nanoseconds


def _quantile(counts: list[int], q: float) -> float | None:
    rank = q * sum(counts)
    below = 0
    for digits, count in enumerate(counts):
        if count and below + count >= rank:
            low = (1 << digits) >> 1
            return (low + ((1 << digits) - low) * (rank - below) / count) * 1e-9
        below += count
    return None

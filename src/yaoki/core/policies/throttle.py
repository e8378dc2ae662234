"""The throttle: refuses as large a share of the calls as the dependency fails beyond what it bears (SPEC T4).

The rule is the client-side throttling of the SRE book: with `requests` judged and `accepts` good calls in the window, a call is
refused with probability (requests - k x accepts) / (requests + 1). Where a breaker opens and shuts, this leans: at k = 2
nothing is refused until more than half of the calls fail, and a dependency that is back gets its traffic back in seconds.

Three things differ from the book, which would need minutes to recover: what is refused here is not counted as a request, the
window is short, and no more than `cap` is ever refused, so there is always something to learn from. And a call is counted when it
ends, since a call under way has not failed: else the first burst after a quiet time would be refused.
"""

from __future__ import annotations

from collections import deque

from yaoki.core.clock import clock
from yaoki.core.faults.category import Origin
from yaoki.core.faults.errors import ConfigurationError, OverloadedError, Rejected
from yaoki.core.interpreter import lock_of
from yaoki.core.parameters import duration, number, whole
from yaoki.core.policies.policy import Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from yaoki.core.pipeline.call import Call
    from yaoki.core.policies.policy import Permit

__all__ = ["Throttle"]

_BUCKETS = 10


class Throttle(Policy):
    """Refuses calls with OverloadedError, the more the fewer succeed; never more than the share `cap`.

    `k`: at least how many calls are let through for each that succeeds; from 1 on, and the larger, the later it starts. `window`: the
    calls of how many seconds count. Below `minimum_calls` in the window nothing is refused.

    A failure counts if it is the dependency's, as a circuit breaker counts it; other failures, refusals further in and cancelled
    calls do not count at all.

    Raises ConfigurationError for a parameter out of range.
    """

    __slots__ = ("__weakref__", "_buckets", "cap", "k", "key", "minimum_calls", "name", "refused", "window")

    kind = "throttle"

    def __init__(
        self, k: float = 2.0, window: float = 30.0, cap: float = 0.95, *, minimum_calls: int = 10, name: str | None = None
    ) -> None:
        self.k: float = number("k", k)
        if not 1.0 <= self.k < float("inf"):
            raise ConfigurationError(f"k must be at least 1 and finite, not {k!r}")
        self.window: float = duration("window", window)
        self.cap: float = number("cap", cap)
        if not 0.0 < self.cap < 1.0:
            raise ConfigurationError(
                f"cap must be above 0 and below 1, or it would never learn that the dependency is back, not {cap!r}"
            )
        self.minimum_calls: int = whole("minimum_calls", minimum_calls)
        self.name: str | None = name
        self.key: Hashable = None
        self.refused: int = 0
        self._buckets: deque[_Bucket] = deque()

    def fresh(self, key: Hashable) -> Throttle:
        """A throttle without a past for one key."""
        throttle = Throttle(self.k, self.window, self.cap, minimum_calls=self.minimum_calls, name=self.name)
        throttle.key = key
        return throttle

    # The rule

    def enter(self, call: Call, now: float) -> Permit:
        """Let the call through, or refuse it with OverloadedError by chance."""
        chance = self.refusing(now)
        if chance > 0.0 and clock.random() < chance:
            with lock_of(self):
                self.refused += 1
            return OverloadedError(self, float("inf"))
        return None

    def leave(self, call: Call, permit: Permit, error: BaseException | None, now: float) -> None:
        """Count the call, if it says something about the dependency."""
        if error is not None and not _blames_dependency(call, error):
            return
        with lock_of(self):
            self._expire_locked(now)
            if not self._buckets or now >= self._buckets[-1].since + self.window / _BUCKETS:
                self._buckets.append(_Bucket(now))
            bucket = self._buckets[-1]
            bucket.requests += 1
            if error is None:
                bucket.accepts += 1

    def refusing(self, now: float) -> float:
        """The share of calls that it refuses now, from 0.0 to `cap`."""
        if not self._buckets:
            return 0.0
        with lock_of(self):
            totals = self._totals_locked(now)
        return self._share(*totals)

    def _share(self, requests: int, accepts: int) -> float:
        if requests < self.minimum_calls:
            return 0.0
        return min(self.cap, max(0.0, (requests - self.k * accepts) / (requests + 1)))

    def _expire_locked(self, now: float) -> None:
        while self._buckets and self._buckets[0].since + self.window <= now:
            self._buckets.popleft()

    def _totals_locked(self, now: float) -> tuple[int, int]:
        self._expire_locked(now)
        return _totals(list(self._buckets))

    # Reading

    def snapshot(self, now: float) -> dict[str, object]:
        """The share that is refused now, and the counts behind it."""
        with lock_of(self):
            requests, accepts = self._totals_locked(now)
        return {
            "kind": self.kind,
            "name": self.name,
            "refusing": self.refusing(now),
            "window_calls": requests,
            "window_successes": accepts,
            "rejected": self.refused,
        }

    def evictable(self, now: float) -> bool:
        """Whether nothing is refused."""
        young = [bucket for bucket in self._buckets.copy() if now < bucket.since + self.window]
        return self._share(*_totals(young)) == 0.0

    def configuration(self) -> Mapping[str, object]:
        """The parameters."""
        return {"k": self.k, "window": self.window, "cap": self.cap, "minimum_calls": self.minimum_calls}


class _Bucket:
    """The calls that ended in one tenth of a window."""

    __slots__ = ("accepts", "requests", "since")

    def __init__(self, since: float) -> None:
        self.since = since
        self.requests = 0
        self.accepts = 0


def _blames_dependency(call: Call, error: BaseException) -> bool:
    if not isinstance(error, Exception) or not call.ran or isinstance(error, Rejected) or call.is_callers_deadline(error):
        return False
    return call.fault(error).origin is Origin.DEPENDENCY


def _totals(buckets: list[_Bucket]) -> tuple[int, int]:
    return sum(bucket.requests for bucket in buckets), sum(bucket.accepts for bucket in buckets)

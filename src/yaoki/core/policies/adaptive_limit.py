"""The adaptive limit: a bulkhead that finds out by itself how many calls at once the dependency bears (SPEC T2).

It counts the calls that run, refuses those above the limit, and at the end of each window asks its algorithm for the next limit.

| a call that | is |
| --- | --- |
| returned | sampled: its time is an answer (an overload, if `aimd` finds it slow) |
| timed out, or was refused by the dependency for want of capacity | an overload |
| failed otherwise, was cancelled, or was refused further in | dropped: it only gives its place back |
"""

from __future__ import annotations

from yaoki.core.faults.category import Category, Origin
from yaoki.core.faults.errors import ConfigurationError, OverloadedError, Rejected
from yaoki.core.fork import renew_after_fork
from yaoki.core.interpreter import lock_of
from yaoki.core.parameters import duration, number, whole
from yaoki.core.policies.limit_algorithms import Aimd, Gradient, Sampled
from yaoki.core.policies.policy import Policy
from yaoki.core.policies.running import Running

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping
    from typing import Literal

    from yaoki.core.pipeline.call import Call
    from yaoki.core.policies.limit_algorithms import Algorithm
    from yaoki.core.policies.policy import Permit

__all__ = ["AdaptiveLimit"]

_LEAST_ANSWERS = 10


class AdaptiveLimit(Policy):
    """Lets as many calls run at once as the dependency bears, from `minimum` to `maximum`, starting with `initial`.

    `algorithm="gradient"` watches how long calls take: `tolerance` times as long as in the last ten minutes is still normal. For
    dependencies of even latency. `algorithm="aimd"` watches for overloads: timeouts, refusals for want of capacity, and calls
    that took `slow_call_duration` seconds. For all others.

    The limit is adjusted every `window` seconds, later if there are fewer than 10 answers. A call above it is refused with
    OverloadedError; nobody waits.

    Raises ConfigurationError for a parameter out of range.
    """

    __slots__ = (
        "__weakref__",
        "_algorithm",
        "_limit",
        "_window",
        "algorithm",
        "initial",
        "key",
        "maximum",
        "minimum",
        "name",
        "refused",
        "running",
        "slow_call_duration",
        "tolerance",
        "window",
    )

    kind = "adaptive_limit"

    running: Running
    _algorithm: Algorithm
    _window: Sampled | None

    def __init__(
        self,
        algorithm: Literal["gradient", "aimd"] = "gradient",
        initial: int = 20,
        minimum: int = 1,
        maximum: int = 200,
        *,
        tolerance: float = 1.5,
        slow_call_duration: float = 5.0,
        window: float = 0.2,
        name: str | None = None,
    ) -> None:
        if algorithm not in ("gradient", "aimd"):
            raise ConfigurationError(f"algorithm must be 'gradient' or 'aimd', not {algorithm!r}")
        self.algorithm: Literal["gradient", "aimd"] = algorithm
        self.minimum: int = whole("minimum", minimum)
        self.maximum: int = whole("maximum", maximum, least=self.minimum)
        self.initial: int = whole("initial", initial, least=self.minimum)
        if self.initial > self.maximum:
            raise ConfigurationError(f"initial must be at most maximum, {self.maximum}, not {initial}")
        self.tolerance: float = number("tolerance", tolerance)
        if not 1.0 <= self.tolerance < float("inf"):
            raise ConfigurationError(f"tolerance must be at least 1 and finite, not {tolerance!r}")
        self.slow_call_duration: float = duration("slow_call_duration", slow_call_duration, infinite=True)
        self.window: float = duration("window", window)
        self.name: str | None = name
        self.key: Hashable = None
        self.refused: int = 0
        self._limit = float(self.initial)
        self._algorithm = Gradient(self.tolerance) if algorithm == "gradient" else Aimd(self.slow_call_duration)
        self.renew()
        renew_after_fork(self)

    def renew(self) -> None:
        """Start anew with nobody running: what a forked child does. What was learned stays."""
        self.running = Running()
        self._window = None

    def fresh(self, key: Hashable) -> AdaptiveLimit:
        """A limit that has learned nothing yet, for one key."""
        limit = AdaptiveLimit(
            self.algorithm,
            self.initial,
            self.minimum,
            self.maximum,
            tolerance=self.tolerance,
            slow_call_duration=self.slow_call_duration,
            window=self.window,
            name=self.name,
        )
        limit.key = key
        return limit

    # The rule

    @property
    def limit(self) -> int:
        """How many calls may run at once now."""
        return int(self._limit)

    @property
    def load(self) -> float:
        """The share of the limit that is in use; a LoadShedder can go by it."""
        return self.running.count / self.limit

    def enter(self, call: Call, now: float) -> Permit:
        """Count the call in, or refuse it with OverloadedError."""
        running = self.running
        if running.enter(self.limit):
            return Admitted(running, now)
        with lock_of(self):
            self.refused += 1
        return OverloadedError(self, float("inf"))

    def extend(self, call: Call, permit: Permit, now: float, paused: float) -> None:
        """What the consumer of a generator took is not the dependency's time."""
        permit.since += paused  # type: ignore[attr-defined]  # the Admitted that `enter` returned

    def leave(self, call: Call, permit: Permit, error: BaseException | None, now: float) -> None:
        """Count the call out, and learn from it if it says something about the dependency."""
        assert isinstance(permit, Admitted)
        permit.running.leave()
        if error is None:
            self._learn(now, now - permit.since)
        elif _is_overload(call, error):
            self._learn(now, None)

    def _learn(self, now: float, seconds: float | None) -> None:
        with lock_of(self):
            window = self._window
            if window is None:
                window = self._window = Sampled(now)
                self.running.most = self.running.count + 1
            if seconds is None or self._algorithm.is_slow(seconds):
                window.overloads += 1
            else:
                window.answers += 1
                window.seconds += seconds
            window.length = now - window.since
            if window.length >= self.window and (window.overloads or window.answers >= _LEAST_ANSWERS):
                window.most = self.running.most
                self._window = None
                limit = self._algorithm.next_limit(self._limit, window)
                self._limit = max(float(self.minimum), min(float(self.maximum), limit))

    # Reading

    def snapshot(self, now: float) -> dict[str, object]:
        """The limit, how many calls run, the latency that counts as normal, how many calls were refused."""
        with lock_of(self):
            return {
                "kind": self.kind,
                "name": self.name,
                "limit": self.limit,
                "in_use": self.running.count,
                "baseline": self._algorithm.baseline,
                "rejected": self.refused,
            }

    def evictable(self, now: float) -> bool:
        """Whether nobody runs."""
        return not self.running.count

    def configuration(self) -> Mapping[str, object]:
        """The parameters that count for the algorithm."""
        shown: dict[str, object] = {
            "algorithm": self.algorithm,
            "initial": self.initial,
            "minimum": self.minimum,
            "maximum": self.maximum,
        }
        if self.algorithm == "gradient":
            shown["tolerance"] = self.tolerance
        else:
            shown["slow_call_duration"] = self.slow_call_duration
        return shown


class Admitted:
    """A call that was let in: where it is counted, and since when it runs, in monotonic seconds."""

    __slots__ = ("running", "since")

    def __init__(self, running: Running, since: float) -> None:
        self.running: Running = running
        self.since: float = since


def _is_overload(call: Call, error: BaseException) -> bool:
    if not isinstance(error, Exception) or not call.ran or isinstance(error, Rejected) or call.is_callers_deadline(error):
        return False
    fault = call.fault(error)
    return fault.category in (Category.TIMEOUT, Category.CAPACITY) and fault.origin is Origin.DEPENDENCY

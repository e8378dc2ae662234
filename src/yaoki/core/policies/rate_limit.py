"""The rate limiter: never more than `burst` + `rate` x T calls in any T periods (SPEC T3).

It is the generic cell rate algorithm, a token bucket kept as one number: the moment when the bucket will be full again. A call
moves that moment on by one interval, and may start if it is then no further away than a full bucket lasts. The interval is
rounded up to a whole nanosecond and all sums are whole numbers, so the rate is kept exactly, whatever comes together.

Nobody holds a reservation. The first in line waits for the next token by its own timer, takes it, and wakes the one behind;
so a call that is cancelled while it waits leaves no hole.
"""

from __future__ import annotations

from collections import OrderedDict

from yaoki.core.faults.errors import ConfigurationError, RateLimitedError
from yaoki.core.fork import renew_after_fork
from yaoki.core.interpreter import lock_of
from yaoki.core.parameters import duration, number, whole
from yaoki.core.policies.policy import Policy
from yaoki.core.policies.waiting import Waiting, first

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from yaoki.core.pipeline.call import Call
    from yaoki.core.policies.policy import Permit

__all__ = ["RateLimiter"]

_NEVER = float("inf")
_FOREVER = 1e18
"""Seconds that nobody lives to see, and that nanoseconds can be counted up to."""


class RateLimiter(Policy):
    """Lets `rate` calls start in every `per` seconds, and up to `burst` of them at the same moment after a quiet time.

    `burst` is the rate, rounded down, unless it is given; at least 1. A call that would have to wait longer than `max_wait`
    seconds, or past its deadline, is refused at once with RateLimitedError, whose `retry_after` says when its turn would be.
    Who waits is served in the order of arrival.

    Raises ConfigurationError for a parameter out of range.
    """

    __slots__ = (
        "__weakref__",
        "_full_at",
        "admitted",
        "burst",
        "interval",
        "key",
        "max_wait",
        "name",
        "per",
        "rate",
        "refused",
        "waiters",
    )

    kind = "rate_limiter"

    interval: int
    """Nanoseconds between two calls at the full rate."""
    waiters: OrderedDict[InLine, None]
    """Who waits, the first in line first."""

    def __init__(
        self,
        rate: float,
        per: float = 1.0,
        burst: int | None = None,
        max_wait: float = 0.0,
        *,
        name: str | None = None,
    ) -> None:
        self.rate: float = number("rate", rate)
        if not 0 < self.rate < _NEVER:
            raise ConfigurationError(f"rate must be above 0 and finite, not {rate!r}")
        self.per: float = duration("per", per)
        if not 1e-9 <= self.rate / self.per <= 1e9:
            raise ConfigurationError(f"rate must be from 1e-9 to 1e9 calls a second, not {rate!r} in {per!r} s")
        self.burst: int = max(1, int(self.rate)) if burst is None else whole("burst", burst)
        self.max_wait: float = duration("max_wait", max_wait, zero=True, infinite=True)
        self.name: str | None = name
        self.key: Hashable = None
        self.admitted: int = 0
        self.refused: int = 0
        self.interval = _interval(self.rate, self.per)
        self._full_at = -(1 << 63)
        self.renew()
        renew_after_fork(self)

    def renew(self) -> None:
        """Forget who waits: what a forked child does. Tokens that were taken stay taken."""
        self.waiters = OrderedDict()

    def fresh(self, key: Hashable) -> RateLimiter:
        """A limiter with a full bucket for one key."""
        limiter = RateLimiter(self.rate, self.per, self.burst, self.max_wait, name=self.name)
        limiter.key = key
        return limiter

    # The rule

    def enter(self, call: Call, now: float) -> Permit:
        """Take a token; or queue for one; or refuse the call with RateLimitedError."""
        moment = _nanoseconds(now)
        latest = min(now + self.max_wait, call.deadline)
        with lock_of(self):
            ahead = len(self.waiters)
            ready = self._ready_locked(moment, ahead)
            if ready <= moment and not ahead:
                self._take_locked(moment)
                return None
            if ready <= _nanoseconds(min(latest, _FOREVER)):
                ticket = InLine(self, now + self.max_wait)
                self.waiters[ticket] = None
                return ticket
            self.refused += 1
        return RateLimitedError(self, _seconds(ready))

    def _ready_locked(self, moment: int, ahead: int) -> int:
        """When a token is there for a call with so many calls ahead of it, in nanoseconds; `moment` or earlier: now."""
        return max(self._full_at, moment) + (ahead + 1 - self.burst) * self.interval

    def _take_locked(self, moment: int) -> None:
        self._full_at = max(self._full_at, moment) + self.interval
        self.admitted += 1

    def turn_of(self, ticket: InLine, now: float) -> Permit | float:
        """What a waiting call may do: go on (None), wait until a moment, or give up."""
        with lock_of(self):
            was_first = first(self.waiters) is ticket
            answer = self._turn_locked(ticket, _nanoseconds(now), now, was_first=was_first)
        if was_first and not isinstance(answer, float):
            self.hand_on()
        return answer

    def _turn_locked(self, ticket: InLine, moment: int, now: float, *, was_first: bool) -> Permit | float:
        until = ticket.until
        if was_first:
            ready = self._ready_locked(moment, 0)
            if ready <= moment:
                self.waiters.pop(ticket, None)
                self._take_locked(moment)
                return None
            until = min(until, _seconds(ready))
        if now < until:
            return until
        self.waiters.pop(ticket, None)
        self.refused += 1
        # Told for the end of the line: that is where it would have to stand.
        return RateLimitedError(self, _seconds(self._ready_locked(moment, len(self.waiters))))

    def hand_on(self) -> None:
        """Wake the first in line, who then waits for the next token."""
        with lock_of(self):
            ticket = first(self.waiters)
        if ticket is not None:
            ticket.wake()

    # Reading

    def shut_until(self, now: float) -> float:
        """Until when a call would have to wait too long."""
        with lock_of(self):
            ready = self._ready_locked(_nanoseconds(now), len(self.waiters))
        return max(now, _seconds(ready) - self.max_wait)

    def snapshot(self, now: float) -> dict[str, object]:
        """The tokens that are there, how many calls wait, how many were admitted and refused."""
        moment = _nanoseconds(now)
        with lock_of(self):
            missing = max(0, self._full_at - moment)
            return {
                "kind": self.kind,
                "name": self.name,
                "tokens": max(0, self.burst - -(-missing // self.interval)),
                "waiting": len(self.waiters),
                "admitted": self.admitted,
                "rejected": self.refused,
            }

    def evictable(self, now: float) -> bool:
        """Whether the bucket is full again and nobody waits."""
        return self._full_at <= _nanoseconds(now) and not self.waiters

    def configuration(self) -> Mapping[str, object]:
        """The parameters that are set."""
        shown: dict[str, object] = {"rate": self.rate, "per": self.per, "burst": self.burst}
        if self.max_wait:
            shown["max_wait"] = self.max_wait
        return shown


class InLine(Waiting):
    """A call that waits for its token."""

    __slots__ = ("limiter",)

    def __init__(self, limiter: RateLimiter, until: float) -> None:
        super().__init__(until)
        self.limiter: RateLimiter = limiter

    @property
    def line(self) -> Policy:
        """The rate limiter."""
        return self.limiter

    def resolve(self, now: float) -> Permit | float:
        """None, if it was this call's turn and a token is there; else until when it may wait, or a refusal."""
        return self.limiter.turn_of(self, now)

    def abandon(self, now: float) -> None:
        """Leave the line; if it was the first, the next moves up."""
        limiter = self.limiter
        behind = False
        try:
            with lock_of(limiter):
                behind = self in limiter.waiters and first(limiter.waiters) is not self
                limiter.waiters.pop(self, None)
        finally:
            # Not in line any more, if an interrupt came after its turn: then the next has not been woken.
            if not behind:
                limiter.hand_on()


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)


def _seconds(nanoseconds: int) -> float:
    # Rounded up by a few units in the last place: who sleeps until then, or for the difference to now, never comes too early.
    return nanoseconds / 1e9 * (1.0 + 1e-15)


def _interval(rate: float, per: float) -> int:
    # Exact, by the whole numbers of which a float is the quotient; division of floats could round down.
    calls, calls_of = rate.as_integer_ratio()
    seconds, seconds_of = per.as_integer_ratio()
    return -(-seconds * calls_of * 1_000_000_000 // (calls * seconds_of))

"""How long to wait before the next attempt (SPEC R1, R2).

| form | wait before attempt n + 1, before jitter |
| --- | --- |
| constant | `delay` |
| linear | `initial` + (n - 1) x `increment` |
| exponential | `initial` x `multiplier` ** (n - 1) |

No wait is longer than `cap`, jitter included. Jitter of a wait d, with U uniform in [0, 1) and f the `factor`:

| jitter | wait |
| --- | --- |
| none | d |
| full | U x d |
| equal | d / 2 + U x d / 2 |
| decorrelated | between `initial` and three times the wait before |
| additive | d x (1 + U x f) |
| multiplicative | d x (0.5 + U) |
| subtractive | d x (1 - U x f) |

Full jitter spreads the retries of many clients best for its length, so it is the default; a constant wait is constant.
"""

from __future__ import annotations

from yaoki.core.clock import clock
from yaoki.core.faults.errors import ConfigurationError
from yaoki.core.parameters import duration, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal, TypeAlias

    Jitter: TypeAlias = Literal["none", "full", "equal", "decorrelated", "additive", "multiplicative", "subtractive"]

__all__ = ["Backoff", "constant", "exponential", "linear"]


class Backoff:
    """The wait before each further attempt, in seconds. Immutable; made by `constant`, `linear` and `exponential`."""

    __slots__ = ("_jittered", "_raw", "always", "cap", "factor", "form", "initial", "jitter")

    def __init__(
        self,
        form: str,
        raw: Callable[[int], float],
        *,
        initial: float,
        cap: float,
        jitter: Jitter,
        factor: float,
        is_constant: bool = False,
    ) -> None:
        self.form: str = form
        self._raw = raw
        self.initial: float = initial
        self.cap: float = cap
        if jitter not in _JITTERS:
            raise ConfigurationError(f"jitter must be one of {', '.join(_JITTERS)}, not {jitter!r}")
        self.jitter = jitter
        self._jittered = _JITTERS[jitter]
        self.factor: float = number("factor", factor)
        if not 0 <= self.factor <= 1:
            raise ConfigurationError(f"factor must be between 0 and 1, not {factor!r}")
        self.always: float | None = min(initial, cap) if is_constant and jitter == "none" else None
        """The wait, if it is always the same: whoever is in a hurry need not ask for it."""

    def delay(self, attempt: int, previous: float = 0.0) -> float:
        """Seconds to wait after the failed attempt number `attempt` (from 1 on); `previous` is the wait before it, or 0."""
        wait = self._wait(attempt)
        return wait if self.jitter == "none" else min(self._jittered(self, wait, previous, clock.random()), self.cap)

    def longest(self, attempt: int) -> float:
        """The longest wait that can follow the failed attempt number `attempt`."""
        if self.jitter == "decorrelated":
            return self.cap
        wait = self._wait(attempt)
        # Each jitter is monotonic in chance: the longest wait is at one of the ends.
        return min(self.cap, max(self._jittered(self, wait, 0.0, 0.0), self._jittered(self, wait, 0.0, 1.0)))

    def _wait(self, attempt: int) -> float:
        try:
            return min(self._raw(attempt), self.cap)
        except OverflowError:
            return self.cap

    def __repr__(self) -> str:
        return f"{self.form}, cap {self.cap:g} s, jitter {self.jitter}"


_JITTERS: dict[str, Callable[[Backoff, float, float, float], float]] = {
    "none": lambda backoff, wait, previous, chance: wait,
    "full": lambda backoff, wait, previous, chance: chance * wait,
    "equal": lambda backoff, wait, previous, chance: wait / 2 + chance * wait / 2,
    "decorrelated": lambda backoff, wait, previous, chance: (
        backoff.initial + chance * max(0.0, 3 * (previous or backoff.initial) - backoff.initial)
    ),
    "additive": lambda backoff, wait, previous, chance: wait * (1 + chance * backoff.factor),
    "multiplicative": lambda backoff, wait, previous, chance: wait * (0.5 + chance),
    "subtractive": lambda backoff, wait, previous, chance: wait * (1 - chance * backoff.factor),
}


def constant(delay: float, *, jitter: Jitter = "none", factor: float = 0.1, cap: float | None = None) -> Backoff:
    """The same wait of `delay` seconds each time; 0 retries at once. Without jitter unless asked: a constant is constant.

    Raises ConfigurationError for a parameter out of range.
    """
    wait = duration("delay", delay, zero=True)
    longest = wait * 2 if cap is None else duration("cap", cap, zero=True)
    return Backoff(
        f"constant {wait:g} s",
        lambda attempt: wait,
        initial=wait,
        cap=longest,
        jitter=jitter,
        factor=factor,
        is_constant=True,
    )


def linear(
    initial: float, *, increment: float | None = None, cap: float = 30.0, jitter: Jitter = "full", factor: float = 0.1
) -> Backoff:
    """Waits of `initial`, `initial + increment`, ... seconds; `increment` is `initial` unless given.

    Raises ConfigurationError for a parameter out of range.
    """
    first = duration("initial", initial, zero=True)
    step = first if increment is None else duration("increment", increment, zero=True)
    return Backoff(
        f"linear from {first:g} s by {step:g} s",
        lambda attempt: first + (attempt - 1) * step,
        initial=first,
        cap=duration("cap", cap, zero=True),
        jitter=jitter,
        factor=factor,
    )


def exponential(
    initial: float = 0.1, *, multiplier: float = 2.0, cap: float = 30.0, jitter: Jitter = "full", factor: float = 0.1
) -> Backoff:
    """Waits of `initial`, `initial x multiplier`, `initial x multiplier squared`, ... seconds.

    Raises ConfigurationError for a parameter out of range.
    """
    first = duration("initial", initial, zero=True)
    growth = number("multiplier", multiplier)
    if not 1 <= growth < float("inf"):
        raise ConfigurationError(f"multiplier must be at least 1 and finite, not {multiplier!r}")
    return Backoff(
        f"exponential from {first:g} s times {growth:g}",
        lambda attempt: first and first * growth ** (attempt - 1),
        initial=first,
        cap=duration("cap", cap, zero=True),
        jitter=jitter,
        factor=factor,
    )

"""The states of a circuit, each an object: its identity is the generation (SPEC B2, B3).

A call holds the era that admitted it. A result that comes after the era has ended meets an object that nobody refers to any
more, so it changes nothing. CLOSED is a counting window (`windows.py`); OPEN and HALF_OPEN stand here.
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from yaoki.core.windows import Window

    Era: TypeAlias = "Window | Opened | Trials"

__all__ = ["CircuitState", "History", "Lease", "Opened", "Timed", "Trials", "state_of"]

_FOREVER = float("inf")


class CircuitState(StrEnum):
    """The state of a circuit, as people name it."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Opened:
    """An OPEN era: nothing is admitted before `until` (monotonic seconds; infinite while isolated by hand)."""

    __slots__ = ("refused", "since", "until")

    def __init__(self, since: float, until: float) -> None:
        self.since: float = since
        self.until: float = until
        self.refused: int = 0

    @property
    def isolated(self) -> bool:
        """Whether a person holds the circuit open."""
        return self.until == _FOREVER

    def reason(self, now: float) -> str:
        """Half a sentence for the error that refuses a call."""
        if self.isolated:
            return "is isolated by hand"
        return f"is open since {max(0.0, now - self.since):.3g} s"


class Trials:
    """A HALF_OPEN era: its trial calls and how they went. `since` is when the circuit opened."""

    __slots__ = ("failed", "leases", "ok", "refused", "since", "until")

    def __init__(self, since: float) -> None:
        self.since: float = since
        self.until: float = -_FOREVER
        self.leases: dict[Lease, None] = {}
        self.ok: int = 0
        self.failed: int = 0
        self.refused: int = 0

    def reason(self, now: float) -> str:
        """Half a sentence for the error that refuses a call."""
        return f"is half-open, with its trial calls under way (open since {max(0.0, now - self.since):.3g} s)"

    def purge_locked(self, now: float) -> bool:
        """Drop the leases that were given back, and count the live ones past their deadline as failed; True if there were any."""
        hung = False
        # Over a copy: a destructor run by the garbage collector may settle a trial of this very circuit meanwhile.
        for lease in list(self.leases):
            if not lease.done:
                if now < lease.deadline:
                    continue
                lease.done = hung = True
                self.failed += 1
            self.leases.pop(lease, None)
        return hung

    def earliest_deadline(self, now: float) -> float:
        """When the oldest live trial will count as hung, or `now` if there is none."""
        return min((lease.deadline for lease in list(self.leases) if not lease.done), default=now)


def state_of(era: Era) -> CircuitState:
    """The state that an era is one of."""
    if isinstance(era, Opened):
        return CircuitState.OPEN
    return CircuitState.HALF_OPEN if isinstance(era, Trials) else CircuitState.CLOSED


class Lease:
    """The permit of one trial call. It ends by its result, by being given back, or by its deadline."""

    __slots__ = ("deadline", "done", "era")

    def __init__(self, era: Trials, deadline: float) -> None:
        self.era: Trials = era
        self.deadline: float = deadline
        self.done: bool = False


class Timed:
    """The permit of a call whose duration matters, with its start in monotonic seconds."""

    __slots__ = ("permit", "start")

    def __init__(self, permit: Window | Lease, start: float) -> None:
        self.permit: Window | Lease = permit
        self.start: float = start

    def took(self, seconds: float, now: float) -> bool:
        """Whether the call took so many seconds or longer; to the nanosecond, as the healthy path sees it."""
        return round(now * 1e9) - round(self.start * 1e9) >= round(seconds * 1e9)


_TRANSITIONS_KEPT = 16


class History:
    """What a circuit went through before its present era; made when it first has something to tell.

    Not in the totals: results that come after their era has ended, and calls that were cancelled.
    """

    __slots__ = ("failed", "ignored", "ok", "opened", "opened_in_a_row", "refused", "streak", "transitions")

    def __init__(self) -> None:
        self.ok: int = 0
        self.failed: int = 0
        self.ignored: int = 0
        self.refused: int = 0
        self.opened: int = 0
        self.opened_in_a_row: int = 0
        self.streak: int = 0
        """Consecutive failures up to the latest opening, its failed trials included."""
        self.transitions: deque[tuple[float, CircuitState]] = deque(maxlen=_TRANSITIONS_KEPT)

    def fold(self, era: Era) -> None:
        """Add the counts of an era that ends."""
        if not isinstance(era, Opened):
            self.ok += era.ok
            self.failed += era.failed
        if isinstance(era, (Opened, Trials)):
            self.refused += era.refused

    def fold_history(self, past: History) -> None:
        """Add what came before."""
        self.ok += past.ok
        self.failed += past.failed
        self.ignored += past.ignored
        self.refused += past.refused
        self.opened = past.opened
        self.opened_in_a_row = past.opened_in_a_row
        self.streak = past.streak
        self.transitions = past.transitions

    def streak_after(self, era: Era) -> int:
        """Consecutive failures up to the end of an era."""
        if isinstance(era, Opened):
            return self.streak
        if isinstance(era, Trials):
            return era.failed if era.ok else self.streak + era.failed
        return era.streaks()[0]

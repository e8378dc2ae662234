"""Timeout: how long a call may take, and how that nests (SPEC T1).

A Timeout sets the deadline of everything below it: the tighter of its own time and the deadline already in force. Placed
outside a Retry it bounds the whole call, waits included; inside, one attempt. What happens when the time is over:

| call | effect |
| --- | --- |
| asynchronous | the task's wait is cancelled, and DeadlineExceededError raised |
| synchronous | nothing is interrupted: attempts and waits do not start past the deadline; a late value is returned |
| synchronous, `mode="thread"` | the call runs in a worker thread, which is abandoned; DeadlineExceededError is raised at once |

A timeout of this pipeline is a failure for a breaker further in; a deadline that the caller brought along is not.
"""

from __future__ import annotations

from yaoki.core.faults.errors import ConfigurationError, DeadlineExceededError
from yaoki.core.parameters import duration, whole
from yaoki.core.policies.policy import RESUME, Fragment, Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Hashable, Mapping
    from typing import Literal

    from yaoki.core.pipeline.call import Call
    from yaoki.core.pipeline.timers import Queue
    from yaoki.core.policies.policy import Permit

__all__ = ["Timeout"]


class Timeout(Policy):
    """Gives a call at most `seconds`; None keeps only to the deadline that the caller brought along.

    `mode="thread"` is for synchronous functions that may hang: see the module's table. At most `max_abandoned` abandoned threads
    may still run; beyond that calls are refused with DeadlineExceededError, since every further one would hang too.

    `count_overdue=True` counts the synchronous values that come late, in `overdue`; it costs every healthy call a second look at the
    clock.

    Raises ConfigurationError for a parameter out of range.
    """

    __slots__ = (
        "__weakref__",
        "abandoned",
        "count_overdue",
        "is_boundary",
        "key",
        "max_abandoned",
        "mode",
        "name",
        "overdue",
        "seconds",
        "timers",
    )

    kind = "timeout"

    def __init__(
        self,
        seconds: float | None,
        *,
        mode: Literal["deadline", "thread"] = "deadline",
        max_abandoned: int = 64,
        count_overdue: bool = False,
        name: str | None = None,
    ) -> None:
        self.seconds: float = float("inf") if seconds is None else duration("seconds", seconds, infinite=True)
        if mode not in ("deadline", "thread"):
            raise ConfigurationError(f"mode must be 'deadline' or 'thread', not {mode!r}")
        self.mode = mode
        self.is_boundary: bool = mode == "thread"
        self.max_abandoned: int = whole("max_abandoned", max_abandoned)
        self.name: str | None = name
        self.key: Hashable = None
        self.count_overdue: bool = count_overdue
        self.overdue: int = 0
        """How many synchronous calls came back with a value after their time, if `count_overdue` is set."""
        self.abandoned: int = 0
        """How many abandoned threads still run (`mode="thread"`)."""
        self.timers: dict[AbstractEventLoop, Queue] = {}
        """The timer queue of each event loop; `pipeline/timers.py` keeps them here."""

    @property
    def block_obstacle(self) -> str | None:  # type: ignore[override]  # depends on the mode
        """A block runs in the thread that it stands in."""
        return "it runs what it guards in a thread of its own" if self.mode == "thread" else None

    @property
    def label(self) -> str:
        """How messages name this timeout."""
        name = "" if self.name is None else f" {self.name!r}"
        return f"Timeout{name} of {self.seconds:g} s"

    def fresh(self, key: Hashable) -> Timeout:
        """This very object: a timeout has no state that belongs to one key."""
        return self

    def enter(self, call: Call, now: float) -> Permit:
        """Set the deadline for everything below; refuse a call whose deadline has passed."""
        permit = self.resume(call, now)
        if call.deadline <= now:
            error = DeadlineExceededError(call.timeout, call.deadline, "the call was not started")
            call.deadline, call.timeout, _ = permit
            return error
        return permit

    def resume(self, call: Call, started: float) -> tuple[float, Policy | None, float]:
        """Set the deadline as it was when the call entered at `started`; the permit is what stood before, and this one's end."""
        until = started + self.seconds
        permit = (call.deadline, call.timeout, until)
        if until < call.deadline:
            call.deadline, call.timeout = until, self
        return permit

    def leave(self, call: Call, permit: Permit, error: BaseException | None, now: float) -> None:
        """Restore the deadline that stood before."""
        before: tuple[float, Policy | None, float] = permit  # type: ignore[assignment]  # the permit that `enter` made
        call.deadline, call.timeout, until = before
        if self.count_overdue and error is None and now > until:
            self.overdue += 1

    def healthy(self) -> Fragment | None:
        """The generator publishes the tightest deadline of all timeouts at once, and arms one timer for it."""
        return Fragment(permit="_y_RESUME", names={"_y_RESUME": RESUME}, seconds=True)

    def snapshot(self, now: float) -> dict[str, object]:
        """Late values and abandoned threads so far."""
        return {"kind": self.kind, "name": self.name, "overdue": self.overdue, "abandoned": self.abandoned}

    def configuration(self) -> Mapping[str, object]:
        """The parameters."""
        shown: dict[str, object] = {"seconds": self.seconds}
        if self.mode != "deadline":
            shown["mode"] = self.mode
        return shown

"""The rule of a shutdown: what is admitted when, how long is waited, which exit code it comes to (SPEC H4).

It reads no clock and waits for nothing; who carries the shutdown out asks, waits, and asks again. Requests and signals may come
at any moment, also inside a signal handler that interrupts one of these methods: so each sets what it sets in one step, and no
lock is held.

| phase | from | until |
| --- | --- | --- |
| serving | the start | a request |
| leaving | a request: readiness is false | `refuse_at`, the request + `balancer_wait` |
| draining | new work is refused | nothing is in flight, or `drain_until`, `refuse_at` + `drain_timeout` |
| closing | nothing is waited for any more | the steps after are done, or `close_timeout` |

A signal after the first one, or `force`, ends every wait.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from yaoki.core.shutdown.work import Work

__all__ = ["DRAINED", "FORCED", "Phases"]

DRAINED = 0
FORCED = 3

_NEVER = float("inf")


class Phases:
    """The state of one shutdown. Moments are monotonic seconds.

    `in_flight`: the admitted work, oldest first. `late`: whether something was left when the time was over.
    """

    __slots__ = (
        "balancer_wait",
        "closing",
        "drain_timeout",
        "drain_until",
        "exit_code",
        "forced_by",
        "forced_why",
        "in_flight",
        "late",
        "reason",
        "refuse_at",
        "signals",
    )

    closing: bool
    drain_until: float
    exit_code: int | None
    forced_by: int | None
    forced_why: str
    in_flight: dict[Work, None]
    late: bool
    reason: str | None
    refuse_at: float
    signals: int

    def __init__(self, drain_timeout: float, balancer_wait: float) -> None:
        self.drain_timeout: float = drain_timeout
        self.balancer_wait: float = balancer_wait
        self.renew()

    def renew(self) -> None:
        """Serve, with nothing in flight."""
        self.reason = None
        self.refuse_at = _NEVER
        self.drain_until = _NEVER
        self.signals = 0
        self.forced_by = None
        self.forced_why = "the time is over"
        self.late = False
        self.closing = False
        self.exit_code = None
        self.in_flight = {}

    # --- what happens -------------------------------------------------------------------------------------------------------

    def request(self, reason: str, now: float) -> None:
        """The process is to end. The first reason stays, and so do the times counted from it."""
        if self.reason is None:
            self.drain_until = now + self.balancer_wait + self.drain_timeout
            self.refuse_at = now + self.balancer_wait
            self.reason = reason

    def signal(self, number: int, name: str, now: float) -> None:
        """A signal: the first requests, every further one forces."""
        self.signals += 1
        if self.signals > 1:
            self.force(128 + number, f"a further signal, {name}", now)
        else:
            self.request(name, now)

    def force(self, code: int, reason: str, now: float) -> None:
        """Wait for nothing any more. The first code stays."""
        if self.forced_by is None:
            self.forced_why = reason
            self.forced_by = code
        self.request(reason, now)

    def admit(self, work: Work, inside: Work | None, now: float) -> bool:
        """Whether this work may start. `inside`: work in flight that it is a part of."""
        # In this order: whoever refuses from now on and looks what is in flight sees it, or it sees the refusal.
        self.in_flight[work] = None
        if not self.refuses(now) or (inside in self.in_flight and not self.closing):
            return True
        del self.in_flight[work]
        return False

    def leave(self, work: Work) -> None:
        """The work is over."""
        self.in_flight.pop(work, None)

    def close(self, *, late: bool) -> None:
        """Whatever is in flight now is not waited for. `late`: there is something."""
        self.late = self.late or late
        self.closing = True

    def end(self) -> int:
        """Everything was done: the exit code."""
        code = self.forced_by
        if code is None:
            code = FORCED if self.late else DRAINED
        self.exit_code = code
        return code

    # --- what follows from it -----------------------------------------------------------------------------------------------

    def refuses(self, now: float) -> bool:
        """Whether new work is refused."""
        return self.forced_by is not None or now >= self.refuse_at

    def gives_up(self, now: float) -> bool:
        """Whether the drain has had its time."""
        return self.forced_by is not None or now >= self.drain_until

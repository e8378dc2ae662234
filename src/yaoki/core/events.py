"""What happened: the events of the core, and the one place that sends them.

Events are failures, refusals, retries, transitions and replaced answers. A success is counted, never emitted, so listeners
cost a healthy call nothing. A listener runs in the calling thread, after the state has changed and outside every lock; one
that raises changes nothing: it is counted in `listener_errors`, and logged once.

    unsubscribe = subscribe(listener)
"""

from __future__ import annotations

from yaoki.core.interpreter import lock_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from typing import TypeAlias

    from yaoki.core.faults.record import Fault
    from yaoki.core.recovery.report import RecoveryReport

    Listener: TypeAlias = Callable[["Event"], object]

__all__ = [
    "AnomalyFound",
    "AnswerReplaced",
    "CallFailed",
    "CallRaised",
    "CallRefused",
    "CheckChanged",
    "CircuitChanged",
    "Event",
    "HedgeStarted",
    "ModeChanged",
    "RecoveryEnded",
    "RecoveryStarted",
    "RepairEnded",
    "RetryGivenUp",
    "RetryScheduled",
    "SubjectIsolated",
    "SubjectRecovered",
    "emit",
    "listener_errors",
    "subscribe",
]


class Event:
    """Something that happened to a call or a policy. `to_dict` is JSON-ready."""

    __slots__: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """The event's name and facts, JSON-ready."""
        facts: dict[str, object] = {"event": type(self).__name__}
        for name in self.__slots__:
            value = getattr(self, name)
            to_dict = getattr(value, "to_dict", None)
            if to_dict is not None:
                value = to_dict()
            elif not isinstance(value, (str, int, float, bool, type(None))):
                value = repr(value)
            facts[name] = None if value == float("inf") else value
        return facts

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in self.__slots__)})"


class CallFailed(Event):
    """The protected function raised. One event for each attempt, with the fault it was classified as."""

    __slots__ = ("attempt", "fault", "key", "pipeline")

    def __init__(self, *, pipeline: str | None, key: Hashable, attempt: int, fault: Fault) -> None:
        self.pipeline: str | None = pipeline
        self.key: Hashable = key
        self.attempt: int = attempt
        self.fault: Fault = fault


class CallRefused(Event):
    """A policy refused the call, or its deadline had passed; the protected function was not called.

    `policy` is the policy's label, or "deadline" for a deadline that the caller brought along.
    """

    __slots__ = ("key", "pipeline", "policy", "reason", "retry_after")

    def __init__(self, *, pipeline: str | None, key: Hashable, policy: str, reason: str, retry_after: float | None) -> None:
        self.pipeline: str | None = pipeline
        self.key: Hashable = key
        self.policy: str = policy
        self.reason: str = reason
        self.retry_after: float | None = retry_after


class CallRaised(Event):
    """A call failed for good: its failure or refusal goes on to the caller, neither repeated nor replaced.

    One event for each call that raises, after those of its attempts. `refused`: the latest attempt did not start.
    """

    __slots__ = ("attempts", "fault", "key", "pipeline", "refused")

    def __init__(self, *, pipeline: str | None, key: Hashable, attempts: int, fault: Fault, refused: bool) -> None:
        self.pipeline: str | None = pipeline
        self.key: Hashable = key
        self.attempts: int = attempts
        self.fault: Fault = fault
        self.refused: bool = refused


class RetryScheduled(Event):
    """A failed call will be tried again after `delay` seconds. `attempt` is the one that failed."""

    __slots__ = ("attempt", "delay", "fault", "key", "max_attempts", "pipeline")

    def __init__(
        self,
        *,
        pipeline: str | None,
        key: Hashable,
        attempt: int,
        max_attempts: float,
        delay: float,
        fault: Fault | None,
    ) -> None:
        self.pipeline: str | None = pipeline
        self.key: Hashable = key
        self.attempt: int = attempt
        self.max_attempts: float = max_attempts
        self.delay: float = delay
        self.fault: Fault | None = fault


class RetryGivenUp(Event):
    """A call failed for good. `reason`: attempts, elapsed, deadline, budget, circuit_open or not_retryable."""

    __slots__ = ("attempts", "elapsed", "fault", "key", "pipeline", "reason")

    def __init__(
        self,
        *,
        pipeline: str | None,
        key: Hashable,
        attempts: int,
        elapsed: float,
        reason: str,
        fault: Fault | None,
    ) -> None:
        self.pipeline: str | None = pipeline
        self.key: Hashable = key
        self.attempts: int = attempts
        self.elapsed: float = elapsed
        self.reason: str = reason
        self.fault: Fault | None = fault


class CircuitChanged(Event):
    """A circuit went from one state to another.

    `retry_after`: seconds it will stay open; None unless it opened. `failures`: failures in a row until now.
    """

    __slots__ = ("breaker", "failures", "key", "opened_in_a_row", "previous", "retry_after", "state")

    def __init__(
        self,
        *,
        breaker: str | None,
        key: Hashable,
        previous: str,
        state: str,
        opened_in_a_row: int,
        retry_after: float | None,
        failures: int = 0,
    ) -> None:
        self.breaker: str | None = breaker
        self.key: Hashable = key
        self.previous: str = previous
        self.state: str = state
        self.opened_in_a_row: int = opened_in_a_row
        self.retry_after: float | None = retry_after
        self.failures: int = failures


class AnswerReplaced(Event):
    """A fallback serves instead of the call's own outcome. `strategy` says which one."""

    __slots__ = ("fault", "key", "pipeline", "strategy")

    def __init__(self, *, pipeline: str | None, key: Hashable, strategy: str, fault: Fault) -> None:
        self.pipeline: str | None = pipeline
        self.key: Hashable = key
        self.strategy: str = strategy
        self.fault: Fault = fault


class HedgeStarted(Event):
    """A call took long, so a second one runs beside it. `delay`: seconds after which it was started."""

    __slots__ = ("delay", "key", "number", "pipeline")

    def __init__(self, *, pipeline: str | None, key: Hashable, number: int, delay: float) -> None:
        self.pipeline: str | None = pipeline
        self.key: Hashable = key
        self.number: int = number
        self.delay: float = delay


class CheckChanged(Event):
    """A health check had another verdict than before, or its first. `ok`: the verdict; `fault`: the classified failure."""

    __slots__ = ("check", "detail", "fault", "ok", "previous")

    def __init__(self, *, check: str, previous: bool | None, ok: bool, detail: str | None, fault: Fault | None) -> None:
        self.check: str = check
        self.previous: bool | None = previous
        self.ok: bool = ok
        self.detail: str | None = detail
        self.fault: Fault | None = fault


class ModeChanged(Event):
    """A service reports another mode of degradation. `after`: the seconds that it spent in the previous one."""

    __slots__ = ("after", "mode", "previous", "service")

    def __init__(self, *, service: str | None, previous: str, mode: str, after: float) -> None:
        self.service: str | None = service
        self.previous: str = previous
        self.mode: str = mode
        self.after: float = after


class RecoveryStarted(Event):
    """A recovery begins. `run`: its id, which all its events carry; `recovery`: the name of the loop."""

    __slots__ = ("dry_run", "recovery", "run", "strategy")

    def __init__(self, *, recovery: str, run: str, strategy: str, dry_run: bool) -> None:
        self.recovery: str = recovery
        self.run: str = run
        self.strategy: str = strategy
        self.dry_run: bool = dry_run


class AnomalyFound(Event):
    """A recovery deals with an anomaly. `decision`: repair or report; `resumed`: left over by a process that has ended."""

    __slots__ = ("decision", "detail", "kind", "recovery", "resumed", "run", "severity", "subject")

    def __init__(
        self, *, recovery: str, run: str, subject: str, kind: str, severity: str, detail: str, decision: str, resumed: bool
    ) -> None:
        self.recovery: str = recovery
        self.run: str = run
        self.subject: str = subject
        self.kind: str = kind
        self.severity: str = severity
        self.detail: str = detail
        self.decision: str = decision
        self.resumed: bool = resumed


class RepairEnded(Event):
    """A rung of a repair ladder was tried. `ok`: the subject is well again; `fault`: what it raised, classified."""

    __slots__ = ("attempt", "detail", "fault", "ok", "recovery", "run", "step", "subject")

    def __init__(
        self, *, recovery: str, run: str, subject: str, step: str, attempt: int, ok: bool, detail: str, fault: Fault | None
    ) -> None:
        self.recovery: str = recovery
        self.run: str = run
        self.subject: str = subject
        self.step: str = step
        self.attempt: int = attempt
        self.ok: bool = ok
        self.detail: str = detail
        self.fault: Fault | None = fault


class SubjectIsolated(Event):
    """A subject is kept out of use, by recovery or by an operator. `next_at`: wall time of the next try; None: a person's turn."""

    __slots__ = ("attempts", "by", "category", "command", "next_at", "reason", "recovery", "run", "subject")

    def __init__(
        self,
        *,
        recovery: str,
        run: str,
        subject: str,
        by: str,
        reason: str,
        category: str,
        command: str,
        attempts: int,
        next_at: float | None,
    ) -> None:
        self.recovery: str = recovery
        self.run: str = run
        self.subject: str = subject
        self.by: str = by
        self.reason: str = reason
        self.category: str = category
        self.command: str = command
        self.attempts: int = attempts
        self.next_at: float | None = next_at


class SubjectRecovered(Event):
    """A subject is well again, or an operator has ended its isolation. `was_isolated`: it had been kept out of use."""

    __slots__ = ("by", "kind", "recovery", "run", "subject", "was_isolated")

    def __init__(self, *, recovery: str, run: str, subject: str, kind: str, by: str, was_isolated: bool) -> None:
        self.recovery: str = recovery
        self.run: str = run
        self.subject: str = subject
        self.kind: str = kind
        self.by: str = by
        self.was_isolated: bool = was_isolated


class RecoveryEnded(Event):
    """A recovery has ended. `report` has its counts and errors."""

    __slots__ = ("recovery", "report", "run")

    def __init__(self, *, recovery: str, run: str, report: RecoveryReport) -> None:
        self.recovery: str = recovery
        self.run: str = run
        self.report: RecoveryReport = report


listeners: tuple[Listener, ...] = ()
"""Who listens. Read before an event is made, so that nothing is made for nobody."""

_errors = 0
_logged: set[int] = set()


def subscribe(listener: Listener) -> Callable[[], None]:
    """Send all events to `listener` from now on. Returns a function that ends the subscription; calling it again is harmless.

    Raises TypeError if `listener` cannot be called.
    """
    global listeners
    if not callable(listener):
        raise TypeError(f"a listener must be callable with one event, not {listener!r}")
    # An object of its own for each subscription, so that one listener subscribed twice is ended one by one.
    subscribed: Listener = _Subscribed(listener)
    with lock_of(subscribe):
        listeners = (*listeners, subscribed)

    def unsubscribe() -> None:
        global listeners
        with lock_of(subscribe):
            listeners = tuple(each for each in listeners if each is not subscribed)
            _logged.discard(id(subscribed))

    return unsubscribe


class _Subscribed:
    __slots__ = ("_listener",)

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def __call__(self, event: Event) -> object:
        return self._listener(event)


def emit(event: Event) -> None:
    """Tell every listener. What a listener raises is counted and logged once per listener, and never reaches the call."""
    for listener in listeners:
        try:
            listener(event)
        except Exception as error:  # noqa: BLE001  # the border to foreign code: a listener must not change a call
            _listener_failed(listener, error)


def listener_errors() -> int:
    """How many times a listener raised."""
    return _errors


def _listener_failed(listener: Listener, error: Exception) -> None:
    global _errors
    with lock_of(subscribe):
        _errors += 1
        known = id(listener) in _logged
        _logged.add(id(listener))
    if not known:
        import logging

        logging.getLogger("yaoki.events").error("a listener raised; further errors of it are counted only", exc_info=error)

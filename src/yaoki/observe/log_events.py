"""The log of what happened: every event of the core as one record of standard logging, at the level it deserves (SPEC O3).

| what happened | level |
| --- | --- |
| an attempt failed and is repeated | DEBUG, from the second attempt on WARNING |
| a call failed, a fallback served | WARNING |
| a call failed for good: given up, or not retryable | ERROR |
| a call failed for good without a Retry, although a repetition might help | the fault's severity |
| a call was refused | DEBUG: what it was refused for has been told |
| a circuit opened, re-opened, was isolated | WARNING |
| a circuit went half-open, closed | INFO |
| a health check fails, works again | at least WARNING, INFO |
| a service reports another mode | WARNING, the normal one INFO |
| a recovery: what it finds and does, its report | see `log_recovery.py` |

A critical fault is told at CRITICAL whatever became of it. A failed attempt is told once, with its classification, by the
record that says what came of it. All records from the opening of a circuit until it closes carry one `recovery` id, and so do
those of one run of a recovery.
What an exception said is not logged, only what it was classified as: messages may hold what users sent.
"""

from __future__ import annotations

import logging
import os
from contextvars import ContextVar
from typing import TYPE_CHECKING

from yaoki.core import events
from yaoki.core.clock import clock
from yaoki.core.interpreter import lock_of
from yaoki.observe.log_records import LEVELS, level_of, write
from yaoki.observe.log_recovery import RECOVERY

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

__all__ = ["subscribe_logs"]

_calls = logging.getLogger("yaoki.calls")
_circuits = logging.getLogger("yaoki.circuits")
_health = logging.getLogger("yaoki.health")
_modes = logging.getLogger("yaoki.modes")

_latest: ContextVar[events.CallRefused | events.RetryGivenUp | None] = ContextVar("yaoki_latest", default=None)
"""How the latest attempt in this task or thread ended, if it was refused or given up: what comes next may rest on it."""


def subscribe_logs() -> Callable[[], None]:
    """Log the events of this process from now on. Returns a function that ends it."""
    return events.subscribe(_Log().hear)


class _Log:
    """Tells each event. It remembers which circuits are open, and nothing else."""

    def __init__(self) -> None:
        self._recoveries: dict[tuple[str | None, Hashable], _Recovery] = {}
        self._tell: dict[type[events.Event], Callable[..., None]] = {
            **RECOVERY,
            events.AnswerReplaced: self._answer_replaced,
            events.CallFailed: _call_failed,
            events.CallRaised: self._call_raised,
            events.CallRefused: self._call_refused,
            events.CheckChanged: _check_changed,
            events.CircuitChanged: self._circuit_changed,
            events.HedgeStarted: _hedge_started,
            events.ModeChanged: _mode_changed,
            events.RetryGivenUp: _retry_given_up,
            events.RetryScheduled: self._retry_scheduled,
        }

    def hear(self, event: events.Event) -> None:
        tell = self._tell.get(type(event))
        if tell is not None:
            tell(event)

    # Calls

    def _call_refused(self, event: events.CallRefused) -> None:
        _latest.set(event)
        write(_calls, logging.DEBUG, "call refused", event, policy=event.policy, retry_after=event.retry_after)

    def _retry_scheduled(self, event: events.RetryScheduled) -> None:
        write(
            _calls,
            level_of(event.fault, logging.DEBUG if event.attempt == 1 else logging.WARNING),
            "call failed, a retry is scheduled",
            event,
            event.fault,
            attempt=event.attempt,
            max_attempts=_finite(event.max_attempts),
            delay_s=event.delay,
        )

    def _answer_replaced(self, event: events.AnswerReplaced) -> None:
        latest = _take_latest(event)
        usual = logging.DEBUG if isinstance(latest, events.CallRefused) else logging.WARNING
        message = "call refused, a fallback served" if usual == logging.DEBUG else "call failed, a fallback served"
        write(_calls, level_of(event.fault, usual), message, event, event.fault, strategy=event.strategy, **_given_up(latest))

    def _call_raised(self, event: events.CallRaised) -> None:
        latest = _take_latest(event)
        if isinstance(latest, events.CallRefused) and event.refused:
            # Told when it was refused.
            return
        if isinstance(latest, events.RetryGivenUp) or event.attempts > 1:
            usual, message = logging.ERROR, "call failed, given up"
        elif not event.fault.is_retryable:
            usual, message = logging.ERROR, "call failed, not retryable"
        else:
            usual, message = LEVELS[event.fault.severity], "call failed"
        facts = {"attempts": event.attempts, **_given_up(latest)}
        write(_calls, level_of(event.fault, usual), message, event, event.fault, **facts)

    # Circuits

    def _circuit_changed(self, event: events.CircuitChanged) -> None:
        with lock_of(self):
            known = self._recoveries.pop((event.breaker, event.key), None)
        recovery = _Recovery(clock.now()) if known is None else known
        open_for = None
        if event.state != "closed":
            self._keep(event, recovery)
        elif known is not None:
            open_for = round(clock.now() - known.since, 3)
        level, message = _circuit_message(event)
        write(
            _circuits,
            level,
            message,
            event,
            breaker=event.breaker,
            failures=event.failures,
            retry_after=_finite(event.retry_after),
            opened_in_a_row=event.opened_in_a_row,
            open_for=open_for,
            recovery=recovery.id,
        )

    def _keep(self, event: events.CircuitChanged, recovery: _Recovery) -> None:
        # Bounded, since keys are given by whoever calls: what was longest without a change is forgotten.
        with lock_of(self):
            if len(self._recoveries) >= _MOST_RECOVERIES:
                del self._recoveries[next(iter(self._recoveries))]
            self._recoveries[event.breaker, event.key] = recovery


_MOST_RECOVERIES = 10_000


class _Recovery:
    """The time from the opening of a circuit until it closes."""

    __slots__ = ("id", "since")

    def __init__(self, since: float) -> None:
        self.id = os.urandom(6).hex()
        self.since = since


def _circuit_message(event: events.CircuitChanged) -> tuple[int, str]:
    if event.state == "closed":
        return logging.INFO, "circuit closed"
    if event.state == "half_open":
        return logging.INFO, "circuit half-open, a trial call is admitted"
    if event.retry_after == float("inf"):
        return logging.WARNING, "circuit isolated by hand"
    return logging.WARNING, "circuit reopened" if event.previous == "half_open" else "circuit opened"


def _call_failed(event: events.CallFailed) -> None:
    # What comes of it is told by the event that follows; an earlier refusal is not the reason for it.
    _latest.set(None)


def _retry_given_up(event: events.RetryGivenUp) -> None:
    _latest.set(event)


def _hedge_started(event: events.HedgeStarted) -> None:
    write(_calls, logging.DEBUG, "a second call is started beside a slow one", event, number=event.number, delay_s=event.delay)


def _check_changed(event: events.CheckChanged) -> None:
    if event.ok:
        write(_health, logging.INFO, "health check ok", event, check=event.check)
        return
    severity = logging.WARNING if event.fault is None else max(logging.WARNING, LEVELS[event.fault.severity])
    write(_health, severity, "health check failed", event, event.fault, check=event.check)


def _mode_changed(event: events.ModeChanged) -> None:
    level = logging.INFO if event.mode == "normal" else logging.WARNING
    facts: dict[str, object] = {
        "service": event.service,
        "mode": event.mode,
        "previous": event.previous,
        "after_s": round(event.after, 3),
    }
    write(_modes, level, "the service reports another mode", event, **facts)


def _take_latest(event: events.AnswerReplaced | events.CallRaised) -> events.CallRefused | events.RetryGivenUp | None:
    latest = _latest.get()
    if latest is None or (latest.pipeline, latest.key) != (event.pipeline, event.key):
        return None
    _latest.set(None)
    return latest


def _given_up(latest: events.CallRefused | events.RetryGivenUp | None) -> dict[str, object]:
    if not isinstance(latest, events.RetryGivenUp):
        return {}
    return {"attempts": latest.attempts, "elapsed_s": round(latest.elapsed, 3), "reason": latest.reason}


def _finite(value: float | None) -> float | None:
    return value if value is not None and value < float("inf") else None

"""The log of a recovery: what it found, did and reports; every record carries the id of the run as `recovery` (SPEC H3, O3).

| what happened | level |
| --- | --- |
| it began, a repair succeeded, a subject is well again | INFO |
| an anomaly was found | the anomaly's severity |
| a repair failed: more is tried, or it is isolated | WARNING, with the classification |
| a subject was isolated | WARNING |
| it ended | INFO with its counts, and each of its errors at ERROR |
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from yaoki.core import events
from yaoki.core.faults.category import Severity
from yaoki.observe.log_records import LEVELS, level_of, write

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["RECOVERY"]

_log = logging.getLogger("yaoki.recovery")


def _started(event: events.RecoveryStarted) -> None:
    write(
        *(_log, logging.INFO, "recovery started", event),
        recovery=event.run,
        loop=event.recovery,
        strategy=event.strategy,
        dry_run=event.dry_run,
    )


def _found(event: events.AnomalyFound) -> None:
    write(
        *(_log, LEVELS[Severity[event.severity.upper()]], "anomaly found", event),
        recovery=event.run,
        loop=event.recovery,
        subject=event.subject,
        kind=event.kind,
        detail=event.detail or None,
        decision=event.decision,
        resumed=event.resumed or None,
    )


def _repair_ended(event: events.RepairEnded) -> None:
    usual, message = (logging.INFO, "repair succeeded") if event.ok else (logging.WARNING, "repair failed")
    write(
        *(_log, level_of(event.fault, usual), message, event, event.fault),
        recovery=event.run,
        loop=event.recovery,
        subject=event.subject,
        step=event.step,
        attempt=event.attempt,
        detail=event.detail or None,
    )


def _isolated(event: events.SubjectIsolated) -> None:
    write(
        *(_log, logging.WARNING, "subject isolated", event),
        recovery=event.run or None,
        loop=event.recovery,
        subject=event.subject,
        by=event.by,
        reason=event.reason,
        attempts=event.attempts,
        command=event.command or None,
        next_at=event.next_at,
    )


def _recovered(event: events.SubjectRecovered) -> None:
    write(
        *(_log, logging.INFO, "subject healed", event),
        recovery=event.run or None,
        loop=event.recovery,
        subject=event.subject,
        by=event.by,
        kind=event.kind or None,
        was_isolated=event.was_isolated,
    )


def _ended(event: events.RecoveryEnded) -> None:
    report = event.report
    for error in report.errors:
        write(_log, logging.ERROR, "recovery error", event, recovery=event.run, loop=event.recovery, error=error)
    write(
        *(_log, logging.INFO, "recovery ended", event),
        recovery=event.run,
        loop=event.recovery,
        strategy=report.strategy,
        dry_run=report.dry_run,
        **{"took_s": round(report.took, 3), "stopped": report.stopped or None, **report.counts()},
    )


RECOVERY: dict[type[events.Event], Callable[..., None]] = {
    events.AnomalyFound: _found,
    events.RecoveryEnded: _ended,
    events.RecoveryStarted: _started,
    events.RepairEnded: _repair_ended,
    events.SubjectIsolated: _isolated,
    events.SubjectRecovered: _recovered,
}
"""Who tells which event."""

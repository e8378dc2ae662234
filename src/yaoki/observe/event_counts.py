"""Counts that only the events tell: errors by their classification, retries, refusals, transitions (SPEC O1).

Everything else is counted by the policies and read when somebody asks. Each count has a bounded number of series, since names of
error types may come from outside: what is beyond the bound is counted under `(other)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from yaoki.core import events
from yaoki.core.interpreter import lock_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["OTHER", "Count", "EventCounts"]

OTHER = "(other)"
_MOST_SERIES = 1000


class Count:
    """One counter with labels. `metric` has no `_total` yet; `series` are the counts by label values."""

    __slots__ = ("help", "labels", "metric", "series")

    def __init__(self, metric: str, help: str, labels: tuple[str, ...]) -> None:  # noqa: A002  # the format's own word
        self.metric: str = metric
        self.help: str = help
        self.labels: tuple[str, ...] = labels
        self.series: dict[tuple[str, ...], int] = {}

    def add_locked(self, *values: str, number: int = 1) -> None:
        """One more, or `number`."""
        if values not in self.series and len(self.series) >= _MOST_SERIES:
            values = (OTHER,) * len(values)
        self.series[values] = self.series.get(values, 0) + number


class EventCounts:
    """Listens from its making until `close`."""

    def __init__(self) -> None:
        self.errors: Count = Count(
            *("yaoki_errors", "Failed attempts of guarded calls by what they were classified as."),
            ("error_type", "severity", "category"),
        )
        self.attempts: Count = Count("yaoki_attempts_failed", "Failed attempts of guarded calls.", ("pipeline",))
        self.raised: Count = Count("yaoki_calls_raised", "Calls whose failure or refusal went on to the caller.", ("pipeline",))
        self.replaced: Count = Count("yaoki_calls_replaced", "Calls that a fallback answered.", ("pipeline",))
        self.refused: Count = Count("yaoki_calls_refused", "Attempts that a policy refused.", ("pipeline", "refused_by"))
        self.retries: Count = Count("yaoki_retries", "Retries that were scheduled.", ("pipeline",))
        self.given_up: Count = Count(
            "yaoki_retries_given_up", "Calls that were not tried again, by the reason.", ("pipeline", "reason")
        )
        self.transitions: Count = Count(
            "yaoki_breaker_transitions", "Changes of circuits, by the new state.", ("breaker", "state")
        )
        self.recoveries: Count = Count("yaoki_recoveries", "Recoveries that have ended.", ("loop",))
        self.anomalies: Count = Count("yaoki_recovery_anomalies", "Anomalies by what came of them.", ("loop", "kind", "result"))
        self.recovery_errors: Count = Count("yaoki_recovery_errors", "What went wrong with recoveries themselves.", ("loop",))
        self._end = events.subscribe(self._hear)
        self._count: dict[type[events.Event], Callable[..., None]] = {
            events.AnswerReplaced: lambda event: self.replaced.add_locked(event.pipeline or ""),
            events.CallFailed: self._failed_locked,
            events.CallRaised: lambda event: self.raised.add_locked(event.pipeline or ""),
            # The label of a policy holds its key; its kind is enough here, and bounded.
            events.CallRefused: lambda event: self.refused.add_locked(event.pipeline or "", event.policy.partition(" ")[0]),
            events.CircuitChanged: lambda event: self.transitions.add_locked(event.breaker or "", event.state),
            events.RecoveryEnded: self._recovered_locked,
            events.RetryGivenUp: lambda event: self.given_up.add_locked(event.pipeline or "", event.reason),
            events.RetryScheduled: lambda event: self.retries.add_locked(event.pipeline or ""),
        }

    def close(self) -> None:
        """Stop listening; the counts stay."""
        self._end()

    def read(self) -> list[tuple[Count, dict[tuple[str, ...], int]]]:
        """All counts at one moment."""
        counts = [each for each in vars(self).values() if isinstance(each, Count)]
        with lock_of(self):
            return [(each, dict(each.series)) for each in counts]

    def _hear(self, event: events.Event) -> None:
        count = self._count.get(type(event))
        if count is not None:
            with lock_of(self):
                count(event)

    def _failed_locked(self, event: events.CallFailed) -> None:
        fault = event.fault
        self.errors.add_locked(fault.error_type, fault.severity.name.lower(), fault.category.value)
        self.attempts.add_locked(event.pipeline or "")

    def _recovered_locked(self, event: events.RecoveryEnded) -> None:
        self.recoveries.add_locked(event.recovery)
        self.recovery_errors.add_locked(event.recovery, number=len(event.report.errors))
        for each in event.report.handled:
            self.anomalies.add_locked(event.recovery, each.anomaly.kind, each.result.value)

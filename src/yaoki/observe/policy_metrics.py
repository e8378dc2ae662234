"""What the snapshot of each kind of policy becomes as metrics: one table (SPEC O1).

A row takes one field of the snapshot. Policies of kinds that the table does not know are shown too: each number of their snapshot
as a series of `yaoki_policy`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import TypeAlias

    Labels: TypeAlias = tuple[tuple[str, str], ...]

__all__ = ["ADDING", "CIRCUIT_STATES", "ROWS", "STATE", "STRATEGY_ROWS", "Row", "Series", "series_of"]

CIRCUIT_STATES = ("closed", "open", "half_open")


# Compared by identity, since rows are keys of sums over many keys.
@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One metric from one field of a snapshot.

    `counter`: it only grows; else it is a gauge. `adds`: the sum over many keys says something. `labels`: fixed ones. `by`: the
    field is a table, and its keys are the values of this label. `states`: the field is one of these, each shown as 0 or 1.
    """

    metric: str
    help: str
    field: str
    counter: bool = False
    adds: bool = False
    labels: Labels = ()
    by: str = ""
    states: tuple[str, ...] = ()


class Series(NamedTuple):
    """One value with the labels that its row gives it."""

    row: Row
    labels: Labels
    value: float


def _counter(metric: str, help: str, field: str, by: str = "", **labels: str) -> Row:  # noqa: A002  # the format's own word
    return Row(metric, help, field, counter=True, adds=True, labels=tuple(labels.items()), by=by)


def _sum(metric: str, help: str, field: str) -> Row:  # noqa: A002  # the format's own word
    return Row(metric, help, field, adds=True)


STATE = Row(
    *("yaoki_breaker_state", "The state of the circuit: 1 for the present one, 0 for the others.", "state"),
    states=CIRCUIT_STATES,
)

_CALLS = ("yaoki_breaker_calls", "Calls by how they went for the circuit breaker.")
_REJECTED = "Calls that were refused."
_IN_USE = "Calls that run at this moment."

ROWS: dict[str, tuple[Row, ...]] = {
    "adaptive_limit": (
        Row("yaoki_adaptive_limit_limit", "Calls that may run at once, as found out so far.", "limit"),
        _sum("yaoki_adaptive_limit_in_use", _IN_USE, "in_use"),
        Row("yaoki_adaptive_limit_baseline_seconds", "The latency that counts as normal.", "baseline"),
        _counter("yaoki_adaptive_limit_rejected", _REJECTED, "rejected"),
    ),
    "bulkhead": (
        _sum("yaoki_bulkhead_in_use", _IN_USE, "in_use"),
        _sum("yaoki_bulkhead_waiting", "Calls that wait for a place.", "waiting"),
        _counter("yaoki_bulkhead_rejected", _REJECTED, "rejected"),
    ),
    "circuit_breaker": (
        STATE,
        _counter(*_CALLS, "successes", result="success"),
        _counter(*_CALLS, "failures", result="failure"),
        _counter(*_CALLS, "ignored", result="ignored"),
        _counter(*_CALLS, "rejected", result="rejected"),
        _counter("yaoki_breaker_opened", "How often the circuit opened.", "opened"),
        Row("yaoki_breaker_opened_in_a_row", "How often it opened since it was last closed.", "opened_in_a_row"),
        Row("yaoki_breaker_forced", "1 while the circuit is held open or closed by hand.", "forced"),
        Row("yaoki_breaker_open_seconds", "How long the circuit has not been closed; absent while it is.", "open_for"),
        Row("yaoki_breaker_window_calls", "Calls in the window that is judged.", "window_calls"),
        Row("yaoki_breaker_window_failures", "Failures among them.", "window_failures"),
        Row("yaoki_breaker_consecutive_failures", "Failures since the last success.", "consecutive_failures"),
    ),
    "fallback": (_counter("yaoki_fallback_served", "Calls that got another answer than their own.", "served"),),
    "hedge": (
        Row("yaoki_hedge_delay_seconds", "After which time a second call is started; absent while none would be.", "delay"),
        _counter("yaoki_hedge_started", "Further calls that were started.", "started"),
        _counter("yaoki_hedge_won", "Further calls that answered first.", "won"),
        _counter("yaoki_hedge_suppressed", "Further calls that the budget did not allow.", "suppressed"),
        _counter("yaoki_hedge_abandoned", "Calls in threads that nobody waits for any more.", "abandoned"),
        Row("yaoki_hedge_budget_tokens", "Tokens left for further calls.", "budget_tokens"),
    ),
    "latency": (),
    "load_shedder": (
        _sum("yaoki_load_shedder_in_use", _IN_USE, "in_use"),
        _counter("yaoki_load_shedder_rejected", "Calls that were refused, by their priority.", "rejected", by="priority"),
    ),
    "rate_limiter": (
        Row("yaoki_rate_limiter_tokens", "Calls that would be admitted at once.", "tokens"),
        _sum("yaoki_rate_limiter_waiting", "Calls that wait for their turn.", "waiting"),
        _counter("yaoki_rate_limiter_admitted", "Calls that were admitted.", "admitted"),
        _counter("yaoki_rate_limiter_rejected", _REJECTED, "rejected"),
    ),
    "retry": (
        Row("yaoki_retry_budget_tokens", "Tokens left in the retry budget; absent before its first use.", "budget_tokens"),
        _counter("yaoki_retry_budget_refused", "Retries that the budget refused.", "budget_refused"),
    ),
    "throttle": (
        Row("yaoki_throttle_refusing_ratio", "The share of calls that is refused now.", "refusing"),
        Row("yaoki_throttle_window_calls", "Calls in the window that is judged.", "window_calls"),
        Row("yaoki_throttle_window_successes", "Successes among them.", "window_successes"),
        _counter("yaoki_throttle_rejected", _REJECTED, "rejected"),
    ),
    "timeout": (
        _counter("yaoki_timeout_overdue", "Values that came after their time.", "overdue"),
        _counter("yaoki_timeout_abandoned", "Calls in threads that nobody waits for any more.", "abandoned"),
    ),
}
"""The rows by the kind of policy. The buckets of a latency histogram are shown as one, see `families.py`."""

ADDING: dict[str, tuple[Row, ...]] = {kind: tuple(row for row in rows if row.adds) for kind, rows in ROWS.items()}
"""Of them, those whose sum over many keys says something."""

STRATEGY_ROWS: tuple[Row, ...] = (
    Row("yaoki_cached_fallback_entries", "Answers that are kept.", "entries"),
    _counter("yaoki_cached_fallback_hits", "Answers that were given from memory.", "hits"),
    _counter("yaoki_cached_fallback_made", "Answers that were made.", "made"),
    _counter("yaoki_cached_fallback_stale", "Answers that were given although old.", "stale"),
)
"""The rows of a cached fallback among a Fallback's strategies."""

_HELP = "The numbers of a policy of a kind that has no metrics of its own."


def series_of(snapshot: Mapping[str, object], rows: tuple[Row, ...] | None = None) -> Iterator[Series]:
    """What a policy's snapshot says, as values with labels."""
    kind = snapshot.get("kind")
    if rows is None:
        rows = ROWS.get(kind) if isinstance(kind, str) else None
    if rows is None:
        rows = tuple(
            Row("yaoki_policy", _HELP, field, labels=(("kind", str(kind)), ("field", field)))
            for field, value in snapshot.items()
            if isinstance(value, (int, float))
        )
    for row in rows:
        value = snapshot.get(row.field)
        if isinstance(value, (int, float)):
            yield Series(row, row.labels, float(value))
        elif row.states:
            for state in row.states:
                yield Series(row, (*row.labels, ("state", state)), float(value == state))
        elif isinstance(value, dict):
            for name, number in value.items():
                yield Series(row, (*row.labels, (row.by, str(name))), float(number))

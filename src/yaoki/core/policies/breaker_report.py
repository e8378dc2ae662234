"""What a circuit breaker tells about itself: state, counts and history at one moment (SPEC B6, H1)."""

from __future__ import annotations

from yaoki.core.policies.breaker_states import History, Opened, Trials, state_of
from yaoki.core.windows import Held, Window

TYPE_CHECKING = False
if TYPE_CHECKING:
    from yaoki.core.policies.breaker import CircuitBreaker

__all__ = ["report_locked"]


def report_locked(breaker: CircuitBreaker, now: float) -> dict[str, object]:
    """State, counts and history, JSON-ready. `open_for` and `retry_after` are seconds, `at` is wall-clock time."""
    era = breaker.era
    window = era if isinstance(era, Window) else None
    shut = None if isinstance(era, Window) else era
    failures, successes = (0, 0) if window is None else window.streaks()
    calls, failed, slow = (0, 0, 0) if window is None else window.rates(breaker.config, now)
    # The totals last: healthy calls that end meanwhile may be in them, and not missing from them.
    totals = History()
    if breaker.history is not None:
        totals.fold_history(breaker.history)
    totals.fold(era)
    if isinstance(shut, Trials) and shut.ok:
        successes = shut.ok
    elif window is None:
        failures = totals.streak_after(era)
    key = breaker.key
    return {
        "kind": breaker.kind,
        "name": breaker.name,
        "key": key if key is None or isinstance(key, (str, int)) else repr(key),
        "state": state_of(era).value,
        "forced": isinstance(window, Held) or (isinstance(shut, Opened) and shut.isolated),
        "successes": totals.ok,
        "failures": totals.failed,
        "ignored": totals.ignored,
        "rejected": totals.refused,
        "consecutive_failures": failures,
        "consecutive_successes": successes,
        "window_calls": calls,
        "window_failures": failed,
        "window_slow_calls": slow,
        "opened": totals.opened,
        "opened_in_a_row": totals.opened_in_a_row,
        "open_for": None if shut is None else max(0.0, now - shut.since),
        "retry_after": shut.until - now if shut is not None and now < shut.until < float("inf") else None,
        "transitions": [{"at": at, "state": state.value} for at, state in totals.transitions],
    }

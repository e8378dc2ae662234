"""SPEC X2: events are recorded for a test."""

from __future__ import annotations

import pytest

from yaoki.core import events
from yaoki.testing import record_events


def opened(number: int) -> events.CircuitChanged:
    return events.CircuitChanged(
        breaker="b", key=None, previous="closed", state="open", opened_in_a_row=number, retry_after=30.0
    )


HEDGED = events.HedgeStarted(pipeline=None, key=None, number=1, delay=0.1)


def test_x2_collects_events_in_order() -> None:
    """SPEC X2: all that is sent while the block runs, and nothing else."""
    first, second = opened(1), opened(2)
    events.emit(first)

    with record_events() as recorded:
        events.emit(second)
        events.emit(HEDGED)
    events.emit(first)

    assert recorded == [second, HEDGED]


def test_x2_views_by_type_and_name() -> None:
    """SPEC X2: a test looks at one kind, or at the names alone."""
    event = opened(1)

    with record_events() as recorded:
        events.emit(HEDGED)
        events.emit(event)

    assert recorded.of(events.CircuitChanged) == [event]
    assert recorded.names() == ["HedgeStarted", "CircuitChanged"]


def test_x2_stops_listening_after_an_error() -> None:
    """SPEC X2: a failing test leaves no listener behind."""
    before = events.listeners

    with pytest.raises(KeyError), record_events():
        raise KeyError

    assert events.listeners == before

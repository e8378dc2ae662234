"""A value that came after a Timeout's own time was not counted if the caller's deadline was tighter, but only by the driver."""

from __future__ import annotations

import pytest

from yaoki import Pipeline, Timeout, deadline
from yaoki.testing import VirtualClock


def test_t1_late_is_late_whatever_deadline_the_caller_has(either_path: str) -> None:
    """SPEC T1: `overdue` counts the values that came after the Timeout's own seconds."""
    outer, inner = Timeout(1.0, count_overdue=True), Timeout(0.4, count_overdue=True)

    with VirtualClock() as clock:

        @Pipeline(outer, inner)
        def slow(seconds: float) -> None:
            clock.advance(seconds)

        with deadline.within(0.5):
            slow(1.2)
        with deadline.within(0.2):
            slow(0.3)

    assert (outer.overdue, inner.overdue) == (1, 1)


@pytest.mark.parametrize("seconds", [0.3, 2.0])
def test_t1_a_value_in_time_is_not_counted(either_path: str, seconds: float) -> None:
    """SPEC T1: neither with a caller's deadline that has passed, nor without one."""
    timeout = Timeout(2.0, count_overdue=True)

    with VirtualClock() as clock, deadline.within(0.2):
        timeout(clock.advance)(seconds)

    assert timeout.overdue == 0

"""Regression: the healthy path noted one former deadline for all Timeouts, so that an inner one outlived its attempt."""

from __future__ import annotations

import pytest

from yaoki import DeadlineExceededError, Pipeline, Retry, Timeout, constant
from yaoki.testing import Script, VirtualClock, run, takes


def test_t1_the_whole_call_ends_in_time_however_often_attempts_time_out(either_path: str, virtual_clock: VirtualClock) -> None:
    """SPEC T1: Timeout(0.2) > Retry > Timeout(0.05) takes 0.2 s, not as long as its attempts add up to."""
    script = Script(then=takes(60.0))
    guarded = Pipeline(Timeout(0.2), Retry(10, constant(0.0), budget=None), Timeout(0.05))(script.asynchronous)
    with pytest.raises(DeadlineExceededError):
        run(guarded())

    assert virtual_clock.time == pytest.approx(0.2)
    assert [call.at for call in script.calls] == pytest.approx([0.0, 0.05, 0.1, 0.15])

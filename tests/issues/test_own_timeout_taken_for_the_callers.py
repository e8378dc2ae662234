"""Regression: the asynchronous healthy path took its own deadline for the caller's, so that no time-out ever opened a circuit."""

from __future__ import annotations

import pytest

from yaoki import CircuitBreaker, CircuitState, DeadlineExceededError, Pipeline, Retry, Timeout, constant
from yaoki.testing import Script, VirtualClock, run, takes


def test_b4_the_first_time_out_of_a_healthy_call_is_a_failure(either_path: str, virtual_clock: VirtualClock) -> None:
    """SPEC T1, B4: a time-out of this pipeline is the dependency's failure, told apart from an inherited deadline."""
    breaker = CircuitBreaker(failure_threshold=1)
    timeout = Timeout(1.0)
    guarded = Pipeline(timeout, breaker)(Script(takes(60.0)).asynchronous)
    with pytest.raises(DeadlineExceededError) as raised:
        run(guarded())

    assert raised.value.policy is timeout
    assert breaker.state is CircuitState.OPEN


def test_r3_the_first_time_out_of_a_healthy_call_is_retried(either_path: str, virtual_clock: VirtualClock) -> None:
    """SPEC T1, R3: what the caller's deadline ends is not retried; this is not that."""
    script = Script(takes(60.0), "well")

    assert run(Pipeline(Retry(2, constant(0.0)), Timeout(1.0))(script.asynchronous)()) == "well"

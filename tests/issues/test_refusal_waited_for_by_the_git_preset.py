"""The retry preset for git took an open circuit for a transient failure, and waited until it would let a trial through."""

from __future__ import annotations

import pytest

from yaoki import CircuitBreaker, Pipeline, presets
from yaoki.core.faults.errors import CircuitOpenError
from yaoki.testing import VirtualClock


def test_r5_the_git_preset_does_not_wait_for_an_open_circuit(virtual_clock: VirtualClock) -> None:
    """SPEC R5: a refusal by a policy of ours goes to the caller at once."""
    breaker = CircuitBreaker(open_timeout=60.0)
    breaker.isolate()
    started = virtual_clock.now()

    with pytest.raises(CircuitOpenError):
        Pipeline(presets.git_retry(), breaker).call(int)

    assert virtual_clock.now() == started

"""Regression: a failure was judged while the pipeline's own deadline still stood in the place of the caller's."""

from __future__ import annotations

from tests.conftest import World
from yaoki import Pipeline, Retry, Timeout, constant
from yaoki.testing import Script, takes


def test_r4_a_wait_longer_than_one_attempts_timeout_is_waited(world: World) -> None:
    """SPEC R4, T1: the deadline of an attempt is over with the attempt; it does not forbid the wait for the next one."""
    script = Script(takes(0.9, ConnectionError), takes(0.9, ConnectionError), "well")
    guarded = world.guard(Pipeline(Retry(3, constant(5.0)), Timeout(1.0)), script)

    assert guarded() == "well"
    assert [call.at for call in script.calls] == [0.0, 5.9, 11.8]

"""Regression: whatever wanted to replace an outcome was named in `degraded_by`, also if it failed or only wrapped the error."""

from __future__ import annotations

from tests.conftest import World
from yaoki import Fallback, Pipeline, Retry, RetryExhaustedError, constant
from yaoki.core.events import AnswerReplaced, CallFailed
from yaoki.testing import Script, record_events


def test_k1_only_who_served_is_named(world: World) -> None:
    """SPEC K1: an inner fallback that failed has not degraded the answer; the outer one has."""
    inner = Fallback(Script(then=KeyError).sync, name="inner")
    outer = Fallback(value="instead", name="outer")
    with record_events() as events:
        outcome = world.execute(Pipeline(outer, inner), Script(ConnectionError))

    assert [label for label, _ in outcome.degraded_by] == ["Fallback 'outer'"]
    assert [event.strategy for event in events.of(AnswerReplaced)] == ["value"]
    assert len(events.of(CallFailed)) == 1


def test_k1_an_outcome_without_an_answer_is_not_degraded(world: World) -> None:
    """SPEC K1, R5: neither a chain that fails nor the wrapping error replaced anything."""
    failed = world.execute(Fallback(Script(then=KeyError).sync), Script(ConnectionError))
    wrapped = world.execute(Retry(2, constant(0.0), wrap=True), Script(then=ConnectionError))

    assert (type(failed.error), failed.degraded) == (KeyError, False)
    assert (type(wrapped.error), wrapped.degraded) == (RetryExhaustedError, False)

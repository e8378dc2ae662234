"""SPEC B3, O3: what happened: events are sent after the fact, once, and a listener never changes a call."""

from __future__ import annotations

import json
import logging
import threading
from typing import Any

import pytest

from tests.conftest import World
from yaoki import Bulkhead, CircuitBreaker, Fallback, Pipeline, Retry, classify, constant, events
from yaoki.testing import Script, VirtualClock, record_events

NOW = constant(0.0)


def standard() -> Pipeline:
    return Pipeline(Fallback(value=0), Retry(3, NOW), CircuitBreaker(failure_threshold=3, name="db"), name="query")


# Subscriptions


def test_o3_a_subscription_ends_when_its_function_is_called() -> None:
    """SPEC O3: calling it again is harmless."""
    seen: list[events.Event] = []
    unsubscribe = events.subscribe(seen.append)
    Retry(2, NOW).execute(Script(then=ConnectionError).sync)
    count = len(seen)
    unsubscribe()
    unsubscribe()
    Retry(2, NOW).execute(Script(then=ConnectionError).sync)

    assert len(seen) == count > 0


def test_o3_a_listener_subscribed_twice_is_told_twice_and_ends_one_by_one() -> None:
    """SPEC O3: each subscription is its own."""
    seen: list[events.Event] = []
    first, second = events.subscribe(seen.append), events.subscribe(seen.append)
    event = events.HedgeStarted(pipeline=None, key=None, number=1, delay=0.1)
    events.emit(event)
    first()
    events.emit(event)
    second()
    events.emit(event)

    assert len(seen) == 3


@pytest.mark.parametrize("listener", [None, 5, "text"])
def test_o3_what_cannot_be_called_is_refused(listener: Any) -> None:
    """SPEC O3: at once, not when something happens."""
    with pytest.raises(TypeError, match="a listener must be callable"):
        events.subscribe(listener)


def test_o3_a_listener_may_end_itself_and_others_while_it_is_told() -> None:
    """SPEC O3: this event still reaches all, the next one nobody."""
    seen: list[str] = []
    endings: list[Any] = []

    def first(event: events.Event) -> None:
        seen.append("first")
        for end in endings:
            end()

    endings += [events.subscribe(first), events.subscribe(lambda event: seen.append("second"))]
    event = events.HedgeStarted(pipeline=None, key=None, number=1, delay=0.1)
    events.emit(event)
    events.emit(event)

    assert seen == ["first", "second"]


# Listeners


def test_b3_a_raising_listener_changes_no_call(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """SPEC B3, O3: the others are told, the error is counted each time and logged once."""
    before = events.listener_errors()
    seen: list[events.Event] = []

    def broken(event: events.Event) -> None:
        raise LookupError("the listener")

    ends = [events.subscribe(broken), events.subscribe(seen.append)]
    try:
        with caplog.at_level(logging.ERROR, "yaoki"):
            outcome = world.execute(standard(), Script(then=ConnectionError))
    finally:
        for end in ends:
            end()

    assert (outcome.value, outcome.attempts) == (0, 3)
    assert events.listener_errors() - before == len(seen) > 3
    assert [record.name for record in caplog.records] == ["yaoki.events"]
    assert "the listener" in str(caplog.records[0].exc_info)


def test_b3_a_slow_listener_holds_no_lock(virtual_clock: VirtualClock) -> None:
    """SPEC B3: while it is told of a transition, other threads use the same breaker."""
    breaker = CircuitBreaker(failure_threshold=1)
    told, go_on = threading.Event(), threading.Event()
    others: list[object] = []

    def slow(event: events.Event) -> None:
        if isinstance(event, events.CircuitChanged):
            told.set()
            go_on.wait(5.0)

    def other() -> None:
        told.wait(5.0)
        others.append(breaker.snapshot()["state"])
        others.append(type(breaker.execute(abs, -1).error).__name__)
        go_on.set()

    thread = threading.Thread(target=other)
    thread.start()
    end = events.subscribe(slow)
    try:
        breaker.execute(Script(ConnectionError).sync)
    finally:
        end()
        thread.join()

    assert others == ["open", "CircuitOpenError"]


def test_b3_a_listener_may_use_the_pipeline_it_hears_of(virtual_clock: VirtualClock) -> None:
    """SPEC B3: it is told outside of every lock, after the state has changed."""
    breaker = CircuitBreaker(failure_threshold=1)
    states: list[object] = []

    def listener(event: events.Event) -> None:
        if isinstance(event, events.CircuitChanged):
            states.append(breaker.state)
            states.append(type(breaker.execute(abs, -1).error).__name__)

    end = events.subscribe(listener)
    try:
        breaker.execute(Script(ConnectionError).sync)
    finally:
        end()

    assert states == ["open", "CircuitOpenError"]


def test_o3_a_listener_stopped_by_the_keyboard_stops_the_call() -> None:
    """SPEC R5: KeyboardInterrupt is nobody's error to swallow."""

    def interrupted(event: events.Event) -> None:
        raise KeyboardInterrupt

    end = events.subscribe(interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            Retry(2, NOW).call(Script(then=ConnectionError).sync)
    finally:
        end()


# What is sent


def test_o3_the_story_of_a_failing_call(world: World) -> None:
    """SPEC O3: every failure, retry, transition and replaced answer, once and in order."""
    with record_events() as recorded:
        guarded = world.guard(standard(), Script(then=ConnectionError))
        guarded()

    assert recorded.names() == [
        "CallFailed",
        "RetryScheduled",
        "CallFailed",
        "RetryScheduled",
        "CallFailed",
        "CircuitChanged",
        "RetryGivenUp",
        "AnswerReplaced",
    ]
    assert [event.attempt for event in recorded.of(events.CallFailed)] == [1, 2, 3]
    assert {event.pipeline for event in recorded.of(events.CallFailed)} == {"query"}

    with record_events() as recorded:
        guarded()

    assert recorded.names() == ["CallRefused", "AnswerReplaced"]
    (refused, _) = recorded
    assert (refused.policy, refused.retry_after) == ("CircuitBreaker 'db'", 30.0)  # type: ignore[attr-defined]  # a refusal


def test_o3_a_success_sends_nothing(world: World) -> None:
    """SPEC O1: it is counted."""
    with record_events() as recorded:
        world.guard(standard(), Script("well"))()

    assert recorded == []


def test_o3_a_key_is_named(either_path: str) -> None:
    """SPEC B7, O3: which of the keys failed."""
    keyed = Pipeline(Retry(2, NOW), CircuitBreaker(failure_threshold=1), name="peers").keyed()
    with record_events() as recorded:
        keyed["peer 1"].execute(Script(then=ConnectionError).sync)

    assert {(type(event).__name__, event.key) for event in recorded} == {  # type: ignore[attr-defined]  # all of these have one
        ("CallFailed", "peer 1"),
        ("CircuitChanged", "peer 1"),
        ("RetryGivenUp", "peer 1"),
        ("CallRaised", "peer 1"),
    }


def test_o3_nothing_is_made_for_nobody(either_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC O1: without a listener no event object is made."""
    for name in (
        "CallFailed",
        "CallRaised",
        "CallRefused",
        "RetryScheduled",
        "RetryGivenUp",
        "CircuitChanged",
        "AnswerReplaced",
    ):
        monkeypatch.setattr(events, name, None)
    guarded = standard()(Script(then=ConnectionError).sync)

    assert [guarded() for _ in range(3)] == [0, 0, 0]


def test_o3_every_event_is_json_ready() -> None:
    """SPEC O3: names in lower case, nothing infinite, keys as text."""
    fault = classify(ConnectionResetError("gone"))
    key = ("peer", 1)
    all_events: list[events.Event] = [
        events.CallFailed(pipeline="p", key=key, attempt=1, fault=fault),
        events.CallRefused(pipeline=None, key=None, policy="Bulkhead", reason="full", retry_after=None),
        events.CallRaised(pipeline="p", key=key, attempts=3, fault=fault, refused=False),
        events.RetryScheduled(pipeline="p", key=key, attempt=1, max_attempts=float("inf"), delay=0.5, fault=None),
        events.RetryGivenUp(pipeline="p", key=key, attempts=3, elapsed=1.5, reason="budget", fault=fault),
        events.CircuitChanged(
            breaker="b", key=key, previous="closed", state="open", opened_in_a_row=1, retry_after=float("inf")
        ),
        events.AnswerReplaced(pipeline="p", key=key, strategy="value", fault=fault),
        events.HedgeStarted(pipeline="p", key=key, number=1, delay=0.1),
    ]
    told = [json.loads(json.dumps(event.to_dict(), allow_nan=False)) for event in all_events]

    assert [each["event"] for each in told] == [type(event).__name__ for event in all_events]
    assert told[0]["key"] == "('peer', 1)"
    assert told[0]["fault"]["recoverability"] == "transient"
    assert (told[3]["max_attempts"], told[5]["retry_after"]) == (None, None)
    assert "attempt=1" in repr(all_events[0])


def test_o3_a_refusal_is_no_failure_of_the_function(world: World) -> None:
    """SPEC B4, O3: a refusal is told as one."""
    full = Bulkhead(1)
    full.free.pop()
    with record_events() as recorded:
        world.execute(full, Script())

    assert recorded.names() == ["CallRefused", "CallRaised"]
    assert recorded.of(events.CallRaised)[0].refused


def test_x5_an_event_can_carry_anything_as_a_key() -> None:
    """SPEC X5: also what has no JSON form, or lies about it."""

    class Key:
        def __repr__(self) -> str:
            return "<key>"

    event = events.HedgeStarted(pipeline=None, key=Key(), number=1, delay=0.0)

    assert event.to_dict()["key"] == "<key>"

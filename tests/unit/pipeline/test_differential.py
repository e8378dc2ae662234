"""SPEC R6, X3: generated code and the driver alone are the same in everything but speed.

Random pipelines are built twice, once with generated code and once without, and play the same random story in virtual time.
What came out, what was counted, what was slept and what was told must be equal.
"""

from __future__ import annotations

import dataclasses
import os
import re
import warnings
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from yaoki import (
    Budget,
    Bulkhead,
    CircuitBreaker,
    Fallback,
    LatencyHistogram,
    Pipeline,
    PolicyOrderWarning,
    RateLimiter,
    Recoverability,
    Retry,
    RetryExhaustedError,
    Timeout,
    calls,
    constant,
    deadline,
    exponential,
    seconds,
)
from yaoki.core.policies.policy import Policy
from yaoki.testing import Script, VirtualClock, record_events, run, takes

NEVER = float("inf")


class Stop(BaseException):  # no error at all
    """Ends a call without being an Exception."""


# Pipelines: functions that make the same policies anew


Make = Callable[[], Policy]


def strategy_of(*outcomes: object) -> Callable[..., object]:
    script = Script(*outcomes, then=outcomes[-1])

    def strategy(*args: object, **kwargs: object) -> object:
        return script(*args, **kwargs)

    return strategy


fallbacks: st.SearchStrategy[Make] = st.sampled_from(
    [
        lambda: Fallback(value="instead"),
        lambda: Fallback(value="instead", on=ConnectionError),
        lambda: Fallback(value="instead", on=lambda error: not isinstance(error, ValueError)),
        lambda: Fallback(strategy_of("made")),
        lambda: Fallback(strategy_of(KeyError("first")), strategy_of("made", KeyError("second")), name="chain"),
        lambda: Fallback(strategy_of(KeyError("first")), strategy_of(LookupError("last")), on=(OSError, ValueError)),
    ]
)


@st.composite
def retries(draw: st.DrawFn) -> Make:
    """Any Retry whose waits are short."""
    parameters: dict[str, Any] = {
        "max_attempts": draw(st.sampled_from([1, 2, 3, 4])),
        "backoff": draw(st.sampled_from([constant(0.0), constant(0.25), exponential(0.25, cap=2.0)])),
        "retry_on": draw(st.sampled_from([None, None, ConnectionError, (OSError, KeyError), lambda error: True])),
        "give_up_on": draw(st.sampled_from([(), (), TimeoutError])),
        "wrap": draw(st.sampled_from([False, False, True])),
        "max_elapsed": draw(st.sampled_from([NEVER, NEVER, 1.5])),
    }
    if draw(st.booleans()):
        parameters["retry_if_result"] = lambda value: value == "again"
    if draw(st.booleans()):
        parameters["per_recoverability"] = {Recoverability.TRANSIENT: Retry(3, constant(0.5))}
    budget = draw(st.sampled_from(["own", "none", "small"]))
    if budget == "none":
        parameters["budget"] = None

    def make() -> Policy:
        more = {"budget": Budget(20, retry_cost=7, throttled_cost=3)} if budget == "small" else {}
        return Retry(**parameters, **more)

    return make


@st.composite
def breakers(draw: st.DrawFn) -> Make:
    """Any CircuitBreaker that a short story can open."""
    parameters: dict[str, Any] = draw(
        st.sampled_from(
            [
                {"failure_threshold": 1},
                {"failure_threshold": 2},
                {"failure_threshold": 2, "failure_window": 0.75},
                {"failure_rate": 0.5, "minimum_calls": 2, "window": calls(4)},
                {"failure_rate": 0.5, "minimum_calls": 2, "window": seconds(2.0)},
                {"failure_rate": 1.0, "minimum_calls": 2, "slow_call_duration": 0.5, "slow_call_rate": 0.5, "window": calls(4)},
            ]
        )
    )
    parameters |= {
        "open_timeout": draw(st.sampled_from([0.5, 2.0])),
        "half_open_max_calls": draw(st.sampled_from([1, 2])),
        "success_threshold": draw(st.sampled_from([1, 2])),
        "ignore": draw(st.sampled_from([(), (), ValueError])),
        "failure_on": draw(st.sampled_from([None, None, OSError])),
    }
    return lambda: CircuitBreaker(**parameters)


@st.composite
def stacks(draw: st.DrawFn) -> list[Make]:
    """Makers of the policies of one pipeline, outermost first."""
    outer, inner = draw(st.sampled_from([1.0, 2.5])), draw(st.sampled_from([0.4, 0.75]))
    counts = draw(st.booleans())
    layers: dict[str, st.SearchStrategy[Make]] = {
        "fallback": fallbacks,
        "outer": st.just(lambda: Timeout(outer, count_overdue=counts, name="outer")),
        "callers": st.just(lambda: Timeout(None)),
        "retry": retries(),
        "breaker": breakers(),
        "limiter": st.just(lambda: RateLimiter(4, per=1.0, burst=4)),
        "bulkhead": st.just(lambda: Bulkhead(1)),
        "histogram": st.just(LatencyHistogram),
        "inner": st.just(lambda: Timeout(inner, count_overdue=counts, name="inner")),
    }
    usual = ("fallback", "outer", "retry", "breaker", "inner")
    chosen = draw(st.sets(st.sampled_from(usual), min_size=1) | st.sets(st.sampled_from(sorted(layers)), min_size=1))
    return [draw(layer) for name, layer in layers.items() if name in chosen]


# Stories: what happens, call by call

outcomes = st.sampled_from(
    [
        "well",
        "well",
        "again",
        ConnectionError("gone"),
        ConnectionError,
        ConnectionResetError,
        ValueError("bad"),
        TimeoutError,
        OSError,
        Stop,
    ]
)


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of a story: how long the caller waits before, its deadline, and what each attempt does."""

    before: float
    within: float
    attempts: tuple[tuple[float, Any], ...]


attempts = st.tuples(st.sampled_from([0.0, 0.25, 0.6, 1.2]), outcomes)
stories = st.lists(
    st.builds(
        Call,
        before=st.sampled_from([0.0, 0.0, 0.1, 0.75, 3.0]),
        within=st.sampled_from([NEVER, NEVER, NEVER, 0.0, 0.5, 2.5]),
        attempts=st.lists(attempts, min_size=2, max_size=5).map(tuple),
    ),
    min_size=2,
    max_size=8,
)


# Playing


def fresh(outcome: Any) -> Any:
    """An outcome of its own: an exception object that was given up once has a note that says so."""
    return type(outcome)(*outcome.args) if isinstance(outcome, BaseException) else outcome


class Played:
    """A story, played through one pipeline, and all that can be seen of it."""

    def __init__(self, stack: list[Make], story: list[Call], form: str, *, is_async: bool, compiled: bool) -> None:
        self.seen: list[Any] = []
        self.form = form
        self.is_async = is_async
        with (
            mock.patch.dict(os.environ, YAOKI_COMPILE="1" if compiled else "0"),
            warnings.catch_warnings(),
            VirtualClock() as self.clock,
            record_events() as self.events,
        ):
            warnings.simplefilter("ignore", PolicyOrderWarning)
            self.pipeline = Pipeline(*[make() for make in stack], name="differential")
            self.keyed = self.pipeline.keyed()
            self.script = Script()
            self.decorated = self.pipeline(self.target_async if is_async else self.target)
            if is_async:
                run(self.play_async(story))
            else:
                self.play(story)
            self.state = self.keyed["key"].snapshot() if form == "keyed" else self.pipeline.snapshot()

    def target(self, first: int, *, second: int = 2) -> object:
        return self.script(first, second)

    async def target_async(self, first: int, *, second: int = 2) -> object:
        return await self.script.asynchronous(first, second)

    def call(self) -> Any:
        target = self.target_async if self.is_async else self.target
        if self.form == "decorated":
            return self.decorated(1, second=3)
        guard = self.pipeline if self.form == "explicit" else self.keyed["key"]
        return (guard.acall if self.is_async else guard.call)(target, 1, second=3)

    def prepare(self, call: Call) -> None:
        self.clock.advance(call.before)
        played = [takes(duration, fresh(outcome)) for duration, outcome in call.attempts]
        self.script = Script(*played, then="well")

    def play(self, story: list[Call]) -> None:
        for call in story:
            self.prepare(call)
            try:
                with deadline.within(call.within):
                    value = self.call()
            except BaseException as error:  # noqa: BLE001  # whatever it is, it is compared
                self.note(error)
            else:
                self.note(value)

    async def play_async(self, story: list[Call]) -> None:
        for call in story:
            self.prepare(call)
            try:
                with deadline.within(call.within):
                    value = await self.call()
            except BaseException as error:  # noqa: BLE001  # whatever it is, it is compared
                self.note(error)
            else:
                self.note(value)

    def note(self, outcome: object) -> None:
        if isinstance(outcome, BaseException):
            outcome = described(outcome)
        left = deadline.current()
        self.seen.append((outcome, [(call.args, call.at) for call in self.script.calls], self.clock.time, left))

    def told(self) -> list[dict[str, object]]:
        facts = [event.to_dict() for event in self.events]
        for fact in facts:
            # The start of a healthy call is not always known, so this may count from the first failure.
            fact.pop("elapsed", None)
        return facts


def described(error: BaseException) -> tuple[object, ...]:
    """An error's type, text, notes, cause; a policy by its label; without the elapsed time."""
    notes = tuple(without_times(note) for note in getattr(error, "__notes__", ()))
    cause = None if error.__cause__ is None else described(error.__cause__)
    attempts = tuple(map(described, error.attempts)) if isinstance(error, RetryExhaustedError) else ()
    label = getattr(getattr(error, "policy", None), "label", None)
    return type(error), without_times(str(error)), label, notes, cause, attempts, error.__context__ is None


def without_times(text: str) -> str:
    return re.sub(r" in \S+ s(, counted from the first failure)?", "", text)


@pytest.mark.parametrize("form", ["decorated", "explicit", "keyed"])
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stack=stacks(), story=stories)
def test_generated_code_and_the_driver_are_equal(form: str, is_async: bool, stack: list[Make], story: list[Call]) -> None:
    """SPEC R6, X3: outcomes, notes, snapshots, waits and events, for decorated functions, explicit calls and keys."""
    generated = Played(stack, story, form, is_async=is_async, compiled=True)
    driver = Played(stack, story, form, is_async=is_async, compiled=False)
    for outcome, *_ in generated.seen:
        event(outcome[0].__name__ if isinstance(outcome, tuple) else f"value {outcome}")
    for name in set(generated.events.names()):
        event(name)

    assert generated.seen == driver.seen
    assert generated.clock.sleeps == driver.clock.sleeps
    assert generated.told() == driver.told()
    assert generated.state == driver.state


def test_the_stories_reach_generated_code() -> None:
    """SPEC X3: what is compared is not the driver with itself."""
    pipeline = Pipeline(
        Fallback(value=0), Timeout(2.5), Retry(), CircuitBreaker(), Bulkhead(1), LatencyHistogram(), Timeout(0.4)
    )
    with mock.patch.dict(os.environ, YAOKI_COMPILE="1"):
        lines = Pipeline(*pipeline.policies)(lambda first: first).__code__.co_names
        keyed = type(pipeline.keyed()["key"]).call.__code__.co_names  # type: ignore[attr-defined]  # a generated method

    assert "closed" in lines
    assert "closed" in keyed

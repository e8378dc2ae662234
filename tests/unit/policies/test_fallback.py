"""SPEC K1, B5, P1: what is answered instead of a failure or a refusal."""

from __future__ import annotations

import asyncio
import functools
import logging
from typing import Any

import pytest

from tests.conftest import World
from yaoki import (
    CircuitBreaker,
    CircuitOpenError,
    CircuitState,
    ConfigurationError,
    Fallback,
    Pipeline,
    Retry,
    Timeout,
    constant,
    deadline,
)
from yaoki.core.events import AnswerReplaced, CallFailed
from yaoki.testing import Script, VirtualClock, record_events, run, takes

NOW = constant(0.0)


# Values, functions, chains


@pytest.mark.parametrize("value", ["instead", None, 0, [], KeyError, ConnectionError("as a value")], ids=repr)
def test_k1_a_value_is_answered_instead(world: World, value: object) -> None:
    """SPEC K1: fallback value; None, and even an exception, is a value."""
    assert world.guard(Fallback(value=value), Script(ConnectionError))() is value


def test_k1_a_function_is_called_with_the_calls_own_arguments(world: World) -> None:
    """SPEC K1, B5: with the same arguments."""
    strategy = Script("instead")

    assert world.guard(Fallback(strategy.sync), Script(ConnectionError))(1, "two", three=3) == "instead"
    assert (strategy.calls[0].args, strategy.calls[0].kwargs) == ((1, "two"), {"three": 3})


def test_k1_a_call_that_succeeds_is_left_alone(world: World) -> None:
    """SPEC K1: no strategy is called, nothing is counted."""
    strategy = Script()
    fallback = Fallback(strategy.sync, value=0)

    assert world.guard(fallback, Script(None))() is None
    assert (strategy.count, fallback.snapshot(0.0)["served"]) == (0, 0)


def test_k1_a_chain_is_tried_in_order(world: World) -> None:
    """SPEC K1: the first that answers serves, the others are not called; all get the same arguments."""
    first, second, third = Script(KeyError), Script("second"), Script("third")

    assert world.guard(Fallback(first.sync, second.sync, third.sync), Script(ConnectionError))(7) == "second"
    assert [script.count for script in (first, second, third)] == [1, 1, 0]
    assert second.calls[0].args == (7,)


def test_k1_the_value_is_the_last_resort(world: World) -> None:
    """SPEC K1: a chain with a value never fails."""
    assert world.guard(Fallback(Script(KeyError).sync, Script(OSError).sync, value="last"), Script(ConnectionError))() == "last"


def test_k1_the_last_error_is_raised_if_all_fail(world: World) -> None:
    """SPEC K1: itself, with nothing chained to it."""
    last = LookupError("last")
    with pytest.raises(LookupError) as raised:
        world.guard(Fallback(Script(KeyError).sync, Script(last).sync), Script(ConnectionError))()

    assert raised.value is last
    assert raised.value.__context__ is None
    assert raised.value.__cause__ is None


def named(name: str) -> Any:
    def strategy() -> None:
        raise LookupError(f"{name} failed")

    strategy.__name__ = name
    return strategy


class Nameless:
    """A callable object."""

    def __call__(self) -> None:
        raise LookupError("failed")

    def __repr__(self) -> str:
        return "<nameless>"


def test_k1_each_failed_strategy_is_logged_with_its_name(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """SPEC K1, O3: one warning for each; a strategy without a name is named by its repr."""
    chain = (named("replica"), named("cache"), Nameless())
    with caplog.at_level(logging.WARNING, "yaoki"):
        world.guard(Fallback(*chain, value=0), Script(ConnectionError))()

    assert [(record.name, record.levelname) for record in caplog.records] == [("yaoki.fallback", "WARNING")] * 3
    assert [record.getMessage() for record in caplog.records] == [
        "fallback strategy replica failed: LookupError('replica failed')",
        "fallback strategy cache failed: LookupError('cache failed')",
        "fallback strategy <nameless> failed: LookupError('failed')",
    ]


# Both worlds


def test_k1_strategies_of_a_coroutine_may_be_coroutine_functions(either_path: str, virtual_clock: VirtualClock) -> None:
    """SPEC K1: awaited one after the other."""
    slow = Script(takes(1.0, KeyError))
    well = Script(takes(1.0, "instead"))
    guarded = Fallback(slow.asynchronous, well.asynchronous)(Script(ConnectionError).asynchronous)

    assert run(guarded()) == "instead"
    assert virtual_clock.time == 2.0


def test_k1_strategies_of_a_coroutine_may_be_plain_functions(either_path: str, virtual_clock: VirtualClock) -> None:
    """SPEC K1: plain and coroutine functions mixed, in any order."""
    failed_plain, failed_async = Script(then=KeyError), Script(then=KeyError)

    def plain() -> str:
        return "plain"

    async def asynchronous() -> str:
        return "async"

    for chain, expected in (
        ((failed_plain.sync, asynchronous), "async"),
        ((failed_async.asynchronous, plain), "plain"),
        ((failed_async.asynchronous, failed_plain.sync, failed_async.asynchronous, asynchronous), "async"),
    ):
        assert run(Fallback(*chain)(Script(ConnectionError).asynchronous)()) == expected
    with pytest.raises(KeyError):
        run(Fallback(failed_plain.sync, failed_async.asynchronous)(Script(ConnectionError).asynchronous)())
    assert run(Fallback(failed_async.asynchronous, value=0)(Script(ConnectionError).asynchronous)()) == 0


def test_k1_a_strategy_that_is_cancelled_ends_the_call(either_path: str, virtual_clock: VirtualClock) -> None:
    """SPEC K1, R5: cancellation is never replaced, not by the next strategy either."""
    unreached = Script()
    fallback = Fallback(Script(takes(60.0)).asynchronous, unreached.sync, value=0)

    async def main() -> bool:
        task = asyncio.create_task(fallback.acall(Script(ConnectionError).asynchronous))
        await asyncio.sleep(1.0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert run(main())
    assert (unreached.count, fallback.served) == (0, 0)


def test_k1_a_partial_and_a_bound_method_are_strategies(world: World) -> None:
    """SPEC K1: whatever can be called."""

    class Cache:
        def get(self, key: str) -> str:
            return f"cached {key}"

    assert world.guard(Fallback(Cache().get), Script(ConnectionError))("a") == "cached a"
    assert world.guard(Fallback(functools.partial("{} {}".format, "other")), Script(ConnectionError))("a") == "other a"


# What is served


@pytest.mark.parametrize(
    ("on", "served"),
    [
        (Exception, [True, True, True]),
        (OSError, [True, False, False]),
        ((OSError, KeyError), [True, True, False]),
        (lambda error: isinstance(error, LookupError), [False, True, False]),
    ],
    ids=["all", "type", "tuple", "predicate"],
)
def test_k1_on_narrows_which_failures_are_served(world: World, on: Any, served: list[bool]) -> None:
    """SPEC K1: others come out themselves."""
    seen = []
    for error in (ConnectionError, KeyError, ValueError):
        guarded = world.guard(Fallback(value=True, on=on), Script(error))
        try:
            seen.append(guarded())
        except error:
            seen.append(False)

    assert seen == served


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_k1_what_is_no_exception_is_never_replaced(either_path: str, error: type[BaseException]) -> None:
    """SPEC K1, R5: even if `on` names it."""
    fallback = Fallback(value=0, on=BaseException)
    with pytest.raises(error):
        fallback(Script(error).sync)()
    assert fallback.served == 0


def test_b5_it_serves_on_refusal_too(world: World) -> None:
    """SPEC B5: an open breaker, a passed deadline."""
    breaker = CircuitBreaker(failure_threshold=1)
    script = Script(ConnectionError)
    guarded = world.guard(Pipeline(Fallback(value="instead"), breaker), script)

    assert [guarded(), guarded()] == ["instead", "instead"]
    assert script.count == 1

    with deadline.within(0.0):
        assert world.guard(Pipeline(Fallback(value="instead"), Timeout(1.0)), Script())() == "instead"


def test_b5_a_refusal_can_be_served_alone(world: World) -> None:
    """SPEC B5: failures come out, refusals are answered."""
    pipeline = Pipeline(Fallback(value="closed for now", on=CircuitOpenError), CircuitBreaker(failure_threshold=1))
    guarded = world.guard(pipeline, Script(ConnectionError))
    with pytest.raises(ConnectionError):
        guarded()

    assert guarded() == "closed for now"


def test_b5_the_failure_is_counted_first(world: World) -> None:
    """SPEC B5: when the strategy runs, the breaker has opened, and the retries are over."""
    breaker = CircuitBreaker(failure_threshold=3)
    seen: list[object] = []

    def strategy() -> str:
        seen.append(breaker.state)
        return "instead"

    script = Script(then=ConnectionError)
    assert world.guard(Pipeline(Fallback(strategy), Retry(3, NOW), breaker), script)() == "instead"
    assert seen == [CircuitState.OPEN]
    assert script.count == 3


def test_b5_an_answer_is_a_success_for_what_stands_around_it(world: World) -> None:
    """SPEC B5, K1: an outer breaker sees that the caller got an answer, an outer fallback has nothing to do."""
    outer_breaker = CircuitBreaker(failure_threshold=1)
    outer = Fallback(value="outer")
    with pytest.warns(UserWarning, match="Fallback stands inside CircuitBreaker"):
        pipeline = Pipeline(outer, outer_breaker, Fallback(value="inner"))

    assert world.guard(pipeline, Script(ConnectionError))() == "inner"
    assert (outer_breaker.state, outer.served) == (CircuitState.CLOSED, 0)
    assert outer_breaker.snapshot()["successes"] == 1


def test_k1_a_chain_that_fails_is_a_failure_for_what_stands_around_it(world: World) -> None:
    """SPEC K1: the last error goes on outward, where another fallback may serve it."""
    pipeline = Pipeline(Fallback(value="outer", on=LookupError), Fallback(Script(LookupError).sync))

    assert world.guard(pipeline, Script(ConnectionError))() == "outer"


def test_k1_strategies_run_outside_of_the_failure(world: World) -> None:
    """SPEC K1: what a strategy raises is not "during handling of" the failure it replaces."""
    import sys

    seen: list[object] = []

    def strategy() -> str:
        seen.append(sys.exc_info()[1])
        return "instead"

    world.guard(Fallback(strategy), Script(ConnectionError))()

    assert seen == [None]


def test_k1_the_attempt_and_the_deadline_of_the_failed_call_are_over(either_path: str, virtual_clock: VirtualClock) -> None:
    """SPEC K1, T1: a strategy has the time that the caller has."""
    seen: list[float] = []

    def strategy() -> str:
        seen.append(deadline.current())
        return "instead"

    Pipeline(Fallback(strategy), Timeout(1.0)).call(Script(ConnectionError).sync)
    run(Pipeline(Fallback(strategy), Timeout(1.0)).acall(Script(ConnectionError).asynchronous))
    Pipeline(Timeout(5.0), Fallback(strategy), Timeout(1.0)).call(Script(ConnectionError).sync)

    assert seen == [deadline.NEVER, deadline.NEVER, 5.0]


# What is told


def test_k1_the_caller_sees_that_and_why_an_answer_is_degraded(world: World) -> None:
    """SPEC K1: the outcome names the policy, and the fault that made it serve."""
    outcome = world.execute(Pipeline(Fallback(value="instead", name="static"), Retry(3, NOW)), Script(then=ConnectionError))
    ((label, fault),) = outcome.degraded_by

    assert (outcome.value, outcome.ok, outcome.degraded, outcome.attempts) == ("instead", True, True, 3)
    assert (label, fault.error_type) == ("Fallback 'static'", "ConnectionError")
    assert outcome.error is None
    assert outcome.fault is None


def test_k1_an_event_says_which_strategy_served(world: World) -> None:
    """SPEC K1: with the fault, once."""
    with record_events() as events:
        world.guard(Fallback(named("cache"), value=0), Script(ConnectionError))()
        world.guard(Fallback(Script(1).sync), Script(ConnectionError))()
    replaced = events.of(AnswerReplaced)

    assert [event.strategy for event in replaced] == ["value", "sync"]
    assert {event.fault.error_type for event in replaced} == {"ConnectionError"}
    assert len(events.of(CallFailed)) == 2


def test_k1_served_answers_are_counted(world: World) -> None:
    """SPEC K1: those that a caller got."""
    fallback = Fallback(Script("a", KeyError, "c").sync)
    guarded = world.guard(fallback, Script(ConnectionError, ConnectionError, "well", ConnectionError))
    guarded()
    with pytest.raises(KeyError):
        guarded()
    guarded()
    guarded()

    assert fallback.snapshot(0.0) == {"kind": "fallback", "name": None, "served": 2}


# Parameters


def test_k1_an_empty_chain_is_refused() -> None:
    """SPEC K1: there must be something to answer."""
    with pytest.raises(ConfigurationError, match="at least one strategy, or a value"):
        Fallback()


@pytest.mark.parametrize("strategy", ["text", None, 5])
def test_k1_what_cannot_be_called_is_refused(strategy: Any) -> None:
    """SPEC K1: the error says how a value is given."""
    with pytest.raises(ConfigurationError, match="a value is given as value="):
        Fallback(strategy)


@pytest.mark.parametrize("on", [5, int, ("x",)])
def test_k1_a_senseless_on_is_refused(on: Any) -> None:
    """SPEC K1: the error names the parameter."""
    with pytest.raises(ConfigurationError, match=r"^on must "):
        Fallback(value=0, on=on)


# As the pattern library writes it


def test_p1_execute_with_a_fallback(world: World) -> None:
    """SPEC P1, B5: `CircuitBreaker.execute(func, fallback, *args)` is a pipeline of a Fallback and a breaker."""

    def fallback(user: int) -> str:
        return f"cached user {user}"

    pipeline = Pipeline(Fallback(fallback), CircuitBreaker(failure_threshold=5, open_timeout=60.0))

    assert world.call(pipeline, Script("user 7"), 7) == "user 7"
    assert [world.call(pipeline, Script(then=ConnectionError), 7) for _ in range(6)] == ["cached user 7"] * 6
    assert pipeline.policies[1].state is CircuitState.OPEN  # type: ignore[attr-defined]  # the breaker


def test_p1_retry_execute_with_types(world: World) -> None:
    """SPEC P1, R3: `RetryStrategy.execute(func, retry_on=...)`."""
    script = Script(ConnectionError, TimeoutError, "well")

    assert world.call(Retry(3, NOW, retry_on=(ConnectionError, TimeoutError)), script) == "well"


def test_p1_a_fallback_chain(world: World) -> None:
    """SPEC P1, K1: `FallbackChain.add_strategy()/execute()` is a Fallback of several strategies."""
    chain = [named("primary"), named("secondary"), Script("static").sync]

    assert world.call(Fallback(*chain[1:]), chain[0]) == "static"

"""SPEC K1, P1: the cached fallback."""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.policies.by_hand import Asked
from yaoki.core.faults.errors import ConfigurationError
from yaoki.core.pipeline.pipeline import Pipeline
from yaoki.core.policies.cached_fallback import CachedFallback
from yaoki.core.policies.fallback import Fallback
from yaoki.testing import VirtualClock, run

# What is kept


def test_k1_an_answer_is_kept_for_its_time() -> None:
    """SPEC K1: for 300 s by default the function is not asked again; then it is."""
    asked = Asked()
    cached = CachedFallback(asked)
    with VirtualClock() as clock:
        answers = [cached("tea")]
        clock.advance(299.9)
        answers.append(cached("tea"))
        clock.advance(0.1)
        answers.append(cached("tea"))

    assert answers == [1, 1, 2]


def test_k1_answers_are_kept_by_the_arguments() -> None:
    """SPEC K1: one caller's answer is not another's: 1, 1.0 and True are different callers, and so are names and places."""
    asked = Asked()
    cached = CachedFallback(asked)
    ways = [(1,), (1.0,), (True,), ("1",), ()]

    answers = [cached(*args) for args in ways] + [cached(a=1), cached(b=1), cached(a=1.0), cached("a", 1)]
    again = [cached(*args) for args in ways] + [cached(a=1), cached(b=1), cached(a=1.0), cached("a", 1)]

    assert answers == again == list(range(1, 10))


def test_k1_the_order_of_named_arguments_does_not_matter() -> None:
    """SPEC K1: the same names with the same values are the same call."""
    cached = CachedFallback(Asked())

    assert cached(a=1, b=2) == cached(b=2, a=1)


def test_k1_a_key_may_be_given() -> None:
    """SPEC K1: what `key` makes of the arguments is what counts; the function gets the arguments themselves."""
    asked = Asked()
    cached = CachedFallback(asked, key=lambda user, **rest: user["id"])

    assert cached({"id": 7}, page=1) == cached({"id": 7}, page=2) == 1
    assert cached({"id": 8}) == 2
    assert asked.calls == [(({"id": 7},), {"page": 1}), ({"id": 8},)]


def test_k1_none_is_an_answer() -> None:
    """SPEC K1: it is kept like any other."""
    calls: list[None] = []
    cached = CachedFallback(lambda: calls.append(None))

    assert (cached(), cached()) == (None, None)
    assert len(calls) == 1


def test_k1_arguments_that_cannot_be_a_key_are_named() -> None:
    """SPEC K1: the error says what to do."""
    cached = CachedFallback(print)
    with pytest.raises(ConfigurationError, match=r"CachedFallback\(print\).*not hashable: give a function of them as key="):
        cached(["a list"])
    with pytest.raises(ConfigurationError, match="key= must return something that is hashable"):
        CachedFallback(print, key=list)()  # type: ignore[arg-type,return-value]  # the point of the test


@settings(deadline=None)
@given(most=st.integers(1, 5), keys=st.lists(st.integers(0, 8), max_size=60))
def test_k1_the_one_not_used_for_longest_goes_first(most: int, keys: list[int]) -> None:
    """SPEC K1: at most `max_entries`; against a list of keys in the order of their use."""
    asked = Asked()
    cached = CachedFallback(asked, max_entries=most)
    recent: list[int] = []
    for key in keys:
        before = len(asked.calls)
        cached(key)
        assert (len(asked.calls) == before) == (key in recent)
        recent = [*(other for other in recent if other != key), key][-most:]
        assert cached.snapshot()["entries"] == len(recent)
        assert len(cached._answers._by_key) == len(recent)


def test_k1_all_answers_can_be_forgotten() -> None:
    """SPEC K1: after `clear` every answer is made anew."""
    cached = CachedFallback(Asked())
    cached(1)
    cached.clear()

    assert cached(1) == 2
    assert cached.snapshot() == {"name": cached.__name__, "entries": 1, "hits": 0, "made": 2, "stale": 0}


# When the function fails


def test_k1_an_old_answer_serves_when_the_function_fails(caplog: pytest.LogCaptureFixture) -> None:
    """SPEC K1: stale is allowed on error; it is logged with the name and the age, and tried again at the next call."""
    asked = Asked()
    cached = CachedFallback(asked, ttl=10.0)
    with VirtualClock() as clock, caplog.at_level(logging.WARNING, "yaoki.fallback"):
        cached("tea")
        clock.advance(15.0)
        asked.error = ConnectionError("down")
        old = [cached("tea"), cached("tea")]
        asked.error = None
        new = cached("tea")

    assert (old, new) == ([1, 1], 4)
    assert [record.getMessage() for record in caplog.records] == [
        f"{cached.__name__} failed, and its answer of 15 s ago serves: ConnectionError('down')"
    ] * 2
    assert cached.snapshot()["stale"] == 2


def test_k1_without_an_old_answer_the_error_is_the_callers() -> None:
    """SPEC K1: the exception itself, and nothing is kept."""
    asked = Asked()
    asked.error = error = ConnectionError("down")
    cached = CachedFallback(asked)
    with pytest.raises(ConnectionError) as caught:
        cached()

    assert caught.value is error
    asked.error = None
    assert cached() == 2


def test_k1_old_answers_may_be_forbidden() -> None:
    """SPEC K1: with `stale_on_error=False` the error goes to the caller."""
    asked = Asked()
    cached = CachedFallback(asked, ttl=1.0, stale_on_error=False)
    with VirtualClock() as clock:
        cached()
        clock.advance(2.0)
        asked.error = ConnectionError("down")
        with pytest.raises(ConnectionError):
            cached()


def test_k1_an_error_leaves_no_cycle() -> None:
    """SPEC R5, K1: what the failing function held is free as soon as the caller has dealt with the error."""

    class Held:
        pass

    gone: list[weakref.ref[Held]] = []

    def fail() -> None:
        held = Held()
        gone.append(weakref.ref(held))
        raise ConnectionError

    async def fail_async() -> None:
        fail()

    async def main() -> None:
        cached = CachedFallback(fail_async)
        for _ in range(2):
            with pytest.raises(ConnectionError):
                await cached()

    gc.disable()
    try:
        with pytest.raises(ConnectionError):
            CachedFallback(fail)()
        run(main())
        assert [reference() for reference in gone] == [None] * 3
    finally:
        gc.enable()


# As a strategy


def test_k1_it_is_a_strategy_for_a_fallback() -> None:
    """SPEC K1, P1: sync and async, with the arguments of the call; named in the outcome."""
    asked = Asked()

    def down(name: str) -> int:
        raise ConnectionError(name)

    async def down_async(name: str) -> int:
        raise ConnectionError(name)

    pipeline = Pipeline(Fallback(CachedFallback(asked)))
    outcome = pipeline.execute(down, "tea")

    assert (outcome.value, pipeline.call(down, "tea")) == (1, 1)
    assert outcome.degraded_by

    async def main() -> None:
        guarded = Pipeline(Fallback(CachedFallback(asked.slowly))).acall
        assert await asyncio.gather(*(guarded(down_async, "coffee") for _ in range(3))) == [2] * 3

    run(main())


def test_k1_it_is_called_as_the_function_is() -> None:
    """SPEC K1: in logs it has the function's name, or its repr if it has none."""

    def default_answer() -> None:
        return

    assert CachedFallback(default_answer).__name__ == "default_answer"
    nameless = Asked()
    assert CachedFallback(nameless).__name__ == repr(nameless)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"fn": "text"}, "fn must be callable, and 'text' is not"),
        ({"fn": int, "ttl": 0}, "ttl must be above 0 seconds, not 0"),
        ({"fn": int, "key": "id"}, "key must be a function of the arguments, not 'id'"),
        ({"fn": int, "max_entries": 0}, "max_entries must be at least 1, not 0"),
    ],
)
def test_k1_refuses_a_parameter_out_of_range(parameters: dict[str, object], message: str) -> None:
    """SPEC K1: the error names the parameter and its range."""
    with pytest.raises(ConfigurationError) as caught:
        CachedFallback(**parameters)  # type: ignore[arg-type]  # the point of the test

    assert str(caught.value) == message

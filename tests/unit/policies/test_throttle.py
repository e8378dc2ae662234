"""SPEC T4: the client-side throttle."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.policies.by_hand import a_call
from yaoki.core.faults.errors import ConfigurationError, OverloadedError, RateLimitedError
from yaoki.core.policies.policy import NEUTRAL
from yaoki.core.policies.throttle import Throttle
from yaoki.testing import VirtualClock

DOWN = ConnectionError("down")


def counted(throttle: Throttle, now: float, *, good: int = 0, failed: int = 0) -> None:
    for _ in range(good):
        throttle.leave(a_call(throttle), None, None, now)
    for _ in range(failed):
        throttle.leave(a_call(throttle), None, DOWN, now)


@settings(deadline=None)
@given(good=st.integers(0, 200), failed=st.integers(0, 200), k=st.floats(1.0, 5.0), cap=st.floats(0.1, 0.99))
def test_t4_refuses_by_the_formula(good: int, failed: int, k: float, cap: float) -> None:
    """SPEC T4: (requests - k x accepts) / (requests + 1), not below 0, not above the cap, not below `minimum_calls`."""
    throttle = Throttle(k, cap=cap)
    counted(throttle, 0.0, good=good, failed=failed)

    requests = good + failed
    expected = 0.0 if requests < 10 else min(cap, max(0.0, (requests - k * good) / (requests + 1)))
    assert throttle.refusing(1.0) == expected


def test_t4_a_few_failures_are_no_outage() -> None:
    """SPEC T4: nothing is refused below `minimum_calls`, and by the formula from there on."""
    throttle = Throttle(minimum_calls=10)
    counted(throttle, 0.0, failed=9)
    before = throttle.refusing(0.0)
    counted(throttle, 0.0, failed=1)

    assert (before, throttle.refusing(0.0)) == (0.0, 10 / 11)


def test_t4_chance_decides() -> None:
    """SPEC T4: a call is refused if chance falls below the share; the refusal says who refused, and no time."""
    throttle = Throttle(name="api").fresh("tenant")
    counted(throttle, 0.0, good=20, failed=80)
    share = (100 - 2 * 20) / 101
    with VirtualClock() as clock:
        clock.fix_random(share - 0.001, share + 0.001)

        refusal = throttle.enter(a_call(throttle), 1.0)
        admitted = throttle.enter(a_call(throttle), 1.0)

    assert isinstance(refusal, OverloadedError)
    assert (refusal.policy, refusal.key, refusal.retry_after) == (throttle, "tenant", None)
    assert admitted is None


def test_t4_what_it_refuses_itself_is_no_request() -> None:
    """SPEC T4: refusals do not count, so the share does not feed on itself."""
    throttle = Throttle()
    counted(throttle, 0.0, good=10, failed=90)
    before = throttle.refusing(1.0)
    with VirtualClock() as clock:
        clock.fix_random(0.0)
        for _ in range(1000):
            assert isinstance(throttle.enter(a_call(throttle), 1.0), OverloadedError)

    assert throttle.refusing(1.0) == before
    assert throttle.snapshot(1.0)["rejected"] == 1000


@pytest.mark.parametrize(
    ("error", "ran"),
    [
        (asyncio.CancelledError(), True),
        (NEUTRAL, True),
        (TypeError("a bug of the caller's"), True),
        (RateLimitedError(Throttle(), 1.0), False),
        (ConnectionError("of an attempt before"), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_t4_what_says_nothing_about_the_dependency_is_not_counted(error: BaseException, ran: bool) -> None:
    """SPEC T4: cancelled calls, the caller's own bugs and refusals further in neither count as requests nor as good."""
    throttle = Throttle()

    throttle.leave(a_call(throttle, ran=ran), None, error, 0.0)

    assert throttle.snapshot(0.0)["window_calls"] == 0


def test_t4_calls_under_way_do_not_count_yet() -> None:
    """SPEC T4: the first burst after a quiet time is let through, however many calls it has."""
    throttle = Throttle()
    with VirtualClock() as clock:
        clock.fix_random(0.0)

        assert [throttle.enter(a_call(throttle), 0.0) for _ in range(200)] == [None] * 200


def test_t4_forgets_what_is_older_than_the_window() -> None:
    """SPEC T4: only the last `window` seconds count."""
    throttle = Throttle(window=30.0)
    counted(throttle, 0.0, failed=50)
    counted(throttle, 20.0, good=10)

    assert throttle.snapshot(29.9)["window_calls"] == 60
    assert throttle.snapshot(30.0)["window_calls"] == 10
    assert throttle.snapshot(50.0)["window_calls"] == 0
    assert throttle.evictable(50.0)


def load(throttle: Throttle, answer: Callable[[float], Exception | None], until: int) -> list[int]:
    """100 calls a second that take 50 ms; how many reached the dependency in each second."""
    reached = [0] * until
    under_way: list[tuple[float, Exception | None]] = []
    for step in range(until * 100):
        now = step / 100
        while under_way and under_way[0][0] <= now:
            ended, outcome = under_way.pop(0)
            throttle.leave(a_call(throttle), None, outcome, ended)
        if throttle.enter(a_call(throttle), now) is None:
            reached[int(now)] += 1
            under_way.append((now + 0.05, answer(now)))
    return reached


def test_t4_an_outage_is_spared_and_the_traffic_comes_back_in_seconds() -> None:
    """SPEC T4: in an outage about a tenth of the calls goes out; six seconds after it nearly all do."""
    with VirtualClock(seed=1):
        reached = load(Throttle(), lambda now: DOWN if 60 <= now < 180 else None, 240)

    assert reached[:60] == [100] * 60
    assert sum(reached[100:180]) / 80 < 15
    assert sum(reached[186:240]) / 54 > 95


def test_t4_one_failing_call_of_two_is_borne() -> None:
    """SPEC T4: at k = 2 nothing is refused until more than half of the calls fail."""
    throttle = Throttle()
    with VirtualClock(seed=1):
        reached = load(throttle, lambda now: DOWN if int(now * 100) % 2 else None, 60)

    assert sum(reached) > 0.98 * 6000


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"k": 0.9}, "k must be at least 1 and finite, not 0.9"),
        ({"k": float("inf")}, "k must be at least 1 and finite, not inf"),
        ({"window": 0}, "window must be above 0 seconds, not 0"),
        ({"cap": 1.0}, "cap must be above 0 and below 1, or it would never learn that the dependency is back, not 1.0"),
        ({"cap": 0}, "cap must be above 0 and below 1, or it would never learn that the dependency is back, not 0"),
        ({"minimum_calls": 0}, "minimum_calls must be at least 1, not 0"),
    ],
)
def test_t4_refuses_a_parameter_out_of_range(parameters: dict[str, object], message: str) -> None:
    """SPEC T4: the error names the parameter and its range."""
    with pytest.raises(ConfigurationError) as caught:
        Throttle(**parameters)  # type: ignore[arg-type]  # the point of the test

    assert str(caught.value) == message


def test_t4_a_throttle_shows_itself() -> None:
    """SPEC T4: the snapshot has the share and the counts behind it, `describe()` the parameters."""
    throttle = Throttle(name="api")
    counted(throttle, 0.0, good=5, failed=15)

    assert throttle.snapshot(0.0) == {
        "kind": "throttle",
        "name": "api",
        "refusing": 10 / 21,
        "window_calls": 20,
        "window_successes": 5,
        "rejected": 0,
    }
    assert not throttle.evictable(0.0)
    assert throttle.configuration() == {"k": 2.0, "window": 30.0, "cap": 0.95, "minimum_calls": 10}

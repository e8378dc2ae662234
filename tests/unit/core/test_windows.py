"""SPEC B1: every counting window against the naive list of all calls, and its boundaries one by one."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yaoki.core.policies.breaker_config import calls, seconds
from yaoki.core.windows import Burst, Calls, CallsWindow, Consecutive, Held, Seconds, SecondsWindow, SlowCalls, Window

GOOD, BAD, SLOW, SLOW_AND_BAD = "good", "bad", "slow", "slow and bad"


@dataclass
class Limits:
    """What a window judges by."""

    failure_threshold: int | None = None
    failure_window: float | None = None
    failure_rate: float | None = None
    minimum_calls: int = 1
    slow_call_rate: float | None = None
    window: CallsWindow | SecondsWindow = calls(100)


@dataclass
class Made:
    """A call as the naive list knows it."""

    outcome: str
    at: float

    @property
    def failed(self) -> bool:
        return self.outcome in (BAD, SLOW_AND_BAD)

    @property
    def slow(self) -> bool:
        return self.outcome in (SLOW, SLOW_AND_BAD)


def count(window: Window, limits: Limits, outcome: str, now: float) -> bool:
    """Count one call as a breaker does; whether the circuit would open."""
    if outcome in (BAD, SLOW_AND_BAD):
        return window.fail_locked(limits, now, slow=outcome == SLOW_AND_BAD)
    if isinstance(window, Seconds) and now >= window.edge:
        window.turn_locked(limits, now)
    window.ok += 1
    return outcome == SLOW and window.slow_locked(limits, now)


def streak_of(made: list[Made], *, failed: bool) -> int:
    length = 0
    for call in reversed(made):
        if call.failed != failed:
            break
        length += 1
    return length


def judged(limits: Limits, total: int, failed: int, slow: int) -> bool:
    if total < limits.minimum_calls:
        return False
    by_failures = limits.failure_rate is not None and failed / total >= limits.failure_rate
    by_slowness = limits.slow_call_rate is not None and slow / total >= limits.slow_call_rate
    return by_failures or by_slowness


# Differences that fall on bucket edges, just beside them, between them, and gaps that are longer than any window.
STEPS = st.sampled_from([0.0, 0.0, 0.001, 0.3, 0.5, 0.999, 1.0, 1.0, 1.001, 2.5, 5.0, 9.0, 9.999, 10.0, 10.001, 25.0, 1e4])
RATES = st.sampled_from([0.1, 0.25, 1 / 3, 0.5, 0.7, 1.0])
PLAIN = st.lists(st.tuples(st.sampled_from([GOOD, GOOD, BAD]), STEPS), max_size=80)
TIMED = st.lists(st.tuples(st.sampled_from([GOOD, GOOD, BAD, SLOW, SLOW_AND_BAD]), STEPS), max_size=80)


# --- against the list of all calls --------------------------------------------------------------------------------------------


@given(PLAIN, st.integers(1, 6))
def test_b1_consecutive_is_the_streak_of_the_list(outcomes: list[tuple[str, float]], threshold: int) -> None:
    """SPEC B1: failures since the last success, tripping at exactly the threshold."""
    window, limits = Consecutive(), Limits(failure_threshold=threshold)
    made: list[Made] = []
    for outcome, _ in outcomes:
        made.append(Made(outcome, 0.0))
        trips = count(window, limits, outcome, 0.0)

        assert trips == (made[-1].failed and streak_of(made, failed=True) >= threshold)
        assert window.streaks() == (streak_of(made, failed=True), streak_of(made, failed=False))
        assert window.rates(limits, 0.0) == (len(made), sum(call.failed for call in made), 0)


@given(PLAIN, st.integers(1, 6), st.sampled_from([0.5, 1.0, 5.0, 10.0]))
def test_b1_burst_is_the_young_part_of_the_streak(outcomes: list[tuple[str, float]], threshold: int, length: float) -> None:
    """SPEC B1: of the failures since the last success only those count that are younger than failure_window."""
    window, limits = Burst(), Limits(failure_threshold=threshold, failure_window=length)
    made: list[Made] = []
    now = 1000.0
    for outcome, step in outcomes:
        now += step
        made.append(Made(outcome, now))
        trips = count(window, limits, outcome, now)

        streak = made[len(made) - streak_of(made, failed=True) :]
        assert trips == (sum(now - call.at < length for call in streak) >= threshold)
        assert window.streaks() == (len(streak), streak_of(made, failed=False))


@given(PLAIN, st.integers(1, 30), RATES, st.integers(1, 12))
def test_b1_calls_are_the_end_of_the_list(outcomes: list[tuple[str, float]], size: int, rate: float, minimum: int) -> None:
    """SPEC B1: the last n calls, whenever they came."""
    limits = Limits(failure_rate=rate, window=calls(size), minimum_calls=min(minimum, size))
    window = Calls()
    made: list[Made] = []
    for outcome, _ in outcomes:
        made.append(Made(outcome, 0.0))
        trips = count(window, limits, outcome, 0.0)

        latest = made[-size:]
        failed = sum(call.failed for call in latest)
        assert window.rates(limits, 0.0) == (len(latest), failed, 0)
        assert trips == (made[-1].failed and judged(limits, len(latest), failed, 0))
        # Further back than the window nothing is remembered.
        assert window.streaks() == (min(size, streak_of(made, failed=True)), streak_of(made, failed=False))


@given(TIMED, st.integers(1, 30), RATES, RATES, st.integers(1, 12))
def test_b1_slow_calls_are_kept_beside_the_failures(
    outcomes: list[tuple[str, float]], size: int, rate: float, slow_rate: float, minimum: int
) -> None:
    """SPEC B1: a call may be slow, failed, both or neither; either rate trips, at a failure or a slow call."""
    limits = Limits(failure_rate=rate, slow_call_rate=slow_rate, window=calls(size), minimum_calls=min(minimum, size))
    window = SlowCalls()
    made: list[Made] = []
    for outcome, _ in outcomes:
        made.append(Made(outcome, 0.0))
        trips = count(window, limits, outcome, 0.0)

        latest = made[-size:]
        failed, slow = sum(call.failed for call in latest), sum(call.slow for call in latest)
        assert window.rates(limits, 0.0) == (len(latest), failed, slow)
        # A rate is judged by the kind of call that can have raised it.
        only = Limits(
            failure_rate=rate if made[-1].failed else None,
            slow_call_rate=slow_rate if made[-1].slow else None,
            minimum_calls=limits.minimum_calls,
        )
        assert trips == judged(only, len(latest), failed, slow)


@given(TIMED, RATES, st.one_of(st.none(), RATES), st.integers(1, 12))
def test_b1_seconds_are_between_nine_tenths_and_the_whole(
    outcomes: list[tuple[str, float]], rate: float, slow_rate: float | None, minimum: int
) -> None:
    """SPEC B1: nothing older than s seconds is counted, everything younger than nine tenths of s is."""
    length = 10.0
    limits = Limits(failure_rate=rate, slow_call_rate=slow_rate, window=seconds(length), minimum_calls=minimum)
    window = Seconds()
    made: list[Made] = []
    now = 1000.0
    for outcome, step in outcomes:
        now += step
        # Reading in between, when nothing came for a while, finds the same.
        for moment in (now - step / 2, now):
            if moment == now:
                made.append(Made(outcome, now))
                trips = count(window, limits, outcome, now)
                assert trips == (outcome != GOOD and judged(limits, *window.rates(limits, now)))
            counted = window.rates(limits, moment)
            for number, kind in enumerate((True, "failed", "slow")):
                relevant = [call for call in made if kind is True or getattr(call, str(kind))]
                young = sum(call.at > moment - 0.9 * length + 1e-9 for call in relevant)
                not_old = sum(call.at >= moment - length for call in relevant)
                assert young <= counted[number] <= not_old
        assert window.streaks() == (streak_of(made, failed=True), streak_of(made, failed=False))


@given(TIMED)
def test_b6_a_circuit_held_closed_counts_and_never_trips(outcomes: list[tuple[str, float]]) -> None:
    """SPEC B6: whatever comes."""
    window, limits = Held(), Limits(failure_threshold=1, failure_rate=0.1, slow_call_rate=0.1)

    assert not any(count(window, limits, outcome, 0.0) for outcome, _ in outcomes)
    assert window.rates(limits, 0.0) == (len(outcomes), sum(Made(outcome, 0.0).failed for outcome, _ in outcomes), 0)
    assert window.streaks() == (0, 0)


# --- boundaries ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", range(1, 101))
def test_b1_a_rate_is_reached_at_exactly_its_share(size: int) -> None:
    """SPEC B1: k of n reach the rate written as k / n, for every n up to 100 and every k; 3 of 30 are a tenth."""
    for failures in range(1, size + 1):
        limits = Limits(failure_rate=failures / size, window=calls(size), minimum_calls=size)
        window = Calls()
        window.ok = size - failures
        trips = [window.fail_locked(limits, 0.0, slow=False) for _ in range(failures)]

        assert trips == [False] * (failures - 1) + [True]


def test_b1_three_of_thirty_are_a_tenth() -> None:
    """SPEC B1: with the rate as people write it, over calls and over time."""
    for shape, window in ((calls(30), Calls()), (seconds(60.0), Seconds())):
        limits = Limits(failure_rate=0.1, window=shape, minimum_calls=30)
        for _ in range(27):
            assert not count(window, limits, GOOD, 5.0)

        assert [count(window, limits, BAD, 5.0) for _ in range(3)] == [False, False, True]


def test_b1_of_a_window_over_calls_only_the_failures_take_memory() -> None:
    """SPEC B1: a million good calls are a number; of the failures the last n are kept."""
    limits = Limits(failure_rate=1.0, window=calls(50))
    window = Calls()
    window.ok = 10**6
    for _ in range(1000):
        window.fail_locked(limits, 0.0, slow=False)

    assert window.rates(limits, 0.0) == (50, 50, 0)
    assert window._failures is not None
    assert len(window._failures) == 50


def test_b1_the_failure_that_opens_a_new_bucket_is_counted_and_judged() -> None:
    """SPEC B1: at the very edge of a bucket, and far beyond it."""
    limits = Limits(failure_rate=1.0, window=seconds(10.0), minimum_calls=2)
    window = Seconds()

    assert not count(window, limits, BAD, 100.0)
    assert count(window, limits, BAD, 101.0)
    assert window.rates(limits, 101.0) == (2, 2, 0)
    assert not count(window, limits, BAD, 500.0)
    assert window.rates(limits, 500.0) == (1, 1, 0)


def test_b1_a_call_is_counted_until_it_is_too_old() -> None:
    """SPEC B1: one call, looked at from every hundredth of a second: counted for nine tenths at least, never after the whole."""
    limits = Limits(failure_rate=1.0, window=seconds(10.0))
    for offset in range(10):
        window = Seconds()
        count(window, limits, GOOD, 100.0)  # opens the first bucket
        count(window, limits, BAD, 100.0 + offset / 10)
        for hundredth in range(1500):
            age = hundredth / 100
            seen = window.rates(limits, 100.0 + offset / 10 + age)[1]
            if age < 9.0:
                assert seen == 1
            elif age > 10.0:
                assert seen == 0


def test_b1_an_idle_time_forgets_everything() -> None:
    """SPEC B1: after a gap longer than the window it is as good as new."""
    limits = Limits(failure_rate=0.5, window=seconds(10.0), minimum_calls=5)
    window = Seconds()
    for _ in range(4):
        count(window, limits, BAD, 0.0)
    assert window.rates(limits, 10.1) == (0, 0, 0)

    for _ in range(4):
        assert not count(window, limits, BAD, 10.1)
    assert count(window, limits, BAD, 10.1)


def test_b1_a_clock_value_from_before_the_edge_is_counted_where_the_window_is() -> None:
    """SPEC B1: a thread that looked at the clock and then had to wait brings an older time; the buckets never turn back."""
    limits = Limits(failure_rate=1.0, window=seconds(10.0), minimum_calls=3)
    window = Seconds()
    count(window, limits, BAD, 100.0)
    count(window, limits, BAD, 109.0)

    assert count(window, limits, BAD, 104.0)
    assert window.rates(limits, 109.0) == (3, 3, 0)


def test_b1_buckets_follow_each_other_without_gaps() -> None:
    """SPEC B1: under steady traffic every call is counted for nine tenths of the window at least, a whole day long."""
    limits = Limits(failure_rate=1.0, window=seconds(1.0))
    window = Seconds()
    for number in range(20_000):
        now = number * 0.03
        count(window, limits, GOOD, now)
        if number > 40:
            assert 30 <= window.rates(limits, now)[0] <= 34


def test_b1_windows_say_what_they_are() -> None:
    """SPEC B8: as they are written."""
    assert [repr(calls(100)), repr(seconds(30.0)), repr(seconds(2.5))] == ["calls(100)", "seconds(30)", "seconds(2.5)"]

"""SPEC T2: the limit that adapts to what the dependency bears."""

from __future__ import annotations

import asyncio
import heapq
import os
import random
from collections.abc import Callable
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.policies.by_hand import a_call, forked
from yaoki.core.faults.errors import ConfigurationError, DeadlineExceededError, OverloadedError
from yaoki.core.policies.adaptive_limit import AdaptiveLimit
from yaoki.core.policies.limit_algorithms import Aimd, Gradient, Sampled
from yaoki.core.policies.policy import NEUTRAL
from yaoki.core.policies.timeout import Timeout


def sampled(*, answers: int = 0, latency: float = 0.1, overloads: int = 0, most: int = 1000) -> Sampled:
    window = Sampled(0.0)
    window.length = 1.0
    window.answers, window.seconds, window.overloads, window.most = answers, answers * latency, overloads, most
    return window


# Counting who runs


def test_t2_refuses_the_call_above_the_limit() -> None:
    """SPEC T2: at the limit a call is refused, and says by whom; no time can be told."""
    limit = AdaptiveLimit(initial=2, name="db").fresh("tenant")
    for _ in range(2):
        assert not isinstance(limit.enter(a_call(limit), 0.0), OverloadedError)

    refusal = limit.enter(a_call(limit), 0.0)

    assert isinstance(refusal, OverloadedError)
    assert (refusal.policy, refusal.key, refusal.retry_after) == (limit, "tenant", None)


@pytest.mark.parametrize(
    "end",
    [None, ConnectionError(), TimeoutError(), ValueError(), NEUTRAL, asyncio.CancelledError(), KeyboardInterrupt()],
    ids=lambda end: type(end).__name__,
)
def test_t2_a_place_comes_back_however_the_call_ends(end: BaseException | None) -> None:
    """SPEC T2: counting survives values, failures, cancellations and interrupts."""
    limit = AdaptiveLimit()
    permit = limit.enter(a_call(limit), 0.0)
    assert limit.running.count == 1

    limit.leave(a_call(limit), permit, end, 1.0)

    assert limit.running.count == 0


@pytest.mark.parametrize(
    "end", [NEUTRAL, asyncio.CancelledError(), ConnectionError(), ValueError()], ids=lambda end: type(end).__name__
)
def test_t2_who_fails_or_is_cancelled_is_not_sampled(end: BaseException) -> None:
    """SPEC T2: a call that failed fast, or was taken away, says nothing about how long calls take."""
    limit = AdaptiveLimit()

    limit.leave(a_call(limit), limit.enter(a_call(limit), 0.0), end, 0.001)

    assert limit._window is None


@pytest.mark.parametrize(
    ("error", "overloads"),
    [
        (TimeoutError(), 1),
        (DeadlineExceededError(Timeout(1.0), 1.0), 1),
        (DeadlineExceededError(None, 5.0), 0),
        (DeadlineExceededError(Timeout(1.0), 5.0), 0),
    ],
    ids=["timeout", "own deadline", "inherited deadline", "inherited from another pipeline"],
)
def test_t2_the_dependencys_timeouts_are_overloads(error: Exception, overloads: int) -> None:
    """SPEC T2: a timeout of this pipeline counts against the limit; the deadline that the caller brought along does not."""
    limit = AdaptiveLimit("aimd", window=0.5)
    call = a_call(limit, deadline=5.0)

    limit.leave(call, limit.enter(call, 0.0), error, 1.0)

    assert (0 if limit._window is None else limit._window.overloads) == overloads


def test_t2_how_much_was_used_is_told_anew_for_each_window() -> None:
    """SPEC T2: one crowded moment does not make the limit grow for ever."""
    limit = AdaptiveLimit("aimd", initial=10, window=1.0)
    crowd = [limit.enter(a_call(limit), 0.0) for _ in range(10)]
    now = 0.0
    limits = []
    for _ in range(3):
        for permit in crowd:
            now += 0.2
            limit.leave(a_call(limit), permit, None, now)
        crowd = []
        for _ in range(20):
            permit = limit.enter(a_call(limit), now)
            now += 0.2
            limit.leave(a_call(limit), permit, None, now)
        limits.append(limit.limit)

    assert limits == [11, 11, 11]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork")
def test_t2_a_forked_child_counts_anew_and_keeps_what_was_learned() -> None:
    """SPEC T2: in the child nobody runs; the limit is the parent's."""
    limit = AdaptiveLimit(initial=3)
    permit = limit.enter(a_call(limit), 0.0)
    limit._limit = 7.0

    def in_child() -> object:
        before = limit.running.count
        limit.leave(a_call(limit), permit, None, 0.0)
        return [before, limit.running.count, limit.limit]

    assert forked(in_child) == [0, 0, 7]
    assert limit.running.count == 1


def test_t2_a_consumers_time_is_not_the_dependencys() -> None:
    """SPEC T2: the time for which a generator's consumer holds an item is taken off."""
    limit = AdaptiveLimit()
    permit = limit.enter(a_call(limit), 0.0)

    limit.extend(a_call(limit), permit, 100.0, 99.5)
    limit.leave(a_call(limit), permit, None, 101.0)

    assert limit._window is not None
    assert limit._window.seconds == pytest.approx(1.5)


# The algorithms


def test_t2_aimd_adds_one_and_takes_a_tenth() -> None:
    """SPEC T2: one more after a well used window, a tenth less after one with an overload."""
    aimd = Aimd(5.0)

    assert aimd.next_limit(20.0, sampled(answers=50, most=10)) == 21.0
    assert aimd.next_limit(20.0, sampled(answers=50, overloads=1)) == 18.0
    assert [aimd.is_slow(seconds) for seconds in (4.9, 5.0)] == [False, True]


def test_t2_gradient_follows_the_latency() -> None:
    """SPEC T2: about four more places while latency is normal, at most half as many as it grows; smoothed by a fifth."""
    gradient = Gradient(1.5)

    def after(latency: float) -> float:
        return gradient.next_limit(100.0, sampled(answers=50, latency=latency))

    for _ in range(200):
        assert after(0.1) == pytest.approx(100.8)
    assert gradient.baseline == pytest.approx(0.1)
    assert after(0.149) == pytest.approx(100.8)
    assert after(0.2) == pytest.approx(100 * 0.8 + (75 + 4) * 0.2, rel=0.01)
    assert after(5.0) == pytest.approx(100 * 0.8 + (50 + 4) * 0.2)


def test_t2_gradient_remembers_ten_minutes() -> None:
    """SPEC T2: a minute of slowness does not pass for normal."""
    gradient = Gradient(1.5)
    for _ in range(600):
        gradient.next_limit(20.0, sampled(answers=50, latency=0.1))
    for _ in range(60):
        gradient.next_limit(20.0, sampled(answers=50, latency=0.3))

    assert gradient.baseline is not None
    assert gradient.baseline < 0.15


def test_t2_gradient_forgets_a_long_overload_quickly() -> None:
    """SPEC T2: when the dependency is more than twice as fast as remembered, the memory shrinks by a twentieth each window."""
    gradient = Gradient(1.5)
    for _ in range(1000):
        gradient.next_limit(20.0, sampled(answers=50, latency=1.0))
    for _ in range(40):
        gradient.next_limit(20.0, sampled(answers=50, latency=0.1))

    assert gradient.baseline is not None
    assert gradient.baseline < 0.25


def test_t2_a_dependency_that_only_times_out_shrinks_both() -> None:
    """SPEC T2: without answers there are no latencies; the overloads speak."""
    for algorithm in (Gradient(1.5), Aimd(5.0)):
        assert algorithm.next_limit(20.0, sampled(answers=1, overloads=9)) == 18.0


@pytest.mark.parametrize("algorithm", [Gradient(1.5), Aimd(5.0)], ids=lambda each: type(each).__name__)
def test_t2_a_limit_that_nobody_reaches_does_not_grow(algorithm: Gradient | Aimd) -> None:
    """SPEC T2: less than half used, it says nothing about what is bearable."""
    assert algorithm.next_limit(20.0, sampled(answers=50, most=9)) == 20.0
    assert algorithm.next_limit(20.0, sampled(answers=50, most=10)) > 20.0


@settings(deadline=None)
@given(
    name=st.sampled_from(["gradient", "aimd"]),
    bounds=st.tuples(st.integers(1, 50), st.integers(1, 50), st.integers(1, 50)).map(sorted),
    ends=st.lists(
        st.tuples(st.floats(0.0, 100.0), st.sampled_from([None, TimeoutError(), ConnectionError()]), st.integers(1, 60)),
        max_size=60,
    ),
)
def test_t2_the_limit_stays_within_its_bounds(
    name: str, bounds: list[int], ends: list[tuple[float, Exception | None, int]]
) -> None:
    """SPEC T2: whatever happens, from `minimum` to `maximum`, and never more run than it allows."""
    minimum, initial, maximum = bounds
    limit = AdaptiveLimit(name, initial, minimum, maximum)  # type: ignore[arg-type]  # one of the two
    now = 0.0
    for seconds, error, callers in ends:
        permits = [limit.enter(a_call(limit), now) for _ in range(callers)]
        admitted = [permit for permit in permits if not isinstance(permit, OverloadedError)]
        assert len(admitted) == min(callers, limit.limit)
        now += seconds
        for permit in admitted:
            limit.leave(a_call(limit), permit, error, now)
            assert minimum <= limit.limit <= maximum
    assert limit.running.count == 0


# Against a simulated dependency


class Dependency:
    """So many calls at once are served at their pace, the others queue there; callers come at random and wait a second."""

    def __init__(self, limit: AdaptiveLimit, serves: int, seconds: Callable[[float], float]) -> None:
        self.limit, self.serves, self.seconds = limit, serves, seconds
        self.chance = random.Random(1)
        self.agenda: list[tuple[float, int, Callable[[float], None]]] = []
        self.order = count()
        self.queue: list[Callable[[float], None]] = []
        self.busy = 0
        self.latencies: list[float] = []

    def at(self, moment: float, what: Callable[[float], None]) -> None:
        heapq.heappush(self.agenda, (moment, next(self.order), what))

    def load(self, rate: float, since: float, until: float) -> float:
        """Let callers come; the mean latency of the answers of the last fifth."""

        def arrive(now: float) -> None:
            if now < until:
                self.at(now + self.chance.expovariate(rate), arrive)
                self.call(now)

        self.latencies = []
        self.at(since, arrive)
        while self.agenda and self.agenda[0][0] < until:
            moment, _, what = heapq.heappop(self.agenda)
            what(moment)
        last = self.latencies[-len(self.latencies) // 5 :]
        return sum(last) / len(last)

    def call(self, came: float) -> None:
        permit = self.limit.enter(a_call(self.limit), came)
        if isinstance(permit, OverloadedError):
            return
        ended = False

        def end(now: float, error: Exception | None) -> None:
            nonlocal ended
            if not ended:
                ended = True
                if error is None:
                    self.latencies.append(now - came)
                self.limit.leave(a_call(self.limit), permit, error, now)

        def serve(now: float) -> None:
            self.at(now + self.seconds(now) * self.chance.uniform(0.5, 1.5), done)

        def done(now: float) -> None:
            if self.queue:
                self.queue.pop(0)(now)
            else:
                self.busy -= 1
            end(now, None)

        self.at(came + 1.0, lambda now: end(now, TimeoutError()))
        if self.busy < self.serves:
            self.busy += 1
            serve(came)
        else:
            self.queue.append(serve)


def test_t2_gradient_finds_what_the_dependency_bears() -> None:
    """SPEC T2: offered three times what the dependency serves, the limit settles where nearly all is served and little queues."""
    limit = AdaptiveLimit("gradient")

    latency = Dependency(limit, 20, lambda now: 0.05).load(1200.0, 0.0, 20.0)

    assert 20 <= limit.limit <= 50
    assert latency < 3 * 0.05


def test_t2_gradient_grows_to_what_is_needed() -> None:
    """SPEC T2: if the dependency bears more than the initial limit, the limit grows to the load within seconds."""
    limit = AdaptiveLimit("gradient", initial=5)

    Dependency(limit, 100, lambda now: 0.05).load(600.0, 0.0, 20.0)

    assert limit.limit >= 30


@pytest.mark.parametrize("name", ["gradient", "aimd"])
def test_t2_an_overload_shrinks_the_limit_and_the_end_of_it_grows_it(name: str) -> None:
    """SPEC T2: while the dependency is so slow that calls time out, fewer are let in; afterwards the limit comes back."""
    limit = AdaptiveLimit(name)  # type: ignore[arg-type]  # one of the two
    dependency = Dependency(limit, 50, lambda now: 2.0 if 10 <= now < 20 else 0.05)
    dependency.load(500.0, 0.0, 10.0)
    before = limit.limit
    dependency.load(500.0, 10.0, 20.0)
    during = limit.limit
    dependency.load(500.0, 20.0, 40.0)

    assert during <= before * 0.6
    assert limit.limit >= min(before, 25)


# Reading, configuration


def test_t2_an_adaptive_limit_shows_itself() -> None:
    """SPEC T2: the limit, who runs, what latency is normal; the parameters that count for the algorithm."""
    limit = AdaptiveLimit(initial=2, name="db")
    limit.enter(a_call(limit), 0.0)

    expected = {"kind": "adaptive_limit", "name": "db", "limit": 2, "in_use": 1, "baseline": None, "rejected": 0}
    assert limit.snapshot(0.0) == expected
    assert limit.load == 0.5
    assert not limit.evictable(0.0)
    shared = {"initial": 20, "minimum": 1, "maximum": 200}
    assert AdaptiveLimit().configuration() == {"algorithm": "gradient", **shared, "tolerance": 1.5}
    assert AdaptiveLimit("aimd").configuration() == {"algorithm": "aimd", **shared, "slow_call_duration": 5.0}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"algorithm": "vegas"}, "algorithm must be 'gradient' or 'aimd', not 'vegas'"),
        ({"minimum": 0}, "minimum must be at least 1, not 0"),
        ({"minimum": 5, "maximum": 4}, "maximum must be at least 5, not 4"),
        ({"initial": 2, "minimum": 3}, "initial must be at least 3, not 2"),
        ({"initial": 300}, "initial must be at most maximum, 200, not 300"),
        ({"tolerance": 0.9}, "tolerance must be at least 1 and finite, not 0.9"),
        ({"slow_call_duration": 0}, "slow_call_duration must be above 0 seconds, not 0"),
        ({"window": float("inf")}, "window must be a finite number of seconds"),
    ],
)
def test_t2_refuses_a_parameter_out_of_range(parameters: dict[str, object], message: str) -> None:
    """SPEC T2: the error names the parameter and its range."""
    with pytest.raises(ConfigurationError) as caught:
        AdaptiveLimit(**parameters)  # type: ignore[arg-type]  # the point of the test

    assert str(caught.value) == message

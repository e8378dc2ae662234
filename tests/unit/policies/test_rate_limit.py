"""SPEC T3: the rate limit."""

from __future__ import annotations

import asyncio
import os
import threading
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.policies.by_hand import a_call, forked
from yaoki.core.faults.errors import ConfigurationError, DeadlineExceededError, RateLimitedError
from yaoki.core.pipeline.pipeline import Pipeline
from yaoki.core.policies.backoff import constant
from yaoki.core.policies.rate_limit import InLine, RateLimiter
from yaoki.core.policies.retry import Retry
from yaoki.core.policies.timeout import Timeout
from yaoki.testing import VirtualClock, run


def admitted(limiter: RateLimiter, now: float) -> bool:
    return limiter.enter(a_call(limiter), now) is None


# Without a queue


def test_t3_a_burst_starts_at_once_and_then_the_rate_holds() -> None:
    """SPEC T3: `burst` calls may start together, then one for each interval."""
    limiter = RateLimiter(10.0, burst=3)

    starts = [tenth / 10 for tenth in range(11) for _ in range(4) if admitted(limiter, tenth / 10)]

    assert starts == [0.0, 0.0, 0.0] + [tenth / 10 for tenth in range(1, 11)]


@pytest.mark.parametrize(("rate", "burst"), [(100.0, 100), (2.5, 2), (1.0, 1), (0.1, 1)])
def test_t3_the_burst_is_the_rate_unless_given(rate: float, burst: int) -> None:
    """SPEC T3: the default burst is what one period allows, at least 1."""
    limiter = RateLimiter(rate)

    assert limiter.burst == burst
    assert sum(admitted(limiter, 0.0) for _ in range(200)) == burst


def test_t3_a_long_quiet_time_fills_no_more_than_the_bucket() -> None:
    """SPEC T3: unused time is not saved up beyond `burst`."""
    limiter = RateLimiter(10.0, burst=2)

    assert sum(admitted(limiter, 1e6) for _ in range(5)) == 2


def test_t3_a_refusal_says_who_and_when() -> None:
    """SPEC T3: policy, key and the exact time until the next token."""
    limiter = RateLimiter(4.0, burst=1, name="api").fresh("tenant")
    with VirtualClock(start=100.0) as clock:
        assert admitted(limiter, clock.time)

        refusal = limiter.enter(a_call(limiter), clock.time)

        assert isinstance(refusal, RateLimitedError)
        assert (refusal.policy, refusal.key) == (limiter, "tenant")
        assert refusal.retry_after == pytest.approx(0.25, abs=1e-9)
        assert str(refusal) == "RateLimiter 'api' ['tenant'] has given out its permits; a retry makes sense in 0.25 s"


@settings(deadline=None)
@given(
    rate=st.floats(1e-3, 1e6),
    per=st.sampled_from([1.0, 60.0, 0.1]),
    burst=st.integers(1, 5),
    start=st.floats(0.0, 1e8),
)
def test_t3_a_retry_after_retry_after_works(rate: float, per: float, burst: int, start: float) -> None:
    """SPEC T3: who is alone and waits as long as told is let in, at any uptime and rate, whatever floats round to."""
    limiter = RateLimiter(rate, per, burst)
    with VirtualClock(start=start) as clock:
        for _ in range(burst):
            assert admitted(limiter, clock.time)
        refusal = limiter.enter(a_call(limiter), clock.time)
        assert isinstance(refusal, RateLimitedError)
        retry_after = refusal.retry_after
        assert retry_after is not None
        assert retry_after > 0
        clock.sleep(retry_after)

        assert admitted(limiter, clock.time)


@settings(deadline=None)
@given(
    rate=st.floats(0.1, 1000.0),
    burst=st.integers(1, 4),
    steps=st.lists(st.floats(0.0, 2.0), max_size=60),
)
def test_t3_no_window_holds_more_than_burst_and_rate(rate: float, burst: int, steps: list[float]) -> None:
    """SPEC T3: at most burst + rate x T starts in any T, also if callers hammer and the clock is read unevenly."""
    limiter = RateLimiter(rate, burst=burst)
    now = 0.0
    starts: list[int] = []
    for step in steps:
        now += step
        starts += [round(now * 1e9) for _ in range(3) if admitted(limiter, now)]

    for first, start in enumerate(starts):
        for last in range(first, len(starts)):
            window = Fraction(starts[last] - start, 10**9)
            assert last - first + 1 <= burst + Fraction(rate) * window


def test_t3_times_that_come_out_of_order_are_no_way_round_the_rate() -> None:
    """SPEC T3: a thread that read the clock earlier and comes later gets nothing extra."""
    limiter = RateLimiter(1.0, burst=1)
    assert admitted(limiter, 10.0)

    assert not admitted(limiter, 9.0)
    assert not admitted(limiter, 10.9)
    assert admitted(limiter, 11.0)


# With a queue


def test_t3_who_may_wait_starts_at_the_rate_in_order() -> None:
    """SPEC T3: calls that wait start one interval apart, first come first served."""
    limiter = RateLimiter(10.0, burst=1, max_wait=5.0)
    starts: list[tuple[int, float]] = []

    async def main() -> None:
        async def note(number: int) -> None:
            starts.append((number, round(asyncio.get_running_loop().time(), 6)))

        await asyncio.gather(*(Pipeline(limiter).acall(note, number) for number in range(5)))

    run(main())

    assert starts == [(number, number / 10) for number in range(5)]


def test_t3_who_would_wait_too_long_is_refused_at_once() -> None:
    """SPEC T3: the wait is known beforehand, so nobody waits in vain."""
    limiter = RateLimiter(10.0, burst=1, max_wait=0.2)
    answers = [limiter.enter(a_call(limiter), 0.0) for _ in range(4)]

    assert [type(answer) for answer in answers] == [type(None), InLine, InLine, RateLimitedError]
    refusal = answers[3]
    assert isinstance(refusal, RateLimitedError)
    with VirtualClock():
        assert refusal.retry_after == pytest.approx(0.3)


def test_t3_who_would_wait_past_his_deadline_is_refused_at_once() -> None:
    """SPEC T1, T3: no wait begins that ends after the deadline."""
    limiter = RateLimiter(10.0, burst=1, max_wait=float("inf"))
    limiter.enter(a_call(limiter), 0.0)

    assert isinstance(limiter.enter(a_call(limiter, deadline=0.05), 0.0), RateLimitedError)
    assert isinstance(limiter.enter(a_call(limiter, deadline=0.2), 0.0), InLine)


def test_t3_cancelled_waiters_leave_no_holes() -> None:
    """SPEC T3: the tokens of cancelled calls go to those behind them, not a moment later than the rate allows."""
    limiter = RateLimiter(10.0, burst=1, max_wait=5.0)
    starts: list[tuple[int, float]] = []

    async def main() -> None:
        async def note(number: int) -> None:
            starts.append((number, round(asyncio.get_running_loop().time(), 6)))

        tasks = [asyncio.create_task(Pipeline(limiter).acall(note, number)) for number in range(10)]
        await asyncio.sleep(0.05)
        for number in (1, 2, 4, 7):
            tasks[number].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run(main())

    assert starts == [(0, 0.0), (3, 0.1), (5, 0.2), (6, 0.3), (8, 0.4), (9, 0.5)]
    assert not limiter.waiters


def test_t3_newcomers_stand_behind_who_waits() -> None:
    """SPEC T3: a token that is there while somebody waits is his."""
    limiter = RateLimiter(10.0, burst=1, max_wait=5.0)
    limiter.enter(a_call(limiter), 0.0)
    first = limiter.enter(a_call(limiter), 0.0)
    assert isinstance(first, InLine)

    newcomer = limiter.enter(a_call(limiter), 0.1)

    assert isinstance(newcomer, InLine)
    assert newcomer.resolve(0.1) > 0.1  # type: ignore[operator]  # a float: it waits
    assert first.resolve(0.1) is None


def test_t3_nobody_waits_longer_than_he_said_though_those_before_him_were_late() -> None:
    """SPEC T3: a wait that turns out longer than told ends at `max_wait`."""
    limiter = RateLimiter(10.0, burst=1, max_wait=0.2)
    assert admitted(limiter, 0.0)
    first, second = (limiter.enter(a_call(limiter), 0.0) for _ in range(2))
    assert isinstance(first, InLine)
    assert isinstance(second, InLine)

    assert first.resolve(0.19) is None

    assert second.resolve(0.19) == 0.2
    assert isinstance(second.resolve(0.2), RateLimitedError)
    assert not limiter.waiters


def test_t3_a_thread_and_a_task_wait_in_one_line() -> None:
    """SPEC T3: the line is one for threads and event loops."""
    limiter = RateLimiter(1000.0, burst=1, max_wait=10.0)
    pipeline = Pipeline(limiter)
    started: list[int] = []
    lock = threading.Lock()

    def note(number: int) -> None:
        with lock:
            started.append(number)

    async def note_async(number: int) -> None:
        note(number)

    def threads() -> None:
        for number in range(30):
            pipeline.call(note, number)

    async def tasks() -> None:
        await asyncio.gather(*(pipeline.acall(note_async, 100 + number) for number in range(30)))

    workers = [threading.Thread(target=threads), threading.Thread(target=lambda: asyncio.run(tasks()))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(10)

    assert len(started) == 60
    assert [number for number in started if number < 100] == list(range(30))
    assert [number for number in started if number >= 100] == list(range(100, 130))
    assert not limiter.waiters


def test_t3_a_deadline_that_passes_in_line_wakes_who_is_behind() -> None:
    """SPEC T1, T3: the first in line gives up at his deadline, and the next takes over his turn."""
    limiter = RateLimiter(1.0, burst=1, max_wait=10.0)
    outcomes: dict[str, object] = {}

    async def main() -> None:
        async def call(name: str, seconds: float) -> None:
            try:
                await Pipeline(Timeout(seconds), limiter).acall(asyncio.sleep, 0)
                outcomes[name] = asyncio.get_running_loop().time()
            except (RateLimitedError, DeadlineExceededError) as error:
                outcomes[name] = type(error)

        await call("token", 60.0)
        first = asyncio.create_task(call("first", 1.5))
        await asyncio.sleep(0)
        limiter._full_at += 1_000_000_000  # a token less than the first was told
        second = asyncio.create_task(call("second", 60.0))
        await asyncio.gather(first, second)

    run(main())

    assert outcomes["first"] is DeadlineExceededError
    assert outcomes["second"] == pytest.approx(2.0)


# Beside other policies


def test_t3_a_retry_does_not_hide_the_failure_behind_a_refusal() -> None:
    """SPEC R4, T3: a retry that would be refused is not tried; the caller gets the failure itself."""

    def fail() -> None:
        raise ConnectionError("down")

    with VirtualClock(), pytest.raises(ConnectionError):
        Pipeline(Retry(3, constant(0.1)), RateLimiter(1.0, burst=1)).call(fail)


def test_t3_tells_until_when_it_refuses() -> None:
    """SPEC T3: until the next token, less what a call may wait; not at all while there are tokens."""
    limiter = RateLimiter(1.0, burst=1, max_wait=0.25)
    assert limiter.shut_until(5.0) == 5.0
    limiter.enter(a_call(limiter), 5.0)

    assert limiter.shut_until(5.0) == pytest.approx(5.75)


# Forks, reading, configuration


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork")
def test_t3_a_forked_child_is_not_held_up_by_who_waits_in_the_parent() -> None:
    """SPEC T3: nobody waits in the child; tokens that were taken stay taken."""
    limiter = RateLimiter(1.0, burst=2, max_wait=5.0)
    tickets = [limiter.enter(a_call(limiter), 0.0) for _ in range(3)]
    assert isinstance(tickets[2], InLine)

    assert forked(lambda: [len(limiter.waiters), admitted(limiter, 0.0), len(limiter.waiters), admitted(limiter, 9.0)]) == [
        0,
        False,
        1,
        False,
    ]
    assert len(limiter.waiters) == 1


def test_t3_a_snapshot_counts() -> None:
    """SPEC T3: tokens, waiting, admitted, refused; JSON-ready."""
    limiter = RateLimiter(1.0, burst=2, max_wait=1.0, name="api")
    for _ in range(5):
        limiter.enter(a_call(limiter), 0.0)

    expected = {"kind": "rate_limiter", "name": "api", "tokens": 0, "waiting": 1, "admitted": 2, "rejected": 2}
    assert limiter.snapshot(0.0) == expected
    assert limiter.snapshot(1.5)["tokens"] == 1


def test_t3_each_key_has_its_own_rate() -> None:
    """SPEC B7, T3: one key's calls are not counted against another's; a full bucket may be forgotten."""
    limiter = RateLimiter(1.0, burst=1)
    first, second = limiter.fresh("a"), limiter.fresh("b")

    assert admitted(first, 0.0)
    assert admitted(second, 0.0)
    assert not first.evictable(0.5)
    assert first.evictable(1.0)


@settings(deadline=None)
@given(rate=st.floats(), per=st.floats(), max_wait=st.floats())
def test_t3_a_limiter_is_made_or_the_parameter_named(rate: float, per: float, max_wait: float) -> None:
    """SPEC T3: any numbers either make a limiter that works or are refused by name."""
    limits = (0 < rate < float("inf"), 0 < per < float("inf") and 1e-9 <= rate / per <= 1e9, max_wait >= 0)
    if not all(limits):
        with pytest.raises(ConfigurationError, match=r"^(rate|per|max_wait) must be"):
            RateLimiter(rate, per, burst=1, max_wait=max_wait)
        return
    limiter = RateLimiter(rate, per, burst=1, max_wait=max_wait)
    assert admitted(limiter, 0.0)
    assert isinstance(limiter.enter(a_call(limiter), 0.0), (RateLimitedError, InLine))
    assert limiter.shut_until(0.0) >= 0.0
    assert Fraction(limiter.interval, 10**9) >= Fraction(limiter.per) / Fraction(limiter.rate)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"rate": 0}, "rate must be above 0 and finite, not 0"),
        ({"rate": "10"}, "rate must be a number, not '10'"),
        ({"rate": 1, "per": 0}, "per must be above 0 seconds, not 0"),
        ({"rate": 2e9}, "rate must be from 1e-9 to 1e9 calls a second, not 2000000000.0 in 1.0 s"),
        ({"rate": 1e-10}, "rate must be from 1e-9 to 1e9 calls a second, not 1e-10 in 1.0 s"),
        ({"rate": 1, "burst": 0}, "burst must be at least 1, not 0"),
        ({"rate": 1, "max_wait": -1}, "max_wait must be at least 0 seconds, not -1"),
    ],
)
def test_t3_refuses_a_parameter_out_of_range(parameters: dict[str, object], message: str) -> None:
    """SPEC T3: the error names the parameter and its range."""
    with pytest.raises(ConfigurationError) as caught:
        RateLimiter(**parameters)  # type: ignore[arg-type]  # the point of the test

    assert str(caught.value) == message


def test_t3_describes_what_is_set() -> None:
    """SPEC T3: `describe()` shows rate, period, burst, and the wait if there is one."""
    assert RateLimiter(5).configuration() == {"rate": 5.0, "per": 1.0, "burst": 5}
    assert RateLimiter(5, 60.0, 1, 2.0).configuration() == {"rate": 5.0, "per": 60.0, "burst": 1, "max_wait": 2.0}

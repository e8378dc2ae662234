"""SPEC R4: the server's Retry-After is a floor of the wait, clamped, and never slept past a deadline."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.conftest import World
from yaoki import (
    UNLIMITED,
    Category,
    CircuitBreaker,
    Fault,
    Pipeline,
    Recoverability,
    Retry,
    Severity,
    constant,
    deadline,
    exponential,
)
from yaoki.core.pipeline import driver_async
from yaoki.testing import Script, VirtualClock, VirtualEventLoop


class BusyError(Exception):
    """A refusal of the server's, with the value of its header."""

    def __init__(self, retry_after: object) -> None:
        super().__init__("busy")
        self.retry_after = retry_after


class UnavailableError(Exception):
    """A response with a header, known to a rule alone."""

    def __init__(self, seconds: float) -> None:
        super().__init__("503")
        self.headers = {"Retry-After": str(seconds)}
        self.fault = Fault(Category.CAPACITY, Severity.WARNING, Recoverability.RECOVERABLE, "503", retry_after=seconds)


def wait_after(world: World, retry: Retry, error: Exception, clock: VirtualClock) -> float:
    """Virtual seconds between the failed first attempt and the second."""
    script = Script(error, "well")
    world.guard(retry, script)()
    first, second = script.calls
    assert clock.sleeps == [second.at - first.at]
    return second.at - first.at


@pytest.mark.parametrize("header", [20, 20.0, "20", " 20 ", b"20"])
def test_r4_seconds_are_a_floor(world: World, virtual_clock: VirtualClock, header: object) -> None:
    """SPEC R4: Retry-After in seconds."""
    assert wait_after(world, Retry(2, constant(0.0)), BusyError(header), virtual_clock) == 20.0


@pytest.mark.virtual_time(wall_start=784_111_767.0)
@pytest.mark.parametrize(
    "date", ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
)
def test_r4_dates_are_a_floor(world: World, virtual_clock: VirtualClock, date: str) -> None:
    """SPEC R4: Retry-After as a date, in each of the three formats of HTTP; the wall clock stands ten seconds before it."""
    assert wait_after(world, Retry(2, constant(0.0)), BusyError(date), virtual_clock) == 10.0


@pytest.mark.parametrize("header", ["Sun, 06 Nov 1994 08:49:37 GMT", "-5", -5, "soon", "", None, float("nan")])
def test_r4_what_asks_for_nothing_leaves_the_backoff(world: World, virtual_clock: VirtualClock, header: object) -> None:
    """SPEC R4: a date in the past and a malformed value change nothing."""
    assert wait_after(world, Retry(2, constant(3.0)), BusyError(header), virtual_clock) == 3.0


def test_r4_a_longer_backoff_stays(world: World, virtual_clock: VirtualClock) -> None:
    """SPEC R4: a floor, not a value."""
    assert wait_after(world, Retry(2, constant(30.0)), BusyError(20), virtual_clock) == 30.0


@pytest.mark.parametrize("jitter", ["none", "full", "equal", "decorrelated", "additive", "multiplicative", "subtractive"])
@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_r4_no_jitter_undershoots_the_floor(either_path: str, virtual_clock: VirtualClock, jitter: Any, chance: float) -> None:
    """SPEC R4: whatever the jitter draws."""
    virtual_clock.fix_random(chance)
    script = Script(BusyError(20), BusyError(20), "well")

    Retry(3, exponential(15.0, jitter=jitter, factor=1.0))(script.sync)()

    assert all(wait >= 20.0 for wait in virtual_clock.sleeps)


def test_r4_an_event_loop_that_wakes_early_is_sent_back(either_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC R4: loops round timers up to the tick of their clock, which may be 16 ms; the floor is not undershot by that."""
    monkeypatch.setattr(driver_async, "TICK", 0.016)
    script = Script(BusyError(1.0), "well")
    guarded = Retry(2, constant(0.0))(script.asynchronous)
    with VirtualClock() as clock:
        loop = VirtualEventLoop(clock)
        loop._clock_resolution = 0.016  # type: ignore[attr-defined]  # what a coarse clock makes asyncio do
        # A timer a little before the end of the wait: the loop handles both when the first one is due.
        loop.call_later(0.99, list)
        asyncio.set_event_loop(None)
        loop.run_until_complete(guarded())
        loop.close()

    first, second = script.calls
    assert 1.0 <= second.at - first.at < 1.1


@pytest.mark.parametrize(("cap", "expected"), [(60.0, 60.0), (5.0, 5.0), (float("inf"), 7200.0), (0.0, 2.0)])
def test_r4_the_floor_is_clamped_at_retry_after_cap(
    world: World, virtual_clock: VirtualClock, cap: float, expected: float
) -> None:
    """SPEC R4: a server cannot make us wait for ever."""
    assert wait_after(world, Retry(2, constant(2.0), retry_after_cap=cap), BusyError(7200), virtual_clock) == expected


def test_r4_the_cap_is_a_minute_by_default(world: World, virtual_clock: VirtualClock) -> None:
    """SPEC R4: two hours are not waited for."""
    assert wait_after(world, Retry(2, constant(0.0)), BusyError(7200), virtual_clock) == 60.0


@pytest.mark.parametrize("asked", [60, 7200])
def test_r4_a_wait_that_does_not_fit_the_deadline_fails_now(world: World, virtual_clock: VirtualClock, asked: int) -> None:
    """SPEC R4: Retry-After 60 with a deadline in 10 seconds: fail at once, with that reason."""
    script = Script(then=BusyError(asked))
    with deadline.within(10.0), pytest.raises(BusyError) as raised:
        world.guard(Retry(5, constant(0.0)), script)()

    assert (script.count, virtual_clock.sleeps, virtual_clock.time) == (1, [], 0.0)
    assert "deadline" in raised.value.__notes__[0]


def test_r4_a_wait_that_does_not_fit_max_elapsed_fails_now(world: World, virtual_clock: VirtualClock) -> None:
    """SPEC R4: the same for the total elapsed time."""
    with pytest.raises(BusyError):
        world.guard(Retry(UNLIMITED, constant(0.0), max_elapsed=10.0), Script(then=BusyError(60)))()

    assert virtual_clock.sleeps == []


@pytest.mark.parametrize("retry_on", [UnavailableError, lambda error: True], ids=["type", "predicate"])
def test_r4_the_floor_holds_when_retry_on_decides(world: World, virtual_clock: VirtualClock, retry_on: Any) -> None:
    """SPEC R4: who is asked what to retry does not change how long the server asked us to wait."""
    assert wait_after(world, Retry(2, constant(0.0), retry_on=retry_on), UnavailableError(20.0), virtual_clock) == 20.0


def test_r4_the_floor_holds_for_built_in_exceptions_that_carry_one(world: World, virtual_clock: VirtualClock) -> None:
    """SPEC R4: the attribute may be set on any exception."""
    error = ConnectionError("busy")
    error.retry_after = 20.0  # type: ignore[attr-defined]  # as some libraries do

    assert wait_after(world, Retry(2, constant(0.0), retry_on=ConnectionError), error, virtual_clock) == 20.0


def test_r4_a_refusal_with_a_time_is_waited_out_if_named(world: World, virtual_clock: VirtualClock) -> None:
    """SPEC R4, B5: retry_after of an open circuit is a floor like a server's."""
    breaker = CircuitBreaker(failure_threshold=1, open_timeout=20.0)
    with pytest.raises(ConnectionError):
        world.call(breaker, Script(ConnectionError))
    retry = Retry(2, constant(0.0), retry_on=Exception)

    assert world.guard(Pipeline(retry, breaker), Script("well again"))() == "well again"
    assert virtual_clock.sleeps == [20.0]

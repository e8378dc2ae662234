"""SPEC X2: virtual time in one thread."""

from __future__ import annotations

import math
import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yaoki.core.clock import Clock, clock
from yaoki.core.faults.errors import ConfigurationError
from yaoki.testing import Deadlock, VirtualClock


def slots() -> dict[str, object]:
    return {name: getattr(clock, name) for name in Clock.__slots__}


def test_x2_stands_in_for_every_slot_and_restores_what_stood_before() -> None:
    """SPEC X2: inside the block all of the library's time is virtual; after it nothing is left."""
    before = slots()

    with VirtualClock() as virtual:
        inside = slots()

    assert inside == {name: getattr(virtual, name) for name in Clock.__slots__}
    assert slots() == before


def test_x2_restores_after_an_error() -> None:
    """SPEC X2: a failing test does not leave virtual time behind."""
    before = slots()

    with pytest.raises(KeyError), VirtualClock():
        raise KeyError

    assert slots() == before


def test_x2_blocks_nest() -> None:
    """SPEC X2: an inner clock hides the outer one, which goes on where it was."""
    with VirtualClock(start=100.0) as outer:
        with VirtualClock(start=7.0):
            clock.sleep(1.0)
            assert clock.now() == 8.0
        assert clock.now() == 100.0
        assert VirtualClock.installed() is outer
    assert VirtualClock.installed() is None


def test_x2_a_clock_may_be_installed_twice() -> None:
    """SPEC X2: a helper may install the clock that is already in use."""
    with VirtualClock() as virtual:
        with virtual:
            clock.sleep(1.0)
        assert VirtualClock.installed() is virtual
        assert clock.now() == 1.0


def test_x2_refuses_to_end_in_the_wrong_order() -> None:
    """SPEC X2: an outer clock that ends first would pull time away from under the inner one, so it says so."""
    outer, inner = VirtualClock(), VirtualClock()
    with outer:
        with inner, pytest.raises(RuntimeError, match="reverse order"):
            outer.__exit__(None, None, None)
        assert VirtualClock.installed() is outer


def test_x2_starts_where_told() -> None:
    """SPEC X2: the start is the first monotonic second, and the wall clock has a start of its own."""
    with VirtualClock(start=5.0, wall_start=1000.0):
        assert (clock.now(), clock.now_ns(), clock.wall()) == (5.0, 5_000_000_000, 1000.0)


def test_x2_sleep_returns_at_once_and_is_remembered() -> None:
    """SPEC X2: an hour is over at once, and every sleep is on record in order."""
    with VirtualClock() as virtual:
        clock.sleep(3600.0)
        clock.sleep(0.5)

    assert virtual.time == 3600.5
    assert virtual.sleeps == [3600.0, 0.5]


def test_x2_advance_is_no_sleep() -> None:
    """SPEC X2: what the test does to the time is not mistaken for what the code under test did."""
    virtual = VirtualClock()

    virtual.advance(2.5)

    assert (virtual.time, virtual.sleeps) == (2.5, [])


def test_x2_advance_to_reaches_the_very_moment() -> None:
    """SPEC X2: a moment can be reached that distances would miss by a rounding error, and a past one changes nothing."""
    virtual = VirtualClock(start=30.0)

    virtual.advance_to(59.999)
    virtual.advance_to(60.0)
    virtual.advance_to(1.0)

    assert virtual.time == 60.0


@given(st.floats(0.0, 1e9), st.floats(0.0, 1e9))
def test_x2_a_wait_ends_exactly_when_a_policy_computed_it(start: float, seconds: float) -> None:
    """SPEC X2: `now >= start + seconds` holds after waiting `seconds`; no rounding makes it early."""
    virtual = VirtualClock(start=start)

    virtual.sleep(seconds)

    assert virtual.now() == start + seconds


@given(st.lists(st.floats(0.0, 1e6)))
def test_x2_time_never_runs_backward(sleeps: list[float]) -> None:
    """SPEC X2: neither in seconds nor in nanoseconds."""
    virtual = VirtualClock()
    seen = [(virtual.now(), virtual.now_ns())]

    for seconds in sleeps:
        virtual.sleep(seconds)
        seen.append((virtual.now(), virtual.now_ns()))

    assert all(earlier[0] <= later[0] and earlier[1] <= later[1] for earlier, later in pairwise(seen))


def test_x2_wall_time_moves_along() -> None:
    """SPEC X2: while time passes, both clocks show it."""
    virtual = VirtualClock(wall_start=1000.0)

    virtual.sleep(30.0)

    assert virtual.wall() == 1030.0


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
def test_x2_wall_time_jumps_alone(jump: float) -> None:
    """SPEC X2: when somebody sets the wall clock, the monotonic time stays."""
    virtual = VirtualClock(start=5.0, wall_start=10_000.0)

    virtual.jump_wall(jump)

    assert (virtual.wall(), virtual.now()) == (10_000.0 + jump, 5.0)


def test_x2_chance_is_the_same_in_every_run() -> None:
    """SPEC X2: jitter depends on the seed alone."""
    first, second, other = VirtualClock(), VirtualClock(), VirtualClock(seed=1)

    drawn = [[each.random() for _ in range(5)] for each in (first, second, other)]

    assert drawn[0] == drawn[1] != drawn[2]
    assert all(0.0 <= number < 1.0 for number in drawn[0] + drawn[2])


def test_x2_chance_can_be_fixed_and_seeded_again() -> None:
    """SPEC X2: a test may say which numbers come, and later let chance go on."""
    with VirtualClock(seed=3) as virtual:
        stream = [clock.random(), clock.random()]

        virtual.fix_random(0.25, 0.75)
        assert [clock.random() for _ in range(3)] == [0.25, 0.75, 0.25]

        virtual.seed_random(3)
        assert [clock.random(), clock.random()] == stream


@pytest.mark.parametrize("values", [(), (1.0,), (-0.1,), (0.5, math.nan)])
def test_x2_refuses_numbers_that_chance_never_gives(values: tuple[float, ...]) -> None:
    """SPEC X2: the real `random` is in [0, 1)."""
    with pytest.raises(ValueError, match="below 1"):
        VirtualClock().fix_random(*values)


@pytest.mark.parametrize("seconds", [-1.0, math.inf, math.nan])
def test_x2_refuses_impossible_waits(seconds: float) -> None:
    """SPEC X2: time does not run backward, and does not run out."""
    virtual = VirtualClock()

    with pytest.raises(ValueError, match="0 or more"):
        virtual.advance(seconds)
    with pytest.raises(ValueError, match="0 or more"):
        virtual.sleep(seconds)
    with pytest.raises(ValueError, match="finite"):
        virtual.advance_to(seconds if seconds != -1.0 else math.inf)
    with pytest.raises(ValueError, match="finite"):
        virtual.jump_wall(seconds if seconds != -1.0 else math.nan)

    assert (virtual.time, virtual.sleeps) == (0.0, [])


@pytest.mark.parametrize("name", ["start", "wall_start", "grace", "patience", "limit"])
@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_x2_bad_configuration_names_the_parameter(name: str, value: float) -> None:
    """SPEC X2: a value out of range is refused when the clock is made."""
    with pytest.raises(ConfigurationError, match=f"^{name} must be"):
        VirtualClock(**{name: value})  # type: ignore[arg-type]  # float parameters all


def test_x2_takes_a_free_lock_without_a_wait() -> None:
    """SPEC X2: no time passes when there is nothing to wait for."""
    virtual, lock = VirtualClock(), threading.Lock()

    assert virtual.acquire(lock, 5.0)
    assert lock.locked()
    assert virtual.time == 0.0


def test_x2_gives_up_a_taken_lock_when_the_time_is_over() -> None:
    """SPEC X2: a wait for a lock that nobody releases ends at its end."""
    virtual, lock = VirtualClock(grace=0.0), threading.Lock()
    lock.acquire()

    assert not virtual.acquire(lock, 5.0)
    assert virtual.time == 5.0


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_x2_a_lock_without_time_is_tried_once(seconds: float) -> None:
    """SPEC X2: no time to wait means no wait, as with the real one."""
    virtual, lock = VirtualClock(), threading.Lock()

    assert virtual.acquire(lock, seconds)
    assert not virtual.acquire(lock, seconds)
    assert virtual.time == 0.0


def test_x2_names_a_thread_that_waits_without_an_end() -> None:
    """SPEC X2: an endless wait for a lock that nobody releases is an error that names the thread, not a hanging test."""
    virtual, lock = VirtualClock(grace=0.0, limit=0.0), threading.Lock()
    lock.acquire()

    with pytest.raises(Deadlock, match=threading.current_thread().name):
        virtual.acquire(lock, math.inf)

"""SPEC R1, R2: how long to wait: forms, jitters, caps."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yaoki import ConfigurationError, Pipeline, Retry, constant, exponential, linear
from yaoki.core.policies.backoff import Backoff
from yaoki.testing import Script, VirtualClock, run

JITTERS = ("none", "full", "equal", "decorrelated", "additive", "multiplicative", "subtractive")
ALMOST_ONE = math.nextafter(1.0, 0.0)


def waits(backoff: Backoff, attempts: int = 5) -> list[float]:
    """The waits after the first so many attempts, each told the one before."""
    found: list[float] = []
    for attempt in range(1, attempts + 1):
        found.append(backoff.delay(attempt, found[-1] if found else 0.0))
    return found


# --- forms --------------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("virtual_clock")
@pytest.mark.parametrize(
    ("backoff", "expected"),
    [
        (constant(2.0), [2.0, 2.0, 2.0, 2.0, 2.0]),
        (constant(0.0), [0.0] * 5),
        (linear(1.0, jitter="none"), [1.0, 2.0, 3.0, 4.0, 5.0]),
        (linear(1.0, increment=0.5, jitter="none"), [1.0, 1.5, 2.0, 2.5, 3.0]),
        (linear(1.0, increment=0.0, jitter="none"), [1.0] * 5),
        (linear(1.0, cap=3.5, jitter="none"), [1.0, 2.0, 3.0, 3.5, 3.5]),
        (exponential(0.5, jitter="none"), [0.5, 1.0, 2.0, 4.0, 8.0]),
        (exponential(1.0, multiplier=3.0, cap=10.0, jitter="none"), [1.0, 3.0, 9.0, 10.0, 10.0]),
        (exponential(1.0, multiplier=1.0, jitter="none"), [1.0] * 5),
    ],
    ids=repr,
)
def test_r1_constant_linear_exponential(backoff: Backoff, expected: list[float]) -> None:
    """SPEC R1, R2: the first wait is `initial`, each further one as the form says, none above the cap."""
    assert waits(backoff) == expected


def test_r2_the_first_try_does_not_wait(virtual_clock: VirtualClock) -> None:
    """SPEC R2: the wait before the first try is 0, the one after it is `initial`; max_attempts counts every try."""
    dependency = Script(ConnectionResetError, ConnectionResetError, "found")

    Pipeline(Retry(3, exponential(0.5, jitter="none"))).call(dependency)

    assert [call.at for call in dependency.calls] == [0.0, 0.5, 1.5]
    assert virtual_clock.sleeps == [0.5, 1.0]


def test_r2_a_coroutine_function_waits_alike(virtual_clock: VirtualClock) -> None:
    """SPEC R2: the same moments on an event loop."""
    dependency = Script(ConnectionResetError, ConnectionResetError, "found")

    run(Pipeline(Retry(3, linear(0.5, jitter="none"))).acall(dependency.asynchronous))  # type: ignore[arg-type]  # a coroutine function

    assert [call.at for call in dependency.calls] == [0.0, 0.5, 1.5]


# --- jitter -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("jitter", "lowest", "middle", "highest"),
    [
        ("none", 8.0, 8.0, 8.0),
        ("full", 0.0, 4.0, 8.0),
        ("equal", 4.0, 6.0, 8.0),
        ("additive", 8.0, 8.8, 9.6),
        ("multiplicative", 4.0, 8.0, 12.0),
        ("subtractive", 8.0, 7.2, 6.4),
    ],
)
def test_r1_jitter_of_a_wait(virtual_clock: VirtualClock, jitter: str, lowest: float, middle: float, highest: float) -> None:
    """SPEC R1: the formula of each jitter, at chance 0, one half and almost one, with a factor of 0.2."""
    backoff = exponential(8.0, cap=100.0, jitter=jitter, factor=0.2)  # type: ignore[arg-type]  # a parameter
    for chance, expected in ((0.0, lowest), (0.5, middle), (ALMOST_ONE, highest)):
        virtual_clock.fix_random(chance)
        assert backoff.delay(1) == pytest.approx(expected)


def test_r1_decorrelated_goes_by_the_wait_before(virtual_clock: VirtualClock) -> None:
    """SPEC R1: between `initial` and three times the wait before, at most the cap."""
    backoff = exponential(1.0, cap=20.0, jitter="decorrelated")

    virtual_clock.fix_random(ALMOST_ONE)
    assert waits(backoff) == pytest.approx([3.0, 9.0, 20.0, 20.0, 20.0])
    virtual_clock.fix_random(0.0)
    assert waits(backoff) == [1.0] * 5


def test_r1_decorrelated_waits_follow_each_other_in_a_retry(virtual_clock: VirtualClock) -> None:
    """SPEC R1: the Retry tells each wait the one before."""
    virtual_clock.fix_random(0.5)
    retry = Retry(4, exponential(1.0, jitter="decorrelated"))

    with pytest.raises(ConnectionResetError):
        Pipeline(retry).call(Script(then=ConnectionResetError))

    assert virtual_clock.sleeps == [2.0, 3.5, 5.75]


@pytest.mark.parametrize("jitter", ["additive", "multiplicative", "decorrelated"])
def test_r1_no_jitter_goes_beyond_the_cap(virtual_clock: VirtualClock, jitter: str) -> None:
    """SPEC R1: cut at the cap, jitter included, where the seeds wait 33 s or 45 s of 30."""
    virtual_clock.fix_random(ALMOST_ONE)

    assert max(waits(exponential(10.0, cap=30.0, jitter=jitter, factor=0.1))) == 30.0  # type: ignore[arg-type]  # a parameter


def test_r1_full_jitter_is_the_default_and_a_constant_is_constant() -> None:
    """SPEC R1: linear and exponential spread by full jitter; a constant wait has none."""
    assert (exponential().jitter, linear(1.0).jitter, constant(1.0).jitter) == ("full", "full", "none")


@given(
    initial=st.floats(0.0, 100.0),
    multiplier=st.floats(1.0, 1e6),
    cap=st.floats(0.0, 1e4),
    jitter=st.sampled_from(JITTERS),
    factor=st.floats(0.0, 1.0),
    attempt=st.integers(1, 5000),
    previous=st.floats(0.0, 1e4),
    chance=st.floats(0.0, ALMOST_ONE),
)
def test_r1_every_wait_is_between_zero_and_the_cap(
    initial: float,
    multiplier: float,
    cap: float,
    jitter: str,
    factor: float,
    attempt: int,
    previous: float,
    chance: float,
) -> None:
    """SPEC R1: whatever the parameters, after however many attempts; and `longest` is not exceeded."""
    with VirtualClock() as clock:
        clock.fix_random(chance)
        backoffs = [
            exponential(initial, multiplier=multiplier, cap=cap, jitter=jitter, factor=factor),  # type: ignore[arg-type]  # a parameter
            linear(initial, increment=multiplier, cap=cap, jitter=jitter, factor=factor),  # type: ignore[arg-type]  # a parameter
            constant(initial, cap=cap, jitter=jitter, factor=factor),  # type: ignore[arg-type]  # a parameter
        ]
        for backoff in backoffs:
            assert 0.0 <= backoff.delay(attempt, previous) <= backoff.longest(attempt) <= cap


@pytest.mark.usefixtures("virtual_clock")
def test_r1_nothing_to_wait_stays_nothing() -> None:
    """SPEC R1: zero times whatever is zero, also after so many attempts that the power has no float."""
    assert [exponential(0.0, jitter="none").delay(attempt) for attempt in (1, 2, 1024, 1025, 10**6)] == [0.0] * 5


@pytest.mark.usefixtures("virtual_clock")
def test_r1_a_power_beyond_all_floats_is_the_cap() -> None:
    """SPEC R1: an unlimited Retry that has been at it for ever still waits."""
    assert exponential(0.1, cap=30.0, jitter="none").delay(10**6) == 30.0
    assert linear(0.1, cap=30.0, jitter="none").delay(10**400) == 30.0


# --- configuration ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "named"),
    [
        *((lambda value=value: constant(value), "delay") for value in (-1.0, math.nan, math.inf, "1", None, True)),
        *((lambda value=value: linear(value), "initial") for value in (-1.0, math.nan, math.inf)),
        *((lambda value=value: linear(1.0, increment=value), "increment") for value in (-1.0, math.nan, math.inf)),
        *((lambda value=value: exponential(value), "initial") for value in (-1.0, math.nan, math.inf)),
        *((lambda value=value: exponential(multiplier=value), "multiplier") for value in (0.99, 0.0, math.nan, math.inf)),
        *((lambda value=value: exponential(cap=value), "cap") for value in (-1.0, math.nan, math.inf, None)),
        *((lambda value=value: exponential(factor=value), "factor") for value in (-0.1, 1.1, math.nan)),
        *((lambda value=value: exponential(jitter=value), "jitter") for value in ("Full", "", None)),
    ],
)
def test_r1_a_value_out_of_range_is_refused_by_name(make: object, named: str) -> None:
    """SPEC R1: at construction, with the parameter's name."""
    with pytest.raises(ConfigurationError, match=named):
        make()  # type: ignore[operator]  # a factory


def test_r1_a_backoff_says_what_it_is() -> None:
    """SPEC R1: form, cap and jitter, for `describe()`."""
    assert repr(exponential(0.5, multiplier=3.0, cap=5.0)) == "exponential from 0.5 s times 3, cap 5 s, jitter full"
    assert repr(linear(1.0)) == "linear from 1 s by 1 s, cap 30 s, jitter full"
    assert repr(constant(2.0)) == "constant 2 s, cap 4 s, jitter none"

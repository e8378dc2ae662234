"""SPEC R4, T1, X5: a senseless order of policies is refused, a doubtful one warned about, each with the reason."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from yaoki import (
    AdaptiveLimit,
    Bulkhead,
    CircuitBreaker,
    ConfigurationError,
    Fallback,
    Hedge,
    Pipeline,
    PolicyOrderWarning,
    RateLimiter,
    Retry,
    Throttle,
    Timeout,
    calls,
    constant,
    exponential,
    seconds,
)

Make = Any


def breaker(**parameters: Any) -> CircuitBreaker:
    return CircuitBreaker(**parameters)


def quick() -> Retry:
    return Retry(3, constant(0.0))


# Sensible


SENSIBLE: dict[str, Make] = {
    "standard": lambda: (
        Fallback(value=0),
        Timeout(9.0),
        quick(),
        breaker(),
        RateLimiter(9),
        Bulkhead(3),
        Timeout(1.0),
        Hedge(0.5),
    ),
    "one": lambda: (quick(),),
    "timeouts": lambda: (Timeout(9.0), Timeout(5.0), Timeout(1.0), Timeout(None)),
    "no_time_of_its_own": lambda: (Timeout(None), quick(), Timeout(None)),
    "two_breakers": lambda: (quick(), breaker(name="host"), breaker(name="route")),
    "two_fallbacks": lambda: (Fallback(value=0), Fallback(value=1, on=KeyError)),
    "waits_fit": lambda: (Timeout(3.0), Retry(3, constant(1.0, cap=1.0))),
    "unlimited": lambda: (Timeout(3.0), Retry(float("inf"), constant(60.0))),
    "window_fits": lambda: (breaker(failure_rate=0.5, window=seconds(30.0)), Timeout(15.0)),
    "window_of_calls": lambda: (breaker(failure_rate=0.5, window=calls(10)), Timeout(60.0)),
    "breaker_without_retry": lambda: (breaker(), Bulkhead(3)),
}


@pytest.mark.parametrize("name", SENSIBLE)
def test_a_sensible_order_is_built_in_silence(name: str) -> None:
    """SPEC X5: no false alarms."""
    policies = SENSIBLE[name]()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Pipeline(*policies).policies == policies


# Refused


def twice() -> tuple[Any, ...]:
    one = breaker()
    return quick(), one, one


REFUSED: dict[str, tuple[Make, str]] = {
    "nothing": (lambda: (), "a Pipeline needs at least one policy"),
    "two_retries": (lambda: (quick(), breaker(), quick()), "one Retry at most, .* nest two pipelines instead"),
    "twice": (twice, "the same policy stands twice"),
    "equal_timeouts": (lambda: (Timeout(3.0), Timeout(3.0)), "Timeout of 3 s never passes inside a Timeout of 3 s"),
    "longer_inside": (
        lambda: (Timeout(3.0), quick(), Timeout(5.0, name="attempt")),
        "Timeout 'attempt' of 5 s never passes inside a Timeout of 3 s: an inner Timeout must be the shorter one",
    ),
    "longer_than_the_tightest": (lambda: (Timeout(9.0), Timeout(2.0), Timeout(5.0)), "inside a Timeout of 2 s"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_senseless_order_is_refused(name: str) -> None:
    """SPEC R4, T1: at build, with the reason."""
    make, message = REFUSED[name]
    with pytest.raises(ConfigurationError, match=message):
        Pipeline(*make())


@pytest.mark.parametrize(
    ("thing", "message"),
    [(5, "5 is none"), ("retry", "'retry' is none"), (None, "None is none"), (Retry, "it is a class, make an object of it")],
    ids=["number", "text", "none", "class"],
)
def test_what_is_no_policy_is_refused(thing: Any, message: str) -> None:
    """SPEC X5: the error names what was given."""
    with pytest.raises(ConfigurationError, match=message):
        Pipeline(quick(), thing)


@pytest.mark.parametrize("name", [5, b"x", quick])
def test_a_name_that_is_no_string_is_refused(name: Any) -> None:
    """SPEC X5: names are labels of metrics."""
    with pytest.raises(ConfigurationError, match="name must be a string"):
        Pipeline(quick(), name=name)


# Warned about


DOUBTFUL: dict[str, tuple[Make, str]] = {
    "breaker_outside_retry": (
        lambda: (breaker(), quick()),
        "CircuitBreaker stands outside Retry: it judges whole calls, not attempts",
    ),
    "bulkhead_outside_retry": (
        lambda: (Bulkhead(3), quick()),
        "Bulkhead stands outside Retry: a call keeps its place while it waits for its next attempt",
    ),
    "adaptive_limit_outside_retry": (
        lambda: (AdaptiveLimit(), quick()),
        "AdaptiveLimit stands outside Retry: a call counts as running while it waits",
    ),
    "rate_limiter_outside_retry": (
        lambda: (RateLimiter(9), quick()),
        "RateLimiter stands outside Retry: further attempts are not counted against the rate",
    ),
    "throttle_outside_retry": (
        lambda: (Throttle(), quick()),
        "Throttle stands outside Retry: further attempts are not throttled",
    ),
    "hedge_outside_retry": (
        lambda: (Hedge(0.5), quick()),
        "Hedge stands outside Retry: every hedged call retries by itself, so the calls multiply",
    ),
    "fallback_inside_retry": (
        lambda: (quick(), Fallback(value=0)),
        "Fallback stands inside Retry: the Retry never sees a failure that the Fallback answered",
    ),
    "fallback_inside_breaker": (
        lambda: (breaker(), Fallback(value=0)),
        "Fallback stands inside CircuitBreaker: the CircuitBreaker never sees a failure",
    ),
    "breaker_inside_hedge": (
        lambda: (Hedge(0.5), breaker()),
        "CircuitBreaker stands inside Hedge: the CircuitBreaker cannot tell a hedged call that lost",
    ),
    "waits_too_long": (
        lambda: (Timeout(5.0), Retry(4, exponential(1.0, multiplier=2.0, cap=9.0))),
        "the waits of 4 attempts may add up to 7 s, longer than the Timeout of 5 s around them",
    ),
    "window_too_short": (
        lambda: (breaker(failure_rate=0.5, window=seconds(10.0)), Timeout(6.0)),
        "the CircuitBreaker counts the last 10 s and a call may take 6 s",
    ),
}


@pytest.mark.parametrize("name", DOUBTFUL)
def test_a_doubtful_order_is_warned_about(name: str) -> None:
    """SPEC R4, X5: with the reason, at the line that builds the pipeline; and built as it is written."""
    make, message = DOUBTFUL[name]
    policies = make()
    with pytest.warns(PolicyOrderWarning) as warned:
        assert Pipeline(*policies).policies == policies

    assert [str(warning.message).startswith(message) for warning in warned] == [True]
    assert [warning.filename for warning in warned] == [__file__]


def test_every_doubt_is_told() -> None:
    """SPEC X5: not only the first."""
    with pytest.warns(PolicyOrderWarning) as warned:
        Pipeline(Bulkhead(3), breaker(), quick(), Fallback(value=0))

    assert len(warned) == 4


def test_a_doubt_can_be_an_error() -> None:
    """SPEC X5: for those who want no doubtful order in their program."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", PolicyOrderWarning)
        with pytest.raises(PolicyOrderWarning):
            Pipeline(breaker(), quick())


def test_the_order_of_a_refused_pipeline_changes_nothing() -> None:
    """SPEC X5: its policies can be used for another one."""
    one, other = quick(), quick()
    with pytest.raises(ConfigurationError):
        Pipeline(one, other, name="refused")

    assert Pipeline(one).call(abs, -1) == 1

"""The errors that Yaoki raises itself: cheap facts, pickling, names (SPEC F5, F6, B5)."""

from __future__ import annotations

import pickle

import pytest

from yaoki.core.faults.errors import (
    BulkheadFullError,
    CircuitOpenError,
    ConfigurationError,
    DeadlineExceededError,
    OverloadedError,
    RateLimitedError,
    Rejected,
    RetryExhaustedError,
    ShuttingDownError,
    YaokiError,
)
from yaoki.core.policies.breaker import CircuitBreaker
from yaoki.core.policies.policy import Policy
from yaoki.testing import VirtualClock

REFUSALS = [Rejected, CircuitOpenError, BulkheadFullError, RateLimitedError, OverloadedError, ShuttingDownError]


class Keyed(Policy):
    name = "search"
    key = ("tenant", 7)


@pytest.mark.parametrize("cls", REFUSALS)
def test_a_refusal_says_who_refused_and_until_when(cls: type[Rejected]) -> None:
    """SPEC B5: policy, key and retry_after; the time counts down."""
    policy = Keyed()
    with VirtualClock(start=10.0) as time:
        error = cls(policy, 12.0)

        assert (error.policy, error.key, error.retry_after) == (policy, ("tenant", 7), 2.0)
        time.advance(1.5)
        assert error.retry_after == 0.5
        time.advance(9.0)
        assert error.retry_after == 0.0


@pytest.mark.parametrize("cls", REFUSALS)
def test_a_refusal_without_a_time_says_none(cls: type[Rejected]) -> None:
    """SPEC B5: where no time can be told there is none."""
    error = cls(Keyed(), float("inf"))

    assert error.retry_after is None
    assert "retry makes sense" not in str(error)


@pytest.mark.parametrize("cls", REFUSALS)
def test_a_pickled_refusal_keeps_its_facts(cls: type[Rejected]) -> None:
    """SPEC F5: the error crosses a process boundary; the time left is counted from the arrival."""
    with VirtualClock(start=10.0) as time:
        error = cls(Keyed(), 12.0)
        error.add_note("seen at the edge")
        text = str(error)
        sent = pickle.dumps(error)
        time.advance(100.0)
        back = pickle.loads(sent)

        assert type(back) is cls
        assert str(back.policy) == "Keyed 'search' [('tenant', 7)]"
        assert (back.key, back.retry_after, str(back)) == (("tenant", 7), 2.0, text)
        assert back.__notes__ == ["seen at the edge"]


@pytest.mark.parametrize("cls", REFUSALS)
def test_a_refusal_survives_two_boundaries(cls: type[Rejected]) -> None:
    """SPEC F5: what was unpickled can be pickled again."""
    with VirtualClock():
        once = pickle.loads(pickle.dumps(cls(Keyed(), 3.0)))
        twice = pickle.loads(pickle.dumps(once))

        assert (str(twice), twice.key, twice.retry_after) == (str(once), once.key, once.retry_after)


def test_a_pickled_refusal_of_a_breaker_keeps_its_reason() -> None:
    """SPEC B5: since when the circuit is open is still told on the other side."""
    with VirtualClock() as time:
        breaker = CircuitBreaker(failure_threshold=1, open_timeout=30.0, name="db")
        with pytest.raises(OSError, match="down"):
            breaker.call(_fail)
        time.advance(10.0)
        with pytest.raises(CircuitOpenError) as caught:
            breaker.call(_fail)

        back = pickle.loads(pickle.dumps(caught.value))

        assert "is open since 10 s" in str(back)
        assert (str(back), back.since) == (str(caught.value), None)


def _fail() -> None:
    raise OSError("down")


@pytest.mark.parametrize("policy", [None, Keyed(), "Timeout"])
def test_a_passed_deadline_is_a_timeout_error(policy: Policy | str | None) -> None:
    """SPEC T1: `except TimeoutError` sees it, and the parts of an OSError are not misused for its facts."""
    error = DeadlineExceededError(policy, 12.0, "the call was not started")

    assert isinstance(error, TimeoutError)
    assert (error.policy, error.until, error.detail) == (policy, 12.0, "the call was not started")
    assert (error.errno, error.strerror, error.filename) == (None, None, None)
    assert str(error).endswith("has passed: the call was not started")


def test_a_pickled_deadline_keeps_its_facts() -> None:
    """SPEC F5: the error crosses a process boundary; of the policy its name is left."""
    error = DeadlineExceededError(Keyed(), 12.0)
    error.add_note("a note")

    back = pickle.loads(pickle.dumps(error))

    assert (back.policy, back.until, str(back)) == ("Keyed 'search' [('tenant', 7)]", 12.0, str(error))
    assert back.__notes__ == ["a note"]


def test_a_pickled_inherited_deadline_stays_inherited() -> None:
    """SPEC T1: no policy before, no policy after."""
    assert pickle.loads(pickle.dumps(DeadlineExceededError(None, 12.0))).policy is None


def test_an_exhausted_retry_carries_every_attempt() -> None:
    """SPEC R5: the wrapping error keeps all of them, through pickling too."""
    error = RetryExhaustedError("2 attempts failed", [OSError("a"), KeyError("b")])

    back = pickle.loads(pickle.dumps(error))

    assert [repr(attempt) for attempt in error.attempts] == ["OSError('a')", "KeyError('b')"]
    assert [repr(attempt) for attempt in back.attempts] == ["OSError('a')", "KeyError('b')"]
    assert str(back) == "2 attempts failed"


@pytest.mark.parametrize("error", [YaokiError("x"), ConfigurationError("y must be positive")])
def test_the_plain_errors_can_be_pickled(error: YaokiError) -> None:
    """SPEC F5: every error of ours crosses a process boundary."""
    back = pickle.loads(pickle.dumps(error))

    assert (type(back), str(back)) == (type(error), str(error))


def test_a_configuration_error_is_a_value_error() -> None:
    """SPEC F5: what checks values today goes on to work."""
    assert issubclass(ConfigurationError, ValueError)

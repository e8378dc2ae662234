"""SPEC R1, R3, R4: bad configuration is refused at construction, with the parameter's name and its range."""

from __future__ import annotations

import json
from typing import Any

import pytest

from yaoki import UNLIMITED, Budget, ConfigurationError, Pipeline, Recoverability, Retry, constant, exponential, linear
from yaoki.core.policies.backoff import Backoff

NAN = float("nan")
INFINITY = float("inf")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"max_attempts": 0}, "max_attempts must be at least 1, not 0"),
        ({"max_attempts": -1}, "max_attempts must be at least 1, not -1"),
        ({"max_attempts": 2.0}, "max_attempts must be a whole number, not 2.0"),
        ({"max_attempts": True}, "max_attempts must be a whole number, not True"),
        ({"max_attempts": "3"}, "max_attempts must be a whole number, not '3'"),
        ({"max_attempts": NAN}, "max_attempts must be a whole number, not nan"),
        ({"backoff": 1.0}, "backoff must come from constant, linear or exponential, not 1.0"),
        ({"retry_on": 5}, "retry_on must be an exception type, a tuple of types or a predicate, not 5"),
        ({"retry_on": int}, "retry_on must name exception types, and int is none"),
        ({"retry_on": (OSError, "x")}, "retry_on must hold exception types only, and 'x' is none"),
        ({"give_up_on": 5}, "give_up_on must be an exception type, a tuple of types or a predicate, not 5"),
        ({"retry_if_result": 5}, "retry_if_result must be a predicate of the value, not 5"),
        ({"budget": 5}, "budget must be a Budget, or None to switch it off, not 5"),
        ({"per_recoverability": {"severe": 3}}, "per_recoverability must map Recoverability to Retry"),
        ({"per_recoverability": {Recoverability.SEVERE: 3}}, "per_recoverability must map Recoverability to Retry"),
        ({"max_elapsed": 0}, "max_elapsed must be above 0 seconds, not 0"),
        ({"max_elapsed": -1.0}, "max_elapsed must be above 0 seconds, not -1.0"),
        ({"max_elapsed": NAN}, "max_elapsed must be a number, not NaN"),
        ({"max_elapsed": "5"}, "max_elapsed must be a number, not '5'"),
        ({"retry_after_cap": -1.0}, "retry_after_cap must be at least 0 seconds, not -1.0"),
        ({"retry_after_cap": NAN}, "retry_after_cap must be a number, not NaN"),
    ],
    ids=str,
)
def test_r4_a_value_out_of_range_is_refused(parameters: dict[str, Any], message: str) -> None:
    """SPEC R4: the error names the parameter and its range."""
    with pytest.raises(ConfigurationError) as raised:
        Retry(**parameters)

    assert str(raised.value) == message


def test_r4_unlimited_attempts_need_the_explicit_word() -> None:
    """SPEC R4: None is no word, and the error names the one that is."""
    with pytest.raises(ConfigurationError, match="max_attempts=UNLIMITED"):
        Retry(None)  # type: ignore[arg-type]  # what the test is about

    assert Retry(UNLIMITED).configuration()["max_attempts"] == UNLIMITED


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: constant(-1.0), "delay must be at least 0 seconds, not -1.0"),
        (lambda: constant(INFINITY), "delay must be a finite number of seconds"),
        (lambda: constant(1.0, jitter="some"), "jitter must be one of none, full, equal"),
        (lambda: constant(1.0, factor=1.5), "factor must be between 0 and 1, not 1.5"),
        (lambda: linear(-1.0), "initial must be at least 0 seconds, not -1.0"),
        (lambda: linear(1.0, increment=-1.0), "increment must be at least 0 seconds, not -1.0"),
        (lambda: linear(1.0, cap=NAN), "cap must be a number, not NaN"),
        (lambda: exponential(NAN), "initial must be a number, not NaN"),
        (lambda: exponential(1.0, multiplier=0.5), "multiplier must be at least 1"),
        (lambda: exponential(1.0, cap=INFINITY), "cap must be a finite number of seconds"),
    ],
)
def test_r1_a_backoff_out_of_range_is_refused(make: Any, message: str) -> None:
    """SPEC R1: the error names the parameter and its range."""
    with pytest.raises(ConfigurationError) as raised:
        make()

    assert str(raised.value).startswith(message)


@pytest.mark.parametrize("types", [[OSError], {OSError}, frozenset({OSError})])
def test_r3_any_collection_of_types_will_do(types: Any) -> None:
    """SPEC R3: a list of types is a tuple of types, and cannot be changed afterwards."""
    retry = Retry(2, constant(0.0), retry_on=types)

    assert retry.config.retry_on == (OSError,)


def test_r4_the_defaults_are_those_of_the_documents() -> None:
    """SPEC R1, R2, R4: three attempts, exponential back-off with full jitter, a budget of its own."""
    retry = Retry()

    assert retry.configuration() == {
        "max_attempts": 3,
        "backoff": "exponential from 0.1 s times 2, cap 10 s, jitter full",
        "budget": "own",
    }


def test_r4_what_is_configured_is_described() -> None:
    """SPEC R3, R4: every parameter that is set, JSON-ready."""

    def busy(value: object) -> bool:
        return value is None

    retry = Retry(
        UNLIMITED,
        constant(1.0),
        retry_on=(OSError, KeyError),
        give_up_on=TimeoutError,
        retry_if_result=busy,
        budget=Budget(),
        per_recoverability={Recoverability.SEVERE: Retry()},
        max_elapsed=60.0,
        wrap=True,
    )
    (layer,) = Pipeline(retry).describe().layers

    assert json.loads(json.dumps(layer)) == {
        "kind": "retry",
        "name": None,
        "max_attempts": "unlimited",
        "backoff": "constant 1 s, cap 2 s, jitter none",
        "retry_on": "OSError, KeyError",
        "give_up_on": "TimeoutError",
        "retry_if_result": busy.__qualname__,
        "budget": "shared",
        "per_recoverability": ["severe"],
        "max_elapsed": 60.0,
        "wrap": True,
    }


def test_r2_equal_presets_can_be_told_apart() -> None:
    """SPEC R2: a back-off says what it is."""
    assert repr(exponential(0.5, multiplier=2.0, cap=5.0)) == "exponential from 0.5 s times 2, cap 5 s, jitter full"
    assert repr(linear(1.0, cap=9.0)) == "linear from 1 s by 1 s, cap 9 s, jitter full"
    assert isinstance(constant(1.0), Backoff)

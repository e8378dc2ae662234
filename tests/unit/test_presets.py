"""The figures of the source documents, to the letter (SPEC R2, R3, B10, P1)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from yaoki import (
    CircuitBreaker,
    CircuitState,
    Fallback,
    Pipeline,
    Recoverability,
    Retry,
    classify,
    presets,
    seconds,
)
from yaoki.testing import VirtualClock

RETRIES: list[tuple[Callable[..., Retry], int, list[float], str, float]] = [
    (presets.diameter_retry, 3, [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0], "full", 5.0),
    (presets.chat_retry, 3, [0.5, 1.0, 2.0, 4.0, 5.0], "full", 5.0),
    (presets.mesh_retry, 5, [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0], "subtractive", 30.0),
    (presets.mesh_reconnect, 5, [0.1, 0.2, 0.4, 0.8], "subtractive", 30.0),
    (presets.transient_retry, 10, [0.05, 0.075, 0.1125], "subtractive", 5.0),
    (presets.severe_retry, 3, [1.0, 3.0, 9.0, 27.0, 60.0], "subtractive", 60.0),
    (presets.standard_retry, 3, [1.0, 2.0, 4.0], "multiplicative", 30.0),
    (presets.git_retry, 3, [1.0, 2.0, 4.0, 8.0, 10.0], "full", 10.0),
]


@pytest.mark.parametrize(
    ("preset", "attempts", "waits", "jitter", "cap"), RETRIES, ids=lambda value: getattr(value, "__name__", "")
)
def test_r2_the_figures_of_a_retry(
    preset: Callable[..., Retry], attempts: int, waits: list[float], jitter: str, cap: float
) -> None:
    """SPEC R2: attempts count every try; waits before jitter; the jitter's kind; the cap."""
    config = preset().config

    assert config.max_attempts == attempts
    assert config.backoff.jitter == jitter
    assert config.backoff.cap == cap
    with VirtualClock() as clock:
        # The chance at which each jitter leaves the wait as it is.
        clock.fix_random({"full": 1.0 - 1e-9, "subtractive": 0.0, "multiplicative": 0.5}[jitter])
        assert [config.backoff.delay(attempt) for attempt in range(1, len(waits) + 1)] == pytest.approx(waits)


def test_r2_the_factors_of_subtractive_jitter() -> None:
    """SPEC R2: 0.1 for mesh and transient, 0.2 for severe, 0.5 for reconnecting."""
    factors = {preset.__name__: preset().config.backoff.factor for preset, *_ in RETRIES}

    assert factors["mesh_retry"] == factors["transient_retry"] == 0.1
    assert factors["severe_retry"] == 0.2
    assert factors["mesh_reconnect"] == 0.5


def test_r2_the_standard_retry_without_growth_waits_a_constant_second() -> None:
    """SPEC R2: `exponential=False` = constant 1 s, with the seed's jitter."""
    backoff = presets.standard_retry(is_exponential=False).config.backoff

    with VirtualClock() as clock:
        clock.fix_random(0.5)
        assert [backoff.delay(attempt) for attempt in (1, 2, 3)] == [1.0, 1.0, 1.0]


def test_r2_git_repeats_what_heals_soon_only() -> None:
    """SPEC R2: git retries transient faults only; a severe one and a bug go on to the caller."""

    class DiskIsDyingError(Exception):
        pass

    forget = classify.register(DiskIsDyingError, recoverability=Recoverability.SEVERE)
    try:
        for error, tries in ((ConnectionResetError(), 3), (DiskIsDyingError(), 1), (TypeError(), 1)):
            calls: list[int] = []

            def fails(error: Exception = error, calls: list[int] = calls) -> None:
                calls.append(1)
                raise error

            with VirtualClock(), pytest.raises(type(error)):
                Pipeline(presets.git_retry()).call(fails)
            assert len(calls) == tries
    finally:
        forget()


def test_r3_the_mesh_has_a_policy_for_each_class_and_severe_really_gets_its_own() -> None:
    """SPEC R3: transient 10 attempts, severe 3, the others 5."""

    class PeerConfusedError(Exception):
        pass

    expected = {Recoverability.TRANSIENT: 10, Recoverability.RECOVERABLE: 5, Recoverability.SEVERE: 3, Recoverability.FATAL: 1}
    for recoverability, tries in expected.items():
        forget = classify.register(PeerConfusedError, recoverability=recoverability)
        calls: list[int] = []

        def fails(calls: list[int] = calls) -> None:
            calls.append(1)
            raise PeerConfusedError

        try:
            with VirtualClock(), pytest.raises(PeerConfusedError):
                Pipeline(presets.mesh_retry_per_class()).call(fails)
        finally:
            forget()
        assert len(calls) == tries, recoverability


def test_b10_the_standard_breaker() -> None:
    """SPEC B10: 5 consecutive, open 60 s, half_open_timeout 30 s, 1 success."""
    config = presets.standard_breaker().config

    assert config.failure_threshold == 5
    assert config.failure_window is None
    assert (config.open_timeout, config.half_open_timeout, config.success_threshold) == (60.0, 30.0, 1)


def test_b10_the_chat_breaker() -> None:
    """SPEC B10: rate 0.5 of at least 10 calls in 30 s, open 30 s, 1 trial."""
    config = presets.chat_breaker().config

    assert (config.failure_rate, config.minimum_calls) == (0.5, 10)
    assert repr(config.window) == repr(seconds(30.0))
    assert (config.open_timeout, config.half_open_max_calls) == (30.0, 1)


def test_b10_the_simple_chat_breaker() -> None:
    """SPEC B10: 5 consecutive, 30 s."""
    config = presets.chat_simple_breaker().config

    assert (config.failure_threshold, config.open_timeout) == (5, 30.0)


def test_b10_the_mesh_breaker_opens_at_five_failures_in_five_seconds() -> None:
    """SPEC B10: 5 in 5 s, open 5 s, 2 successes."""
    breaker = presets.mesh_breaker()

    def fails() -> None:
        raise ConnectionResetError

    with VirtualClock() as clock:
        for _ in range(5):
            clock.advance(1.3)
            with pytest.raises(ConnectionResetError):
                breaker.call(fails)
        assert breaker.state is CircuitState.CLOSED
        clock.advance(0.5)
        with pytest.raises(ConnectionResetError):
            breaker.call(fails)
        assert breaker.state is CircuitState.OPEN
        clock.advance(5.1)
        breaker.call(str)
        assert breaker.state is CircuitState.HALF_OPEN
        breaker.call(str)
        assert breaker.state is CircuitState.CLOSED


def test_b10_a_presets_figure_can_be_changed() -> None:
    """SPEC B10: keyword arguments go to the policy, and every preset makes a policy of its own."""
    assert presets.chat_breaker(open_timeout=5.0).config.open_timeout == 5.0
    assert presets.chat_retry(budget=None).config.budget is None
    assert presets.mesh_breaker() is not presets.mesh_breaker()


def test_p1_execute_with_a_fallback_as_the_seed_has_it() -> None:
    """SPEC P1: `CircuitBreaker.execute(func, fallback, *args)`: same arguments, on failure and on refusal, counted first."""
    breaker = presets.standard_breaker()
    served: list[tuple[str, int]] = []

    def fallback(name: str, *, size: int) -> str:
        served.append((name, size))
        return "from the fallback"

    def fails(name: str, *, size: int) -> str:
        raise ConnectionResetError(name)

    guarded = Pipeline(Fallback(fallback), breaker)
    answers = {guarded.call(fails, "a", size=1) for _ in range(7)}

    assert answers == {"from the fallback"}
    assert served == [("a", 1)] * 7
    assert breaker.state is CircuitState.OPEN
    assert breaker.snapshot()["failures"] == 5
    assert breaker.snapshot()["rejected"] == 2


def test_p1_the_standard_pipeline_stands_in_the_recommended_order() -> None:
    """SPEC P1: fallback, total timeout, retry, breaker, timeout of one attempt; without any warning."""
    pipeline = presets.standard_pipeline("search", fallback=Fallback(value=None))

    assert [type(policy).__name__ for policy in pipeline.policies] == [
        "Fallback",
        "Timeout",
        "Retry",
        "CircuitBreaker",
        "Timeout",
    ]
    assert isinstance(pipeline.policies[3], CircuitBreaker)
    assert pipeline.call(str, 1) == "1"

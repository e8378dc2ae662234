"""The figures of the source documents, under their names, and a standard pipeline (SPEC R2, B10, P1).

| retry | attempts | first wait | growth | cap | jitter |
| --- | --- | --- | --- | --- | --- |
| diameter | 3 | 100 ms | x 2 | 5 s | full |
| chat | 3 | 500 ms | x 2 | 5 s | full |
| mesh | 5 | 100 ms | x 2 | 30 s | subtractive 0.1 |
| transient | 10 | 50 ms | x 1.5 | 5 s | subtractive 0.1 |
| severe | 3 | 1 s | x 3 | 60 s | subtractive 0.2 |
| standard | 3 | 1 s | x 2 | 30 s | multiplicative |
| git | 3 | 1 s | x 2 | 10 s | full; transient faults only |

| breaker | opens at | stays open | trials |
| --- | --- | --- | --- |
| standard | 5 consecutive failures | 60 s | 30 s each, 1 success closes |
| chat | half of at least 10 calls in 30 s | 30 s | 1 |
| chat_simple | 5 consecutive failures | 30 s | 1 |
| mesh | 5 consecutive failures in 5 s | 5 s | 2 successes close |

Every preset makes a new policy with a state of its own; keyword arguments go to the policy beside the preset's figures.
"""

from __future__ import annotations

from yaoki.core.faults.category import Recoverability
from yaoki.core.faults.classifier import classify
from yaoki.core.faults.errors import Rejected
from yaoki.core.pipeline.pipeline import Pipeline
from yaoki.core.policies.backoff import constant, exponential
from yaoki.core.policies.breaker import CircuitBreaker
from yaoki.core.policies.breaker_config import seconds
from yaoki.core.policies.retry import Retry
from yaoki.core.policies.timeout import Timeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from yaoki.core.policies.fallback import Fallback
    from yaoki.core.policies.policy import Policy

__all__ = [
    "chat_breaker",
    "chat_retry",
    "chat_simple_breaker",
    "diameter_retry",
    "git_retry",
    "mesh_breaker",
    "mesh_reconnect",
    "mesh_retry",
    "mesh_retry_per_class",
    "severe_retry",
    "standard_breaker",
    "standard_pipeline",
    "standard_retry",
    "transient_retry",
]


def diameter_retry(**parameters: Any) -> Retry:
    """3 attempts, from 100 ms doubling up to 5 s, full jitter. For connecting and our own requests, never for a peer's."""
    return Retry(3, exponential(0.1, multiplier=2.0, cap=5.0), **parameters)


def chat_retry(**parameters: Any) -> Retry:
    """3 attempts, from 500 ms doubling up to 5 s, full jitter."""
    return Retry(3, exponential(0.5, multiplier=2.0, cap=5.0), **parameters)


def mesh_retry(**parameters: Any) -> Retry:
    """5 attempts, from 100 ms doubling up to 30 s, at most 10 % shorter at random."""
    return Retry(5, exponential(0.1, multiplier=2.0, cap=30.0, jitter="subtractive", factor=0.1), **parameters)


def mesh_reconnect(**parameters: Any) -> Retry:
    """`mesh_retry` for reconnecting to a peer, at most 50 % shorter at random: peers must not come back at once."""
    return Retry(5, exponential(0.1, multiplier=2.0, cap=30.0, jitter="subtractive", factor=0.5), **parameters)


def transient_retry(**parameters: Any) -> Retry:
    """10 attempts, from 50 ms growing by half up to 5 s, at most 10 % shorter at random."""
    return Retry(10, exponential(0.05, multiplier=1.5, cap=5.0, jitter="subtractive", factor=0.1), **parameters)


def severe_retry(**parameters: Any) -> Retry:
    """3 attempts, from 1 s tripling up to 60 s, at most 20 % shorter at random."""
    return Retry(3, exponential(1.0, multiplier=3.0, cap=60.0, jitter="subtractive", factor=0.2), **parameters)


def mesh_retry_per_class(**parameters: Any) -> Retry:
    """`mesh_retry`, with `transient_retry` for transient faults and `severe_retry` for severe ones (SPEC R3)."""
    classes = {Recoverability.TRANSIENT: transient_retry(), Recoverability.SEVERE: severe_retry()}
    return mesh_retry(per_recoverability=classes, **parameters)


def standard_retry(*, is_exponential: bool = True, **parameters: Any) -> Retry:
    """3 attempts, from 1 s doubling up to 30 s, between half and one and a half times that; or a constant second."""
    waits = (
        exponential(1.0, multiplier=2.0, cap=30.0, jitter="multiplicative")
        if is_exponential
        else constant(1.0, cap=30.0, jitter="multiplicative")
    )
    return Retry(3, waits, **parameters)


def git_retry(**parameters: Any) -> Retry:
    """3 attempts, from 1 s doubling up to 10 s, full jitter; only what heals by itself soon, severe faults excluded."""
    return Retry(3, exponential(1.0, multiplier=2.0, cap=10.0), **{"retry_on": _heals_soon, **parameters})


def _heals_soon(error: BaseException) -> bool:
    # A refusal by a policy of ours is no answer of the remote's: to wait for it is the caller's decision.
    return (
        isinstance(error, Exception)
        and not isinstance(error, Rejected)
        and classify(error).recoverability < Recoverability.SEVERE
    )


def standard_breaker(**parameters: Any) -> CircuitBreaker:
    """Opens at 5 consecutive failures for 60 s; a trial may take 30 s; 1 success closes."""
    return CircuitBreaker(
        **{"failure_threshold": 5, "open_timeout": 60.0, "half_open_timeout": 30.0, "success_threshold": 1, **parameters}
    )


def chat_breaker(**parameters: Any) -> CircuitBreaker:
    """Opens when half of at least 10 calls of the last 30 s failed, for 30 s; 1 trial."""
    figures = {"failure_rate": 0.5, "minimum_calls": 10, "window": seconds(30.0), "open_timeout": 30.0}
    return CircuitBreaker(**{**figures, "half_open_max_calls": 1, **parameters})


def chat_simple_breaker(**parameters: Any) -> CircuitBreaker:
    """Opens at 5 consecutive failures for 30 s."""
    return CircuitBreaker(**{"failure_threshold": 5, "open_timeout": 30.0, **parameters})


def mesh_breaker(**parameters: Any) -> CircuitBreaker:
    """Opens at 5 failures in a row within 5 s, for 5 s; 2 successes close."""
    figures = {"failure_threshold": 5, "failure_window": 5.0, "open_timeout": 5.0, "success_threshold": 2}
    return CircuitBreaker(**{**figures, **parameters})


def standard_pipeline(name: str, *, total: float = 30.0, attempt: float = 10.0, fallback: Fallback | None = None) -> Pipeline:
    """The order that fits most dependencies: fallback, total timeout, retry, circuit breaker, timeout of one attempt.

    `total` and `attempt` are seconds. 3 attempts from 100 ms on; opens when half of at least 10 of the last 100 calls failed.
    """
    policies: list[Policy] = [
        Timeout(total),
        Retry(3, exponential(0.1, cap=5.0)),
        CircuitBreaker(failure_rate=0.5, minimum_calls=10, open_timeout=30.0),
        Timeout(attempt),
    ]
    return Pipeline(*([] if fallback is None else [fallback]), *policies, name=name)

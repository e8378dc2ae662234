"""How the chat calls a dependency: one pipeline each, and what came of a call (SPEC G2).

Outermost first: the whole budget, retries, the breaker, one attempt. A timeout counts as a failure of the dependency.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from yaoki.core.pipeline.pipeline import Pipeline
from yaoki.core.policies.backoff import exponential
from yaoki.core.policies.breaker import CircuitBreaker
from yaoki.core.policies.breaker_config import seconds
from yaoki.core.policies.retry import Retry
from yaoki.core.policies.timeout import Timeout

if TYPE_CHECKING:
    from yaoki.core.pipeline.outcome import Outcome
    from yaoki.systems.chat.configuration import ChatConfiguration

__all__ = ["LLM", "VECTOR", "Result", "dependency_pipeline"]

VECTOR = "vector"
"""The search: passages for a question."""
LLM = "llm"
"""The answerer: an answer from passages."""

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 5.0

T = TypeVar("T")


def dependency_pipeline(name: str, *, total: float, attempt: float, configuration: ChatConfiguration) -> Pipeline:
    """The pipeline of one dependency. `total` and `attempt` are seconds.

    The waits between attempts begin with 0.5 s, double up to 5 s and have full jitter; they are shorter in proportion where they
    could take more than half of `total`.
    """
    attempts = configuration.retry_max_attempts
    longest = sum(min(_FIRST_WAIT * 2.0**number, _LONGEST_WAIT) for number in range(attempts - 1))
    scale = min(1.0, 0.5 * total / longest) if longest else 1.0
    return Pipeline(
        Timeout(total),
        Retry(attempts, exponential(_FIRST_WAIT * scale, multiplier=2.0, cap=_LONGEST_WAIT * scale)),
        CircuitBreaker(
            failure_rate=configuration.breaker_failure_rate,
            minimum_calls=configuration.breaker_minimum_calls,
            window=seconds(configuration.breaker_window),
            open_timeout=configuration.breaker_open_timeout,
            half_open_max_calls=1,
            name=name,
        ),
        Timeout(attempt),
        name=name,
    )


@dataclass(frozen=True, slots=True)
class Result(Generic[T]):
    """What came of one call of a dependency in one request.

    `value`: what it returned, None if it failed. `reason`: why it failed, in one word such as `circuit_open` or
    `DeadlineExceededError`; None if it did not. `attempts`: tries made.
    """

    value: T | None
    reason: str | None = None
    attempts: int = 1

    @property
    def failed(self) -> bool:
        """Whether the dependency failed in this request."""
        return self.reason is not None

    @classmethod
    def of(cls, outcome: Outcome[Any]) -> Result[Any]:
        """The result of a call through a pipeline."""
        if outcome.fault is None:
            return cls(outcome.value, None, outcome.attempts)
        return cls(None, outcome.fault.error_type, outcome.attempts)

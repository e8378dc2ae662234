"""How the chat calls a dependency: one pipeline each, and what came of a call (SPEC G2).

Outermost first: the whole budget, retries, the breaker, one attempt. A timeout counts as a failure of the dependency.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from yaoki.core.faults.classifier import classify
from yaoki.core.pipeline.pipeline import Pipeline
from yaoki.core.policies.backoff import exponential
from yaoki.core.policies.breaker import CircuitBreaker
from yaoki.core.policies.breaker_config import seconds
from yaoki.core.policies.budget import Budget
from yaoki.core.policies.bulkhead import Bulkhead
from yaoki.core.policies.retry import Retry
from yaoki.core.policies.timeout import Timeout

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from yaoki.core.policies.policy import Policy
    from yaoki.systems.chat.configuration import ChatConfiguration

__all__ = ["LLM", "VECTOR", "Result", "call", "dependency_pipeline"]

VECTOR = "vector"
"""The search: passages for a question."""
LLM = "llm"
"""The answerer: an answer from passages."""

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 5.0

_BUDGET, _RETRY_COST = 60, 30
"""Tokens of the retry budget: a few retries are free, then about one call in eight is tried again while a fifth of them fails."""

_AT_ONCE = 1
"""Calls of a part of this process that run at once. More would only take the interpreter away from the event loop."""

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


def dependency_pipeline(
    name: str, *, total: float, attempt: float | None, configuration: ChatConfiguration, local: bool
) -> Pipeline:
    """The pipeline of one dependency. `total` and `attempt` are seconds; None leaves one attempt the whole budget.

    The waits between attempts begin with 0.5 s, double up to 5 s and have full jitter; they are shorter in proportion where they
    could take more than half of `total`. `local`: the dependency is a part of this process; calls then queue for it inside of
    the breaker, so that a crowd is no failure of the part.
    """
    attempts = configuration.retry_max_attempts
    longest = sum(min(_FIRST_WAIT * 2.0**number, _LONGEST_WAIT) for number in range(attempts - 1))
    scale = min(1.0, 0.5 * total / longest) if longest else 1.0
    budget = Budget(_BUDGET, retry_cost=_RETRY_COST, throttled_cost=_RETRY_COST)
    policies: list[Policy] = [
        Timeout(total),
        Retry(attempts, exponential(_FIRST_WAIT * scale, multiplier=2.0, cap=_LONGEST_WAIT * scale), budget=budget),
        CircuitBreaker(
            failure_rate=configuration.breaker_failure_rate,
            minimum_calls=configuration.breaker_minimum_calls,
            window=seconds(configuration.breaker_window),
            open_timeout=configuration.breaker_open_timeout,
            half_open_max_calls=1,
            name=name,
        ),
    ]
    if local:
        policies.append(Bulkhead(_AT_ONCE, max_queue=configuration.max_concurrent, max_wait=total / 2.0, name=name))
    if attempt is not None:
        policies.append(Timeout(attempt))
    return Pipeline(*policies, name=name)


@dataclass(frozen=True, slots=True)
class Result(Generic[T_co]):
    """What came of one call of a dependency in one request.

    `value`: what it returned, None if it failed. `reason`: why it failed, in one word such as `circuit_open`, `http_503` or
    `deadline_exceeded`; None if it did not. `attempts`: tries made, 0 if the call was refused before the first.
    """

    value: T_co | None
    reason: str | None = None
    attempts: int = 1

    @property
    def failed(self) -> bool:
        """Whether the dependency failed in this request."""
        return self.reason is not None

    @classmethod
    def of_error(cls, error: Exception, attempts: int) -> Result[Any]:
        """The result of a call that ended with this exception."""
        fault = classify(error)
        reason = f"http_{fault.code}" if fault.error_type == "HTTPStatusError" else fault.error_type
        return cls(None, reason, attempts)


async def call(pipeline: Pipeline, attempt: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> Result[T]:
    """What came of a call through the pipeline of a dependency. Never raises for a failure of the dependency."""
    made = 0

    async def counted() -> T:
        nonlocal made
        made += 1
        return await attempt(*args, **kwargs)

    try:
        value = await pipeline.acall(counted)
    except Exception as error:  # noqa: BLE001  # the border to a dependency: its failure is a part of the reply
        return Result.of_error(error, made)
    return Result(value, None, made)

"""What is known about the health of a dependency: read from its circuit and from its answers, never asked for (SPEC F4, H1).

A check sends no traffic of its own to a dependency.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from yaoki.core.clock import clock
from yaoki.core.faults.errors import CircuitOpenError
from yaoki.core.health.failure_duration import FailureDuration, judge
from yaoki.core.policies.breaker import CircuitBreaker, CircuitState

if TYPE_CHECKING:
    from yaoki.core.pipeline.pipeline import Pipeline
    from yaoki.systems.chat.dependencies.query_types import QueryTypes

__all__ = ["breaker_of", "check_dependency", "failure_duration"]


def breaker_of(pipeline: Pipeline) -> CircuitBreaker:
    """The circuit breaker of a dependency's pipeline."""
    return next(policy for policy in pipeline.policies if isinstance(policy, CircuitBreaker))


async def check_dependency(pipeline: Pipeline, query_types: QueryTypes) -> str:
    """What a health check says about it. Raises CircuitOpenError while its circuit is not closed."""
    breaker = breaker_of(pipeline)
    if breaker.state is not CircuitState.CLOSED:
        raise CircuitOpenError(breaker, breaker.shut_until(clock.now()))
    failing = ", ".join(query_types.failing)
    return f"its circuit is closed; questions of these types fail: {failing}" if failing else "its circuit is closed"


def failure_duration(pipeline: Pipeline, query_types: QueryTypes) -> FailureDuration:
    """How long it has been failing, and for how much: partial where only some types of question fail."""
    duration = judge(pipeline)
    return FailureDuration.PARTIAL if query_types.partial and duration is not FailureDuration.LONG_TERM else duration

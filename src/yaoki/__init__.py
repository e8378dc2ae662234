"""Yaoki: resilience for Python. Fall seven times, rise eight.

The public names, loaded at first use: a program pays only for what it uses.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from yaoki.core import deadline, events, presets
    from yaoki.core.degradation import Feature, Ladder, Mode, Rank, ReportedMode
    from yaoki.core.faults import (
        BulkheadFullError,
        Category,
        CircuitOpenError,
        ConfigurationError,
        DeadlineExceededError,
        Fault,
        Origin,
        OverloadedError,
        RateLimitedError,
        Recoverability,
        Rejected,
        RetryExhaustedError,
        Severity,
        ShuttingDownError,
        YaokiError,
        classify,
    )
    from yaoki.core.health.checks import CheckResult, HealthCheck, HealthChecks
    from yaoki.core.health.failure_duration import FailureDuration
    from yaoki.core.health.probes import ProbeResult, Probes
    from yaoki.core.health.tracker import HealthTracker
    from yaoki.core.pipeline.keyed import Keyed, KeyState
    from yaoki.core.pipeline.order import PolicyOrderWarning
    from yaoki.core.pipeline.outcome import Outcome
    from yaoki.core.pipeline.pipeline import Pipeline
    from yaoki.core.pipeline.registry import pipelines
    from yaoki.core.policies.adaptive_limit import AdaptiveLimit
    from yaoki.core.policies.backoff import constant, exponential, linear
    from yaoki.core.policies.breaker import CircuitBreaker, CircuitState
    from yaoki.core.policies.breaker_config import calls, seconds
    from yaoki.core.policies.budget import Budget
    from yaoki.core.policies.bulkhead import Bulkhead
    from yaoki.core.policies.cached_fallback import CachedFallback
    from yaoki.core.policies.fallback import Fallback
    from yaoki.core.policies.hedge import Hedge
    from yaoki.core.policies.latency import LatencyHistogram
    from yaoki.core.policies.priority import Priority, priority
    from yaoki.core.policies.rate_limit import RateLimiter
    from yaoki.core.policies.retry import UNLIMITED, Retry
    from yaoki.core.policies.shed import LoadShedder
    from yaoki.core.policies.throttle import Throttle
    from yaoki.core.policies.timeout import Timeout
    from yaoki.core.recovery import Anomaly, Detector, RecoveryLoop, Repair, RepairLadder, Strategy
    from yaoki.core.shutdown import Shutdown

__version__ = "0.1.0"

__all__ = [
    "UNLIMITED",
    "AdaptiveLimit",
    "Anomaly",
    "Budget",
    "Bulkhead",
    "BulkheadFullError",
    "CachedFallback",
    "Category",
    "CheckResult",
    "CircuitBreaker",
    "CircuitOpenError",
    "CircuitState",
    "ConfigurationError",
    "DeadlineExceededError",
    "Detector",
    "FailureDuration",
    "Fallback",
    "Fault",
    "Feature",
    "HealthCheck",
    "HealthChecks",
    "HealthTracker",
    "Hedge",
    "KeyState",
    "Keyed",
    "Ladder",
    "LatencyHistogram",
    "LoadShedder",
    "Mode",
    "Origin",
    "Outcome",
    "OverloadedError",
    "Pipeline",
    "PolicyOrderWarning",
    "Priority",
    "ProbeResult",
    "Probes",
    "Rank",
    "RateLimitedError",
    "RateLimiter",
    "Recoverability",
    "RecoveryLoop",
    "Rejected",
    "Repair",
    "RepairLadder",
    "ReportedMode",
    "Retry",
    "RetryExhaustedError",
    "Severity",
    "Shutdown",
    "ShuttingDownError",
    "Strategy",
    "Throttle",
    "Timeout",
    "YaokiError",
    "calls",
    "classify",
    "constant",
    "deadline",
    "events",
    "exponential",
    "linear",
    "pipelines",
    "presets",
    "priority",
    "seconds",
]

_ROOMS = {
    "degradation": "Feature Ladder Mode Rank ReportedMode",
    "faults": (
        "BulkheadFullError Category CircuitOpenError ConfigurationError DeadlineExceededError Fault Origin OverloadedError "
        "RateLimitedError Recoverability Rejected RetryExhaustedError Severity ShuttingDownError YaokiError classify"
    ),
    "health.checks": "CheckResult HealthCheck HealthChecks",
    "health.failure_duration": "FailureDuration",
    "health.probes": "ProbeResult Probes",
    "health.tracker": "HealthTracker",
    "pipeline.keyed": "KeyState Keyed",
    "pipeline.order": "PolicyOrderWarning",
    "pipeline.outcome": "Outcome",
    "pipeline.pipeline": "Pipeline",
    "pipeline.registry": "pipelines",
    "policies.adaptive_limit": "AdaptiveLimit",
    "policies.backoff": "constant exponential linear",
    "policies.breaker": "CircuitBreaker CircuitState",
    "policies.breaker_config": "calls seconds",
    "policies.budget": "Budget",
    "policies.bulkhead": "Bulkhead",
    "policies.cached_fallback": "CachedFallback",
    "policies.fallback": "Fallback",
    "policies.hedge": "Hedge",
    "policies.latency": "LatencyHistogram",
    "policies.priority": "Priority priority",
    "policies.rate_limit": "RateLimiter",
    "policies.retry": "UNLIMITED Retry",
    "policies.shed": "LoadShedder",
    "policies.throttle": "Throttle",
    "policies.timeout": "Timeout",
    "recovery": "Anomaly Detector RecoveryLoop Repair RepairLadder Strategy",
    "shutdown": "Shutdown",
}

_HOMES = {name: f"yaoki.core.{room}" for room, names in _ROOMS.items() for name in names.split()}


if not TYPE_CHECKING:
    # Hidden from type checkers, which would take any name for granted.

    def __getattr__(name: str) -> object:
        home = _HOMES.get(name)
        if home is not None:
            # Not `importlib.import_module`: importing importlib for it would cost a twentieth of the core's import.
            value: object = getattr(__import__(home, fromlist=[name]), name)
        elif name in ("deadline", "events", "presets"):
            value = __import__(f"yaoki.core.{name}", fromlist=[name])
        else:
            raise AttributeError(f"module 'yaoki' has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

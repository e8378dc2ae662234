"""Health: what is known about each dependency and key, read from the policies and from what happened."""

from __future__ import annotations

from yaoki.core.health.checks import CheckResult, HealthCheck, HealthChecks
from yaoki.core.health.failure_duration import FailureDuration, judge
from yaoki.core.health.probes import ProbeResult, Probes
from yaoki.core.health.tracker import HealthTracker

__all__ = [
    "CheckResult",
    "FailureDuration",
    "HealthCheck",
    "HealthChecks",
    "HealthTracker",
    "ProbeResult",
    "Probes",
    "judge",
]

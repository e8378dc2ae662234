"""Health: what is known about each dependency and key, read from the policies and from what happened."""

from __future__ import annotations

from yaoki.core.health.tracker import HealthTracker

__all__ = ["HealthTracker"]

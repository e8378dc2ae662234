"""Ending well: readiness goes false, new work is refused, work in flight is drained, the rest is forced (SPEC H4)."""

from __future__ import annotations

from yaoki.core.shutdown.shutdown import DRAINED, FORCED, Shutdown

__all__ = ["DRAINED", "FORCED", "Shutdown"]

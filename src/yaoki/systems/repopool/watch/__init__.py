"""`yaoki pool watch`: looks at the pools, recovers them on a schedule, and shows how they are (SPEC W5)."""

from __future__ import annotations

__all__: list[str] = []

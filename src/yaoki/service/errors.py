"""What keeps a service from starting, said so that its user knows a way out."""

from __future__ import annotations

from yaoki.core.faults.errors import ConfigurationError

__all__ = ["CannotStartError"]


class CannotStartError(ConfigurationError):
    """The service cannot start here as it was told to. The message says why, and what can be done; no traceback is needed.

    `way_out`: the last sentence alone.
    """

    def __init__(self, problem: str, way_out: str = "") -> None:
        super().__init__(f"{problem}\n{way_out}" if way_out else problem)
        self.problem = problem
        self.way_out = way_out

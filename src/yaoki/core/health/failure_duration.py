"""How long a dependency has been failing, and how much of it: a blip, a crash, or only some keys (SPEC F4)."""

from __future__ import annotations

from enum import Enum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from yaoki.core.pipeline.keyed import Keyed
    from yaoki.core.pipeline.pipeline import Pipeline

__all__ = ["FailureDuration", "judge"]


class FailureDuration(Enum):
    """What kind of failure a dependency is in."""

    NONE = "none"
    """The latest call succeeded, or there was none."""
    TRANSIENT = "transient"
    """A blip: the latest calls failed, and it may be over at the next."""
    LONG_TERM = "long_term"
    """A crash: the circuit has re-opened several times in a row."""
    PARTIAL = "partial"
    """Some keys fail while others succeed: one peer, one tenant, one type of query."""


def judge(source: Pipeline | Keyed, *, reopened: int = 3) -> FailureDuration:
    """The failure that `source` is in, read from its circuit breakers.

    `reopened`: how many times in a row a circuit must have re-opened to be called long-term.

    Raises ConfigurationError for a pipeline without a circuit breaker, and for a value out of its range.
    """
    raise NotImplementedError

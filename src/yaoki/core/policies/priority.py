"""How much a call matters, when not all can be served (SPEC T4).

    with priority(Priority.AUXILIARY):
        related = recommendations.call(fetch, item)        # refused before the page itself is

A context variable carries it: into every call made in the block, tasks that are started there, and `asyncio.to_thread`; not into
the threads of an executor.
"""

from __future__ import annotations

from contextvars import ContextVar
from enum import IntEnum

from yaoki.core.faults.errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Priority", "current_priority", "priority"]


class Priority(IntEnum):
    """The rank of a call. The higher, the later it is refused."""

    AUXILIARY = 1
    """A feature that an answer can do without: recommendations, prefetching, statistics."""
    LOW = 2
    NORMAL = 3
    """A call of which nothing else was said."""
    HIGH = 4
    CORE = 5
    """What the service is there for."""


class _Rank:
    """A priority in force, and what is in force again after its block."""

    __slots__ = ("outer", "priority")

    def __init__(self, priority: Priority, outer: _Rank | None) -> None:
        self.priority = priority
        self.outer = outer or self


_current: ContextVar[_Rank] = ContextVar("yaoki_priority", default=_Rank(Priority.NORMAL, None))  # noqa: B039  # never changed


def current_priority() -> Priority:
    """The priority of what runs here."""
    return _current.get().priority


class priority:  # noqa: N801  # reads as a statement: `with priority(Priority.CORE):`
    """A block whose calls have this priority, instead of the one around it. For `with` in both worlds.

    One object may serve many blocks, threads and tasks. Raises ConfigurationError for what is no Priority.
    """

    __slots__ = ("_priority",)

    def __init__(self, priority: Priority) -> None:
        if not isinstance(priority, Priority):
            raise ConfigurationError(f"priority must be a Priority, not {priority!r}")
        self._priority = priority

    def __enter__(self) -> Priority:
        _current.set(_Rank(self._priority, _current.get()))
        return self._priority

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        _current.set(_current.get().outer)

"""What happened during a test: the events of the core, in order (SPEC X2)."""

from __future__ import annotations

from contextlib import contextmanager

from yaoki.core import events

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeVar

    E = TypeVar("E", bound=events.Event)

__all__ = ["Recorded", "record_events"]


class Recorded(list[events.Event]):
    """The events so far, in order. A list, with two views."""

    __slots__ = ()

    def of(self, kind: type[E]) -> list[E]:
        """Only the events of this type, in order."""
        return [event for event in self if isinstance(event, kind)]

    def names(self) -> list[str]:
        """The names of the events' types, in order."""
        return [type(event).__name__ for event in self]


@contextmanager
def record_events() -> Iterator[Recorded]:
    """Collect every event that is sent while the block runs, of all pipelines and threads."""
    recorded = Recorded()
    unsubscribe = events.subscribe(recorded.append)
    try:
        yield recorded
    finally:
        unsubscribe()

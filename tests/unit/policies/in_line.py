"""Standing in the line of a bulkhead by hand."""

from __future__ import annotations

from tests.unit.policies.by_hand import a_call
from yaoki.core.policies.bulkhead import Bulkhead, InLine


def queued(bulkhead: Bulkhead, now: float = 0.0) -> InLine:
    ticket = bulkhead.enter(a_call(bulkhead), now)
    assert isinstance(ticket, InLine)
    return ticket


def counting(ticket: InLine) -> list[None]:
    """A list that grows by one each time that the ticket is woken."""
    woken: list[None] = []
    ticket.wake_with(lambda: woken.append(None))
    return woken


def free(bulkhead: Bulkhead) -> int:
    return len(bulkhead.free)

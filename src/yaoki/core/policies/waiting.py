"""A call that waits in line, first come first served, for threads and event loops alike.

The policy whose line it is keeps the tickets in the order of arrival and says whose turn it is; the driver parks and wakes.
The line is an `OrderedDict`, since a call may leave it from any place.
"""

from __future__ import annotations

from yaoki.core.interpreter import lock_of
from yaoki.core.policies.policy import Ticket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import OrderedDict
    from collections.abc import Callable
    from typing import TypeVar

    from yaoki.core.policies.policy import Policy

    T = TypeVar("T")

__all__ = ["Waiting", "first"]


def first(line: OrderedDict[T, None]) -> T | None:
    """Who is first in line, or None. Under the lock of the line."""
    # Not `next(iter(line))`: between these two calls the garbage collector may close a call that waits, which leaves the line.
    for ticket in line:
        return ticket
    return None


class Waiting(Ticket):
    """A ticket that can be woken. `until`: the moment when its patience ends, in monotonic seconds."""

    __slots__ = ("_wake", "until")

    def __init__(self, until: float) -> None:
        self.until: float = until
        self._wake: Callable[[], None] | None = None

    @property
    def line(self) -> Policy:
        """The policy that it waits for; its lock guards the ticket."""
        raise NotImplementedError

    def wake_with(self, wake: Callable[[], None]) -> None:
        """Wake by `wake` from now on. The driver resolves after this, so a turn that came earlier is not missed."""
        with lock_of(self.line):
            self._wake = wake

    def wake(self) -> None:
        """Let the driver look again. Never under a lock: it runs the event loop's code."""
        wake = self._wake
        if wake is not None:
            wake()

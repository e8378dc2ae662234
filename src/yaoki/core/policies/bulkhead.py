"""The bulkhead: at most so many calls at once, and so many waiting, so that one slow dependency cannot take every thread or
task of the process (SPEC T2).

The free places are the items of a deque. Taking one out and putting one back are single steps for all threads, so a healthy
call needs no lock. The deque is the permit too: after a fork the child has a new one with all places free, and a call that
took its place before the fork gives it back to the old one, which nobody uses any more.
"""

from __future__ import annotations

from collections import OrderedDict, deque

from yaoki.core.faults.errors import BulkheadFullError
from yaoki.core.fork import renew_after_fork
from yaoki.core.interpreter import GIL, lock_of
from yaoki.core.parameters import duration, whole
from yaoki.core.policies.policy import Fragment, Policy
from yaoki.core.policies.waiting import Waiting, first

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping
    from typing import TypeAlias

    from yaoki.core.pipeline.call import Call
    from yaoki.core.policies.policy import Permit

    Places: TypeAlias = deque[None]

__all__ = ["Bulkhead"]

_NEVER = float("inf")


class Bulkhead(Policy):
    """Lets at most `max_concurrent` calls run at once, and at most `max_queue` more wait for a place.

    Who waits is served in the order of arrival; nobody who comes later overtakes. A call waits at most `max_wait` seconds, and
    never past its deadline; None leaves it to the deadline alone. It is refused with BulkheadFullError when the queue is full
    or its wait is over.

    Raises ConfigurationError for a parameter out of range.
    """

    __slots__ = (
        "__weakref__",
        "_handing_out",
        "free",
        "key",
        "max_concurrent",
        "max_queue",
        "max_wait",
        "name",
        "refused",
        "waiters",
    )

    kind = "bulkhead"

    free: Places
    """One item for each free place."""
    waiters: OrderedDict[InLine, None]
    """Who waits, the first in line first."""

    def __init__(
        self, max_concurrent: int, max_queue: int = 0, max_wait: float | None = None, *, name: str | None = None
    ) -> None:
        self.max_concurrent: int = whole("max_concurrent", max_concurrent)
        self.max_queue: int = whole("max_queue", max_queue, least=0)
        self.max_wait: float = _NEVER if max_wait is None else duration("max_wait", max_wait, zero=True, infinite=True)
        self.name: str | None = name
        self.key: Hashable = None
        self.refused: int = 0
        self.renew()
        renew_after_fork(self)

    def renew(self) -> None:
        """Start anew, all places free and nobody waiting: what a forked child does."""
        self.free = deque([None] * self.max_concurrent)
        self.waiters = OrderedDict()
        self._handing_out = False

    def fresh(self, key: Hashable) -> Bulkhead:
        """A bulkhead of the same size for one key."""
        bulkhead = Bulkhead(self.max_concurrent, self.max_queue, self.max_wait, name=self.name)
        bulkhead.key = key
        return bulkhead

    # The rule

    def enter(self, call: Call, now: float) -> Permit:
        """Take a place; or queue for one; or refuse the call with BulkheadFullError."""
        if not self.waiters:
            free = self.free
            try:
                free.pop()
            except IndexError:
                return self._queue(now)
            except BaseException:
                # An interrupt comes after the step that it follows: the place was taken.
                free.append(None)
                raise
            return free
        return self._queue(now)

    def leave(self, call: Call, permit: Permit, error: BaseException | None, now: float) -> None:
        """Give the place back, whatever came out, and let the next in line have it."""
        places: Places = permit  # type: ignore[assignment]  # what `enter` took the place out of
        try:
            places.append(None)
            if self.waiters or not GIL:
                self.pass_on()
        except BaseException:
            # Only an interrupt, and that comes after the append.
            self.pass_on()
            raise

    # No wake-up is lost, though places come and go without a lock. Who gives a place back first puts it among the free ones and
    # then looks whether somebody waits; who waits first stands in line and then, by `pass_on`, looks whether a place is free.
    # Whoever of the two does its first step later sees with its second step what the other has done. (Without a GIL a
    # look outside the lock proves nothing, so `leave` always goes on to `pass_on`, which looks under it.)
    #
    # No place is lost or doubled: it leaves the free ones by one `pop`, for one caller or for one ticket, and each of these puts
    # it back by one `append`. There is one wake-up for each place that a ticket gets.

    def _queue(self, now: float) -> Permit:
        ticket = InLine(self, now + self.max_wait)
        try:
            with lock_of(self):
                if len(self.waiters) < self.max_queue:
                    self.waiters[ticket] = None
                    queued = True
                else:
                    self.refused += 1
                    queued = False
            # Also when refused: should an interrupt have kept somebody from passing a place on, it is made up for here.
            self.pass_on()
        except BaseException:
            ticket.abandon(now)
            raise
        return ticket if queued else BulkheadFullError(self, _NEVER)

    def pass_on(self) -> None:
        """Give free places to those who wait, and wake them."""
        woken: list[InLine] = []
        try:
            self._hand_out(woken)
        except BaseException:
            # Interrupted half-way: finish. Waking somebody twice does no harm, not waking him does.
            self._hand_out(woken)
            raise

    def _hand_out(self, woken: list[InLine]) -> None:
        with lock_of(self):
            # The lock is re-entrant, and the garbage collector may close an abandoned call in here, which gives its place back:
            # then only the outermost of these loops hands out, and looks again before it ends.
            while self.waiters and self.free and not self._handing_out:
                self._handing_out = True
                try:
                    self._hand_out_locked(woken)
                finally:
                    self._handing_out = False
        for ticket in woken:
            ticket.wake()

    def _hand_out_locked(self, woken: list[InLine]) -> None:
        free = self.free
        while (ticket := first(self.waiters)) is not None:
            woken.append(ticket)
            if ticket.place is None:
                # In this order an interrupt, which can only come after the call, finds both done.
                ticket.place = free
                try:
                    free.pop()
                except IndexError:
                    ticket.place = None
                    woken.pop()
                    return
            self.waiters.pop(ticket, None)

    # The healthy path

    def healthy(self) -> Fragment | None:
        """A place is popped and appended, without a lock; nobody may be waiting."""
        return Fragment(
            permit="_y_f{n}",
            gates=("if {p}.waiters: HANDOVER",),
            take=(
                "_y_f{n} = {p}.free",
                "try: _y_f{n}.pop()",
                "except _y_IndexError: _y_f{n} = None",
                "except _y_BaseException:",
                "    _y_f{n}.append(None)",
                "    raise",
                "if _y_f{n} is None: HANDOVER",
            ),
            success=(
                "try:",
                "    _y_f{n}.append(None)",
                "    if {p}.waiters: {p}.pass_on()",
                "except _y_BaseException:",
                "    {p}.pass_on()",
                "    raise",
            ),
            names={"_y_IndexError": IndexError, "_y_BaseException": BaseException},
        )

    # Reading

    def snapshot(self, now: float) -> dict[str, object]:
        """How many places are taken, how many calls wait, how many were refused."""
        return {
            "kind": self.kind,
            "name": self.name,
            "in_use": self.max_concurrent - len(self.free),
            "waiting": len(self.waiters),
            "rejected": self.refused,
        }

    def evictable(self, now: float) -> bool:
        """Whether nobody runs and nobody waits."""
        return len(self.free) == self.max_concurrent and not self.waiters

    def configuration(self) -> Mapping[str, object]:
        """The parameters that are set."""
        shown: dict[str, object] = {"max_concurrent": self.max_concurrent}
        if self.max_queue:
            shown["max_queue"] = self.max_queue
        if self.max_wait != _NEVER:
            shown["max_wait"] = self.max_wait
        return shown


class InLine(Waiting):
    """A call that waits for a place. `place`: where its place was taken out of, once it has one."""

    __slots__ = ("bulkhead", "place")

    def __init__(self, bulkhead: Bulkhead, until: float) -> None:
        super().__init__(until)
        self.bulkhead: Bulkhead = bulkhead
        self.place: Places | None = None

    @property
    def line(self) -> Policy:
        """The bulkhead."""
        return self.bulkhead

    def resolve(self, now: float) -> Permit | float:
        """The place, if it was this call's turn; a refusal, if its wait is over; else until when it may wait."""
        bulkhead = self.bulkhead
        with lock_of(bulkhead):
            if self.place is not None:
                return self.place
            if now < self.until:
                return self.until
            bulkhead.waiters.pop(self, None)
            bulkhead.refused += 1
        return BulkheadFullError(bulkhead, _NEVER)

    def abandon(self, now: float) -> None:
        """Leave the line; a place that was given meanwhile goes to the next."""
        bulkhead = self.bulkhead
        try:
            with lock_of(bulkhead):
                bulkhead.waiters.pop(self, None)
                place = self.place
                if place is not None:
                    self.place = None
                    place.append(None)
            bulkhead.pass_on()
        except BaseException:
            bulkhead.pass_on()
            raise

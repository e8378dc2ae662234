"""A free slot, at once or after a fair wait (SPEC W1).

Who waits has a ticket in the store, and is served in the order of the tickets, over all processes. The ticket of a process that has
ended is dropped by the others. Who does not wait comes after all that do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from yaoki.core import deadline
from yaoki.core.clock import clock
from yaoki.systems.repopool.errors import NoAvailableSlotError
from yaoki.systems.repopool.leases.liveness import process_liveness
from yaoki.systems.repopool.leases.process import this_process
from yaoki.systems.repopool.models import SlotState
from yaoki.systems.repopool.parameters import duration
from yaoki.systems.repopool.store.port import Occasion

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from yaoki.systems.repopool.models import Lease, Slot
    from yaoki.systems.repopool.store.port import PoolStore

__all__ = ["Queue"]

LOOK = 0.003
"""Seconds between two looks of the first in the queue; the others look more rarely."""
RAREST_LOOK = 0.05
COUNT_THE_DEAD = 0.5
"""Seconds between two looks for tickets of processes that have ended."""
_A_YEAR = 365 * 86400.0


class Queue:
    """The queue for the slots of each pool."""

    def __init__(self, store: PoolStore) -> None:
        self._store = store

    def take(
        self,
        repo_name: str,
        lease: Callable[[], Lease],
        *,
        timeout: float | None,
        without: Collection[str] = (),
        given_up: Callable[[], bool] = lambda: False,
    ) -> Slot:
        """A slot that was free, CLEANING now under `lease`.

        `timeout`: seconds to wait at most, and never beyond the caller's deadline; None does not wait. `without`: slots that will
        not do. `given_up`: whether nobody wants it any more. Raises PoolNotFoundError, NoAvailableSlotError.
        """
        slot = self._take(repo_name, lease, Occasion(without=without))
        if slot is not None:
            return slot
        if timeout is None:
            if self._drop_the_dead(repo_name):
                slot = self._take(repo_name, lease, Occasion(without=without))
            if slot is None:
                raise self._none(repo_name, 0.0)
            return slot
        return self._wait(repo_name, lease, duration("timeout", timeout, zero=True, infinite=True), without, given_up)

    def _take(self, repo_name: str, lease: Callable[[], Lease], occasion: Occasion) -> Slot | None:
        return self._store.take_free(repo_name, lease(), occasion)

    def _wait(
        self,
        repo_name: str,
        lease: Callable[[], Lease],
        seconds: float,
        without: Collection[str],
        given_up: Callable[[], bool],
    ) -> Slot:
        started = clock.now()
        until = min(started + seconds, deadline.current())
        patience = min(until - started, _A_YEAR)
        ticket = self._store.take_ticket(repo_name, this_process(), clock.wall() + max(patience, 0.0) + 1.0)
        count_at = started
        try:
            while True:
                before, free = self._store.place(repo_name, ticket)
                if free > before:
                    slot = self._take(repo_name, lease, Occasion(ticket, without))
                    if slot is not None:
                        return slot
                now = clock.now()
                if now >= until or given_up():
                    raise self._none(repo_name, now - started)
                if before and now >= count_at:
                    self._drop_the_dead(repo_name)
                    count_at = now + COUNT_THE_DEAD
                clock.sleep(min(LOOK * (before + 1), RAREST_LOOK, until - now))
        finally:
            self._store.drop_ticket(ticket)

    def _drop_the_dead(self, repo_name: str) -> bool:
        """Drop the tickets of processes that have ended; whether there were any."""
        dead = [ticket for ticket in self._store.tickets(repo_name) if process_liveness(ticket.process).dead]
        for ticket in dead:
            self._store.drop_ticket(ticket.number)
        return bool(dead)

    def _none(self, repo_name: str, waited: float) -> NoAvailableSlotError:
        slots = self._store.slots(repo_name)
        states = {state: sum(slot.state is state for slot in slots) for state in SlotState}
        shares = ", ".join(f"{number} {state.value}" for state, number in states.items() if number)
        how_long = f" within {waited:.3g} s" if waited else ""
        return NoAvailableSlotError(
            f"no slot of {repo_name} was free{how_long}: {shares or 'it has none'}",
            repo_name=repo_name,
            way_out="wait with timeout=, add_slot(), or auto_recover() if their owners have died",
        )

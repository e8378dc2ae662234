"""What a store of the pools' state must do (SPEC W1).

    AVAILABLE -take-> CLEANING -allocate-> ALLOCATED -take-> CLEANING -offer-> AVAILABLE      isolate: from CLEANING to ERROR

Every transition is one conditional update: it names the fence that the caller has seen, raises it by one, and fails with
StaleLeaseError if another one was faster. So there are never two holders of one slot, whatever dies when.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from yaoki.systems.repopool.leases.process import ProcessIdentity
    from yaoki.systems.repopool.models import Lease, Pool, Slot, SlotIsolation

__all__ = ["Occasion", "PoolStore", "Ticket"]


@dataclass(frozen=True, slots=True)
class Occasion:
    """A free slot is taken by a caller that waits with `ticket`, or by one that does not wait.

    `without`: slots that it cannot use now.
    """

    ticket: int | None = None
    without: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Ticket:
    """A place in the queue for a slot. `until`: wall-clock seconds since 1970 after which nobody waits with it any more."""

    number: int
    repo_name: str
    process: ProcessIdentity
    until: float


class PoolStore(Protocol):
    """The state of all pools of one workspaces folder.

    Methods may be called from any thread and process, also after fork. They raise PoolManagerError for a store that cannot be used.
    """

    # --- pools

    def add_pool(self, name: str, address: str, num_slots: int) -> bool:
        """Note a pool; False if there was one of this name, which is left as it is."""
        raise NotImplementedError

    def set_num_slots(self, name: str, num_slots: int) -> None:
        """Note how many slots the pool is meant to have."""
        raise NotImplementedError

    def remove_pool(self, name: str) -> None:
        """Forget a pool that has no slots."""
        raise NotImplementedError

    def pool(self, name: str) -> Pool | None:
        """The pool with its slots, or None."""
        raise NotImplementedError

    def pool_names(self) -> list[str]:
        """The names of all pools, sorted."""
        raise NotImplementedError

    # --- slots

    def slot(self, slot_id: str) -> Slot | None:
        """The slot, or None."""
        raise NotImplementedError

    def slots(self, repo_name: str | None = None) -> list[Slot]:
        """The slots of one pool, or of all, in the order of their numbers."""
        raise NotImplementedError

    def add_slot(self, repo_name: str, lease: Lease) -> Slot:
        """A new slot, CLEANING, with the lowest free number. Raises PoolNotFoundError."""
        raise NotImplementedError

    def remove_slot(self, slot_id: str, fence: int, *, former: Lease | None = None) -> None:
        """Forget a slot. `former`: the lease that it was taken from, which is remembered. Raises StaleLeaseError, SlotNotFoundError."""
        raise NotImplementedError

    def lease_before_removal(self, slot_id: str) -> Lease | None:
        """The lease that a slot of this id was taken from when it was removed; None if there was none."""
        raise NotImplementedError

    # --- transitions; each raises StaleLeaseError for a fence of the past, and SlotNotFoundError

    def take_free(self, repo_name: str, lease: Lease, occasion: Occasion) -> Slot | None:
        """AVAILABLE -> CLEANING for the slot that was released longest ago; None if none is free for this caller.

        Callers with older tickets go first, and so do all that wait before one that does not.
        """
        raise NotImplementedError

    def take(self, slot_id: str, fence: int, lease: Lease, *, used: float = 0.0) -> Slot:
        """Any state -> CLEANING. `used`: seconds that it was allocated until now."""
        raise NotImplementedError

    def allocate(
        self, slot_id: str, fence: int, lease: Lease, *, branch: str | None, commit: str | None, metadata: Mapping[str, object]
    ) -> Slot:
        """CLEANING -> ALLOCATED."""
        raise NotImplementedError

    def offer(
        self,
        slot_id: str,
        fence: int,
        *,
        branch: str | None = None,
        commit: str | None = None,
        needs_cleaning: bool = False,
        recovered: bool = False,
    ) -> Slot:
        """CLEANING -> AVAILABLE; or ERROR if it has been isolated meanwhile. `recovered`: an isolation ends by this."""
        raise NotImplementedError

    def isolate(self, slot_id: str, fence: int, isolation: SlotIsolation) -> Slot:
        """AVAILABLE, CLEANING or ERROR -> ERROR."""
        raise NotImplementedError

    def isolate_later(self, slot_id: str, fence: int, isolation: SlotIsolation) -> Slot:
        """Note that the slot goes to ERROR when it is given back. State and fence stay."""
        raise NotImplementedError

    def heartbeat(self, slot_id: str, fence: int, *, until: float | None) -> None:
        """Note that the lease is in use. `until`: its new end, in wall-clock seconds since 1970."""
        raise NotImplementedError

    # --- the queue

    def take_ticket(self, repo_name: str, process: ProcessIdentity, until: float) -> int:
        """The last place in the queue."""
        raise NotImplementedError

    def drop_ticket(self, number: int) -> None:
        """Leave the queue; nothing happens without a place in it."""
        raise NotImplementedError

    def place(self, repo_name: str, ticket: int | None) -> tuple[int, int]:
        """How many wait before this ticket, or in all without one; and how many slots are free. A look without a lock."""
        raise NotImplementedError

    def tickets(self, repo_name: str) -> list[Ticket]:
        """The queue, the first one first."""
        raise NotImplementedError

    # --- counters

    def count(self, repo_name: str, **amounts: float) -> None:
        """Add to counters of a pool; "" is for what belongs to none."""
        raise NotImplementedError

    def counts(self, repo_name: str) -> dict[str, float]:
        """The counters of a pool."""
        raise NotImplementedError

    def clear_counts(self, repo_name: str | None = None) -> None:
        """Set the counters of one pool, or of all, to 0."""
        raise NotImplementedError

    def close(self) -> None:
        """Close what is open; it is opened again when it is needed."""
        raise NotImplementedError

"""Slots, pools and what is told about them (SPEC W1).

Times are in UTC. A slot's `fence` grows with every change of its state: who holds an older one holds the slot no longer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yaoki.systems.repopool.times import from_iso, to_iso, utc_now

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Protocol

    from yaoki.systems.repopool.leases.process import ProcessIdentity

    class Holder(Protocol):
        """The manager that a slot was allocated by."""

        def release_slot(self, slot_id: str, cleanup: bool = True, *, force: bool = False, fence: int | None = None) -> None:
            """Give a slot back."""

        def heartbeat(self, slot_id: str, fence: int) -> None:
            """Say that the lease is in use."""


__all__ = [
    "AllocationMetrics",
    "CleanupResult",
    "Lease",
    "Pool",
    "PoolSummary",
    "Slot",
    "SlotIsolation",
    "SlotState",
    "SlotStatus",
]


class SlotState(Enum):
    """AVAILABLE: on offer. ALLOCATED: held by somebody. CLEANING: a manager works on it. ERROR: kept out of use."""

    AVAILABLE = "available"
    ALLOCATED = "allocated"
    CLEANING = "cleaning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Lease:
    """Who has a slot: its holder while it is ALLOCATED, the manager that works on it while it is CLEANING.

    `holder`: a label for people. `process`: whose life the lease hangs on; None for a durable one, which lives until `until`, or
    without an end. `since`, `heartbeat_at`, `until`: wall-clock seconds since 1970; `since_monotonic`: the same moment by the
    clock of that boot. `unreadable`: what of it is stored as nonsense, so that nobody can tell whether its owner lives; "" if all is well.
    """

    holder: str
    process: ProcessIdentity | None
    since: float
    since_monotonic: float
    heartbeat_at: float
    until: float | None = None
    durable: bool = False
    unreadable: str = ""

    def to_dict(self) -> dict[str, object]:
        """JSON-ready."""
        return {
            "holder": self.holder,
            "process": None if self.process is None else self.process.to_dict(),
            "since": self.since,
            "heartbeat_at": self.heartbeat_at,
            "until": self.until,
            "durable": self.durable,
        }


@dataclass(frozen=True, slots=True)
class SlotIsolation:
    """Why a slot is kept out of use. `by`: "operator" or "recovery"; `at`: wall-clock seconds since 1970.

    `category`: of the fault behind it, or "". `command`: what a person may try.
    """

    by: str
    reason: str
    at: float
    category: str = ""
    command: str = ""


@dataclass
class Slot:
    """One workspace of a pool, as it was when it was read.

    `slot_path`: the work tree. `total_usage_seconds`: how long it has been allocated in all. `metadata`: what the holder said, and
    for an isolated slot `isolated_at` (ISO 8601 in UTC), `isolation_reason`, `isolation_class` and `suggested_command`.
    `staleness_seconds`: of an allocated slot, how old the mirror was; None if that is not known.
    """

    slot_id: str
    repo_name: str
    repo_url: str
    slot_path: Path
    state: SlotState = SlotState.AVAILABLE
    allocation_count: int = 0
    total_usage_seconds: float = 0.0
    last_allocated_at: datetime | None = None
    last_released_at: datetime | None = None
    current_branch: str | None = None
    current_commit: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    created_at: datetime = field(default_factory=utc_now)
    updated_at: datetime = field(default_factory=utc_now)
    fence: int = 0
    needs_cleaning: bool = False
    lease: Lease | None = None
    isolation: SlotIsolation | None = None
    staleness_seconds: float | None = None
    _manager: Holder | None = field(default=None, repr=False, compare=False)

    def is_available(self) -> bool:
        """Whether it is on offer."""
        return self.state is SlotState.AVAILABLE

    def release(self, cleanup: bool = True) -> None:
        """Give it back, by its fence. Raises what `PoolManager.release_slot` raises, StaleLeaseError among it."""
        self._held_by().release_slot(self.slot_id, cleanup, fence=self.fence)

    def heartbeat(self) -> None:
        """Say that it is in use. Raises StaleLeaseError if it is somebody else's now."""
        self._held_by().heartbeat(self.slot_id, self.fence)

    def _held_by(self) -> Holder:
        if self._manager is None:
            raise ValueError(f"{self.slot_id} was not allocated by this object: call allocate_slot() of a PoolManager")
        return self._manager

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "slot_id": self.slot_id,
            "repo_name": self.repo_name,
            "repo_url": self.repo_url,
            "slot_path": str(self.slot_path),
            "state": self.state.value,
            "allocation_count": self.allocation_count,
            "total_usage_seconds": self.total_usage_seconds,
            "last_allocated_at": to_iso(self.last_allocated_at),
            "last_released_at": to_iso(self.last_released_at),
            "current_branch": self.current_branch,
            "current_commit": self.current_commit,
            "metadata": dict(self.metadata),
            "created_at": to_iso(self.created_at),
            "updated_at": to_iso(self.updated_at),
            "fence": self.fence,
            "lease": None if self.lease is None else self.lease.to_dict(),
            "staleness_seconds": self.staleness_seconds,
        }

    @staticmethod
    def from_dict(stored: Mapping[str, Any]) -> Slot:
        """The slot that `to_dict` wrote down, without its lease: a lease is not made by reading it.

        Raises KeyError for a field that is missing and ValueError for one that means nothing.
        """
        return Slot(
            slot_id=stored["slot_id"],
            repo_name=stored["repo_name"],
            repo_url=stored["repo_url"],
            slot_path=Path(stored["slot_path"]),
            state=SlotState(stored["state"]),
            allocation_count=stored["allocation_count"],
            total_usage_seconds=stored["total_usage_seconds"],
            last_allocated_at=from_iso(stored["last_allocated_at"]),
            last_released_at=from_iso(stored["last_released_at"]),
            current_branch=stored["current_branch"],
            current_commit=stored["current_commit"],
            metadata=dict(stored["metadata"]),
            created_at=from_iso(stored["created_at"]) or utc_now(),
            updated_at=from_iso(stored["updated_at"]) or utc_now(),
            fence=stored.get("fence", 0),
            staleness_seconds=stored.get("staleness_seconds"),
        )


@dataclass
class Pool:
    """The slots of one repository. `num_slots`: how many it is meant to have."""

    repo_name: str
    repo_url: str
    num_slots: int
    slots: list[Slot] = field(default_factory=list)
    created_at: datetime = field(default_factory=utc_now)
    updated_at: datetime = field(default_factory=utc_now)
    metadata: dict[str, Any] = field(default_factory=dict)

    def get_available_slots(self) -> list[Slot]:
        """The slots on offer."""
        return [slot for slot in self.slots if slot.state is SlotState.AVAILABLE]

    def get_allocated_slots(self) -> list[Slot]:
        """The slots that somebody holds."""
        return [slot for slot in self.slots if slot.state is SlotState.ALLOCATED]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "repo_name": self.repo_name,
            "repo_url": self.repo_url,
            "num_slots": self.num_slots,
            "slots": [slot.to_dict() for slot in self.slots],
            "created_at": to_iso(self.created_at),
            "updated_at": to_iso(self.updated_at),
            "metadata": dict(self.metadata),
        }


@dataclass(frozen=True)
class SlotStatus:
    """One slot, for people. `is_locked`: whether somebody holds its lock file; `disk_usage_mb`: of its work tree, in 10^6 bytes."""

    slot_id: str
    state: SlotState
    is_locked: bool
    current_branch: str | None
    current_commit: str | None
    allocation_count: int
    last_allocated_at: datetime | None
    disk_usage_mb: float


@dataclass(frozen=True)
class PoolSummary:
    """A pool in numbers. `average_allocation_time_seconds`: how long a caller of `allocate_slot` waited, over all processes."""

    repo_name: str
    total_slots: int
    available_slots: int
    allocated_slots: int
    cleaning_slots: int
    error_slots: int
    total_allocations: int
    average_allocation_time_seconds: float


@dataclass(frozen=True)
class AllocationMetrics:
    """What allocations of one pool have cost, over all processes. `cache_hit_rate`: the share that found the slot's files in place."""

    repo_name: str
    total_allocations: int
    failed_allocations: int
    average_allocation_time_seconds: float
    cache_hit_rate: float


@dataclass(frozen=True)
class CleanupResult:
    """What became of one slot in a cleanup of many. `duration_seconds`: how long it took; `error`: why it failed, or None."""

    slot_id: str
    success: bool
    duration_seconds: float
    error: str | None = None

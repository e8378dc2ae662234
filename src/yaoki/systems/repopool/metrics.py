"""The numbers of the pools: plain counters in the store, over all processes (SPEC W5)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yaoki.systems.repopool.models import AllocationMetrics, PoolSummary, SlotState
from yaoki.systems.repopool.names import checked_repo_name

if TYPE_CHECKING:
    import os

    from yaoki.core.recovery import RecoveryReport
    from yaoki.systems.repopool.resources import Resources

__all__ = ["RECOVERY_COUNTERS", "Metrics"]

RECOVERY_COUNTERS = {
    "slots_released": "long_allocated_released",
    "slots_recovered": "corrupted_recovered",
    "slots_isolated": "corrupted_isolated",
    "locks_cleaned": "orphaned_locks_cleaned",
}
"""The counters of recoveries, and the figures of `auto_recover` that they add up."""


class Metrics:
    """The numbers of one manager's pools. They are counted if `enable_metrics` is set."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    def allocation(self, repo_name: str) -> AllocationMetrics:
        """What allocations of a pool have cost. Raises PoolNotFoundError."""
        name = checked_repo_name(repo_name)
        self._resources.pool(name)
        counts = self._resources.store.counts(name)
        allocations = int(counts.get("allocations", 0))
        return AllocationMetrics(
            repo_name=name,
            total_allocations=allocations,
            failed_allocations=int(counts.get("failed_allocations", 0)),
            average_allocation_time_seconds=_share(counts.get("allocation_seconds", 0.0), allocations),
            cache_hit_rate=_share(counts.get("cache_hits", 0.0), allocations),
        )

    def summary(self, repo_name: str) -> PoolSummary:
        """A pool in numbers. Raises PoolNotFoundError."""
        pool = self._resources.pool(repo_name)
        counts = self._resources.store.counts(repo_name)
        states = [slot.state for slot in pool.slots]
        return PoolSummary(
            repo_name=repo_name,
            total_slots=len(states),
            available_slots=states.count(SlotState.AVAILABLE),
            allocated_slots=states.count(SlotState.ALLOCATED),
            cleaning_slots=states.count(SlotState.CLEANING),
            error_slots=states.count(SlotState.ERROR),
            total_allocations=sum(slot.allocation_count for slot in pool.slots),
            average_allocation_time_seconds=_share(counts.get("allocation_seconds", 0.0), counts.get("allocations", 0)),
        )

    def recovery(self) -> dict[str, int]:
        """What recoveries have done in all: slots_released, slots_recovered, slots_isolated, locks_cleaned, owners_reclaimed."""
        counts = self._resources.store.counts("")
        return {name: int(counts.get(name, 0)) for name in (*RECOVERY_COUNTERS, "owners_reclaimed")}

    def all(self, repo_name: str | None = None) -> dict[str, Any]:
        """JSON-ready: `pools` by name, each with its slots by state and its allocations, and `recovery`."""
        names = self._resources.store.pool_names() if repo_name is None else [checked_repo_name(repo_name)]
        return {"pools": {name: self._pool(name) for name in names}, "recovery": self.recovery()}

    def export(self, path: str | os.PathLike[str] | None) -> str:
        """`all()` as JSON; also written to `path`, if it is given."""
        text = json.dumps(self.all(), indent=2, sort_keys=True)
        if path is not None:
            Path(path).write_text(f"{text}\n", "utf-8")
        return text

    def clear(self, repo_name: str | None) -> None:
        """Begin to count anew, for one pool or for all."""
        self._resources.store.clear_counts(repo_name)

    def count_recovery(self, figures: dict[str, int], report: RecoveryReport, reclaimed: int) -> None:
        """Add what a recovery has done."""
        if not report.dry_run:
            amounts = {name: float(figures[figure]) for name, figure in RECOVERY_COUNTERS.items()}
            self._resources.count("", owners_reclaimed=float(reclaimed), **amounts)

    def _pool(self, name: str) -> dict[str, Any]:
        summary, allocation = self.summary(name), self.allocation(name)
        return {
            "total_slots": summary.total_slots,
            "available_slots": summary.available_slots,
            "allocated_slots": summary.allocated_slots,
            "cleaning_slots": summary.cleaning_slots,
            "error_slots": summary.error_slots,
            "total_allocations": allocation.total_allocations,
            "failed_allocations": allocation.failed_allocations,
            "average_allocation_time_seconds": allocation.average_allocation_time_seconds,
            "cache_hit_rate": allocation.cache_hit_rate,
        }


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0

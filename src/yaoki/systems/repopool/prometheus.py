"""The metrics of the pools for Prometheus: what the store has counted and holds, read at a scrape (SPEC W5, O1).

Any process that sees the folder of the pools can show them; they are those of all processes.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from yaoki.core.clock import clock
from yaoki.observe.families import Families
from yaoki.systems.repopool.errors import PoolManagerError
from yaoki.systems.repopool.leases.lease import held_for
from yaoki.systems.repopool.metrics import RECOVERY_COUNTERS
from yaoki.systems.repopool.models import SlotState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client.metrics_core import Metric

    from yaoki.systems.repopool.disk_guard import DiskGuard
    from yaoki.systems.repopool.models import Pool
    from yaoki.systems.repopool.resources import Resources

__all__ = ["PoolCollector"]

QUARANTINE_SECONDS = 60.0
"""How long the size of a quarantine is believed: it takes a git process to tell it."""

_COUNTS = (
    ("allocations", "yaoki_pool_allocations", "Slots that were allocated."),
    ("failed_allocations", "yaoki_pool_failed_allocations", "Allocations that were refused or failed."),
    ("allocation_seconds", "yaoki_pool_allocation_seconds", "Seconds spent in successful allocations, waiting included."),
    ("cleanings", "yaoki_pool_cleanings", "Slots that were cleaned after a tenant."),
    ("clean_seconds", "yaoki_pool_clean_seconds", "Seconds spent cleaning slots."),
    ("repairs", "yaoki_pool_repairs", "Slots that a recovery has mended."),
    ("repair_seconds", "yaoki_pool_repair_seconds", "Seconds spent mending slots."),
)
_CAUSES = ("dead_owner", "long_allocated", "operator")
_RECOVERIES = {
    "slots_released": "Long-allocated slots that recoveries have released by force.",
    "slots_recovered": "Corrupted slots that recoveries have brought back.",
    "slots_isolated": "Corrupted slots that recoveries have isolated.",
    "locks_cleaned": "Orphaned locks that recoveries have removed.",
}


class PoolCollector:
    """A collector for a registry of `prometheus_client`, over the pools of one manager."""

    def __init__(self, resources: Resources, guard: DiskGuard) -> None:
        self._resources = resources
        self._guard = guard
        self._reading = threading.Lock()
        self._quarantines: dict[str, tuple[float, int]] = {}  # guarded by _reading
        self._broken = 0  # guarded by _reading

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering reads nothing."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Everything at this moment. Reads files, so a service calls it outside of its event loop."""
        families = Families()
        with self._reading:
            for name in self._names():
                try:
                    self._add_pool(families, name)
                except PoolManagerError:
                    # A pool that is broken hides no other.
                    self._broken += 1
            self._add_all(families)
        yield from families.metrics()

    def _names(self) -> list[str]:
        try:
            return self._resources.store.pool_names()
        except PoolManagerError:
            self._broken += 1
            return []

    def _add_pool(self, families: Families, name: str) -> None:
        pool = self._resources.pool(name)
        of_pool = (("pool", name),)
        for state in SlotState:
            number = sum(slot.state is state for slot in pool.slots)
            families.add("gauge", "yaoki_pool_slots", "Slots by state.", (*of_pool, ("state", state.value)), number)
        self._add_leases(families, pool)
        counts = self._resources.store.counts(name)
        for count, metric, told in _COUNTS:
            families.add("counter", metric, told, of_pool, counts.get(count, 0.0))
        for cause in _CAUSES:
            labels = (*of_pool, ("cause", cause))
            told = "Slots that were taken back from their holders."
            families.add("counter", "yaoki_pool_reclaims", told, labels, counts.get(f"reclaimed_{cause}", 0.0))
        waiting = sum(ticket.until > clock.wall() for ticket in self._resources.store.tickets(name))
        families.add("gauge", "yaoki_pool_waiting", "Callers that wait for a slot.", of_pool, waiting)
        families.add(
            "gauge", "yaoki_pool_quarantine_bytes", "Size of what is in quarantine.", of_pool, self._quarantine_bytes(name)
        )
        age = self._resources.mirror(name, pool.repo_url).staleness()
        if age is not None:
            families.add("gauge", "yaoki_pool_mirror_age_seconds", "Seconds since the remote last answered.", of_pool, age)

    @staticmethod
    def _add_leases(families: Families, pool: Pool) -> None:
        told = "Seconds that an allocated slot has been held."
        for slot in pool.slots:
            if slot.state is SlotState.ALLOCATED and slot.lease is not None:
                labels = (("pool", pool.repo_name), ("slot", slot.slot_id))
                families.add("gauge", "yaoki_pool_lease_age_seconds", told, labels, held_for(slot.lease))

    def _quarantine_bytes(self, name: str) -> int:
        known = self._quarantines.get(name)
        if known is None or clock.now() - known[0] > QUARANTINE_SECONDS:
            size = sum(entry.size for entry in self._resources.quarantine(name).entries())
            known = self._quarantines[name] = (clock.now(), size)
        return known[1]

    def _add_all(self, families: Families) -> None:
        try:
            counts = self._resources.store.counts("")
            free = self._guard.free()
        except (PoolManagerError, OSError):
            self._broken += 1
        else:
            for name in RECOVERY_COUNTERS:
                families.add("counter", f"yaoki_pool_recovery_{name}", _RECOVERIES[name], (), counts.get(name, 0.0))
            families.add("gauge", "yaoki_pool_disk_free_bytes", "Room on the disk of the pools.", (), free)
        families.add("counter", "yaoki_pool_metric_errors", "Pools that could not be read at a scrape.", (), self._broken)

"""Detect what is wrong with pools, without mending anything (SPEC W2).

| slot | corrupted if |
| --- | --- |
| AVAILABLE | the checks of its files and of the mirror that it borrows from find damage |
| ERROR | always |
| ALLOCATED, CLEANING | never: what its holder does in it is his; whether he lives is another question |
"""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING

from yaoki.core.faults.category import Severity
from yaoki.core.recovery import CORRUPTED, LONG_ALLOCATED, ORPHANED_LOCK, Anomaly
from yaoki.systems.repopool.errors import PoolManagerError
from yaoki.systems.repopool.leases.lease import said, taken_for
from yaoki.systems.repopool.models import SlotState
from yaoki.systems.repopool.parameters import hours
from yaoki.systems.repopool.repair.mending import is_damage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from yaoki.systems.repopool.integrity import Damage
    from yaoki.systems.repopool.models import Slot
    from yaoki.systems.repopool.resources import Resources

__all__ = ["DEAD_OWNER", "DISK_FULL", "TIER", "Detection"]

DEAD_OWNER = "dead_owner"
"""A slot whose holder is proven to be gone: reclaimed by every strategy, at any age."""

DISK_FULL = "disk_full"
"""The disk that the workspaces are on has no space: reported."""

LITTLE = 2 * 1024 * 1024
"""Bytes below which a disk counts as full."""

TIER = 2
"""How deep slots and mirrors are checked: files, the commit and the status, checksums of packs that have changed."""

AT_ONCE = min(os.cpu_count() or 1, 8)
"""How many slots are looked at at the same time."""


class Detection:
    """Looks at all pools of one manager, or at one slot of them."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    # --- lists for people

    def long_allocated(self, max_allocation_hours: float) -> list[Slot]:
        """The slots that have been allocated for so many hours; with 0, all that are allocated."""
        least = hours("max_allocation_hours", max_allocation_hours)
        return [slot for slot in self._resources.store.slots() if _allocated_for(slot) >= least]

    def corrupted(self) -> list[Slot]:
        """The corrupted slots of all pools."""
        return [slot for slot, _ in self._corrupted(None)]

    def orphaned_locks(self) -> list[str]:
        """The slot ids of the lock files that nobody holds and that should not be there."""
        return [orphan.slot_id for orphan in self._resources.locks.orphaned(self._resources.config.stale_lock_hours)]

    # --- anomalies for the recovery

    def slots(self, only: str | None = None) -> Iterator[Anomaly]:
        """What is wrong with slots: corrupted ones, those of dead owners, and all that are allocated, with their age."""
        for slot in self._resources.store.slots():
            if only not in (None, slot.slot_id) or slot.state not in (SlotState.ALLOCATED, SlotState.CLEANING):
                continue
            owner = self._resources.owner_of(slot)
            facts = {"fence": slot.fence}
            if owner.dead:
                yield Anomaly(DEAD_OWNER, slot.slot_id, f"{said(slot.lease)}: {owner.reason}", facts=facts)
            elif slot.state is SlotState.ALLOCATED:
                detail = f"held by {said(slot.lease)}: {owner.reason}"
                yield Anomaly(LONG_ALLOCATED, slot.slot_id, detail, age=_allocated_for(slot), facts=facts)
        for slot, why in self._corrupted(only):
            held = slot.isolation is not None and slot.isolation.by == "operator"
            yield Anomaly(CORRUPTED, slot.slot_id, why, held=held, facts={"fence": slot.fence})

    def locks(self) -> Iterator[Anomaly]:
        """Orphaned lock files."""
        for orphan in self._resources.locks.orphaned(self._resources.config.stale_lock_hours):
            facts = {"slot_id": orphan.slot_id, "of_slot": orphan.of_slot}
            yield Anomaly(ORPHANED_LOCK, f"{orphan.slot_id}.lock", orphan.why, facts=facts)

    def disk(self) -> Iterator[Anomaly]:
        """A disk that is full: nothing that we could mend, but much comes from it."""
        free = shutil.disk_usage(self._resources.config.workspaces_dir).free
        if free < LITTLE:
            detail = f"{self._resources.config.workspaces_dir} has {free} bytes free"
            yield Anomaly(DISK_FULL, "disk", detail, severity=Severity.ERROR)

    # --- inside

    def _corrupted(self, only: str | None) -> Iterator[tuple[Slot, str]]:
        slots = [slot for slot in self._resources.store.slots() if only in (None, slot.slot_id)]
        mirrors: dict[str, str] = {}
        for slot in slots:
            if slot.state is SlotState.AVAILABLE and slot.repo_name not in mirrors:
                mirrors[slot.repo_name] = self._damage_of_mirror(slot)
        doubtful = [slot for slot in slots if not self._is_as_left(slot, mirrors)]
        threads = ThreadPoolExecutor(min(len(doubtful), AT_ONCE) or 1, "yaoki-pool-check")
        try:
            # Most of what is left is a git process that we wait for. Each has the deadline of the caller.
            looks = [threads.submit(copy_context().run, self._corruption_of, slot, mirrors) for slot in doubtful]
            for slot, look in zip(doubtful, looks, strict=True):
                why = look.result()
                # Whoever has got the slot meanwhile has checked it, and works in it now.
                if why and (slot.state is SlotState.ERROR or self._unchanged(slot)):
                    yield slot, why
        finally:
            threads.shutdown(cancel_futures=True)

    def _is_as_left(self, slot: Slot, mirrors: dict[str, str]) -> bool:
        if slot.state is not SlotState.AVAILABLE or mirrors[slot.repo_name]:
            return False
        try:
            return self._resources.workspace(slot).is_as_left()
        except (PoolManagerError, OSError):
            return False

    def _corruption_of(self, slot: Slot, mirrors: dict[str, str]) -> str:
        if slot.state is SlotState.ERROR:
            return str(slot.metadata.get("isolation_reason", "it is in ERROR"))
        if slot.state is not SlotState.AVAILABLE:
            return ""
        return mirrors[slot.repo_name] or self.damage(slot)

    def damage(self, slot: Slot, tier: int = TIER) -> str:
        """What is damaged in the files of a slot that nobody has, in words; "" if nothing is."""
        return _told(lambda: self._resources.workspace(slot).check(tier=tier))

    def _damage_of_mirror(self, slot: Slot) -> str:
        why = _told(lambda: self._resources.mirror(slot.repo_name, slot.repo_url).check(tier=TIER))
        return f"the mirror: {why}" if why else ""

    def _unchanged(self, slot: Slot) -> bool:
        now = self._resources.store.slot(slot.slot_id)
        return now is not None and now.fence == slot.fence


def _told(check: Callable[[], list[Damage]]) -> str:
    """What a check finds, in words. One that could not be made, on a full disk for instance, has found nothing."""
    try:
        found = check()
    except (PoolManagerError, OSError) as error:
        return str(error) if is_damage(error) else ""
    return "; ".join(str(damage) for damage in found)


def _allocated_for(slot: Slot) -> float:
    """Seconds since it was allocated; below 0 if it is not."""
    if slot.state is not SlotState.ALLOCATED:
        return -1.0
    return taken_for(slot)

"""Pools and their slots: made, completed, grown, shrunk (SPEC W1).

A slot stands in the store, CLEANING and under a lease of its builder, before its first file is written, and is offered after the
last one. So whatever dies when, the next `create_pool` finds what is half built, and completes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from yaoki.service.file_lock import FileLock
from yaoki.systems.repopool.errors import ConfigValidationError, PoolManagerError
from yaoki.systems.repopool.leases.lease import new_lease, said
from yaoki.systems.repopool.leases.locks import hold
from yaoki.systems.repopool.models import SlotState
from yaoki.systems.repopool.names import checked_address, checked_repo_name
from yaoki.systems.repopool.parameters import whole
from yaoki.systems.repopool.repair.mending import isolation_for

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from yaoki.systems.repopool.disk_guard import DiskGuard
    from yaoki.systems.repopool.models import Pool, Slot
    from yaoki.systems.repopool.release import Release
    from yaoki.systems.repopool.resources import Resources

__all__ = ["STATE_LOST", "Pools"]

BUILD_SECONDS = 3600.0
"""How long to wait for another process that makes the same pool."""

STATE_LOST = "who had it is not known any more: the state of the pool was lost"


class Pools:
    """Makes and changes pools for one manager."""

    def __init__(self, resources: Resources, guard: DiskGuard, release: Release) -> None:
        self._resources = resources
        self._guard = guard
        self._release = release

    def create(self, repo_name: str, repo_url: str, num_slots: int) -> Pool:
        """A new pool; one that is half built is completed.

        Raises ConfigValidationError, a ValueError, if it exists wholly, or for another address; GitOperationError, LockTimeoutError.
        """
        return self._create(repo_name, repo_url, num_slots, may_exist=False)

    def ensure(self, repo_name: str, repo_url: str, num_slots: int) -> Pool:
        """The pool, made or completed if need be. Raises as `create` does, but not because it exists."""
        return self._create(repo_name, repo_url, num_slots, may_exist=True)

    def _create(self, repo_name: str, repo_url: str, num_slots: int, *, may_exist: bool) -> Pool:
        name, address = checked_repo_name(repo_name), checked_address(repo_url)
        whole("num_slots", num_slots)
        store = self._resources.store
        self._resources.git.check_version()
        with self._building(name):
            new = store.add_pool(name, address.text, num_slots)
            pool = self._resources.pool(name)
            if pool.repo_url != address.text:
                raise ConfigValidationError(
                    f"there is a pool {name} of another repository, {checked_address(pool.repo_url).shown}",
                    field="repo_url",
                    repo_name=name,
                )
            mirror = self._resources.mirror(name, pool.repo_url)
            if not new and mirror.exists and self._whole(pool):
                if may_exist:
                    return pool
                raise ConfigValidationError(
                    f"the pool {name} exists", field="repo_name", repo_name=name, way_out="use it, or add slots to it"
                )
            try:
                mirror.create()
            except BaseException:
                # Nothing is known about a repository that could not be reached; the next call may name another address.
                store.remove_pool(name)
                raise
            number = max(num_slots, len(pool.slots), self._highest_on_disk(name))
            store.set_num_slots(name, number)
            for slot in pool.slots:
                if slot.state is SlotState.CLEANING and self._resources.owner_of(slot).dead:
                    self._build(self._release.taken(slot, "create_pool"))
            while len(self._resources.pool(name).slots) < number:
                self._add(name, "create_pool")
            return self._resources.pool(name)

    def add_slot(self, repo_name: str) -> Slot:
        """One more slot. Raises PoolNotFoundError, GitOperationError (also if the disk has no room)."""
        name = checked_repo_name(repo_name)
        self._resources.pool(name)
        slot = self._add(name, "add_slot")
        pool = self._resources.pool(name)
        self._resources.store.set_num_slots(name, max(pool.num_slots, len(pool.slots)))
        return slot

    def remove_slot(self, slot_id: str, force: bool) -> None:
        """Remove a slot; work in it goes to quarantine. `force`: also from a holder who lives.

        Raises SlotNotFoundError, PoolManagerError if somebody has it, LockTimeoutError if a manager works on it.
        """
        slot = self._release.at_rest(slot_id)
        if slot.state is SlotState.ALLOCATED and not force:
            raise PoolManagerError(
                f"{slot_id} is held by {said(slot.lease)}",
                repo_name=slot.repo_name,
                slot_id=slot_id,
                way_out="wait until it is released, or remove it by force: the work goes to quarantine",
            )
        alive = slot.state is SlotState.ALLOCATED and not self._resources.owner_of(slot).dead
        taken = self._release.taken(slot, "remove_slot")
        holder = "" if slot.lease is None else slot.lease.holder
        store = self._resources.store
        try:
            with self._resources.working_on(taken) as workspace:
                workspace.remove(
                    ticket=str(slot.fence),
                    reason="removed",
                    holder=holder,
                    taken=slot.state is not SlotState.AVAILABLE,
                    alive=alive,
                )
        except BaseException as error:
            store.isolate(taken.slot_id, taken.fence, isolation_for(taken, f"it could not be removed: {error}", error))
            raise
        former = slot.lease if slot.state is SlotState.ALLOCATED else None
        store.remove_slot(taken.slot_id, taken.fence, former=former)
        self._resources.locks.discard(slot_id)
        pool = store.pool(slot.repo_name)
        if pool is not None:
            store.set_num_slots(slot.repo_name, len(pool.slots))

    # --- inside

    def _whole(self, pool: Pool) -> bool:
        unfinished = any(slot.state is SlotState.CLEANING and self._resources.owner_of(slot).dead for slot in pool.slots)
        return len(pool.slots) >= pool.num_slots and not unfinished

    def _highest_on_disk(self, name: str) -> int:
        """The highest number of a slot whose folder stands there; 0 without one."""
        numbers = (folder.name.removeprefix("slot") for folder in self._resources.layout(name).folder.glob("slot*"))
        return max((int(number) for number in numbers if number.isdigit()), default=0)

    def _building(self, name: str) -> AbstractContextManager[FileLock]:
        folder = self._resources.layout(name).folder
        folder.mkdir(parents=True, exist_ok=True)
        return hold(FileLock(folder / "build.lock"), BUILD_SECONDS, f"the making of the pool {name}")

    def _add(self, name: str, purpose: str) -> Slot:
        self._guard.check(self._resources.pool(name))
        slot = self._resources.store.add_slot(name, new_lease(purpose))
        if slot.slot_path.exists():
            # Its row was lost with the state of the pool: somebody may still work in it.
            return self._resources.store.isolate(slot.slot_id, slot.fence, isolation_for(slot, STATE_LOST))
        try:
            return self._build(slot)
        except BaseException:
            self._resources.store.remove_slot(slot.slot_id, slot.fence)
            raise

    def _build(self, slot: Slot) -> Slot:
        self._resources.locks.ensure(slot.slot_id)
        with self._resources.working_on(slot) as workspace:
            prepared = workspace.build()
        return self._resources.store.offer(slot.slot_id, slot.fence, branch=prepared.branch, commit=prepared.commit)

"""Allocate: take a free slot, make it ready, hand it out (SPEC W1).

A slot that turns out to be broken is mended on the spot, from the mirror; if that does not help it is kept out of use, and the next
free slot is taken. The remote is not needed: it is asked in the background, for the next tenant.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from yaoki.core.clock import clock
from yaoki.systems.repopool.errors import (
    ConfigValidationError,
    LockTimeoutError,
    NoAvailableSlotError,
    PoolManagerError,
    SlotAllocationError,
)
from yaoki.systems.repopool.leases.lease import new_lease
from yaoki.systems.repopool.names import checked_repo_name
from yaoki.systems.repopool.parameters import duration
from yaoki.systems.repopool.repair.mending import is_damage, isolation_for, mended

if TYPE_CHECKING:
    from collections.abc import Callable

    from yaoki.systems.repopool.mirror.fetching import BackgroundFetches
    from yaoki.systems.repopool.models import Lease, Slot
    from yaoki.systems.repopool.resources import Resources
    from yaoki.systems.repopool.slot.workspace import Prepared, Workspace
    from yaoki.systems.repopool.waiting import Queue

__all__ = ["Allocation"]


class Allocation:
    """Allocates slots for one manager."""

    def __init__(self, resources: Resources, queue: Queue, fetches: BackgroundFetches) -> None:
        self._resources = resources
        self._queue = queue
        self._fetches = fetches

    def allocate(
        self,
        repo_name: str,
        metadata: Mapping[str, object] | None,
        *,
        timeout: float | None,
        holder: str | None,
        ttl: float | None,
        durable: bool,
        given_up: Callable[[], bool],
    ) -> Slot:
        """An allocated slot, ready for work.

        Raises PoolNotFoundError, NoAvailableSlotError, SlotAllocationError, and ConfigValidationError for a parameter out of its range.
        """
        started = clock.now()
        name, facts = checked_repo_name(repo_name), _checked_metadata(metadata)
        if timeout is not None:
            timeout = duration("timeout", timeout, zero=True, infinite=True)

        def lease() -> Lease:
            return new_lease(holder, ttl=ttl, durable=durable)

        lease()
        try:
            slot = self._allocate(name, facts, lease, timeout, given_up)
        except PoolManagerError:
            self._resources.count(name, failed_allocations=1)
            raise
        self._resources.count(name, allocations=1, allocation_seconds=clock.now() - started)
        if not durable:
            # For the next tenant. Who takes a durable lease may end at once, and the fetch with it.
            self._fetches.begin(self._resources.mirror(name, slot.repo_url), self._resources.quarantine(name))
        return slot

    def _allocate(
        self,
        name: str,
        metadata: Mapping[str, object],
        lease: Callable[[], Lease],
        timeout: float | None,
        given_up: Callable[[], bool],
    ) -> Slot:
        without: set[str] = set()
        problem: PoolManagerError | OSError | None = None
        if self._resources.options(name).fetch_on_allocate:
            # A remote that does not answer is no reason to refuse: the slot says how old its mirror is.
            address = self._resources.pool(name).repo_url
            self._resources.mirror(name, address).refresh(older_than=self._resources.config.fetch_ttl)
        until = clock.now() + (timeout or 0.0)
        while True:
            left = None if timeout is None else max(0.0, until - clock.now())
            try:
                slot = self._queue.take(name, _working, timeout=left, without=without, given_up=given_up)
            except NoAvailableSlotError:
                if problem is None:
                    raise
                raise SlotAllocationError(
                    f"no free slot of {name} could be made ready; the last one: {problem}",
                    repo_name=name,
                    way_out="detect_anomalies() says what is wrong with them",
                ) from problem
            try:
                return self._hand_out(slot, metadata, lease)
            except LockTimeoutError:
                # Somebody works in it by hand.
                without.add(slot.slot_id)
            except (PoolManagerError, OSError) as error:
                without.add(slot.slot_id)
                problem = error

    def _hand_out(self, slot: Slot, metadata: Mapping[str, object], lease: Callable[[], Lease]) -> Slot:
        store = self._resources.store
        try:
            with self._resources.working_on(slot, timeout=0.0) as workspace:
                prepared = self._prepared(workspace, slot)
            given = store.allocate(
                slot.slot_id, slot.fence, lease(), branch=prepared.branch, commit=prepared.commit, metadata=metadata
            )
        except LockTimeoutError:
            store.offer(
                slot.slot_id,
                slot.fence,
                branch=slot.current_branch,
                commit=slot.current_commit,
                needs_cleaning=slot.needs_cleaning,
            )
            raise
        except BaseException:
            # Interrupted, or refused for a while: it goes back, to be cleaned before it is used.
            if self._is_ours(slot):
                store.offer(slot.slot_id, slot.fence, needs_cleaning=True)
            raise
        given.staleness_seconds = workspace.mirror.staleness()
        if prepared.proven:
            self._resources.count(slot.repo_name, cache_hits=1)
        return given

    def _prepared(self, workspace: Workspace, slot: Slot) -> Prepared:
        try:
            return self._ready(workspace, slot)
        except (PoolManagerError, OSError) as error:
            if not is_damage(error):
                raise
            why = mended(workspace, slot, error)
            if not why:
                return workspace.prepare()
            self._resources.store.isolate(slot.slot_id, slot.fence, isolation_for(slot, why, error))
            raise

    @staticmethod
    def _ready(workspace: Workspace, slot: Slot) -> Prepared:
        if slot.needs_cleaning:
            workspace.clean(ticket=str(slot.fence), reason="left uncleaned", taken=True)
        return workspace.prepare()

    def _is_ours(self, slot: Slot) -> bool:
        now = self._resources.store.slot(slot.slot_id)
        return now is not None and now.fence == slot.fence


def _working() -> Lease:
    return new_lease("allocate_slot")


def _checked_metadata(metadata: object) -> Mapping[str, object]:
    """Raises ConfigValidationError for what cannot be stored, before a slot is taken for it."""
    if metadata is None:
        return {}
    if not isinstance(metadata, Mapping) or not all(isinstance(name, str) for name in metadata):
        raise ConfigValidationError(f"metadata must be a mapping of names, not {metadata!r}", field="metadata")
    try:
        json.dumps(dict(metadata), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigValidationError(
            f"metadata cannot be kept as JSON: {error}",
            field="metadata",
            way_out="give texts, numbers, lists and mappings of them",
        ) from error
    return metadata

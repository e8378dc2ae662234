"""The same work on all free slots of a pool at once: warm up, clean (SPEC W1)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from yaoki.core.clock import clock
from yaoki.systems.repopool.errors import ConfigValidationError, PoolManagerError
from yaoki.systems.repopool.leases.lease import new_lease
from yaoki.systems.repopool.models import CleanupResult, SlotState
from yaoki.systems.repopool.names import checked_repo_name
from yaoki.systems.repopool.parameters import whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from yaoki.systems.repopool.models import Slot
    from yaoki.systems.repopool.resources import Resources

__all__ = ["OPERATIONS", "ManySlots"]

OPERATIONS = ("warmup", "before_allocation", "after_release")
"""warmup: fetch, then make every slot ready. before_allocation: make it ready. after_release: clean it."""

WORKERS = 4


class ManySlots:
    """Works on all free slots of a pool of one manager. Slots that somebody has are left alone."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    def run(self, repo_name: str, operation: str, max_workers: int | None) -> dict[str, Any]:
        """repo_name, slots_cleaned, successful, failed, duration_seconds, results. Raises PoolNotFoundError, ConfigValidationError."""
        name = checked_repo_name(repo_name)
        if operation not in OPERATIONS:
            raise ConfigValidationError(
                f"operation must be one of {', '.join(OPERATIONS)}, not {operation!r}", field="operation", repo_name=name
            )
        workers = WORKERS if max_workers is None else whole("max_workers", max_workers)
        started = clock.now()
        pool = self._resources.pool(name)
        if operation == "warmup":
            self._resources.mirror(name, pool.repo_url).refresh()
        free = [slot for slot in pool.slots if slot.state is SlotState.AVAILABLE]
        work = self._clean if operation == "after_release" else self._prepare
        with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="yaoki-pool") as threads:
            results = list(threads.map(lambda slot: self._one(slot, work), free))
        done = sum(result.success for result in results)
        return {
            "repo_name": name,
            "slots_cleaned": len(results),
            "successful": done,
            "failed": len(results) - done,
            "duration_seconds": clock.now() - started,
            "results": results,
        }

    def _one(self, slot: Slot, work: Callable[[Slot], tuple[str | None, str | None]]) -> CleanupResult:
        started = clock.now()
        store = self._resources.store
        try:
            taken = store.take(slot.slot_id, slot.fence, new_lease("warm up"))
        except PoolManagerError as error:
            return CleanupResult(slot.slot_id, False, clock.now() - started, str(error))
        branch, commit, problem = taken.current_branch, taken.current_commit, None
        dirty = True
        try:
            branch, commit = work(taken)
            dirty = False
        except (PoolManagerError, OSError) as error:
            # It goes back as it is: who is to get it checks it, and the detectors find what is wrong.
            problem = str(error)
        finally:
            store.offer(taken.slot_id, taken.fence, branch=branch, commit=commit, needs_cleaning=dirty)
        return CleanupResult(slot.slot_id, problem is None, clock.now() - started, problem)

    def _prepare(self, slot: Slot) -> tuple[str | None, str | None]:
        with self._resources.working_on(slot) as workspace:
            if slot.needs_cleaning:
                workspace.clean(ticket=str(slot.fence), reason="left uncleaned", taken=True)
            prepared = workspace.prepare()
        return prepared.branch, prepared.commit

    def _clean(self, slot: Slot) -> tuple[str | None, str | None]:
        with self._resources.working_on(slot) as workspace:
            workspace.clean(ticket=str(slot.fence), reason="cleaned", taken=True)
            head = workspace.head()
        return head.branch, head.commit

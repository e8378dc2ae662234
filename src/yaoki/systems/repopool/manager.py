"""The manager of pools of ready git workspaces (SPEC W1 to W5).

    manager = PoolManager(PoolConfig(workspaces_dir="/srv/workspaces"))
    manager.create_pool("web", "https://example.org/web.git", num_slots=4)

    with manager.lease("web", timeout=60.0) as slot:
        work_in(slot.slot_path)

All state is on the disk: any number of managers, in any number of processes of one host, share one folder.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from yaoki.core.clock import clock
from yaoki.core.deadline import NEVER
from yaoki.core.faults.errors import YaokiError
from yaoki.core.recovery import RecoveryBusyError, Strategy
from yaoki.core.recovery.strategy import strategy_of
from yaoki.systems.repopool.allocation import Allocation
from yaoki.systems.repopool.background import BackgroundTasks
from yaoki.systems.repopool.configuration import PoolConfig
from yaoki.systems.repopool.disk_guard import DiskGuard
from yaoki.systems.repopool.errors import ConfigValidationError, PoolManagerError, StaleLeaseError
from yaoki.systems.repopool.leases.block import Heartbeats, LeaseBlock, hangs_on_heartbeat
from yaoki.systems.repopool.leases.lease import prolonged
from yaoki.systems.repopool.many import ManySlots
from yaoki.systems.repopool.metrics import RECOVERY_COUNTERS, Metrics
from yaoki.systems.repopool.mirror.fetching import BackgroundFetches
from yaoki.systems.repopool.mirror.joining import join
from yaoki.systems.repopool.mirror.rebuild import rebuild
from yaoki.systems.repopool.models import SlotIsolation, SlotState, SlotStatus
from yaoki.systems.repopool.names import checked_repo_name
from yaoki.systems.repopool.parameters import checked, hours, text
from yaoki.systems.repopool.pools import Pools
from yaoki.systems.repopool.recovery.detection import Detection
from yaoki.systems.repopool.recovery.doctor import Doctor
from yaoki.systems.repopool.recovery.health import PoolHealth
from yaoki.systems.repopool.recovery.recovery import PoolRecovery, reclaimed, seed_counts
from yaoki.systems.repopool.release import Release
from yaoki.systems.repopool.resources import Resources
from yaoki.systems.repopool.waiting import Queue

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from yaoki.core.recovery import RecoveryLoop, RecoveryReport
    from yaoki.systems.repopool.integrity import Damage
    from yaoki.systems.repopool.leases.locks import LockManager
    from yaoki.systems.repopool.models import AllocationMetrics, Pool, PoolSummary, Slot
    from yaoki.systems.repopool.prometheus import PoolCollector
    from yaoki.systems.repopool.quarantine.quarantine import Quarantine

__all__ = ["PoolManager"]

_log = logging.getLogger("yaoki.repopool")


class PoolManager:
    """Pools of ready git workspaces in one folder.

    `config`: the settings; those of an empty PoolConfig by default. `auto_init_pools`: make the pools that the configuration asks
    for. `send_metric`: called with name and value of what each recovery has done (`recovery.slots_recovered`, …).

    Safe for threads, for many processes on one host, and after fork. Raises PoolManagerError if the folder cannot be used.
    """

    def __init__(
        self,
        config: PoolConfig | None = None,
        auto_init_pools: bool = False,
        *,
        send_metric: Callable[[str, float], object] | None = None,
    ) -> None:
        self.config: PoolConfig = PoolConfig() if config is None else config
        self.send_metric: Callable[[str, float], object] | None = send_metric
        self.last_recovery: RecoveryReport | None = None
        """What the latest recovery by this object found and did, dry runs included; None before the first."""
        self._resources = Resources(self.config)
        self._release = Release(self._resources)
        self._guard = DiskGuard(self._resources)
        self._pools = Pools(self._resources, self._guard, self._release)
        self._fetches = BackgroundFetches()
        self._allocation = Allocation(self._resources, Queue(self._resources.store), self._fetches)
        self._detection = Detection(self._resources)
        self._recovery = PoolRecovery(self._resources, self._detection, self._release)
        self._many = ManySlots(self._resources)
        self._metrics = Metrics(self._resources)
        self._background = BackgroundTasks()
        self.heartbeats: Heartbeats = Heartbeats(self.heartbeat, lambda: self.config.heartbeat_interval)
        """Says of the leases of `lease()` that they are in use."""
        if auto_init_pools:
            self.initialize_pools_from_config()

    @classmethod
    def from_config_file(cls, config_file: str | os.PathLike[str] | None = None, auto_init_pools: bool = True) -> PoolManager:
        """A manager with the configuration of a file. Without one: `$YAOKI_POOL_CONFIG`, `./pools.toml`, `./pools.yaml`.

        Raises ConfigValidationError, and what `create_pool` raises.
        """
        return cls(PoolConfig.load_from_file(config_file), auto_init_pools)

    @property
    def lock_manager(self) -> LockManager:
        """The lock files of the slots."""
        return self._resources.locks

    def quarantine(self, repo_name: str) -> Quarantine:
        """The work of former tenants of a pool. Raises PoolNotFoundError."""
        return self._resources.quarantine(self.get_pool(repo_name).repo_name)

    # --- pools --------------------------------------------------------------------------------------------------------------

    def initialize_pools_from_config(self) -> dict[str, Pool]:
        """The pools that the configuration asks for; those that are missing or half built are made.

        Raises what `create_pool` raises, after the others have been made.
        """
        pools: dict[str, Pool] = {}
        problem: PoolManagerError | None = None
        for name, wanted in self.config.pools.items():
            try:
                pools[name] = self._pools.ensure(name, wanted.repo_url, wanted.num_slots)
                if wanted.cleanup_options.warmup_enabled:
                    self.warmup_pool_parallel(name)
            except PoolManagerError as error:
                problem = problem or error
        if problem is not None:
            raise problem
        return pools

    def reload_config(self, config_file: str | os.PathLike[str] | None = None) -> None:
        """Read the configuration again, from another file if one is given. Pools are not changed by it.

        Raises ConfigValidationError; then the former settings stay.
        """
        former = self.config.config_file
        try:
            if config_file is not None:
                self.config.config_file = config_file  # type: ignore[assignment]  # the assignment makes a path of it
            self.config.reload()
        except ConfigValidationError:
            self.config.config_file = former
            raise

    def create_pool(self, repo_name: str, repo_url: str, num_slots: int | None = None) -> Pool:
        """Make a pool; one that is half built, by a process that was killed, is completed.

        `num_slots`: `default_num_slots` of the configuration if it is not given. Raises ConfigValidationError, a ValueError, for a bad
        name or address and if the pool exists; GitOperationError if the repository cannot be read or the disk has no room.
        """
        number = self.config.default_num_slots if num_slots is None else num_slots
        return self._pools.create(repo_name, repo_url, number)

    def get_pool(self, repo_name: str) -> Pool:
        """The pool with its slots. Raises PoolNotFoundError."""
        return self._resources.pool(checked_repo_name(repo_name))

    def get_slot(self, slot_id: str) -> Slot:
        """One slot, as it is now; to have looked at it gives no right to release it.

        Raises SlotNotFoundError, and ConfigValidationError for what is no id of a slot.
        """
        return self._resources.slot(slot_id)

    def list_pools(self) -> list[str]:
        """The names of all pools, sorted."""
        return self._resources.store.pool_names()

    def get_pool_summary(self) -> dict[str, PoolSummary]:
        """All pools in numbers, by name."""
        return {name: self._metrics.summary(name) for name in self.list_pools()}

    # --- slots --------------------------------------------------------------------------------------------------------------

    def allocate_slot(
        self,
        repo_name: str,
        metadata: Mapping[str, object] | None = None,
        *,
        timeout: float | None = None,
        holder: str | None = None,
        ttl: float | None = None,
        durable: bool = False,
        given_up: Callable[[], bool] = lambda: False,
    ) -> Slot:
        """Take a slot that is free, clean and at the base commit.

        `metadata`: JSON-ready facts, kept until the release. `timeout`: seconds to wait in a fair queue; None does not wait. `holder`: a
        label for people. `durable`: the lease does not end with this process, but by a release with its fence, or after `ttl` seconds
        without a heartbeat. `given_up`: asked while waiting, whether nobody wants the slot any more.

        Raises PoolNotFoundError, NoAvailableSlotError if all are taken, SlotAllocationError if the free ones cannot be made ready.
        """
        slot = self._allocation.allocate(
            repo_name, metadata, timeout=timeout, holder=holder, ttl=ttl, durable=durable, given_up=given_up
        )
        slot._manager = self
        return slot

    def lease(
        self,
        repo_name: str,
        metadata: Mapping[str, object] | None = None,
        *,
        timeout: float | None = None,
        holder: str | None = None,
        ttl: float | None = None,
    ) -> LeaseBlock:
        """`with manager.lease(repo) as slot`: allocated in the block, with a heartbeat, and released at its end.

        `ttl`: the lease hangs on its heartbeat instead of this process, and ends so many seconds after the latest one: for a process in
        a container of its own, which nobody outside can see. Raises ConfigValidationError unless it is above `heartbeat_interval`.
        """
        durable = hangs_on_heartbeat(ttl, self.config.heartbeat_interval)
        return LeaseBlock(
            lambda: self.allocate_slot(repo_name, metadata, timeout=timeout, holder=holder, ttl=ttl, durable=durable),
            self.heartbeats,
        )

    def release_slot(self, slot_id: str, cleanup: bool = True, *, force: bool = False, fence: int | None = None) -> None:
        """Give a slot back: its work is kept, it is cleaned, and it is on offer again when this returns.

        `cleanup=False` leaves the cleaning to the next allocation. Without `fence` only the leasing process may do it, with the fence of
        the lease anybody. `force`: an operator's word; it takes the slot from its holder.

        Raises SlotNotFoundError, StaleLeaseError if the caller does not hold it (any more), CleanupError if it can be neither
        cleaned nor mended: then it is kept out of use, with the work in it.
        """
        if not force:
            self._release.release(slot_id, cleanup, fence)
            return
        if fence is not None and self._resources.slot(slot_id).fence != fence:
            self._release.checked(slot_id, fence)
        self._release.force(slot_id)

    def release_slot_background(self, slot_id: str, cleanup: bool = True) -> str | None:
        """The same in the background. Returns the id of a task, for `wait_for_release`, or None if there is nothing to clean.

        The slot is no longer the caller's when this returns, and on offer when it is clean.
        """
        slot = self._release.checked(slot_id, None)
        ending = self._release.begun(slot, cleanup)
        if not ending.cleanup:
            ending()
            return None
        return self._background.start(slot_id, ending)

    def wait_for_release(self, task_id: str, timeout: float | None = None) -> None:
        """Wait for a release in the background. Raises what it raised, and LockTimeoutError after `timeout` seconds."""
        self._background.wait(task_id, timeout)

    def heartbeat(self, slot_id: str, fence: int) -> None:
        """Say that a lease is in use, which prolongs one with a `ttl`.

        Raises StaleLeaseError if it is one no longer, and PoolManagerError if what is stored about it cannot be read.
        """
        slot = self._release.checked(slot_id, fence)
        if slot.lease is None or slot.lease.unreadable:
            raise PoolManagerError(
                f"what is stored about the lease of {slot_id} cannot be read",
                repo_name=slot.repo_name,
                slot_id=slot_id,
                way_out="it is yours until you release it; then allocate a slot anew",
            )
        self._resources.store.heartbeat(slot_id, fence, until=prolonged(slot.lease).until)

    def add_slot(self, repo_name: str) -> Slot:
        """One more slot. Raises PoolNotFoundError, and GitOperationError if the disk has no room for it."""
        return self._pools.add_slot(repo_name)

    def remove_slot(self, slot_id: str, force: bool = False) -> None:
        """Remove a slot; work in it goes to quarantine. `force`: also from a holder who lives.

        Raises SlotNotFoundError, PoolManagerError if somebody holds it, LockTimeoutError if somebody is at work on it.
        """
        self._pools.remove_slot(slot_id, force)

    def get_slot_status(self, slot_id: str) -> SlotStatus:
        """One slot, for people. Raises SlotNotFoundError."""
        slot = self._resources.slot(slot_id)
        workspace = self._resources.workspace(slot)
        head = workspace.head()
        return SlotStatus(
            slot_id=slot_id,
            state=slot.state,
            is_locked=self.lock_manager.is_locked(slot_id),
            current_branch=head.branch,
            current_commit=head.commit,
            allocation_count=slot.allocation_count,
            last_allocated_at=slot.last_allocated_at,
            disk_usage_mb=workspace.disk_usage() / 1e6,
        )

    def warmup_pool_parallel(self, repo_name: str, max_workers: int | None = None) -> dict[str, Any]:
        """Fetch, and make all free slots ready. Returns repo_name, slots_warmed, successful, failed, duration_seconds, results."""
        done = self._many.run(repo_name, "warmup", max_workers)
        return {"slots_warmed" if name == "slots_cleaned" else name: value for name, value in done.items()}

    def cleanup_pool_parallel(
        self, repo_name: str, operation: str = "warmup", max_workers: int | None = None
    ) -> dict[str, Any]:
        """The same work on all free slots: "warmup", "before_allocation" or "after_release".

        Returns repo_name, slots_cleaned, successful, failed, duration_seconds, results (CleanupResult).
        """
        return self._many.run(repo_name, operation, max_workers)

    # --- detect and recover -------------------------------------------------------------------------------------------------

    def detect_long_allocated_slots(self, max_allocation_hours: float = 24) -> list[Slot]:
        """The slots that have been allocated for so many hours; with 0 every allocated one."""
        return self._detection.long_allocated(max_allocation_hours)

    def detect_corrupted_slots(self) -> list[Slot]:
        """The free slots that are damaged, and all that are isolated. Nothing is mended."""
        return self._detection.corrupted()

    def detect_orphaned_locks(self) -> list[str]:
        """The slot ids of locks that were left behind: of no slot, by a killed holder, or older than `stale_lock_hours`."""
        return self._detection.orphaned_locks()

    def detect_anomalies(self, max_allocation_hours: float = 24) -> dict[str, Any]:
        """All three: long_allocated_slots, corrupted_slots, orphaned_locks."""
        return {
            "long_allocated_slots": self.detect_long_allocated_slots(max_allocation_hours),
            "corrupted_slots": self.detect_corrupted_slots(),
            "orphaned_locks": self.detect_orphaned_locks(),
        }

    def recover_slot(self, slot_id: str, force: bool = False, *, dry_run: bool = False) -> bool:
        """Bring an isolated, damaged or abandoned slot back; True only if it is on offer and checked. Never raises.

        `force`: also one that somebody holds (the work goes to quarantine), and beyond the last automatic attempt. `dry_run`: only say
        what would be done. What was done, and why it failed, is in `last_recovery`.
        """
        strategy = Strategy("operator", long_allocated_after=0.0 if force else None, force_release=force)
        try:
            slot = self._resources.slot(slot_id)
            loop = self._recovery.loop(slot.slot_id)
            self.last_recovery = self._recovery.when_free(
                lambda: loop.recover_threads(slot_id, strategy, force=force, dry_run=dry_run)
            )
            now = self._resources.store.slot(slot_id)
            return now is not None and now.state is SlotState.AVAILABLE and not self._detection.damage(now)
        except (YaokiError, OSError) as error:
            _log.warning("%s was not recovered: %s", slot_id, error)
            return False

    def isolate_slot(self, slot_id: str, reason: str = "isolated by operator") -> None:
        """Keep a slot out of use until `recover_slot`; one that somebody has, from its release on.

        Raises SlotNotFoundError, ConfigValidationError for an empty reason.
        """
        told = text("reason", reason)
        isolation = SlotIsolation("operator", told, clock.wall(), "", f"yaoki pool recover {slot_id}")
        store = self._resources.store
        while True:
            slot = self._resources.slot(slot_id)
            at_once = slot.state in (SlotState.AVAILABLE, SlotState.ERROR)
            try:
                (store.isolate if at_once else store.isolate_later)(slot_id, slot.fence, isolation)
            except StaleLeaseError:
                # It has changed this moment: look again.
                continue
            return

    def auto_recover(
        self,
        max_allocation_hours: float = 24,
        recover_corrupted: bool = True,
        cleanup_orphaned_locks: bool = True,
        force_release_long_allocated: bool = False,
        *,
        strategy: Strategy | str | None = None,
        dry_run: bool = False,
        staged: bool = False,
        stage_wait: float = 60.0,
    ) -> dict[str, Any]:
        """Detect, repair, verify, isolate. Slots of owners that are dead are reclaimed at any age, their work kept.

        `strategy`: "conservative", "aggressive" or "maintenance", instead of the parameters before. `dry_run`: only say what would
        be done, in `last_recovery`. `staged`: without forced release first, then wait `stage_wait` seconds and look again.

        Returns long_allocated_released, corrupted_recovered, corrupted_isolated, orphaned_locks_cleaned, errors. Everything else
        is in `last_recovery`. Raises ConfigValidationError for a parameter out of its range.
        """
        if strategy is not None:
            chosen = checked("strategy", strategy, lambda _, given: strategy_of(given))
        else:
            after = hours("max_allocation_hours", max_allocation_hours)
            chosen = Strategy(
                "auto_recover",
                # Nothing has been allocated for an infinite time.
                long_allocated_after=None if after == NEVER else after,
                force_release=force_release_long_allocated,
                recover_corrupted=recover_corrupted,
                clean_orphaned_locks=cleanup_orphaned_locks,
            )
        loop = self._recovery.loop(stage_wait=stage_wait)
        try:
            report = self._recovery.when_free(lambda: loop.run_once_threads(chosen, dry_run=dry_run, staged=staged))
        except RecoveryBusyError as error:
            return {**dict.fromkeys(RECOVERY_COUNTERS.values(), 0), "errors": [str(error)]}
        return {**self.note_recovery(report), "errors": list(report.errors)}

    def recovery_loop(self, *, stage_wait: float = 60.0) -> RecoveryLoop:
        """The recovery loop of the core over all pools, for whoever runs it as a service; `note_recovery` takes its reports."""
        return self._recovery.loop(stage_wait=stage_wait)

    def note_recovery(self, report: RecoveryReport) -> dict[str, int]:
        """Count what a recovery has done, and tell `send_metric`. Returns the four counts of `auto_recover`."""
        self.last_recovery = report
        figures = seed_counts(report)
        self._metrics.count_recovery(figures, report, reclaimed(report))
        if self.send_metric is not None:
            for name, figure in RECOVERY_COUNTERS.items():
                self.send_metric(f"recovery.{name}", float(figures[figure]))
        return figures

    def refresh_mirrors(self) -> None:
        """Begin to fetch, in the background, every mirror whose remote was not asked for `fetch_ttl` seconds. Does not wait."""
        for name in self.list_pools():
            self._fetches.begin(self._resources.mirror(name, self.get_pool(name).repo_url), self._resources.quarantine(name))

    def recover_mirror(self, repo_name: str) -> str:
        """Make the mirror of a pool anew if it is damaged: from the remote, else from what this disk has. Join its packs if they are many.

        Returns "remote" or "local", or "" if it is not damaged. Raises PoolNotFoundError, GitOperationError if neither works.
        """
        pool = self.get_pool(repo_name)
        mirror, quarantine = self._resources.mirror(pool.repo_name, pool.repo_url), self._resources.quarantine(pool.repo_name)
        source = rebuild(mirror, quarantine)
        join(mirror, quarantine)
        return source

    def check_mirror(self, repo_name: str) -> list[Damage]:
        """What is damaged in the mirror of a pool: files, the base commit, checksums. Raises PoolNotFoundError."""
        return self._resources.mirror(repo_name, self.get_pool(repo_name).repo_url).check(tier=2)

    def health_check(self, max_allocation_hours: float = 24, language: str = "en") -> PoolHealth:
        """Whether `detect_anomalies` finds nothing; says "N problems found", or 「N件の問題を検出」 with `language` "ja". Repairs nothing."""
        return PoolHealth.of(self.detect_anomalies(max_allocation_hours), language)

    def doctor(self, *, thorough: bool = True, ask_remotes: bool = True) -> Doctor:
        """Who looks at everything, and names the command that mends what is wrong. Changes nothing."""
        return Doctor(self._resources, self._guard, thorough=thorough, ask_remotes=ask_remotes)

    def work_in(self, slot_id: str) -> list[str]:
        """What a release of the slot would keep, one line each; [] if there is nothing. Changes nothing. Raises SlotNotFoundError."""
        return self._resources.workspace(self._resources.slot(slot_id)).has_work()

    # --- numbers ------------------------------------------------------------------------------------------------------------

    def get_allocation_metrics(self, repo_name: str) -> AllocationMetrics:
        """What allocations of a pool have cost, over all processes. Raises PoolNotFoundError."""
        return self._metrics.allocation(repo_name)

    def get_performance_metrics(self, repo_name: str | None = None) -> dict[str, Any]:
        """`pools` by name with their numbers, and `recovery`; JSON-ready."""
        return self._metrics.all(repo_name)

    def collector(self) -> PoolCollector:
        """The metrics of all pools for a registry of `prometheus_client`."""
        from yaoki.systems.repopool.prometheus import PoolCollector

        return PoolCollector(self._resources, self._guard)

    def export_metrics(self, path: str | os.PathLike[str] | None = None) -> str:
        """The same as JSON text, which is also written to `path` if it is given. Raises OSError if that cannot be written."""
        return self._metrics.export(path)

    def clear_metrics(self, repo_name: str | None = None) -> None:
        """Begin to count anew, for one pool or for all."""
        self._metrics.clear(repo_name)

    def close(self) -> None:
        """Close what is open. Leases stay; the manager may be used on."""
        self._resources.store.close()

    def __repr__(self) -> str:
        return f"<PoolManager {self.config.workspaces_dir}>"

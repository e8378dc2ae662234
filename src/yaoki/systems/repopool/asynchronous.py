"""The manager for event loops: each call runs in a thread, so nothing blocks the loop (SPEC W1)."""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from yaoki.core.daemon import DaemonRun
from yaoki.core.parking import NEVER, OnLoop
from yaoki.systems.repopool.errors import PoolManagerError
from yaoki.systems.repopool.leases.block import hangs_on_heartbeat
from yaoki.systems.repopool.manager import PoolManager

if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable, Mapping
    from types import TracebackType

    from yaoki.core.recovery import RecoveryReport, Strategy
    from yaoki.systems.repopool.configuration import PoolConfig
    from yaoki.systems.repopool.integrity import Damage
    from yaoki.systems.repopool.leases.locks import LockManager
    from yaoki.systems.repopool.models import AllocationMetrics, Pool, PoolSummary, Slot, SlotStatus
    from yaoki.systems.repopool.recovery.health import PoolHealth

    Parameters = ParamSpec("Parameters")
    Result = TypeVar("Result")

__all__ = ["AsyncLeaseBlock", "AsyncPoolManager"]


class AsyncPoolManager:
    """The methods of PoolManager as coroutine functions, each run in a daemon thread. What a service is built of (`recovery_loop`,
    `note_recovery`, `doctor`, `collector`, `quarantine`) is the manager's own.

    `manager`: the PoolManager behind it, or the settings of one. Who is cancelled while he waits for a slot leaves the queue; a slot
    that he got this very moment is given back. Other work that was begun goes on to its end.
    """

    def __init__(self, manager: PoolManager | PoolConfig | None = None) -> None:
        self.manager: PoolManager = manager if isinstance(manager, PoolManager) else PoolManager(manager)

    @property
    def config(self) -> PoolConfig:
        """The settings."""
        return self.manager.config

    @property
    def lock_manager(self) -> LockManager:
        """The lock files of the slots; its methods block."""
        return self.manager.lock_manager

    @property
    def last_recovery(self) -> RecoveryReport | None:
        """What the latest recovery found and did."""
        return self.manager.last_recovery

    async def initialize_pools_from_config(self) -> dict[str, Pool]:
        """As `PoolManager.initialize_pools_from_config`."""
        return await _in_thread(self.manager.initialize_pools_from_config)

    async def reload_config(self, config_file: str | os.PathLike[str] | None = None) -> None:
        """As `PoolManager.reload_config`."""
        await _in_thread(self.manager.reload_config, config_file)

    async def create_pool(self, repo_name: str, repo_url: str, num_slots: int | None = None) -> Pool:
        """As `PoolManager.create_pool`."""
        return await _in_thread(self.manager.create_pool, repo_name, repo_url, num_slots)

    async def get_pool(self, repo_name: str) -> Pool:
        """As `PoolManager.get_pool`."""
        return await _in_thread(self.manager.get_pool, repo_name)

    async def get_slot(self, slot_id: str) -> Slot:
        """As `PoolManager.get_slot`."""
        return await _in_thread(self.manager.get_slot, slot_id)

    async def list_pools(self) -> list[str]:
        """As `PoolManager.list_pools`."""
        return await _in_thread(self.manager.list_pools)

    async def get_pool_summary(self) -> dict[str, PoolSummary]:
        """As `PoolManager.get_pool_summary`."""
        return await _in_thread(self.manager.get_pool_summary)

    async def allocate_slot(
        self,
        repo_name: str,
        metadata: Mapping[str, object] | None = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109  # the wait is one in the queue, with a place in it
        holder: str | None = None,
        ttl: float | None = None,
        durable: bool = False,
    ) -> Slot:
        """As `PoolManager.allocate_slot`; give it back with `release`, which does not block as `slot.release()` does."""
        cancelled = False
        manager = self.manager

        def allocate() -> Slot:
            slot = manager.allocate_slot(
                repo_name,
                metadata,
                timeout=timeout,
                holder=holder,
                ttl=ttl,
                durable=durable,
                given_up=lambda: cancelled,
            )
            if cancelled:
                slot.release()
            return slot

        try:
            return await _in_thread(allocate)
        except asyncio.CancelledError:
            cancelled = True
            raise

    def lease(
        self,
        repo_name: str,
        metadata: Mapping[str, object] | None = None,
        *,
        timeout: float | None = None,
        holder: str | None = None,
        ttl: float | None = None,
    ) -> AsyncLeaseBlock:
        """`async with manager.lease(repo) as slot`: as `PoolManager.lease`."""
        durable = hangs_on_heartbeat(ttl, self.config.heartbeat_interval)
        return AsyncLeaseBlock(
            lambda: self.allocate_slot(repo_name, metadata, timeout=timeout, holder=holder, ttl=ttl, durable=durable), self
        )

    async def release(self, slot: Slot, cleanup: bool = True) -> None:
        """As `slot.release()`."""
        await _in_thread(slot.release, cleanup)

    async def release_slot(self, slot_id: str, cleanup: bool = True, *, force: bool = False, fence: int | None = None) -> None:
        """As `PoolManager.release_slot`."""
        await _in_thread(self.manager.release_slot, slot_id, cleanup, force=force, fence=fence)

    async def release_slot_background(self, slot_id: str, cleanup: bool = True) -> str | None:
        """As `PoolManager.release_slot_background`."""
        return await _in_thread(self.manager.release_slot_background, slot_id, cleanup)

    async def wait_for_release(self, task_id: str, timeout: float | None = None) -> None:  # noqa: ASYNC109  # the manager's own
        """As `PoolManager.wait_for_release`."""
        await _in_thread(self.manager.wait_for_release, task_id, timeout)

    async def heartbeat(self, slot_id: str, fence: int) -> None:
        """As `PoolManager.heartbeat`."""
        await _in_thread(self.manager.heartbeat, slot_id, fence)

    async def add_slot(self, repo_name: str) -> Slot:
        """As `PoolManager.add_slot`."""
        return await _in_thread(self.manager.add_slot, repo_name)

    async def remove_slot(self, slot_id: str, force: bool = False) -> None:
        """As `PoolManager.remove_slot`."""
        await _in_thread(self.manager.remove_slot, slot_id, force)

    async def get_slot_status(self, slot_id: str) -> SlotStatus:
        """As `PoolManager.get_slot_status`."""
        return await _in_thread(self.manager.get_slot_status, slot_id)

    async def warmup_pool_parallel(self, repo_name: str, max_workers: int | None = None) -> dict[str, Any]:
        """As `PoolManager.warmup_pool_parallel`."""
        return await _in_thread(self.manager.warmup_pool_parallel, repo_name, max_workers)

    async def cleanup_pool_parallel(
        self, repo_name: str, operation: str = "warmup", max_workers: int | None = None
    ) -> dict[str, Any]:
        """As `PoolManager.cleanup_pool_parallel`."""
        return await _in_thread(self.manager.cleanup_pool_parallel, repo_name, operation, max_workers)

    async def detect_long_allocated_slots(self, max_allocation_hours: float = 24) -> list[Slot]:
        """As `PoolManager.detect_long_allocated_slots`."""
        return await _in_thread(self.manager.detect_long_allocated_slots, max_allocation_hours)

    async def detect_corrupted_slots(self) -> list[Slot]:
        """As `PoolManager.detect_corrupted_slots`."""
        return await _in_thread(self.manager.detect_corrupted_slots)

    async def detect_orphaned_locks(self) -> list[str]:
        """As `PoolManager.detect_orphaned_locks`."""
        return await _in_thread(self.manager.detect_orphaned_locks)

    async def detect_anomalies(self, max_allocation_hours: float = 24) -> dict[str, Any]:
        """As `PoolManager.detect_anomalies`."""
        return await _in_thread(self.manager.detect_anomalies, max_allocation_hours)

    async def recover_slot(self, slot_id: str, force: bool = False, *, dry_run: bool = False) -> bool:
        """As `PoolManager.recover_slot`."""
        return await _in_thread(self.manager.recover_slot, slot_id, force, dry_run=dry_run)

    async def refresh_mirrors(self) -> None:
        """As `PoolManager.refresh_mirrors`."""
        await _in_thread(self.manager.refresh_mirrors)

    async def recover_mirror(self, repo_name: str) -> str:
        """As `PoolManager.recover_mirror`."""
        return await _in_thread(self.manager.recover_mirror, repo_name)

    async def check_mirror(self, repo_name: str) -> list[Damage]:
        """As `PoolManager.check_mirror`."""
        return await _in_thread(self.manager.check_mirror, repo_name)

    async def health_check(self, max_allocation_hours: float = 24, language: str = "en") -> PoolHealth:
        """As `PoolManager.health_check`."""
        return await _in_thread(self.manager.health_check, max_allocation_hours, language)

    async def work_in(self, slot_id: str) -> list[str]:
        """As `PoolManager.work_in`."""
        return await _in_thread(self.manager.work_in, slot_id)

    async def isolate_slot(self, slot_id: str, reason: str = "isolated by operator") -> None:
        """As `PoolManager.isolate_slot`."""
        await _in_thread(self.manager.isolate_slot, slot_id, reason)

    async def auto_recover(
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
        """As `PoolManager.auto_recover`."""
        return await _in_thread(
            self.manager.auto_recover,
            max_allocation_hours,
            recover_corrupted,
            cleanup_orphaned_locks,
            force_release_long_allocated,
            strategy=strategy,
            dry_run=dry_run,
            staged=staged,
            stage_wait=stage_wait,
        )

    async def get_allocation_metrics(self, repo_name: str) -> AllocationMetrics:
        """As `PoolManager.get_allocation_metrics`."""
        return await _in_thread(self.manager.get_allocation_metrics, repo_name)

    async def get_performance_metrics(self, repo_name: str | None = None) -> dict[str, Any]:
        """As `PoolManager.get_performance_metrics`."""
        return await _in_thread(self.manager.get_performance_metrics, repo_name)

    async def export_metrics(self, path: str | os.PathLike[str] | None = None) -> str:
        """As `PoolManager.export_metrics`."""
        return await _in_thread(self.manager.export_metrics, path)

    async def clear_metrics(self, repo_name: str | None = None) -> None:
        """As `PoolManager.clear_metrics`."""
        await _in_thread(self.manager.clear_metrics, repo_name)

    def close(self) -> None:
        """Close what is open. Leases stay; the manager may be used on."""
        self.manager.close()


class AsyncLeaseBlock:
    """`async with manager.lease(repo) as slot`; the end is as that of `PoolManager.lease`."""

    def __init__(self, allocate: Callable[[], Awaitable[Slot]], manager: AsyncPoolManager) -> None:
        self._allocate = allocate
        self._manager = manager
        self._slot: Slot | None = None

    async def __aenter__(self) -> Slot:
        slot = await self._allocate()
        self._slot = slot
        self._manager.manager.heartbeats.add(slot)
        return slot

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        slot, self._slot = self._slot, None
        assert slot is not None
        self._manager.manager.heartbeats.remove(slot)
        try:
            await self._manager.release(slot)
        except PoolManagerError as late:
            if error is None:
                raise
            error.add_note(f"and the slot could not be given back: {late}")


async def _in_thread(function: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
    """What `function` returns, run in a daemon thread. Cancellation stops the wait; the thread goes on to its end.

    The caller's context goes along, and with it his deadline.
    """
    parking = OnLoop()
    outcome: list[Result] = []
    context = copy_context()
    run = DaemonRun(lambda: outcome.append(context.run(function, *args, **kwargs)), parking.wake)
    run.start("yaoki-pool")
    while not run.done:
        await parking.park(NEVER)
    if run.error is not None:
        raise run.error
    return outcome[0]

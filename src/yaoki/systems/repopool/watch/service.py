"""The watch: its parts, and every subscription of the running service, in the order of the story (SPEC H2, H3, W5).

It never repairs inside a health check: a look that finds something is told by probe, metric and log, and the recovery comes at its time.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from yaoki.core import events
from yaoki.core.faults.errors import YaokiError
from yaoki.core.health.checks import HealthCheck, HealthChecks
from yaoki.core.health.probes import Probes
from yaoki.core.recovery import Every
from yaoki.observe.log_events import subscribe_logs
from yaoki.observe.prometheus import YaokiCollector
from yaoki.systems.repopool.errors import ConfigValidationError, PoolManagerError
from yaoki.systems.repopool.recovery.health import problems_found

if TYPE_CHECKING:
    from asyncio import Task
    from collections.abc import Callable

    from yaoki.core.recovery import RecoveryReport
    from yaoki.core.shutdown import Shutdown
    from yaoki.systems.repopool.manager import PoolManager
    from yaoki.systems.repopool.watch.configuration import WatchConfiguration

__all__ = ["Watch"]

LEAST_FETCH_WAIT = 1.0
"""Seconds between two looks which mirrors are to be fetched, at least."""

_log = logging.getLogger("yaoki.repopool.watch")


class UnhealthyPoolsError(YaokiError):
    """The latest look at the pools has found something."""


class Watch:
    """The watch over the pools of one manager. Made in the event loop that it serves; `start` once, `close` at the end."""

    def __init__(self, manager: PoolManager, configuration: WatchConfiguration, shutdown: Shutdown) -> None:
        self.manager = manager
        self.configuration = configuration
        self.shutdown = shutdown
        self._problem_of_configuration = ""
        # Judge: the state of the pools must be readable; what is wrong with pools is told, and takes nobody's readiness.
        self.checks = HealthChecks(
            HealthCheck("state", self._check_state, groups=("ready", "startup"), period=5.0, timeout=5.0),
            HealthCheck("pools", self._check_pools, critical=False, period=5.0),
            HealthCheck("configuration", self._check_configuration, critical=False, period=5.0),
        )
        self.probes = Probes(self.checks, shutdown)
        # Heal: on a schedule.
        self.recovery = manager.recovery_loop(stage_wait=configuration.stage_wait)
        # Report: metrics and logs.
        self.collector = YaokiCollector(checks=self.checks, shutdown=shutdown)
        self.pool_collector = manager.collector()
        self._subscriptions: list[Callable[[], None]] = []
        self._tasks: list[Task[None]] = []

    def start(self) -> None:
        """Subscribe to what happens, begin to look, to recover, to follow the configuration, and to fetch."""
        settings = self.configuration
        self._subscriptions = [subscribe_logs(), events.subscribe(self._hear)]
        recovering = self.recovery.start(
            settings.schedule, check=Every(settings.check_every), strategy=settings.strategy, staged=settings.staged
        )
        following = asyncio.create_task(self._follow_configuration(), name="yaoki-pool-configuration")
        fetching = asyncio.create_task(self._keep_fresh(), name="yaoki-pool-fetch")
        self._tasks = [self.checks.start(), recovering, following, fetching]
        self.shutdown.add_step("end the recovery", self.recovery.stop)

    async def close(self) -> None:
        """End what `start` began. A recovery that was interrupted is continued by the next one."""
        self.recovery.stop()
        self.checks.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for unsubscribe in self._subscriptions:
            unsubscribe()
        self.collector.close()
        self.manager.close()

    @property
    def latest(self) -> RecoveryReport | None:
        """The report of the latest look or recovery, or None before the first."""
        known = [report for report in (self.recovery.last_check, self.recovery.last_report) if report is not None]
        return max(known, key=lambda report: report.started_at, default=None)

    # --- checks

    def _check_state(self) -> str:
        folder = self.manager.config.workspaces_dir
        if not folder.is_dir():
            # What is open of it would go on answering.
            raise PoolManagerError(f"the folder of the pools, {folder}, is gone", way_out="mount it again")
        return f"{len(self.manager.list_pools())} pools"

    def _check_pools(self) -> str:
        report = self.latest
        if report is None:
            return "not looked at yet"
        left = sum(each.result.value != "repaired" for each in report.handled) + len(report.errors)
        said = problems_found(left, self.configuration.language)
        if left:
            raise UnhealthyPoolsError(said)
        return said

    def _check_configuration(self) -> str | None:
        if self._problem_of_configuration:
            raise ConfigValidationError(self._problem_of_configuration)
        return None

    # --- what happens

    def _hear(self, event: events.Event) -> None:
        if not isinstance(event, events.RecoveryEnded) or event.recovery != self.recovery.name or event.report.dry_run:
            return
        try:
            self.manager.note_recovery(event.report)
        except PoolManagerError as error:
            _log.warning("what the recovery has done could not be counted: %s", error)

    async def _follow_configuration(self) -> None:
        stopping = asyncio.create_task(self.shutdown.wait())
        try:
            while not stopping.done():
                await asyncio.wait({stopping}, timeout=self.configuration.reload_every)
                if self.manager.config.has_changed():
                    self._reload()
        finally:
            stopping.cancel()

    async def _keep_fresh(self) -> None:
        stopping = asyncio.create_task(self.shutdown.wait())
        try:
            while not stopping.done():
                try:
                    await asyncio.to_thread(self.manager.refresh_mirrors)
                except PoolManagerError as error:
                    # The state cannot be read, which the probe tells.
                    _log.debug("no mirror was fetched: %s", error)
                await asyncio.wait({stopping}, timeout=max(self.manager.config.fetch_ttl, LEAST_FETCH_WAIT))
        finally:
            stopping.cancel()

    def _reload(self) -> None:
        try:
            self.manager.reload_config()
        except ConfigValidationError as error:
            if str(error) != self._problem_of_configuration:
                _log.error("the configuration was not read again, the former settings stay: %s", error)
            self._problem_of_configuration = str(error)
        else:
            self._problem_of_configuration = ""
            _log.info("the configuration was read again: %s", self.manager.config.config_file)

"""The vector service: an index that is prepared, searched and added to, with its checks and figures (SPEC G1, G4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaoki
from yaoki.core.health.checks import HealthCheck, HealthChecks
from yaoki.core.health.probes import Probes
from yaoki.core.policies.bulkhead import Bulkhead
from yaoki.observe.log_events import subscribe_logs
from yaoki.observe.prometheus import YaokiCollector
from yaoki.systems.chat.vector.access import IndexAccess
from yaoki.systems.chat.vector.metrics import VectorCollector
from yaoki.systems.chat.vector.preparation import Preparation

if TYPE_CHECKING:
    from asyncio import Task
    from collections.abc import Callable
    from pathlib import Path

    from yaoki.core.shutdown import Shutdown
    from yaoki.systems.chat.configuration import ChatConfiguration

__all__ = ["VectorService"]


class VectorService:
    """The search of one process. Made in the event loop that it serves; `start` once, `close` at the end."""

    def __init__(
        self,
        configuration: ChatConfiguration,
        folder: Path,
        shutdown: Shutdown,
        *,
        watch: Callable[[Preparation], object] = lambda preparation: None,
    ) -> None:
        self.configuration = configuration
        self.shutdown = shutdown
        self.preparation = Preparation(folder, lambda: watch(self.preparation), configuration)
        # Contain: a bound on what is answered at once.
        self.access = IndexAccess(self.preparation, Bulkhead(configuration.max_concurrent, name="vector"))
        # Judge: there is nothing to answer with until the index is open.
        self.checks = HealthChecks(HealthCheck("index", self._check_index, groups=("startup",), timeout=600.0))
        self.probes = Probes(self.checks, shutdown)
        # Report.
        self.collector = YaokiCollector(checks=self.checks, shutdown=shutdown)
        self.own_collector = VectorCollector(self.access)
        self._unsubscribe: Callable[[], None] | None = None
        self._checking: Task[None] | None = None

    def start(self) -> None:
        """Begin to check and to log."""
        self._unsubscribe = subscribe_logs()
        self._checking = self.checks.start()
        self.shutdown.add_step("end the preparation", self.preparation.stop)

    def close(self) -> None:
        """End what `start` began."""
        self.checks.stop()
        self._checking = None
        self.collector.close()
        if self._unsubscribe is not None:
            self._unsubscribe()

    def state(self) -> dict[str, Any]:
        """What works right now, JSON-ready."""
        return {
            "version": yaoki.__version__,
            "index_version": self.preparation.version,
            "preparation": self.preparation.to_dict(),
            "stopping": self.shutdown.requested,
        }

    async def _check_index(self) -> str:
        return f"{len(await self.preparation.ready())} passages"

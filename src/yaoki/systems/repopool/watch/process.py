"""One process that watches over the pools: from its settings to its exit code (SPEC H4, W5)."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI

import yaoki
from yaoki.core.shutdown import Shutdown
from yaoki.service import endpoints
from yaoki.service.serving import serve
from yaoki.systems.repopool.watch.service import Watch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from yaoki.systems.repopool.manager import PoolManager
    from yaoki.systems.repopool.watch.configuration import WatchConfiguration

__all__ = ["create_app", "run"]


def create_app(watch: Watch) -> FastAPI:
    """The HTTP application of a watch: probes and metrics, and nothing that changes anything."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        watch.start()
        try:
            yield
        finally:
            await watch.close()

    app = FastAPI(title="Yaoki pool watch", version=yaoki.__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.include_router(endpoints.router(watch.probes, watch.collector, watch.pool_collector))
    return app


def run(manager: PoolManager, configuration: WatchConfiguration, listening: Callable[[str], object]) -> int:
    """Watch until the process is to end; returns its exit code. `listening` is called with the address.

    Raises CannotStartError if the port is taken.
    """
    shutdown = Shutdown(drain_timeout=configuration.drain_timeout)
    app = create_app(Watch(manager, configuration, shutdown))
    return serve(app, shutdown=shutdown, host=configuration.host, port=configuration.port, started=listening)

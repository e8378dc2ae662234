"""One process that serves the built-in answerer: from its settings to its exit code (SPEC G1, H4). It keeps no state."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI

import yaoki
from yaoki.core.health.checks import HealthChecks
from yaoki.core.health.probes import Probes
from yaoki.core.shutdown import Shutdown
from yaoki.observe.log_events import subscribe_logs
from yaoki.observe.prometheus import YaokiCollector
from yaoki.service import endpoints
from yaoki.service.serving import serve
from yaoki.systems.chat.llm import server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from yaoki.systems.chat.configuration import ChatConfiguration

__all__ = ["create_app", "run"]


def create_app(configuration: ChatConfiguration, shutdown: Shutdown) -> FastAPI:
    """The HTTP application."""
    collector = YaokiCollector(shutdown=shutdown)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        unsubscribe = subscribe_logs()
        try:
            yield
        finally:
            unsubscribe()
            collector.close()

    app = FastAPI(title="Yaoki answerer", version=yaoki.__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    server.add_refusals(app)
    app.include_router(server.router(configuration.max_concurrent))
    app.include_router(endpoints.router(Probes(HealthChecks(), shutdown), collector))
    return app


def run(configuration: ChatConfiguration, started: Callable[[str], object]) -> int:
    """Serve until the process is to end; returns its exit code. `started` is called with the address.

    Raises CannotStartError (the port is taken).
    """
    shutdown = Shutdown(drain_timeout=configuration.drain_timeout, balancer_wait=configuration.balancer_wait)
    app = create_app(configuration, shutdown)
    return serve(app, shutdown=shutdown, host=configuration.host, port=configuration.llm_port, started=started)

"""One process that serves the search: from its settings to its exit code (SPEC G1, H4)."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Protocol

from fastapi import FastAPI

import yaoki
from yaoki.core.shutdown import Shutdown
from yaoki.service import endpoints
from yaoki.service.serving import serve
from yaoki.systems.chat.http.refusals import add_refusals
from yaoki.systems.chat.vector import routes
from yaoki.systems.chat.vector.service import VectorService

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from yaoki.service.tokens import Token
    from yaoki.systems.chat.configuration import ChatConfiguration
    from yaoki.systems.chat.vector.preparation import Preparation

__all__ = ["Watcher", "run"]


class Watcher(Protocol):
    """Who wants to see how the service comes up. Called in the event loop; must not block."""

    def listening(self, address: str) -> None:
        """The service answers at this address."""

    def preparing(self, preparation: Preparation) -> None:
        """The index has come further."""


def run(configuration: ChatConfiguration, folder: Path, token: Token, watcher: Watcher) -> int:
    """Serve until the process is to end; returns its exit code.

    Raises CannotStartError (the port is taken), or ChatIndexError (the index can neither be opened nor built).
    """
    shutdown = Shutdown(drain_timeout=configuration.drain_timeout, balancer_wait=configuration.balancer_wait)
    service = VectorService(configuration, folder, shutdown, watch=watcher.preparing)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.start()
        service.preparation.begin(partial(shutdown.request, "the index cannot be prepared"))
        try:
            yield
        finally:
            service.close()

    # Without the pages that show an API: they load their parts from elsewhere.
    app = FastAPI(title="Yaoki vector", version=yaoki.__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    add_refusals(app)
    app.include_router(routes.router(service, token))
    app.include_router(endpoints.router(service.probes, service.collector, service.own_collector))
    code = serve(app, shutdown=shutdown, host=configuration.host, port=configuration.vector_port, started=watcher.listening)
    if service.preparation.failure is not None:
        raise service.preparation.failure
    return code

"""One process that serves the chat: from its settings to its exit code (SPEC G1, H4).

The page and the answers are there at once; the index is prepared meanwhile. What keeps it from being prepared ends the process,
since nothing could be answered and waiting would not help: the error has a way out in its message.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Protocol

from fastapi import FastAPI

import yaoki
from yaoki.core.shutdown import Shutdown
from yaoki.service import endpoints
from yaoki.service.serving import serve
from yaoki.systems.chat import page_files, routes
from yaoki.systems.chat.http.early_refusal import EarlyRefusal
from yaoki.systems.chat.http.refusals import add_refusals
from yaoki.systems.chat.service import ChatService
from yaoki.systems.chat.vector.metrics import VectorCollector

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from yaoki.service.tokens import Token
    from yaoki.systems.chat.configuration import ChatConfiguration
    from yaoki.systems.chat.opening import Opening
    from yaoki.systems.chat.vector.preparation import Preparation

__all__ = ["Watcher", "create_app", "run"]


class Watcher(Protocol):
    """Who wants to see how the service comes up. Called in the event loop; must not block."""

    def listening(self, address: str, opening: Opening) -> None:
        """The service answers at this address; `opening` has the code for a page that is opened there."""

    def preparing(self, preparation: Preparation) -> None:
        """The index has come further."""


def create_app(service: ChatService, token: Token, prepare: Callable[[], object]) -> FastAPI:
    """The HTTP application of one chat service. `prepare` is called when it starts."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.start()
        prepare()
        try:
            yield
        finally:
            await service.close()

    # Without the pages that show an API: they load their parts from elsewhere.
    app = FastAPI(title="Yaoki chat", version=yaoki.__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.add_middleware(EarlyRefusal, admission=service.admission)
    add_refusals(app)
    app.include_router(routes.router(service, token))
    app.include_router(page_files.router())
    of_index = [] if service.access is None else [VectorCollector(service.access)]
    app.include_router(endpoints.router(service.probes, service.collector, service.metrics, *of_index))
    return app


def run(configuration: ChatConfiguration, folder: Path, token: Token, watcher: Watcher) -> int:
    """Serve until the process is to end; returns its exit code.

    Raises CannotStartError (the port is taken), or ChatIndexError (the index can neither be opened nor built).
    """
    shutdown = Shutdown(drain_timeout=configuration.drain_timeout, balancer_wait=configuration.balancer_wait)
    service = ChatService(configuration, folder, shutdown, watch=watcher.preparing)
    preparation = service.preparation

    def prepare() -> None:
        if preparation is not None:
            preparation.begin(partial(shutdown.request, "the index cannot be prepared"))

    def listening(address: str) -> None:
        watcher.listening(address, service.opening)

    app = create_app(service, token, prepare)
    code = serve(app, shutdown=shutdown, host=configuration.host, port=configuration.port, started=listening)
    if preparation is not None and preparation.failure is not None:
        raise preparation.failure
    return code

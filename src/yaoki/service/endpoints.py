"""The endpoints that every service has: `/livez`, `/readyz`, `/startupz`, each with `?verbose`, and `/metrics` (SPEC H2, O1).

A probe reads what is known and never waits: it runs on the event loop, and so tells that the event loop turns. Metrics are
collected in threads of their own, so neither does a scrape of many keys hold up the event loop, nor do workers that hang hold up
a scrape.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from yaoki.core.daemon import DaemonRun
from yaoki.observe.exposition import render

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import TypeVar

    from prometheus_client.registry import Collector

    from yaoki.core.health.probes import ProbeResult, Probes

    T = TypeVar("T")

__all__ = ["router"]

_SCRAPES_AT_ONCE = 4
_NEVER_KEPT = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def router(probes: Probes, *collectors: Collector, default_registry: bool = True) -> APIRouter:
    """The routes. `collectors`: what `/metrics` shows, a `YaokiCollector` and registries of `prometheus_client`.

    `default_registry`: its metrics, those of the process among them, are shown too.
    """
    routes = APIRouter(include_in_schema=False)
    _add(routes, "/livez", probes.live)
    _add(routes, "/readyz", probes.ready)
    _add(routes, "/startupz", probes.startup)
    shown = collectors
    if default_registry:
        from prometheus_client import REGISTRY

        shown = (*collectors, REGISTRY)
    at_once = asyncio.Semaphore(_SCRAPES_AT_ONCE)

    async def metrics(request: Request) -> Response:
        async with at_once:
            content, content_type = await _in_thread(partial(render, *shown, accept=request.headers.get("accept")))
        return Response(content, headers={**_NEVER_KEPT, "Content-Type": content_type})

    routes.add_api_route("/metrics", metrics, methods=["GET", "HEAD"])
    return routes


async def _in_thread(function: Callable[[], T]) -> T:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def wake() -> None:
        try:
            loop.call_soon_threadsafe(ended.set)
        except RuntimeError:
            # The loop is closed: nobody waits any more.
            return

    run = DaemonRun(function, wake, awaited=False)
    run.start("yaoki-metrics")
    await ended.wait()
    if run.error is not None:
        raise run.error
    return run.value  # type: ignore[return-value]  # what the function returned


def _add(routes: APIRouter, path: str, probe: Callable[[Collection[str]], ProbeResult]) -> None:
    async def answer(request: Request) -> Response:
        result = probe(request.query_params.getlist("exclude"))
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse(result.to_dict(), result.status, _NEVER_KEPT)
        text = result.text("verbose" in request.query_params)
        return PlainTextResponse(text, result.status, _NEVER_KEPT)

    routes.add_api_route(path, answer, methods=["GET", "HEAD"])

"""What the vector service answers over HTTP (SPEC G1, X5).

| request | answer |
| --- | --- |
| `POST /search {"query", "k"}` | `{"results": [{"id", "text", "score", "title", …}], "index_version", "retrieval"}` |
| `POST /documents {"documents": [{"id", "text", "title"?, "source"?}]}` | `{"accepted", "passages", "index_version"}`; needs the token |
| `DELETE /documents/ID` | `{"removed": true, "index_version"}`, 404 where there is none; needs the token |
| `GET /status` | what works right now; of the vector service alone |

A search has the time that `X-Request-Timeout-Ms` gives it. A document that was accepted is on the disk, and found by the next search. Refusals are `{"error", "reason", "request_id"}`.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends, Request

from yaoki.core import deadline
from yaoki.core.faults.errors import BulkheadFullError
from yaoki.service.guard import ActionGuard, OriginGuard
from yaoki.systems.chat.http.request_body import RefusedError, read_body
from yaoki.systems.chat.vector.errors import ChatIndexError
from yaoki.systems.chat.vector.requests import read_documents, read_search

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from yaoki.service.tokens import Token
    from yaoki.systems.chat.vector.access import IndexAccess
    from yaoki.systems.chat.vector.service import VectorService

__all__ = ["index_router", "router"]

_LONGEST_DOCUMENTS = 32 << 20


def router(service: VectorService, token: Token) -> APIRouter:
    """The routes of one vector service. `token`: what changing documents asks for."""
    hosts = service.configuration.hosts
    routes = index_router(service.access, token, hosts)

    @routes.get("/status", dependencies=[Depends(OriginGuard(hosts))])
    async def status() -> dict[str, Any]:
        """What works right now."""
        return service.state()

    return routes


def index_router(access: IndexAccess, token: Token, hosts: Collection[str]) -> APIRouter:
    """The routes to one index, in whatever process it is. `hosts`: the names by which the process may be called."""
    with_token = Depends(ActionGuard(token, hosts))
    own = Depends(OriginGuard(hosts))
    routes = APIRouter()

    @routes.post("/search", dependencies=[own])
    async def search(request: Request) -> dict[str, Any]:
        """The best passages for a query."""
        query, k = read_search(await read_body(request.stream()))
        try:
            with deadline.from_headers(request.headers):
                found = await access.search(query, k)
        except BulkheadFullError as error:
            raise RefusedError(429, "too_many", "too many searches are going on; try again in a second") from error
        return {
            "results": [hit.to_dict() for hit in found.hits],
            "index_version": found.version,
            "retrieval": found.retrieval,
            "reason": found.reason,
        }

    @routes.post("/documents", dependencies=[with_token])
    async def add(request: Request) -> dict[str, Any]:
        """Add documents, each in the place of one with its id."""
        body = await read_body(request.stream(), _LONGEST_DOCUMENTS)
        documents = await asyncio.to_thread(read_documents, body)
        with _told():
            version = await access.add(documents)
        passages = sum(len(document.passages) for document in documents)
        return {"accepted": len(documents), "passages": passages, "index_version": version}

    @routes.delete("/documents/{key:path}", dependencies=[with_token])
    async def remove(key: str) -> dict[str, Any]:
        """Remove a document."""
        with _told():
            there = await access.remove(key)
        if not there:
            raise RefusedError(404, "not_found", "there is no document with this id")
        return {"removed": True, "index_version": access.preparation.version}

    return routes


@contextmanager
def _told() -> Iterator[None]:
    """A block whose trouble with the index is told to the caller, who may try again; nothing was taken then."""
    try:
        yield
    except ChatIndexError as error:
        raise RefusedError(503, "index_unavailable", str(error)) from error
    except BulkheadFullError as error:
        raise RefusedError(429, "too_many", "too many documents are waiting; try again in a second") from error

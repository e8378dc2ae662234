"""What the chat answers over HTTP: messages, prepared answers, the page's live feed, the switches (SPEC G1, G3, G5, X5).

| request | answer |
| --- | --- |
| `POST /chat` | the reply; 4xx with a reason for a caller's fault, 429 above the admission limit, never 5xx for a dependency |
| `POST /chat/stream` | the same as server-sent events: `{"delta"}` as the text comes, then one `{"done": true, …}` with the reply |
| `GET /faq` | the prepared answers in the caller's language |
| `GET /passages/{id}` | one passage of the documents, for whoever opens a source |
| `POST /search`, `POST /documents`, `DELETE /documents/{id}` | as the vector service answers them, where the index is in this process |
| `GET /status` | what works right now |
| `GET /events` | the same as it changes, and what happens in between, as server-sent events |
| `POST /switches` | break or heal a part; needs the token |
| `POST /opening` | the token, for the code of a page that the command line opened |

While many questions are answered, all else but the switches and the page is refused with 429 before any question is.
Whatever a page of another origin posts is refused, and so is what it reads of documents and questions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from yaoki.core import deadline
from yaoki.service.disconnect import ClosingStream, while_connected
from yaoki.service.guard import ActionGuard, OriginGuard
from yaoki.systems.chat.dependencies.switches import FAULTS, FaultName
from yaoki.systems.chat.http.refusals import request_id
from yaoki.systems.chat.http.request_body import RefusedError, read_body, read_json
from yaoki.systems.chat.message import read_message
from yaoki.systems.chat.turn import language
from yaoki.systems.chat.vector.routes import index_router

if TYPE_CHECKING:
    from yaoki.service.tokens import Token
    from yaoki.systems.chat.message import Message
    from yaoki.systems.chat.service import ChatService

__all__ = ["router"]

AcceptLanguage = Annotated[str | None, Header(alias="Accept-Language")]

_SHORT_BODY = 4096
_NEVER_KEPT = {"Cache-Control": "no-store"}


def router(service: ChatService, token: Token) -> APIRouter:
    """The routes of one chat service. `token`: what the switches ask for."""
    hosts = service.configuration.hosts
    with_token = Depends(ActionGuard(token, hosts))
    own = Depends(OriginGuard(hosts))

    async def check_auxiliary() -> None:
        service.admission.check_auxiliary()

    auxiliary = Depends(check_auxiliary)

    async def read(request: Request) -> Message:
        return read_message(await read_body(request.stream()), service.configuration.max_message_length)

    routes = APIRouter()
    if service.access is not None:
        routes.include_router(index_router(service.access, token, hosts), dependencies=[auxiliary])

    @routes.post("/chat", dependencies=[own])
    async def chat(request: Request, accept_language: AcceptLanguage = None) -> JSONResponse:
        """Reply to a message."""
        message = await read(request)
        with deadline.from_headers(request.headers):
            work = service.reply(message, accept_language, request_id())
            reply = await while_connected(request.receive, work)
        return JSONResponse(reply.to_dict(), headers={"Content-Language": language(accept_language), **_NEVER_KEPT})

    @routes.post("/chat/stream", dependencies=[own], response_model=None)
    async def chat_stream(request: Request, accept_language: AcceptLanguage = None) -> Response:
        """Reply to a message as the text is written."""
        message = await read(request)
        with deadline.from_headers(request.headers):
            events = await service.stream(message, accept_language, request_id())
        headers = {"Content-Language": language(accept_language), "X-Accel-Buffering": "no", **_NEVER_KEPT}
        return ClosingStream(events, media_type="text/event-stream", headers=headers)

    @routes.get("/faq", dependencies=[auxiliary])
    async def faq(accept_language: AcceptLanguage = None) -> dict[str, Any]:
        """The prepared answers."""
        spoken = language(accept_language)
        return {"language": spoken, "entries": [entry.to_dict(spoken) for entry in service.turns.faq.entries]}

    @routes.get("/passages/{key:path}", dependencies=[own, auxiliary])
    async def passage(key: str) -> dict[str, Any]:
        """The passage with this id."""
        found = service.retrieval.search.passage(key)
        if found is None:
            raise RefusedError(404, "passage_unknown", "no passage with this id is known here, or no longer")
        return found.to_dict()

    @routes.get("/status", dependencies=[own, auxiliary])
    async def status() -> dict[str, Any]:
        """What works right now."""
        return service.state()

    @routes.get("/events", dependencies=[own, auxiliary], response_model=None)
    async def happenings() -> Response:
        """What works, as it changes, and what happens meanwhile."""
        if service.feed.full:
            raise RefusedError(429, "too_many", "too many pages are open")
        return StreamingResponse(service.feed.listen(), media_type="text/event-stream", headers=_NEVER_KEPT)

    @routes.get("/switches", dependencies=[with_token])
    async def switches() -> dict[str, FaultName | None]:
        """What is wrong with each part, by hand; says also whether the token is the right one."""
        return service.faults()

    @routes.post("/switches", dependencies=[with_token])
    async def switch(request: Request) -> dict[str, FaultName | None]:
        """Break a part (`{"part": "vector", "fault": "hang"}`), or heal it (`"fault": null`)."""
        found = read_json(await read_body(request.stream(), _SHORT_BODY))
        part, fault = found.get("part"), found.get("fault")
        if not isinstance(part, str) or part not in service.switches:
            raise RefusedError(422, "part_unknown", f"part must be one of {', '.join(service.switches)}")
        if fault is not None and fault not in FAULTS:
            raise RefusedError(422, "fault_unknown", f"fault must be one of {', '.join(FAULTS)}, or null to heal")
        service.set_fault(part, fault)
        return service.faults()

    @routes.post("/opening", dependencies=[own])
    async def open_page(request: Request) -> JSONResponse:
        """Exchange the code of a page that was opened on this machine (`{"code": "..."}`) for the token."""
        code = read_json(await read_body(request.stream(), _SHORT_BODY)).get("code")
        if not isinstance(code, str) or not service.opening.take(code):
            raise RefusedError(401, "code_wrong", "this code is not known, or no longer")
        return JSONResponse({"token": token.reveal()}, headers=_NEVER_KEPT)

    return routes

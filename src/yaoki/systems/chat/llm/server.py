"""The built-in answerer behind an OpenAI-compatible API: what it reads and what it answers (SPEC G1).

| request | answer |
| --- | --- |
| `POST /v1/chat/completions` | the completion; with `"stream": true` as server-sent events that end with `[DONE]` |
| `GET /v1/models` | the one model there is |

It quotes the passages of a prompt of ours, by their numbers. A prompt without passages is answered honestly: there is no model that
could know anything. What cannot be read is refused with a 400 that names the field.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from yaoki.core.clock import clock
from yaoki.core.faults.errors import BulkheadFullError
from yaoki.core.policies.bulkhead import Bulkhead
from yaoki.observe.request_id import current_request, new_request_id
from yaoki.service.disconnect import ClosingStream
from yaoki.systems.chat import texts
from yaoki.systems.chat.extractive.answer import answer
from yaoki.systems.chat.http.request_body import RefusedError, read_body, read_json
from yaoki.systems.chat.llm import prompt
from yaoki.systems.chat.llm.completion import DONE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from fastapi import FastAPI

__all__ = ["MODEL", "add_refusals", "router"]

MODEL = "yaoki-extractive"

_LONGEST_BODY = 4 << 20


def router(max_concurrent: int) -> APIRouter:
    """The routes. `max_concurrent`: completions at once; further ones are refused with 429."""
    routes = APIRouter()
    admission = Bulkhead(max_concurrent, name="chat-llm-server")

    @routes.post("/v1/chat/completions", response_model=None)
    async def complete(request: Request) -> Response:
        """Complete a chat."""
        asked = read_json(await read_body(request.stream(), _LONGEST_BODY))
        system, user = _texts(asked)
        stream = asked.get("stream")
        if stream is not None and not isinstance(stream, bool):
            raise RefusedError(400, "stream", "stream must be true or false")
        text = await admission.acall(_answer, system, user)
        shown = {"id": f"chatcmpl-{current_request.get() or new_request_id()}", "created": int(clock.wall()), "model": MODEL}
        if stream:
            return ClosingStream(_events(shown, text), media_type="text/event-stream", headers={"Cache-Control": "no-store"})
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return JSONResponse({**shown, "object": "chat.completion", "choices": [choice]})

    @routes.get("/v1/models")
    async def models() -> dict[str, Any]:
        """The models there are."""
        return {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "yaoki"}]}

    return routes


def add_refusals(app: FastAPI) -> None:
    """Answer every refusal as the interface has it: `{"error": {"message", "type", "param", "code"}}`."""

    @app.exception_handler(RefusedError)
    async def refused(_: Request, error: RefusedError) -> JSONResponse:
        told = {"message": error.reason, "type": "invalid_request_error", "param": error.error, "code": error.error}
        return JSONResponse({"error": told}, error.status)

    @app.exception_handler(BulkheadFullError)
    async def full(_: Request, __: BulkheadFullError) -> JSONResponse:
        told = {"message": "too many completions at once", "type": "rate_limit_error", "param": None, "code": "too_many"}
        return JSONResponse({"error": told}, 429, {"Retry-After": "1"})


async def _answer(system: str, user: str) -> str:
    asked = prompt.read(system, user)
    language = texts.written_in(asked.question)
    if asked.hits is None:
        return texts.NO_CONTEXT[language]
    said = await asyncio.to_thread(answer, asked.question, asked.hits)
    return said.text(language, {hit.id: int(hit.id) for hit in asked.hits})


async def _events(shown: dict[str, Any], text: str) -> AsyncGenerator[bytes, None]:
    pieces = text.split("\n\n")
    deltas: list[dict[str, str]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": piece if place == len(pieces) else f"{piece}\n\n"} for place, piece in enumerate(pieces, 1)]
    for delta in (*deltas, None):
        choice = {"index": 0, "delta": delta or {}, "finish_reason": "stop" if delta is None else None}
        event = {**shown, "object": "chat.completion.chunk", "choices": [choice]}
        yield f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode("utf-8", "replace")
    yield f"data: {DONE}\n\n".encode()


def _texts(asked: dict[str, Any]) -> tuple[str, str]:
    """What the system said, and the user's last message."""
    given = asked.get("messages")
    if not isinstance(given, list) or not given:
        raise RefusedError(400, "messages", "messages must be a list with at least one message")
    said = {"system": "", "user": ""}
    for number, message in enumerate(given):
        role = message.get("role") if isinstance(message, dict) else None
        if not isinstance(role, str):
            raise RefusedError(400, "messages", f"messages[{number}] must be an object with role and content")
        if role in said:
            said[role] = _content(message.get("content"), number)
    if not said["user"].strip():
        raise RefusedError(400, "messages", "messages has no message of the user")
    return said["system"], said["user"]


def _content(content: object, number: int) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
        texts_of_parts = [part for part in parts if isinstance(part, str)]
        if len(texts_of_parts) == len(content):
            return "".join(texts_of_parts)
    raise RefusedError(400, "messages", f"messages[{number}].content must be text, or a list of text parts")

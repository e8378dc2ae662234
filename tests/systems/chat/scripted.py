"""Dependencies that do what a test says: an answerer by script, and a transport that answers like a service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import httpx

from yaoki.systems.chat.answerer import Asked, Written
from yaoki.systems.chat.dependencies.search import Found
from yaoki.systems.chat.reply import Engine
from yaoki.systems.chat.vector.index.hits import Hit

HITS = (
    Hit(
        "kitchen.boil", "Boil water.\n\nIt takes a timeout.", 2.0, "kitchen.boil", "kitchen.boil(litres, timeout)", "kitchen.py"
    ),
    Hit("kitchen.roast", "Roast something.", 1.0, "kitchen.roast"),
)


class ScriptedAnswerer:
    """Says the pieces of its script; an exception in it is raised there, a number is a pause in seconds."""

    engine: Engine = "llm"

    def __init__(self, *script: str | float | Exception) -> None:
        self.script = script
        self.asked: list[Asked] = []
        self.closed = 0
        """How often a stream was given up before its end."""

    async def write(self, asked: Asked) -> Written:
        said = [piece async for piece in self.stream(asked)]
        written = said[-1]
        assert isinstance(written, Written)
        return written

    async def stream(self, asked: Asked) -> AsyncGenerator[str | Written, None]:
        self.asked.append(asked)
        text = ""
        try:
            for piece in self.script:
                if isinstance(piece, Exception):
                    raise piece
                if isinstance(piece, str):
                    text += piece
                    yield piece
                else:
                    await asyncio.sleep(piece)
        except (GeneratorExit, asyncio.CancelledError):
            self.closed += 1
            raise
        yield Written(text, engine="llm")

    async def close(self) -> None:
        pass


class ScriptedSearch:
    """Finds the same passages for everything, or raises."""

    ready = True

    def __init__(self, found: Found | Exception | None = None) -> None:
        self.found = found or Found(HITS, "v1")
        self.queries: list[str] = []

    async def search(self, question: str, count: int) -> Found:
        self.queries.append(question)
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    def passage(self, key: str) -> Hit | None:
        return next((hit for hit in HITS if hit.id == key), None)

    async def close(self) -> None:
        pass


def answering(
    *answers: httpx.Response | dict[str, Any] | bytes, requests: list[httpx.Request] | None = None
) -> httpx.MockTransport:
    """A service that gives these answers in turn, the last one again and again. `requests` collects what it was asked."""
    waiting = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        if requests is not None:
            requests.append(request)
        given = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(given, httpx.Response):
            return given
        return httpx.Response(200, content=chopped(given if isinstance(given, bytes) else json.dumps(given).encode()))

    return httpx.MockTransport(answer)


def events(*data: str | dict[str, Any], chop: int = 7) -> httpx.Response:
    """An answer of server-sent events, whose bytes come `chop` at a time."""
    texts = [each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) for each in data]
    body = "".join(f"data: {text}\n\n" for text in texts).encode("utf-8", "surrogatepass")
    return httpx.Response(200, content=chopped(body, chop))


async def chopped(body: bytes, chop: int = 1000) -> AsyncIterator[bytes]:
    """The bytes, `chop` at a time."""
    for start in range(0, len(body), chop):
        yield body[start : start + chop]


def delta(content: str | None, finish: str | None = None) -> dict[str, Any]:
    """One event of a streamed completion."""
    return {"choices": [{"index": 0, "delta": {} if content is None else {"content": content}, "finish_reason": finish}]}


def asked(question: str = "How do I boil water?", hits: tuple[Hit, ...] | None = HITS, **fields: Any) -> Asked:
    """What an answerer is asked."""
    return Asked(question, question, hits, "en", **fields)

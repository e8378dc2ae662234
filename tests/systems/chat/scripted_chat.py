"""A chat service that says what a test has written down, at the contract of `POST /chat/stream`: for the page to be used with."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Sequence
from typing import Any, Self

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from yaoki.systems.chat import page_files

PARTS = ("vector", "llm")


def reply(message: str, **further: Any) -> dict[str, Any]:
    """The last event of a stream, and the body of `POST /chat`."""
    return {
        "message": message,
        "mode": "normal",
        "notice": None,
        "engine": "llm",
        "citations": [],
        "entries": [],
        "degraded": [],
        "request_id": "r1",
        **further,
    }


class ScriptedService:
    """Serves the page and a script: the events for each question. A context manager.

    `...` in a script is a pause that ends when the test calls `go_on`; None breaks the connection off; a script of a status and a
    reason is a refusal. `asked`: the bodies of
    what was asked. `hung_up`: set when a caller has gone before the end.
    """

    def __init__(self, *, streams: bool = True) -> None:
        self.scripts: dict[str, Sequence[Any]] = {}
        self.passages: dict[str, str] = {}
        self.preparation: dict[str, Any] = {"ready": True, "stage": "", "percent": 100, "passages": 12, "notices": []}
        self.asked: list[dict[str, Any]] = []
        self.hung_up = threading.Event()
        self._go = threading.Semaphore(0)
        self._server = uvicorn.Server(
            uvicorn.Config(self._app(streams), port=0, log_level="critical", ws="none", lifespan="off")
        )
        self._thread = threading.Thread(target=self._server.run)
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive()
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(10.0)

    def go_on(self) -> None:
        """End the pause that a script is in, or will be in."""
        self._go.release()

    def _app(self, streams: bool) -> FastAPI:
        app = FastAPI()
        app.include_router(page_files.router())

        @app.get("/events", response_model=None)
        async def events() -> Response:
            async def listen() -> AsyncIterator[str]:
                yield f"event: state\ndata: {json.dumps(self._state())}\n\n"
                await asyncio.Event().wait()

            return StreamingResponse(listen(), media_type="text/event-stream")

        @app.get("/passages/{key:path}")
        async def passage(key: str) -> JSONResponse:
            if key not in self.passages:
                return JSONResponse({"error": "passage_unknown", "reason": "no such passage"}, 404)
            return JSONResponse({"id": key, "title": key, "text": self.passages[key]})

        async def stream(request: Request) -> Response:
            self.asked.append(await request.json())
            script = self.scripts[self.asked[-1]["message"]]
            if isinstance(script[0], int):
                return JSONResponse({"error": "too_many", "reason": script[1]}, script[0], {"Retry-After": "1"})
            return StreamingResponse(self._play(script), media_type="text/event-stream")

        async def chat(request: Request) -> JSONResponse:
            self.asked.append(await request.json())
            return JSONResponse(self.scripts[self.asked[-1]["message"]][-1])

        app.add_api_route("/chat", chat, methods=["POST"], response_model=None)
        if streams:
            app.add_api_route("/chat/stream", stream, methods=["POST"], response_model=None)
        return app

    async def _play(self, script: Sequence[Any]) -> AsyncIterator[bytes]:
        try:
            for event in script:
                if event is ...:
                    await asyncio.to_thread(self._go.acquire, timeout=30.0)
                elif event is None:
                    raise ConnectionAbortedError("as the script says")
                else:
                    told = {"delta": event} if isinstance(event, str) else {"done": True, **event}
                    yield f"data: {json.dumps(told)}\n\n".encode()
        except asyncio.CancelledError:
            self.hung_up.set()
            raise

    def _state(self) -> dict[str, Any]:
        breaker = {"state": "closed", "window_failures": 0, "window_calls": 0, "rejected": 0, "opened_in_a_row": 0}
        part = {"fault": None, "breaker": breaker, "duration": "none", "window": 30.0}
        return {
            "version": "0",
            "mode": "normal",
            "latest_mode": "normal",
            "since": 1.0,
            "preparation": self.preparation,
            "parts": [{"part": name, "pipeline": f"chat-{name}", **part} for name in PARTS],
            "stopping": False,
        }

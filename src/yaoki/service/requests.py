"""Every request of a service: its id, its admission, and its end when the process ends (SPEC H4, O3).

A request is work in flight until its response is complete, a stream to its end, so the drain waits for it. While new work is
refused the answer is 503; probes and metrics are answered to the last. The id comes from `X-Request-Id` if it is harmless, else
it is made; it is in the logs, in the response, and in the request as the application sees it.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import ExitStack
from typing import TYPE_CHECKING

from yaoki.core.clock import clock
from yaoki.core.faults.classifier import classify
from yaoki.core.faults.errors import ShuttingDownError
from yaoki.observe.log_records import facts_of
from yaoki.observe.request_id import current_request, is_request_id, new_request_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import Any, TypeAlias

    from yaoki.core.shutdown import Shutdown

    Scope: TypeAlias = dict[str, Any]
    Receive: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]
    Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]

__all__ = ["ALWAYS", "RequestGate"]

ALWAYS = ("/livez", "/readyz", "/startupz", "/metrics")
"""Paths that are answered while nothing else is, and that no drain waits for."""

_log = logging.getLogger("yaoki.requests")


class RequestGate:
    """ASGI middleware, outermost. `state`: what the application's lifespan keeps for its requests."""

    def __init__(self, app: Any, shutdown: Shutdown, state: Mapping[str, Any]) -> None:  # any ASGI application
        self.app = app
        self.shutdown = shutdown
        self.state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or one web socket."""
        scope["state"] = {**scope.get("state", {}), **self.state}
        request = _request_id(scope)
        mark = current_request.set(request)
        answer = _Answer(send, request, self.shutdown)
        began = clock.now()
        try:
            with ExitStack() as held:
                if scope["path"] not in ALWAYS:
                    try:
                        held.enter_context(self.shutdown.work(_name(scope)))
                    except ShuttingDownError:
                        await answer.refuse(scope["type"])
                        return
                await self.app(scope, receive, answer.send)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self.shutdown.requested or task is None:
                raise
            # The drain has given up on this request, and has said so. Who waits for its beginning is told.
            task.uncancel()
            if not answer.status:
                await answer.refuse(scope["type"])
        except Exception as error:  # noqa: BLE001  # the border to the application
            # Once, and here, where the request is known. A framework that has answered already raises it all the same, and a web
            # server would cut the connection then.
            facts = {"method": scope.get("method"), "path": scope["path"], **facts_of(classify(error))}
            _log.exception("request failed", extra=facts)
            if not answer.status:
                await answer.say(scope["type"], 500, b"the service failed at this request\n")
        finally:
            current_request.reset(mark)
            facts = {"method": scope.get("method"), "path": scope["path"], "status": answer.status, "request_id": request}
            _log.debug("request", extra={**facts, "seconds": round(clock.now() - began, 6)})


class _Answer:
    """The response on its way: notes its status and adds to its headers."""

    def __init__(self, send: Send, request: str, shutdown: Shutdown) -> None:
        self._send = send
        self._request = request
        self._shutdown = shutdown
        self.status = 0

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [(name, value) for name, value in message.get("headers", ()) if name.lower() != b"x-request-id"]
            headers.append((b"x-request-id", self._request.encode()))
            if self._shutdown.requested:
                # The next request of this connection shall find another server.
                headers = [(name, value) for name, value in headers if name.lower() != b"connection"]
                headers.append((b"connection", b"close"))
            message = {**message, "headers": headers}
        await self._send(message)

    async def refuse(self, kind: str) -> None:
        await self.say(kind, 503, b"the service is shutting down\n", (b"retry-after", b"5"))

    async def say(self, kind: str, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
        if kind == "websocket":
            await self._send({"type": "websocket.close", "code": 1011 if status == 500 else 1012})
            return
        known = ((b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode()))
        await self.send({"type": "http.response.start", "status": status, "headers": [*known, *headers]})
        await self._send({"type": "http.response.body", "body": body})


def _request_id(scope: Scope) -> str:
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"").decode("latin-1")
    request = given if is_request_id(given) else new_request_id()
    others = [(name, value) for name, value in scope["headers"] if name != b"x-request-id"]
    scope["headers"] = [*others, (b"x-request-id", request.encode())]
    return request


def _name(scope: Scope) -> str:
    return f"{scope.get('method', 'WebSocket')} {scope['path'][:80]}"

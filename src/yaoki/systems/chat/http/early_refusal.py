"""Questions that would be refused are refused before they are read: in a rush, refusing must cost next to nothing (SPEC T4).

Whoever has to read, check and route a thousand questions in order to refuse them has no time left to answer the others.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from yaoki.observe.request_id import current_request
from yaoki.systems.chat.http.request_body import LONGEST_BODY

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping
    from typing import TypeAlias

    from yaoki.systems.chat.admission import Admission

    Message: TypeAlias = MutableMapping[str, Any]
    Receive: TypeAlias = Callable[[], Awaitable[Message]]
    Send: TypeAlias = Callable[[Message], Awaitable[None]]

__all__ = ["TOO_MANY", "EarlyRefusal"]

TOO_MANY = "too much is asked at once; try again in a second"
"""The reason, for people."""

_QUESTIONS = ("/chat", "/chat/stream")


class EarlyRefusal:
    """ASGI middleware: 429 with Retry-After for questions while the house is full; everything else goes on to `app`."""

    def __init__(self, app: Any, admission: Admission) -> None:  # any ASGI application
        self.app = app
        self.admission = admission

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] not in _QUESTIONS or not self.admission.full:
            await self.app(scope, receive, send)
            return
        await _pass_over(receive)
        body = json.dumps({"error": "too_many", "reason": TOO_MANY, "request_id": current_request.get()}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"retry-after", b"1"),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": 429, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def _pass_over(receive: Receive) -> None:
    """Let the body come, and keep nothing of it: a connection that is closed before would be reset, and the refusal lost."""
    left = LONGEST_BODY
    while left > 0:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body"):
            return
        left -= len(message.get("body", b""))

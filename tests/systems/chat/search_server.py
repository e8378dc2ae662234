"""A search service of somebody else: the least that the contract asks for, and it counts what it is asked."""

from __future__ import annotations

import json
from typing import Any

from tests.systems.chat.loopback_server import LoopbackServer, QuietHandler

RESULTS = [
    {"id": "kettle", "text": "A kettle boils water. It takes a timeout in seconds.", "score": 2.5},
    {"id": "oven", "text": "An oven roasts whatever is put into it.", "score": 1.0},
]


class _Handler(QuietHandler):
    def answer(self, asked: dict[str, Any]) -> None:
        server = self.server
        assert isinstance(server, SearchServer)
        server.asked.append({**asked, "path": self.path, "left_ms": self.headers["X-Request-Timeout-Ms"]})
        body = json.dumps({"results": RESULTS[: asked["k"]]}).encode()
        self.send_whole(server.status_of(asked), body)


class SearchServer(LoopbackServer):
    """`asked`: every request; `status`: what is answered from now on."""

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.status = 200

    def status_of(self, asked: dict[str, Any]) -> int:
        """The status of the answer to this request."""
        return self.status

"""An OpenAI-compatible endpoint for embeddings, whose vectors count words: the same words, the same vector."""

from __future__ import annotations

import json
import re
import threading
import zlib
from typing import Any

from tests.systems.chat.loopback_server import LoopbackServer, QuietHandler

DIMENSIONS = 64


def vector_of(text: str) -> list[float]:
    """Each word counts at a place of its own; the last number keeps every vector from being zero."""
    vector = [0.0] * DIMENSIONS
    vector[-1] = 0.01
    for word in re.findall(r"\w+", text.lower()):
        vector[zlib.crc32(word.encode()) % (DIMENSIONS - 1)] += 1.0
    return vector


class _Handler(QuietHandler):
    def answer(self, asked: dict[str, Any]) -> None:
        server = self.server
        assert isinstance(server, EmbeddingsServer)
        server.asked.append({**asked, "path": self.path, "authorization": self.headers["Authorization"]})
        if server.patience is not None:
            server.patience.wait(20.0)
        vectors = [{"index": place, "embedding": vector_of(text)} for place, text in enumerate(asked["input"])]
        body = server.answer if server.answer is not None else json.dumps({"data": vectors[::-1]}).encode()
        self.send_whole(server.status, body)


class EmbeddingsServer(LoopbackServer):
    """`asked`: every request; `status` and `answer`: what is answered from now on;
    `patience`: what is waited for before.
    """

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.status = 200
        self.answer: bytes | None = None
        self.patience: threading.Event | None = None

"""An OpenAI-compatible endpoint for embeddings, whose vectors count words: the same words, the same vector."""

from __future__ import annotations

import json
import re
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

DIMENSIONS = 64


def vector_of(text: str) -> list[float]:
    """Each word counts at a place of its own; the last number keeps every vector from being zero."""
    vector = [0.0] * DIMENSIONS
    vector[-1] = 0.01
    for word in re.findall(r"\w+", text.lower()):
        vector[zlib.crc32(word.encode()) % (DIMENSIONS - 1)] += 1.0
    return vector


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, EmbeddingsServer)
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server.asked.append({**asked, "path": self.path, "authorization": self.headers["Authorization"]})
        if server.patience is not None:
            server.patience.wait(20.0)
        vectors = [{"index": place, "embedding": vector_of(text)} for place, text in enumerate(asked["input"])]
        body = server.answer if server.answer is not None else json.dumps({"data": vectors[::-1]}).encode()
        self.send_response(server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's own name
        pass


class EmbeddingsServer(ThreadingHTTPServer):
    """A context manager that serves in a thread. `asked`: every request; `status` and `answer`: what is answered from now on;
    `patience`: what is waited for before.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[dict[str, Any]] = []
        self.status = 200
        self.answer: bytes | None = None
        self.patience: threading.Event | None = None
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """Its root."""
        return f"http://127.0.0.1:{self.port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Callers hang up in these tests."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

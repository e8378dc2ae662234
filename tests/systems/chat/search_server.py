"""A search service of somebody else: the least that the contract asks for, and it counts what it is asked."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

RESULTS = [
    {"id": "kettle", "text": "A kettle boils water. It takes a timeout in seconds.", "score": 2.5},
    {"id": "oven", "text": "An oven roasts whatever is put into it.", "score": 1.0},
]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        assert isinstance(server, SearchServer)
        server.asked.append({**asked, "path": self.path, "left_ms": self.headers["X-Request-Timeout-Ms"]})
        body = json.dumps({"results": RESULTS[: asked["k"]]}).encode()
        self.send_response(server.status_of(asked))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's own name
        pass


class SearchServer(ThreadingHTTPServer):
    """A context manager that serves in a thread. `asked`: every request; `status`: what is answered from now on."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[dict[str, Any]] = []
        self.status = 200
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)

    def status_of(self, asked: dict[str, Any]) -> int:
        """The status of the answer to this request."""
        return self.status

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """Callers hang up in these tests."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()

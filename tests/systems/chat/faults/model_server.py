"""A model of somebody else behind the interface of every model: it says as much as a test wants, and counts what it is asked."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        assert isinstance(server, ModelServer)
        server.asked.append(asked)
        status = server.status_of(asked)
        with server.seats:
            time.sleep(server.seconds)
            if status != 200:
                self._refuse(status)
            elif asked.get("stream"):
                self._stream(server)
            else:
                self._answer(server)

    def _refuse(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _answer(self, server: ModelServer) -> None:
        choice = {"index": 0, "message": {"role": "assistant", "content": server.text}, "finish_reason": "stop"}
        body = json.dumps({"choices": [choice]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, server: ModelServer) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        words = server.text.split(" ")
        try:
            for number, word in enumerate(words, 1):
                last = number == len(words)
                piece = {
                    "index": 0,
                    "delta": {"content": word if last else f"{word} "},
                    "finish_reason": "stop" if last else None,
                }
                self.wfile.write(f"data: {json.dumps({'choices': [piece]})}\n\n".encode())
                server.began.set()
                if not last:
                    time.sleep(server.pause)
        except OSError:
            server.left.set()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's own name
        pass


class ModelServer(ThreadingHTTPServer):
    """A context manager that serves in a thread.

    `text`: what it says; `seconds`: how long it thinks; `pause`: seconds between two words of a stream; `at_once`: questions that it
    thinks about at the same time, the others wait. `asked`: every request. `began`: a stream has said a word; `left`: its reader
    is gone.
    """

    daemon_threads = True
    request_queue_size = 256

    def __init__(
        self, text: str = "Put it on the stove [1].", *, seconds: float = 0.0, pause: float = 0.0, at_once: int = 1000
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.text = text
        self.seconds = seconds
        self.pause = pause
        self.seats = threading.BoundedSemaphore(at_once)
        self.asked: list[dict[str, Any]] = []
        self.began = threading.Event()
        self.left = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)

    def status_of(self, asked: dict[str, Any]) -> int:
        """The status of the answer to this request."""
        return 200

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

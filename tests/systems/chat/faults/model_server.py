"""A model of somebody else behind the interface of every model: it says as much as a test wants, and counts what it is asked."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

from tests.systems.chat.loopback_server import LoopbackServer, QuietHandler


class _Handler(QuietHandler):
    def answer(self, asked: dict[str, Any]) -> None:
        server = self.server
        assert isinstance(server, ModelServer)
        server.asked.append(asked)
        status = server.status_of(asked)
        with server.seats:
            time.sleep(server.seconds)
            if status != 200:
                self.send_whole(status)
            elif asked.get("stream"):
                self._stream(server)
            else:
                self._answer(server)

    def _answer(self, server: ModelServer) -> None:
        choice = {"index": 0, "message": {"role": "assistant", "content": server.text}, "finish_reason": "stop"}
        body = json.dumps({"choices": [choice]}).encode()
        self.send_whole(200, body)

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


class ModelServer(LoopbackServer):
    """A model.

    `text`: what it says; `seconds`: how long it thinks; `pause`: seconds between two words of a stream; `at_once`: questions that it
    thinks about at the same time, the others wait. `asked`: every request. `began`: a stream has said a word; `left`: its reader
    is gone.
    """

    def __init__(
        self, text: str = "Put it on the stove [1].", *, seconds: float = 0.0, pause: float = 0.0, at_once: int = 1000
    ) -> None:
        super().__init__(_Handler)
        self.text = text
        self.seconds = seconds
        self.pause = pause
        self.seats = threading.BoundedSemaphore(at_once)
        self.began = threading.Event()
        self.left = threading.Event()

    def status_of(self, asked: dict[str, Any]) -> int:
        """The status of the answer to this request."""
        return 200

"""A real HTTP server, and a proxy before it."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from yaoki.chaos.proxy import FaultProxy
from yaoki.chaos.threaded import ThreadedFaultProxy

ANSWER = bytes(range(32, 127)) * 10
LARGE = 2_000_000


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        body = b"x" * LARGE if self.path == "/large" else ANSWER
        self.reply(body)

    def do_POST(self) -> None:
        self.reply(self.rfile.read(int(self.headers["Content-Length"])))

    def reply(self, body: bytes) -> None:
        self.server.requests += 1  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests = 0

    def handle_error(self, request: object, client_address: object) -> None:
        pass


@pytest.fixture(scope="session")
def shared_server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def server(shared_server: Server) -> Server:
    shared_server.requests = 0
    return shared_server


@pytest.fixture
def proxy(server: Server) -> Iterator[ThreadedFaultProxy]:
    with FaultProxy.in_thread("127.0.0.1", server.server_port) as proxy:
        yield proxy


class Client:
    """One HTTP connection through the proxy."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3.0)

    def get(self, path: str = "/", method: str = "GET", body: bytes | None = None) -> tuple[int, bytes]:
        self.connection.request(method, path, body)
        response = self.connection.getresponse()
        return response.status, response.read()


def get_once(port: int) -> tuple[int, bytes]:
    """One request on a connection of its own."""
    client = Client(port)
    try:
        return client.get()
    finally:
        client.connection.close()


@pytest.fixture
def client(proxy: ThreadedFaultProxy) -> Iterator[Callable[[], Client]]:
    """Makes clients with a connection of their own."""
    made: list[Client] = []

    def make() -> Client:
        made.append(Client(proxy.port))
        return made[-1]

    yield make
    for each in made:
        each.connection.close()


@pytest.fixture
def connect(proxy: ThreadedFaultProxy) -> Iterator[Callable[[], socket.socket]]:
    """Makes plain connections to the proxy."""
    made: list[socket.socket] = []

    def make() -> socket.socket:
        made.append(socket.create_connection(("127.0.0.1", proxy.port), timeout=3.0))
        return made[-1]

    yield make
    for each in made:
        each.close()


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 5.0
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.005)


def is_silent(connection: socket.socket) -> bool:
    """Whether nothing comes for a moment."""
    connection.settimeout(0.15)
    try:
        connection.recv(1)
    except TimeoutError:
        return True
    finally:
        connection.settimeout(3.0)
    return False

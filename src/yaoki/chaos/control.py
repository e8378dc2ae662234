"""The control endpoint of a fault proxy: HTTP on 127.0.0.1, for whoever has the token (SPEC O5, X5).

| request | |
| --- | --- |
| `GET /faults` | the fault that is set, the counters, the faults there are |
| `POST /fault` | set one: `{"fault": "delay", "seconds": 0.2, "rate": 0.5, "seed": 1}` |
| `DELETE /fault` | heal |

Each needs `Authorization: Bearer TOKEN`. Answers are JSON; a refusal is `{"error": "why"}` with 400, 401, 404, 405, 411 or 413.
"""

from __future__ import annotations

import hmac
import json
import threading
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from yaoki.chaos.faults import fault_from_dict, kinds
from yaoki.core import parameters
from yaoki.core.faults.errors import ConfigurationError

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from yaoki.chaos.threaded import ThreadedFaultProxy

__all__ = ["ControlEndpoint", "check_token"]

_LONGEST_BODY = 65536
_PATHS = {"/faults": ("GET",), "/fault": ("POST", "DELETE")}


def check_token(token: str, source: str = "the token") -> str:
    """The token, if it is one. Raises ConfigurationError, without showing it, unless it has 16 to 512 printable ASCII characters."""
    if not 16 <= len(token) <= 512 or not all("!" <= char <= "~" for char in token):
        raise ConfigurationError(f"{source} must be 16 to 512 printable ASCII characters without spaces")
    return token


class ControlEndpoint:
    """Serves the control of a running `proxy` from threads of its own, inside a `with` block.

    `port`: 0 takes any that is free. Raises ConfigurationError for a port that is none or is taken, and for a bad token.
    """

    def __init__(self, proxy: ThreadedFaultProxy, token: str, *, port: int = 0) -> None:
        if parameters.whole("control port", port, least=0) > 65535:
            raise ConfigurationError(f"control port must be at most 65535, not {port}")
        try:
            self._server = _Server(port, proxy, check_token(token))
        except OSError as error:
            raise ConfigurationError(f"control port {port} cannot be taken: {error.strerror}") from error
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="yaoki-chaos-control", daemon=True
        )

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.server_port

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, proxy: ThreadedFaultProxy, token: str) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.proxy = proxy
        self.token = token.encode("ascii")

    def server_bind(self) -> None:
        # The base class asks the resolver for the machine's name, which can take seconds where none answers.
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]  # text and number with IPv4

    def handle_error(self, request: object, client_address: object) -> None:
        # A client that went away in the middle of its request is nobody's error.
        pass


class _Handler(BaseHTTPRequestHandler):
    timeout = 5.0
    server_version = "yaoki-chaos"
    sys_version = ""

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the base's
        pass

    def _answer(self, method: str) -> None:
        try:
            # Read in every case: closing on unread bytes would reset the connection before its answer is read.
            body = self._body() if method == "POST" else b""
            self._reply(200, self._act(method, body))
        except _RefusedError as refusal:
            self._reply(refusal.code, {"error": str(refusal)}, refusal.headers)

    def _act(self, method: str, body: bytes) -> dict[str, object]:
        server = self.server
        assert isinstance(server, _Server)
        given = self.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, b"Bearer " + server.token):
            raise _RefusedError(401, "the header Authorization: Bearer TOKEN is missing or wrong", WWW_Authenticate="Bearer")
        allowed = _PATHS.get(self.path)
        if allowed is None:
            raise _RefusedError(404, f"there is no {self.path}; there are /faults and /fault")
        if method not in allowed:
            raise _RefusedError(405, f"{self.path} takes {' and '.join(allowed)}", Allow=", ".join(allowed))
        proxy = server.proxy
        if method == "POST":
            self._set(proxy, body)
        elif method == "DELETE":
            proxy.heal()
        host, port = proxy.upstream
        return {
            "fault": proxy.fault.to_dict(),
            "rate": proxy.rate,
            "port": proxy.port,
            "upstream": {"host": host, "port": port},
            "counters": asdict(proxy.counters),
            "kinds": kinds(),
        }

    def _set(self, proxy: ThreadedFaultProxy, body: bytes) -> None:
        try:
            data = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise _RefusedError(400, f"the body is not JSON: {error}") from error
        if not isinstance(data, dict):
            raise _RefusedError(400, 'the body must be a JSON object such as {"fault": "hang"}')
        rate = data.pop("rate", 1.0)
        seed = data.pop("seed", None)
        try:
            proxy.set(fault_from_dict(data), rate, seed)
        except ConfigurationError as error:
            raise _RefusedError(400, str(error)) from error

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            raise _RefusedError(411, "the header Content-Length is missing or no number")
        if len(length) > 9 or int(length) > _LONGEST_BODY:
            raise _RefusedError(413, f"the body must have at most {_LONGEST_BODY} bytes")
        return self.rfile.read(int(length))

    def _reply(self, code: int, content: dict[str, object], headers: dict[str, str] | None = None) -> None:
        body = json.dumps(content).encode()
        self.send_response(code)
        for name, value in {**(headers or {}), "Content-Type": "application/json", "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class _RefusedError(Exception):
    def __init__(self, code: int, why: str, **headers: str) -> None:
        super().__init__(why)
        self.code = code
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

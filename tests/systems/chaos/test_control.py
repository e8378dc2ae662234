"""`python -m yaoki.chaos` and its control endpoint (SPEC O5, X5)."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.systems.chaos.conftest import ANSWER, Server, get_once
from yaoki.chaos.__main__ import main
from yaoki.chaos.control import ControlEndpoint
from yaoki.chaos.threaded import ThreadedFaultProxy

TOKEN = "a-token-of-the-tests"


@pytest.fixture
def control(proxy: ThreadedFaultProxy) -> Iterator[ControlEndpoint]:
    with ControlEndpoint(proxy, TOKEN) as control:
        yield control


def ask(port: int, method: str, path: str, body: object = None, token: str | None = TOKEN) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3.0)
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    try:
        connection.request(method, path, content, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_o5_a_fault_is_set_and_healed(control: ControlEndpoint, proxy: ThreadedFaultProxy) -> None:
    """SPEC O5: what the endpoint says holds at once."""
    status, answer = ask(control.port, "POST", "/fault", {"fault": "status", "code": 503, "rate": 1.0, "seed": 1})
    assert (status, answer["fault"]["code"]) == (200, 503)
    assert get_once(proxy.port)[0] == 503

    status, answer = ask(control.port, "GET", "/faults")
    assert answer["counters"]["faults"] == {"status": 1}
    assert answer["kinds"]["delay"] == ["seconds", "jitter"]

    assert ask(control.port, "DELETE", "/fault")[1]["fault"] == {"fault": "pass"}
    assert get_once(proxy.port) == (200, ANSWER)


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN + "x", "トークン".encode().decode("latin-1")])
@pytest.mark.parametrize(("method", "path"), [("GET", "/faults"), ("POST", "/fault"), ("DELETE", "/fault")])
def test_x5_nothing_is_done_without_the_token(
    control: ControlEndpoint, proxy: ThreadedFaultProxy, method: str, path: str, token: str | None
) -> None:
    """SPEC X5: neither changed nor told."""
    body = {"fault": "hang"} if method == "POST" else None

    assert ask(control.port, method, path, body, token)[0] == 401

    assert proxy.fault.kind == "pass"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "named"),
    [
        ("POST", "/fault", b"{", 400, "not JSON"),
        ("POST", "/fault", b"\xff", 400, "not JSON"),
        ("POST", "/fault", b"[" * 60000, 400, "not JSON"),
        ("POST", "/fault", [], 400, "object"),
        ("POST", "/fault", {"fault": "flood"}, 400, "flood"),
        ("POST", "/fault", {"fault": "hang", "rate": "all"}, 400, "rate"),
        ("POST", "/fault", {"fault": "hang", "seed": 1.5}, 400, "seed"),
        ("POST", "/fault", {"fault": "refuse", "rate": 0.5}, 400, "rate"),
        ("POST", "/fault", b"x" * 65537, 413, "65536"),
        ("GET", "/fault", None, 405, "POST and DELETE"),
        ("DELETE", "/faults", None, 405, "GET"),
        ("GET", "/", None, 404, "/faults"),
    ],
)
def test_o5_bad_requests_are_explained(
    control: ControlEndpoint, proxy: ThreadedFaultProxy, method: str, path: str, body: object, status: int, named: str
) -> None:
    """SPEC O5: with the reason, and nothing is changed."""
    got, answer = ask(control.port, method, path, body)

    assert got == status
    assert named in answer["error"]
    assert proxy.fault.kind == "pass"


def start(*arguments: str, token: str | None = None) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name != "YAOKI_CHAOS_TOKEN"}
    if token is not None:
        environment["YAOKI_CHAOS_TOKEN"] = token
    command = [sys.executable, "-W", "error", "-m", "yaoki.chaos", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def test_o5_from_the_command_line(server: Server) -> None:
    """SPEC O5: it prints where it is and a token, obeys, and ends with status 0 on SIGTERM."""
    with start(f"127.0.0.1:{server.server_port}", "--fault", '{"fault": "status", "code": 500}') as process:
        assert process.stdout is not None
        proxy, control, token = (process.stdout.readline().split() for _ in range(3))
        proxy_port = int(proxy[1].rpartition(":")[2])
        control_port = int(control[1].rpartition(":")[2].partition("/")[0])

        assert get_once(proxy_port)[0] == 500
        assert ask(control_port, "DELETE", "/fault", token=token[1])[0] == 200
        with socket.create_connection(("127.0.0.1", proxy_port)):
            assert get_once(proxy_port) == (200, ANSWER)
            process.send_signal(signal.SIGTERM)
            out, errors = process.communicate(timeout=5)

        assert (process.returncode, out, errors) == (0, "", "")
        with pytest.raises(ConnectionRefusedError):
            get_once(proxy_port)


def test_x5_a_given_token_is_not_printed(server: Server) -> None:
    """SPEC X5: the owner of the environment knows it; a kill leaves the port free."""
    with start(f"127.0.0.1:{server.server_port}", token=TOKEN) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline().split()[1].rpartition(":")[2])
        process.stdout.readline()
        process.kill()
        assert process.communicate(timeout=5) == ("", "")
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


@pytest.mark.parametrize(
    ("arguments", "token", "status", "named"),
    [
        (["nowhere"], None, 2, "HOST:PORT"),
        (["127.0.0.1:99999"], None, 2, "HOST:PORT"),
        (["127.0.0.1:80", "--fault", "hang"], None, 2, "not JSON"),
        (["127.0.0.1:80", "--fault", '{"fault": "flood"}'], None, 2, "flood"),
        (["127.0.0.1:80", "--rate", "2"], None, 1, "rate"),
        (["127.0.0.1:80", "--port", "99999"], None, 1, "listen_port"),
        (["127.0.0.1:80"], "short", 1, "YAOKI_CHAOS_TOKEN"),
    ],
)
def test_o5_what_cannot_start_says_why(
    arguments: list[str],
    token: str | None,
    status: int,
    named: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """SPEC O5: a line, no traceback, and never the token."""
    monkeypatch.delenv("YAOKI_CHAOS_TOKEN", raising=False)
    if token is not None:
        monkeypatch.setenv("YAOKI_CHAOS_TOKEN", token)

    try:
        ended: object = main(arguments)
    except SystemExit as ending:
        ended = ending.code

    assert ended == status
    out, errors = capsys.readouterr()
    assert out == ""
    assert named in errors
    assert "short" not in errors

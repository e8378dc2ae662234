"""Every request: its id, its admission, its failure (SPEC H4, O3, X5)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from yaoki.core.shutdown import Shutdown
from yaoki.observe.request_id import current_request
from yaoki.service.requests import RequestGate
from yaoki.testing import run

pytestmark = pytest.mark.usefixtures("virtual_clock")

Sent = list[dict[str, Any]]


async def answering(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"keep-alive")]})
    await send({"type": "http.response.body", "body": b"well"})


def http(path: str = "/ask", *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http", "method": "GET", "path": path, "headers": list(headers)}


def websocket() -> dict[str, Any]:
    return {"type": "websocket", "path": "/live", "headers": []}


async def through(app: Any, scope: dict[str, Any], shutdown: Shutdown, state: dict[str, Any] | None = None) -> Sent:
    sent: Sent = []

    async def receive() -> dict[str, Any]:
        raise AssertionError("nothing is received")

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await RequestGate(app, shutdown, state or {})(scope, receive, send)
    return sent


def ask(app: Any, scope: dict[str, Any], shutdown: Shutdown | None = None) -> Sent:
    return run(through(app, scope, shutdown or Shutdown()))


def ended(shutdown: Shutdown) -> Shutdown:
    shutdown.request()
    return shutdown


def headers(sent: Sent) -> dict[bytes, bytes]:
    found = sent[0]["headers"]
    assert len(dict(found)) == len(found), "a header is there twice"
    return dict(found)


def test_o3_the_application_sees_the_id_that_the_logs_and_the_client_see() -> None:
    """SPEC O3: one id, whoever looks; a foreign one that is odd is nowhere."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.extend([current_request.get(), dict(scope["headers"])[b"x-request-id"].decode()])
        await answering(scope, receive, send)

    given = ask(app, http("/ask", (b"x-request-id", b"mine-7"), (b"host", b"test")))
    odd = ask(app, http("/ask", (b"x-request-id", b"two words")))

    assert headers(given)[b"x-request-id"] == b"mine-7"
    assert seen[:2] == ["mine-7", "mine-7"]
    assert seen[2] == seen[3] == headers(odd)[b"x-request-id"].decode() != "two words"
    assert current_request.get() is None


def test_o3_the_application_s_own_id_header_is_not_doubled() -> None:
    """SPEC O3: one header in the response."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"X-Request-Id", b"theirs")]})

    assert headers(ask(app, http("/ask", (b"x-request-id", b"mine"))))[b"x-request-id"] == b"mine"


def test_h4_a_request_is_in_flight_until_its_response_is_complete() -> None:
    """SPEC H4: by its method and path."""
    shutdown = Shutdown()
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.extend(shutdown.left())

    ask(app, http("/ask"), shutdown)
    ask(app, http("/livez"), shutdown)
    ask(app, websocket(), shutdown)

    assert seen == ["GET /ask (1, oldest 0.0 s)", "WebSocket /live (1, oldest 0.0 s)"]
    assert shutdown.left() == []


def test_h4_while_work_is_refused_a_request_gets_503() -> None:
    """SPEC H4: the application is not asked; probes are answered."""
    shutdown = ended(Shutdown())

    refused, probe = ask(answering, http(), shutdown), ask(answering, http("/readyz"), shutdown)

    assert (refused[0]["status"], headers(refused)[b"connection"]) == (503, b"close")
    assert refused[1]["body"] == b"the service is shutting down\n"
    assert (probe[0]["status"], headers(probe)[b"connection"]) == (200, b"close")


@pytest.mark.parametrize("wait", [0.0, 100.0])
def test_h4_a_connection_ends_with_the_service(wait: float) -> None:
    """SPEC H4: the last response on it says so, also while new work is still taken."""
    shutdown = Shutdown(balancer_wait=wait)
    before = headers(ask(answering, http(), shutdown))[b"connection"]
    shutdown.request()

    assert (before, headers(ask(answering, http(), shutdown))[b"connection"]) == (b"keep-alive", b"close")


def test_h4_a_web_socket_is_refused_too() -> None:
    """SPEC H4: with the code for a service that restarts."""
    assert ask(answering, websocket(), ended(Shutdown())) == [{"type": "websocket.close", "code": 1012}]


@pytest.mark.parametrize(
    ("scope", "answer"),
    [
        (http, {"type": "http.response.body", "body": b"the service failed at this request\n"}),
        (websocket, {"type": "websocket.close", "code": 1011}),
    ],
)
def test_o3_a_failure_is_answered_and_logged_once(
    caplog: pytest.LogCaptureFixture, scope: Callable[[], dict[str, Any]], answer: dict[str, Any]
) -> None:
    """SPEC O3: with its classification; nothing of it is told to the client."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise LookupError("a secret")

    sent = ask(app, scope())

    assert sent[-1] == answer
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert (record.getMessage(), record.error, record.path) == ("request failed", "LookupError", scope()["path"])  # type: ignore[attr-defined]  # extras


def test_o3_a_failure_in_the_middle_of_a_response_ends_it(caplog: pytest.LogCaptureFixture) -> None:
    """SPEC O3: what has begun as a success cannot become an error."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise LookupError

    assert [message.get("status") for message in ask(app, http())] == [200]
    assert "request failed" in caplog.text


def test_h4_a_request_that_the_drain_gives_up_is_told() -> None:
    """SPEC H4: 503 for who waits for a beginning; the task is not left cancelled."""
    shutdown = Shutdown(drain_timeout=1.0)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.Event().wait()

    async def main() -> tuple[Sent, int]:
        serving = asyncio.create_task(through(app, http(), shutdown))
        await asyncio.sleep(0)
        code = await shutdown.drain()
        return await serving, code

    sent, code = run(main())

    assert (sent[0]["status"], code) == (503, 3)


def test_h4_a_cancellation_of_somebody_else_goes_on() -> None:
    """SPEC H4: only the drain's own is answered."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        serving = asyncio.create_task(through(app, http(), Shutdown()))
        await asyncio.sleep(0)
        serving.cancel()
        await serving

    with pytest.raises(asyncio.CancelledError):
        run(main())


def test_h4_a_request_has_the_state_of_the_lifespan() -> None:
    """SPEC H4: what the application keeps for its requests; each has a copy."""
    kept = {"index": "open"}
    seen: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(dict(scope["state"]))
        scope["state"]["more"] = 1

    run(through(app, http(), Shutdown(), kept))

    assert seen == [{"index": "open"}]
    assert kept == {"index": "open"}

"""Serving in this process: outside of the main thread, and what keeps a service from its beginning (SPEC H4).

Everything about signals and exits is in tests/systems/service, with real processes.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from yaoki.core.shutdown import Shutdown
from yaoki.service.errors import CannotStartError
from yaoki.service.listening import listen
from yaoki.service.serving import leave, serve, serve_async


def application(told: list[str] | None = None, error: Exception | None = None) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if error is not None:
            raise error
        yield
        if told is not None:
            told.append("ended")

    app = FastAPI(lifespan=lifespan, openapi_url=None)

    @app.get("/")
    async def root() -> str:
        return "well"

    return app


def test_h4_outside_of_the_main_thread_a_request_ends_it() -> None:
    """SPEC H4: no signal is handled there; it serves until it is asked to end."""
    shutdown = Shutdown()
    answers: list[Any] = []
    addresses: list[str] = []
    listening = threading.Event()

    def started(address: str) -> None:
        addresses.append(address)
        listening.set()

    told: list[str] = []
    thread = threading.Thread(
        target=lambda: answers.append(serve(application(told), shutdown=shutdown, started=started)), daemon=True
    )
    thread.start()
    assert listening.wait(15.0)
    answers.append(httpx.get(addresses[0], trust_env=False).json())
    shutdown.request()
    thread.join(15.0)

    assert answers == ["well", 0]
    assert told == ["ended"]


def test_h4_two_services_of_one_process_end_each_by_itself() -> None:
    """SPEC H4: in one event loop."""

    async def main() -> list[int]:
        first, second = Shutdown(), Shutdown()

        def end_both(address: str) -> None:
            first.request()
            asyncio.get_running_loop().call_later(0.1, second.request)

        return await asyncio.gather(
            serve_async(application(), shutdown=first), serve_async(application(), shutdown=second, started=end_both)
        )

    assert asyncio.run(main()) == [0, 0]


def test_h4_a_taken_port_is_told_before_anything_starts() -> None:
    """SPEC H4: the application is not asked."""
    told: list[str] = []
    with closing(listen()) as other, pytest.raises(CannotStartError, match="is taken"):
        serve(application(told, LookupError()), shutdown=Shutdown(), port=other.getsockname()[1])

    assert told == []


def test_h4_what_keeps_the_application_from_starting_is_raised() -> None:
    """SPEC H4: as it is; the port is free again."""
    listener = listen()
    port = listener.getsockname()[1]

    with pytest.raises(LookupError, match="damaged"):
        asyncio.run(serve_async(application(error=LookupError("damaged")), shutdown=Shutdown(), listener=listener))

    with closing(listen(port=port)):
        pass


def test_h4_a_process_that_is_to_end_before_it_has_started_ends() -> None:
    """SPEC H4: an application that takes long to start is given up; nobody was served, nothing was lost."""
    shutdown = Shutdown()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        asyncio.get_running_loop().call_later(0.05, shutdown.request)
        await asyncio.Event().wait()

    started: list[str] = []

    assert asyncio.run(serve_async(slow, shutdown=shutdown, started=started.append)) == 0
    assert started == []


def test_h4_who_reports_the_address_may_fail() -> None:
    """SPEC H4: its error is raised, and nothing goes on serving."""
    addresses: list[str] = []

    def started(address: str) -> None:
        addresses.append(address)
        raise LookupError

    with pytest.raises(LookupError):
        asyncio.run(serve_async(application(), shutdown=Shutdown(), started=started))

    host, _, port = addresses[0].removeprefix("http://").partition(":")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((host, int(port)), 1.0)


def test_h4_the_server_says_little_about_itself() -> None:
    """SPEC X5: not which software it is."""
    shutdown = Shutdown()
    found: list[httpx.Headers] = []

    def started(address: str) -> None:
        def look() -> None:
            found.append(httpx.get(address, trust_env=False).headers)
            shutdown.request()

        threading.Thread(target=look, daemon=True).start()

    asyncio.run(serve_async(application(), shutdown=shutdown, started=started))

    assert "server" not in found[0]
    assert found[0]["content-type"] == "application/json"


def test_h4_without_stray_threads_a_process_leaves_in_the_usual_way() -> None:
    """SPEC H4: by SystemExit, so that what is registered for the exit is done."""
    with pytest.raises(SystemExit) as raised:
        leave(3)

    assert raised.value.code == 3

"""A rush of connections keeps nothing waiting that is being served already (SPEC T4)."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from yaoki.core.shutdown import Shutdown
from yaoki.service.serving import serve_async


async def rush(connections: int) -> tuple[int, int]:
    """How many requests were served while one that came first took ten turns of the event loop, and how many waited."""
    shutdown = Shutdown()
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    seen: list[int] = []
    worked = asyncio.Event()
    count = 0

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        nonlocal count
        if scope["type"] != "http":
            raise RuntimeError
        if scope["path"] == "/work":
            for _ in range(10):
                await asyncio.sleep(0)
            seen.append(count)
            worked.set()
        else:
            count += 1
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    serving = asyncio.create_task(serve_async(app, shutdown=shutdown, started=address.set_result))
    port = int((await address).rpartition(":")[2])
    callers = []
    for number in range(connections):
        caller = socket.create_connection(("127.0.0.1", port))
        caller.sendall(
            b"GET /%s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n" % (b"work" if number == 0 else b"rush")
        )
        callers.append(caller)
    await worked.wait()
    await asyncio.to_thread(read_to_the_end, callers)
    shutdown.request()
    await serving
    return seen[0], connections


def read_to_the_end(callers: list[socket.socket]) -> None:
    """Every caller is answered."""
    for caller in callers:
        while caller.recv(4096):
            continue
        caller.close()


def test_a_request_that_is_served_is_not_overtaken_by_the_rush_behind_it() -> None:
    """SPEC T4: one turn of the event loop accepts a few connections, not all that wait."""
    served_before, waiting = asyncio.run(rush(400))

    assert served_before < waiting / 2

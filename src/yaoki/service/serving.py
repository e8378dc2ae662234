"""Serving HTTP until the process is to end, and ending well (SPEC H4).

On a request to end: readiness goes false, after the balancer's wait no new connection and no new request is accepted, open
responses and streams are drained, what is left is cut off. Nothing is printed here: `started` is called with the address.

| exit code | |
| --- | --- |
| 0 | everything was drained |
| 1 | the service could not start, or broke down |
| 2 | the command line was wrong |
| 3 | forced: the drain took longer than it may; the log names what was left |
| 130, 143 | forced by a second SIGINT, SIGTERM |
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from yaoki.service.lifespan import Lifespan
from yaoki.service.listening import BACKLOG, address_of, listen
from yaoki.service.requests import RequestGate

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Coroutine, Iterator
    from typing import Any, NoReturn

    from yaoki.core.shutdown import Shutdown

__all__ = ["leave", "run_service", "serve", "serve_async"]

_log = logging.getLogger("yaoki.service")

_FLUSH = 2
"""Seconds that the last bytes of complete responses get, on the way to slow clients."""

_ACCEPTED_AT_ONCE = 16
"""Connections that one turn of the event loop accepts. In a rush, more would keep everything waiting that is being answered."""

_SWITCH_INTERVAL = 0.001
"""Seconds after which a thread that computes is asked to let another one go on."""

_LAST_THREADS = 1.0
"""Seconds that threads get to end by themselves before the process leaves without them."""


def serve(
    app: Any,  # any ASGI application
    *,
    shutdown: Shutdown,
    host: str = "127.0.0.1",
    port: int = 0,
    listener: socket.socket | None = None,
    started: Callable[[str], object] | None = None,
) -> int:
    """Serve `app` until `shutdown` is requested, by a signal for instance; returns the exit code.

    `listener`: a socket from `listen`, in place of `host` and `port`. `started`: called with the address when requests are
    accepted. Signals are handled only if this is the main thread; `shutdown.request` works everywhere.

    Raises CannotStartError for a port that cannot be had, and whatever keeps the application from starting.
    """
    if listener is None:
        listener = listen(host, port)
    own = listener
    return run_service(lambda: serve_async(app, shutdown=shutdown, listener=own, started=started), shutdown)


def run_service(main: Callable[[], Coroutine[Any, Any, int]], shutdown: Shutdown) -> int:
    """Run `main` in an event loop of its own, with the signals of the process; returns its exit code.

    Threads that hang do not keep it from returning.
    """
    shutdown.install_signals()
    # A worker that computes gives the interpreter back to the event loop this often; the default keeps it waiting five times as long.
    switch_interval = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_INTERVAL)
    try:
        with asyncio.Runner() as runner:
            runner.get_loop().set_default_executor(_Executor(shutdown))
            return runner.run(main())
    finally:
        sys.setswitchinterval(switch_interval)
        shutdown.remove_signals()


async def serve_async(
    app: Any,  # any ASGI application
    *,
    shutdown: Shutdown,
    host: str = "127.0.0.1",
    port: int = 0,
    listener: socket.socket | None = None,
    started: Callable[[str], object] | None = None,
) -> int:
    """The same in the running event loop; the signals are whoever's runs it."""
    listener = listen(host, port) if listener is None else listener
    lifespan = Lifespan(app)
    server = _Server(RequestGate(app, shutdown, lifespan.state), lifespan, listener)
    try:
        stopping = asyncio.create_task(shutdown.wait(), name="yaoki-stopping")
        try:
            await _unless(stopping, lifespan.startup())
            shutdown.add_step("stop accepting connections", server.stop_accepting)
            shutdown.add_step("end the HTTP server", server.end, after=True)
            if not stopping.done():
                await server.begin(stopping)
            if server.accepting and started is not None:
                started(address_of(listener))
            await asyncio.wait({stopping, server.task} if server.task is not None else {stopping}, return_when=_FIRST)
            if not stopping.done():
                _log.error("the HTTP server ended by itself")
                shutdown.force("the HTTP server ended by itself")
        finally:
            stopping.cancel()
        code = await shutdown.drain()
        if shutdown.forced:
            await server.end(forced=True)
    finally:
        server.abandon()
        listener.close()
    return code


_FIRST = asyncio.FIRST_COMPLETED


async def _unless(stopping: asyncio.Task[str], beginning: Coroutine[Any, Any, None]) -> None:
    """Await `beginning`, unless the process is to end before it is done."""
    task = asyncio.create_task(beginning)
    try:
        await asyncio.wait({task, stopping}, return_when=_FIRST)
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
    if not task.cancelled():
        task.result()


class _Server(uvicorn.Server):
    """The HTTP server. It has no signals, and ends step by step as the shutdown says."""

    def __init__(self, gate: RequestGate, lifespan: Lifespan, listener: socket.socket) -> None:
        super().__init__(
            uvicorn.Config(
                gate,
                log_config=None,
                access_log=False,
                lifespan="off",
                # Headers in which a proxy names another client are anybody's to write.
                proxy_headers=False,
                server_header=False,
                backlog=_ACCEPTED_AT_ONCE,
                timeout_graceful_shutdown=_FLUSH,
            )
        )
        self.application = lifespan
        self.listener = listener
        self.task: asyncio.Task[None] | None = None
        self.servers: list[asyncio.Server] = []
        self._ready = asyncio.Event()
        self._ended = False

    @property
    def accepting(self) -> bool:
        """Whether new connections are accepted."""
        return self.started and any(server.is_serving() for server in self.servers)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # The event loop took its own bound for that of the operating system's queue as well.
        self.listener.listen(BACKLOG)
        self._ready.set()

    async def begin(self, stopping: asyncio.Task[str]) -> None:
        """Start in a task; returns when connections are accepted, or when that has failed or is no longer wanted."""
        self.task = asyncio.create_task(self.serve(sockets=[self.listener]), name="yaoki-http")
        ready = asyncio.create_task(self._ready.wait())
        try:
            await asyncio.wait({ready, self.task, stopping}, return_when=_FIRST)
        finally:
            ready.cancel()
        if self.task.done():
            await self.task

    def stop_accepting(self) -> None:
        """Take no new connections; those that are open go on."""
        for server in self.servers:
            server.close()

    async def end(self, *, forced: bool = False) -> None:
        """Close what is open, then let the application end. Done once. `forced`: without waiting for anybody."""
        if self._ended:
            return
        self._ended = True
        if forced:
            self.cut_off()
            self.config.timeout_graceful_shutdown = 0
        self.force_exit = forced
        self.should_exit = True
        if self.task is not None:
            await asyncio.wait({self.task})
        self.cut_off()
        if not forced:
            await self.application.shutdown()

    def cut_off(self) -> None:
        """Close every connection, whatever is on its way."""
        for connection in list(self.server_state.connections):
            transport = connection.transport
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()

    def abandon(self) -> None:
        """Leave what is not ended by now."""
        self._ended = True
        self.stop_accepting()
        self.cut_off()
        self.application.abandon()
        if self.task is not None:
            self.task.cancel()


class _Executor(ThreadPoolExecutor):
    """The threads of the event loop. Nobody waits for one that hangs."""

    def __init__(self, shutdown: Shutdown) -> None:
        super().__init__(thread_name_prefix="yaoki-worker")
        self._of = shutdown

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        super().shutdown(wait=wait and not self._of.requested, cancel_futures=cancel_futures)


def leave(code: int) -> NoReturn:
    """End the process with this exit code, also if there are threads that would keep it from ending."""
    stray = [thread for thread in threading.enumerate() if thread is not threading.current_thread() and not thread.daemon]
    for thread in stray:
        thread.join(_LAST_THREADS / len(stray))
    stray = [thread for thread in stray if thread.is_alive()]
    if not stray:
        sys.exit(code)
    _log.warning("leaving threads behind: %s", ", ".join(thread.name for thread in stray))
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            # Nobody reads it any more.
            continue
    os._exit(code)

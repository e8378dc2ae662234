"""A TCP and HTTP proxy on the loopback interface that does harm on request (SPEC O5).

It stands between a client and its dependency, and what it does can be changed while it runs:

    async with FaultProxy("127.0.0.1", 6379) as proxy:
        connect(port=proxy.port)
        proxy.set(Reset(), rate=0.2)
        proxy.heal()

Every exchange (see `faults`) draws whether the fault meets it. What is set holds for new exchanges; Reset, Hang, Partition, Drip and
Refuse take hold of those that are under way too. Memory is bounded: whoever sends faster than the other side reads is slowed down.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yaoki.chaos.connection import Connection
from yaoki.chaos.faults import PASS, Fault, Refuse
from yaoki.core import parameters
from yaoki.core.clock import clock
from yaoki.core.faults.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import Self

    from yaoki.chaos.threaded import ThreadedFaultProxy

__all__ = ["Counters", "FaultProxy"]

_HOST = "127.0.0.1"
_BACKLOG = 1024
# How long accepting rests when the process has no file descriptor left.
_REST = 0.1


@dataclass(frozen=True)
class Counters:
    """What a proxy has done so far. `faults`: how many exchanges each kind of fault has met, by name; Refuse counts settings."""

    connections: int
    open: int
    bytes_to_upstream: int
    bytes_to_client: int
    faults: Mapping[str, int]


class FaultProxy:
    """A proxy from a port of 127.0.0.1 to an upstream. Use it in one event loop; `in_thread` gives the form for everybody else.

    `listen_port`: 0 takes any that is free; `port` tells which. Raises ConfigurationError for a port that is none or is taken.
    An upstream that cannot be reached shows as a reset connection.
    """

    def __init__(self, upstream_host: str, upstream_port: int, *, listen_port: int = 0) -> None:
        self.upstream = _host("upstream_host", upstream_host), _port("upstream_port", upstream_port, least=1)
        self.bytes_to_upstream = 0
        self.bytes_to_client = 0
        self.fault: Fault = PASS
        self.rate = 1.0
        self.chance: Callable[[], float] = lambda: clock.random()  # noqa: PLW0108  # the slot is read at each use
        self._wanted_port = _port("listen_port", listen_port, least=0)
        self._listener: socket.socket | None = None
        self._listening = False
        self._resting: asyncio.TimerHandle | None = None
        self._accepted = 0
        self._faults: dict[str, int] = {}
        self._connections: dict[Connection, asyncio.Task[None]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    @classmethod
    def in_thread(cls, upstream_host: str, upstream_port: int, *, listen_port: int = 0) -> ThreadedFaultProxy:
        """The same proxy on an event loop in a thread of its own, for synchronous code and for any thread."""
        from yaoki.chaos.threaded import ThreadedFaultProxy

        return ThreadedFaultProxy(cls(upstream_host, upstream_port, listen_port=listen_port))

    @property
    def port(self) -> int:
        """The port it listens on. Raises RuntimeError while it does not run."""
        if self._listener is None:
            raise RuntimeError("the proxy is not running, so it has no port")
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def counters(self) -> Counters:
        """What it has done so far."""
        counts = dict(self._faults)
        return Counters(self._accepted, len(self._connections), self.bytes_to_upstream, self.bytes_to_client, counts)

    async def start(self) -> None:
        """Listen and serve."""
        if self._listener is not None:
            raise RuntimeError("the proxy is running already")
        self._loop = asyncio.get_running_loop()
        self._listener = _bound(self._wanted_port)
        if not isinstance(self.fault, Refuse):
            self._listen()

    async def stop(self) -> None:
        """Close every socket and end every task; nothing is left when it returns. The counters stay."""
        self._close_listener()
        self._listener = None
        tasks = list(self._connections.values())
        for connection in list(self._connections):
            connection.abort()
        if tasks:
            await asyncio.wait(tasks)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def set(self, fault: Fault, rate: float = 1.0, seed: int | None = None) -> None:
        """From now on `fault` meets this share of the exchanges. With a `seed` chance is the same each time.

        Raises ConfigurationError for a rate outside (0, 1], and for one below 1 with Refuse: a connection is refused by nobody, who
        cannot choose.
        """
        if not getattr(fault, "kind", ""):
            raise ConfigurationError(f"fault must be one of yaoki.chaos.faults, not {fault!r}")
        rate = parameters.share("rate", rate)
        if isinstance(fault, Refuse) and rate < 1:
            raise ConfigurationError(f"rate must be 1 with Refuse, not {rate}")
        if seed is None:
            chance: Callable[[], float] = lambda: clock.random()  # noqa: PLW0108, E731  # as above
        else:
            from random import Random  # noqa: TID251  # a stream that can be repeated

            chance = Random(parameters.whole("seed", seed, least=0)).random  # noqa: S311  # no secret
        refused = isinstance(self.fault, Refuse)
        self.fault, self.rate, self.chance = fault, rate, chance
        if self._listener is not None:
            if isinstance(fault, Refuse) and not refused:
                self._refuse()
            elif refused and not isinstance(fault, Refuse):
                self._listen()
        for connection in list(self._connections):
            connection.govern()

    def heal(self) -> None:
        """Let everything through again."""
        self.set(PASS)

    def draw(self) -> Fault:
        """The fault that meets the next exchange."""
        return self.fault if self.rate >= 1 or self.chance() < self.rate else PASS

    def count(self, fault: Fault) -> None:
        """A fault has met an exchange."""
        self._faults[fault.kind] = self._faults.get(fault.kind, 0) + 1

    # --- the listening socket -----------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        assert self._listener is not None and self._loop is not None  # noqa: PT018  # both are set by start
        self._listener.listen(_BACKLOG)
        self._listening = True
        self._loop.add_reader(self._listener, self._accept)

    def _refuse(self) -> None:
        port = self.port
        self.count(self.fault)
        self._close_listener()
        # Bound and not listening: connecting is refused, and nobody else can take the port meanwhile.
        self._listener = _bound(port)

    def _close_listener(self) -> None:
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        if self._listener is not None:
            if self._listening and self._loop is not None:
                self._loop.remove_reader(self._listener)
            self._listening = False
            self._listener.close()

    def _accept(self) -> None:
        assert self._listener is not None and self._loop is not None  # noqa: PT018  # both are set by start
        for _ in range(_BACKLOG):
            try:
                accepted, _address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    raise
                self._loop.remove_reader(self._listener)
                self._resting = self._loop.call_later(_REST, self._loop.add_reader, self._listener, self._accept)
                return
            accepted.setblocking(False)
            self._accepted += 1
            connection = Connection(self)
            task = self._loop.create_task(self._serve(connection, accepted))
            self._connections[connection] = task

    async def _serve(self, connection: Connection, accepted: socket.socket) -> None:
        try:
            try:
                await asyncio.get_running_loop().connect_accepted_socket(lambda: connection.client, accepted)
            except BaseException:
                accepted.close()
                raise
            await connection.run()
        finally:
            del self._connections[connection]


def _host(name: str, value: object) -> str:
    if not isinstance(value, str) or not value or any(char <= " " for char in value):
        raise ConfigurationError(f"{name} must be a host name or address, not {value!r}")
    return value


def _port(name: str, value: object, *, least: int) -> int:
    port = parameters.whole(name, value, least=least)
    if port > 65535:
        raise ConfigurationError(f"{name} must be at most 65535, not {port}")
    return port


def _bound(port: int) -> socket.socket:
    listener = socket.socket()
    try:
        if os.name == "posix":
            # A port whose connections are still winding down is free; one that somebody listens on is not.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setblocking(False)
        listener.bind((_HOST, port))
    except OSError as error:
        listener.close()
        raise ConfigurationError(f"listen_port {port} cannot be taken: {error.strerror}") from error
    return listener

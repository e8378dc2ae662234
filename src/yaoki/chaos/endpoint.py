"""One side of a connection through the proxy: what came in, whether more can go out, and the ways to end it."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Endpoint"]

# Reading stops above it, so a peer that sends faster than the other side reads is slowed down as without a proxy.
_MOST = 65536


class Endpoint(asyncio.Protocol):
    """A TCP connection as a buffer and a few facts; `wake` is called whenever one of them changes.

    `received`: bytes that came and were not taken. `ended`: the peer sends nothing more. `gone`: the connection is no more.
    `writable`: the peer keeps up with what is sent.
    """

    __slots__ = ("_finished", "_paused", "_transport", "_wake", "ended", "gone", "received", "writable")

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._transport: asyncio.Transport | None = None
        self._paused = False
        self._finished = False
        self.received = bytearray()
        self.ended = False
        self.gone = False
        self.writable = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._wake()

    def data_received(self, data: bytes) -> None:
        self.received += data
        self._mind_the_level()
        self._wake()

    def eof_received(self) -> bool:
        self.ended = True
        self._wake()
        # Half-closed: the other direction stays open.
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = self.gone = True
        self._wake()

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = True
        self._wake()

    def take(self, most: int | None = None) -> bytes:
        """Take what was received, `most` bytes of it at most."""
        taken = bytes(self.received[:most])
        del self.received[:most]
        self._mind_the_level()
        return taken

    def taken(self) -> None:
        """Say that somebody has taken from `received` directly."""
        self._mind_the_level()

    def send(self, data: bytes) -> None:
        """Send, or keep until it can be sent."""
        if self._transport is not None and not self.gone and not self._finished:
            self._transport.write(data)

    def finish(self) -> None:
        """Send nothing more; the peer may."""
        if self._transport is not None and not self.gone and not self._finished:
            self._finished = True
            try:
                self._transport.write_eof()
            except OSError:
                # The peer ended its side and then reset the rest; nobody reads there any more, so nobody noticed.
                self._transport.abort()

    def close(self) -> None:
        """End in good order, once everything is sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """End now."""
        if self._transport is not None:
            self._transport.abort()

    def reset(self) -> None:
        """End now, and let the peer see a reset (RST) in place of an end."""
        connection = None if self._transport is None or self.gone else self._transport.get_extra_info("socket")
        if connection is not None:
            try:
                # Lingering for zero seconds is how a socket is told to reset.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            except OSError:
                # The socket has ended already, and so has its peer.
                pass
        self.abort()

    def _mind_the_level(self) -> None:
        paused = len(self.received) >= _MOST
        if paused != self._paused and self._transport is not None and not self._transport.is_closing():
            self._paused = paused
            if paused:
                self._transport.pause_reading()
            elif not self.ended:
                self._transport.resume_reading()

"""One client's connection through the proxy: what moves, what is lost, when it ends, under the fault of the moment (SPEC O5).

One task for both directions. Whatever happens wakes it, `_step` does all that can be done now and says how long to wait at most.
Times are the event loop's: sockets do not live in virtual time.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from yaoki.chaos.endpoint import Endpoint
from yaoki.chaos.faults import PASS, Corrupt, Delay, Drip, Garbage, Hang, Partition, Refuse, Reset, Status, Truncate
from yaoki.chaos.http_request import NotHttpError, Request, answer

if TYPE_CHECKING:
    from yaoki.chaos.faults import Fault
    from yaoki.chaos.proxy import FaultProxy

__all__ = ["Connection"]

# How long a client that was sent an early end may go on sending; closing at once would reset what it has not read yet.
_LINGER = 1.0
# A slow answer comes in pieces of about this many seconds.
_PIECE = 0.05


class Connection:
    """A client and, from when it is needed, the upstream."""

    def __init__(self, proxy: FaultProxy) -> None:
        self._proxy = proxy
        self._wake = asyncio.Event()
        self.client = Endpoint(self._wake.set)
        self._upstream: Endpoint | None = None
        self._connecting: asyncio.Task[Endpoint] | None = None
        self._ending = False
        self._linger_until: float | None = None
        self._lost = False
        self._begin(proxy.draw())

    def _begin(self, fault: Fault) -> None:
        self._fault = fault
        self._counted = False
        self._forwarded = False
        self._answered = False
        self._sent = 0
        self._not_before: float | None = None
        self._request: Request | None = None

    def govern(self) -> None:
        """Another fault was set: take it as far as this exchange can."""
        if self._ending or self._linger_until is not None:
            return
        fault = self._proxy.draw()
        if self._lost:
            if not isinstance(fault, Partition):
                self._end_by_reset()
        elif self._request is None or isinstance(fault, (Reset, Refuse)):
            # A request that has gone to the upstream is answered by it.
            without_upstream = isinstance(fault, (Status, Garbage))
            self._fault = PASS if self._forwarded and not self._answered and without_upstream else fault
            self._counted = False
            self._not_before = None
            if self._answered and without_upstream:
                # The end of the last answer may be on its way still; the next request draws anew.
                self._fault = PASS
        self._wake.set()

    def abort(self) -> None:
        """End at once, both sides."""
        self._ending = True
        self.client.abort()
        if self._upstream is not None:
            self._upstream.abort()
        self._wake.set()

    async def run(self) -> None:
        """Serve until both sides are gone."""
        try:
            while not (self._ending and self.client.gone and (self._upstream is None or self._upstream.gone)):
                self._wake.clear()
                wait = None if self._ending else self._step(asyncio.get_running_loop().time())
                if self._ending and self._connecting is not None:
                    await self._give_up_connecting()
                try:
                    async with asyncio.timeout(wait):
                        await self._wake.wait()
                except TimeoutError:
                    pass
        finally:
            self.abort()
            await self._give_up_connecting()

    def _step(self, now: float) -> float | None:
        """Do what can be done now. Returns the seconds after which there is more to do, or None until something happens."""
        client = self.client
        if client.gone:
            self._end_upstream()
            return None
        if self._linger_until is not None:
            client.take()
            if client.ended or now >= self._linger_until:
                self._end()
            return self._linger_until - now
        if client.received and self._answered and not self._lost:
            self._begin(self._proxy.draw())
        match self._fault:
            case Refuse():
                self._end()
            case Reset(after=0):
                self._count()
                self._end_by_reset()
            case Hang():
                self._count()
                # A client that has given up cannot be told from one that merely has nothing more to say.
                if client.ended:
                    self._end_upstream()
                    self._end()
            case Partition():
                self._lose()
            case Garbage(size=size):
                self._answer_noise(size)
            case Status() as status:
                self._answer_status(status, now)
            case _:
                return self._relay(now)
        return None

    # --- with the upstream --------------------------------------------------------------------------------------------------

    def _relay(self, now: float) -> float | None:
        if self._upstream is None and self._answered:
            # Answered without the upstream, and no other request yet.
            if self.client.ended:
                self._end()
            return None
        upstream = self._connected()
        if upstream is None:
            return None
        client = self.client
        if client.received and upstream.writable and not upstream.gone:
            data = client.take()
            self._proxy.bytes_to_upstream += len(data)
            upstream.send(data)
            self._forwarded = True
        if client.ended and not client.received:
            upstream.finish()
        wait = None
        if upstream.received and client.writable:
            wait = self._send_answer(upstream, now)
        if upstream.received or self._ending or self._linger_until is not None:
            return wait
        if upstream.gone:
            # Without an error it would have come as an end first.
            self._end_by_reset()
        elif upstream.ended:
            client.finish()
            if client.ended and not client.received:
                self._end()
        return wait

    def _send_answer(self, upstream: Endpoint, now: float) -> float | None:
        most: int | None = None
        match self._fault:
            case Delay(seconds=seconds, jitter=jitter) if not self._answered:
                self._count()
                if self._not_before is None:
                    self._not_before = now + seconds + jitter * self._proxy.chance()
                if now < self._not_before:
                    return self._not_before - now
            case Drip(bytes_per_second=speed):
                self._count()
                if self._not_before is not None and now < self._not_before:
                    return self._not_before - now
                most = max(1, int(speed * _PIECE))
                begun = now if self._not_before is None else max(self._not_before, now - _PIECE)
                self._not_before = begun + min(most, len(upstream.received)) / speed
            case Truncate(bytes=limit) | Reset(after=limit):
                most = max(0, limit - self._sent)
        cut = most is not None and len(upstream.received) > most and not isinstance(self._fault, Drip)
        data = upstream.take(most)
        if data and isinstance(self._fault, Corrupt):
            self._count()
            data = self._corrupted(data, self._fault.share)
        self._send(data)
        if cut:
            self._count()
            if isinstance(self._fault, Reset):
                self._end_by_reset()
            else:
                self._end_early(now)
        return None if self._not_before is None or not upstream.received else max(0.0, self._not_before - now)

    def _corrupted(self, data: bytes, share: float) -> bytes:
        changed = bytearray(data)
        places = {int(self._proxy.chance() * len(data)) for _ in range(max(1, int(share * len(data))))}
        for place in range(len(data)) if share >= 1 else places:
            changed[place] ^= 0xFF
        return bytes(changed)

    def _connected(self) -> Endpoint | None:
        """The upstream, or None while it is being connected to. If it cannot be reached, the client is reset."""
        if self._upstream is None:
            if self._connecting is None:
                self._connecting = asyncio.create_task(self._connect())
                self._connecting.add_done_callback(lambda _: self._wake.set())
            elif self._connecting.done():
                done, self._connecting = self._connecting, None
                try:
                    self._upstream = done.result()
                except OSError:
                    self._end_by_reset()
        return self._upstream

    async def _connect(self) -> Endpoint:
        host, port = self._proxy.upstream
        _, endpoint = await asyncio.get_running_loop().create_connection(lambda: Endpoint(self._wake.set), host, port)
        return endpoint

    async def _give_up_connecting(self) -> None:
        connecting, self._connecting = self._connecting, None
        if connecting is not None:
            connecting.cancel()
            await asyncio.wait({connecting})
            if not connecting.cancelled() and connecting.exception() is None:
                connecting.result().abort()

    # --- without the upstream -----------------------------------------------------------------------------------------------

    def _lose(self) -> None:
        upstream = self._upstream
        for side in (self.client, upstream):
            if side is not None and (side.received or side.ended):
                self._count()
                side.take()
                self._lost = True
        # Whoever has gone frees its side. The other one does not hear of it while the partition lasts.
        if self.client.ended:
            self.client.close()
            if upstream is None:
                self._end()
        if upstream is not None and upstream.ended:
            upstream.close()

    def _answer_noise(self, size: int) -> None:
        if self.client.received:
            self._count()
            self.client.take()
            # The first byte begins no protocol; there is no line end that a reader of lines could wait for.
            noise = bytes(0x80 + int(self._proxy.chance() * 0x80) for _ in range(size))
            self._send(noise)
            self._end_early(asyncio.get_running_loop().time())
        elif self.client.ended:
            self._end()

    def _answer_status(self, status: Status, now: float) -> None:
        client = self.client
        if self._upstream is not None and self._upstream.ended:
            self._upstream.close()
            self._upstream = None
        if client.received and client.writable and not self._answered:
            self._request = self._request or Request()
            try:
                complete = self._request.take(client.received)
            except NotHttpError:
                self._count()
                self._end_early(now)
                return
            client.taken()
            if complete:
                request, self._request = self._request, None
                keep_alive = request.keep_alive and not request.waits
                self._count()
                self._send(answer(status, request, keep_alive))
                if not keep_alive:
                    self._end_early(now)
                elif client.received:
                    # The next request is here already.
                    self._wake.set()
        if client.ended and not client.received and self._linger_until is None:
            self._end()

    # --- ends ---------------------------------------------------------------------------------------------------------------

    def _send(self, data: bytes) -> None:
        if data:
            self._sent += len(data)
            self._answered = True
            self._proxy.bytes_to_client += len(data)
            self.client.send(data)

    def _count(self) -> None:
        if not self._counted:
            self._counted = True
            self._proxy.count(self._fault)

    def _end(self) -> None:
        self._ending = True
        self.client.close()
        if self._upstream is not None:
            self._upstream.close()

    def _end_early(self, now: float) -> None:
        """The client hears an end; what it still sends is thrown away for a moment, then the connection closes."""
        self.client.finish()
        if self._upstream is not None:
            self._upstream.reset()
        self._linger_until = now + _LINGER
        self._wake.set()

    def _end_by_reset(self) -> None:
        self._ending = True
        self.client.reset()
        if self._upstream is not None:
            self._upstream.reset()
        self._wake.set()

    def _end_upstream(self) -> None:
        """The client is gone: nobody needs the upstream's answer. In a partition the upstream does not hear of it."""
        if isinstance(self._fault, Partition) and self._upstream is not None and not self._upstream.gone:
            self._lose()
            return
        self._ending = True
        if self._upstream is not None:
            self._upstream.reset()

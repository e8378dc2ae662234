"""One HTTP service that the chat depends on: its client, and what it may answer (SPEC G2).

The client has no timeouts of its own: whatever it does is cut off by the pipeline that it is called in, so a slow drip is as late as
a service that hangs. The time left travels in a header (SPEC T1), the request's id in another (SPEC O3) if it is a UUID. An answer is read up to a
bound; one that is not what was asked for is a failure of the service, whatever its status says.
"""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx

from yaoki.core import deadline
from yaoki.core.faults.errors import YaokiError
from yaoki.observe.request_id import current_request, is_uuid

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping

__all__ = ["HttpService", "WrongPayloadError", "text_of"]

_IDLE_CONNECTIONS = 64


class WrongPayloadError(YaokiError):
    """A service answered something else than was asked for. The message says what, never the content."""

    kind = "wrong_payload"


class HttpService:
    """Posts JSON to one service. `url`: its root. `headers`: sent with every request. `longest`: bytes of an answer that are read.

    `transport`: another way there than the network. For one event loop; `close` at the end.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        longest: int = 4 << 20,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self.longest = longest
        self._client = httpx.AsyncClient(
            transport=transport,
            # No proxy of the environment, no netrc: the service is the one that was named.
            trust_env=False,
            timeout=None,  # noqa: S113  # the deadline in force, which bounds the whole call
            # What is admitted bounds the connections.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=_IDLE_CONNECTIONS),
            headers={"Accept-Encoding": "identity", "User-Agent": "yaoki-chat", **(headers or {})},
        )

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON that the service answers. Raises httpx.HTTPError, or WrongPayloadError for a success without JSON."""
        async with self._answer(path, body) as response:
            content = bytearray()
            async for piece in self._pieces(response):
                content += piece
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise WrongPayloadError(f"{self.url}{path} answered something that is no JSON") from error

    async def post_for_events(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[str, None]:
        """The data of the server-sent events that the service answers, one by one.

        A service that cannot stream answers one JSON object instead, which is the only data then. Raises as `post` does. It ends where
        the answer ends, whether or not that was its end.
        """
        async with self._answer(path, body) as response:
            async for data in _data(self._pieces(response)):
                try:
                    yield data.decode("utf-8")
                except UnicodeDecodeError as error:
                    raise WrongPayloadError(f"{self.url}{path} answered events that are no UTF-8") from error

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    @asynccontextmanager
    async def _answer(self, path: str, body: Mapping[str, Any]) -> AsyncIterator[httpx.Response]:
        headers = {"Content-Type": "application/json", **deadline.headers()}
        request_id = current_request.get()
        # Some servers refuse a request whose id is no UUID.
        if request_id is not None and is_uuid(request_id):
            headers["X-Request-Id"] = request_id
        # Half characters cannot be written as UTF-8; as escapes they can.
        content = json.dumps(body).encode("ascii")
        async with self._client.stream("POST", f"{self.url}{path}", content=content, headers=headers) as response:
            response.raise_for_status()
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise WrongPayloadError(f"{self.url}{path} answered in an encoding that was not asked for")
            yield response

    async def _pieces(self, response: httpx.Response) -> AsyncGenerator[bytes, None]:
        read = 0
        async for piece in response.aiter_raw():
            read += len(piece)
            if read > self.longest:
                raise WrongPayloadError(f"{self.url} answered more than {self.longest} bytes")
            yield piece


async def _data(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The data of events; of a JSON object that stands in their place, all of it as one."""
    plain: list[bytes] = []
    begun = False
    async for line in _lines(pieces):
        # No line of an event begins so. The kind of content is not asked: many small servers name none.
        if plain or (not begun and line.lstrip().startswith(b"{")):
            plain.append(line)
        elif line.startswith(b"data:"):
            yield line[5:].strip()
        begun = begun or bool(line.strip())
    if plain:
        yield b"\n".join(plain)


async def _lines(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The lines of what comes in pieces. By line feeds alone: other marks of a line's end may stand inside of JSON."""
    rest = bytearray()
    async for piece in pieces:
        rest += piece
        if b"\n" in piece:
            *whole, last = rest.split(b"\n")
            rest = last
            for line in whole:
                yield bytes(line)
    if rest:
        yield bytes(rest)


def text_of(given: str) -> str:
    """The text with halves of characters joined, and those without their other half replaced: JSON can hold what UTF-8 cannot."""
    return given.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

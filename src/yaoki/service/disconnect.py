"""Work for a caller that may hang up: ended as soon as nobody waits for it (SPEC T1).

A web server goes on with a request whose caller has gone, and so would whatever it asked elsewhere.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.responses import StreamingResponse

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping, MutableMapping
    from typing import Any, TypeAlias, TypeVar

    Message: TypeAlias = MutableMapping[str, Any]
    Receive: TypeAlias = Callable[[], Awaitable[Message]]
    Send: TypeAlias = Callable[[Message], Awaitable[None]]
    T = TypeVar("T")

__all__ = ["CallerGoneError", "ClosingStream", "while_connected"]


class CallerGoneError(Exception):
    """The caller has hung up; whatever is answered now, nobody reads it."""


async def while_connected(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns or raises. It is cancelled when the caller hangs up, and CallerGoneError raised.

    `receive`: that of the request, whose body has been read to its end.
    """
    working = asyncio.create_task(work)
    watching = asyncio.create_task(_hung_up(receive))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise CallerGoneError
    finally:
        left = {task for task in (working, watching) if not task.done()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


class ClosingStream(StreamingResponse):
    """A streamed response whose source is closed when it ends, in every case, and as soon as the caller hangs up."""

    def __init__(self, source: AsyncGenerator[bytes, None], *, media_type: str, headers: Mapping[str, str]) -> None:
        super().__init__(source, media_type=media_type, headers=headers)
        self._source = source

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await while_connected(receive, self.stream_response(send))
        except CallerGoneError:
            return
        finally:
            await self._source.aclose()

"""Streams without an end of their own, such as a live feed: they end when the process is to end, and so hold up no drain."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import TypeVar

    from yaoki.core.shutdown import Shutdown

    T = TypeVar("T")

__all__ = ["until_shutdown"]


async def until_shutdown(source: AsyncIterator[T], shutdown: Shutdown) -> AsyncIterator[T]:
    """The items of `source`, until the shutdown is requested. The source is closed in every case, also while it waits."""
    stopping = asyncio.ensure_future(shutdown.wait())
    following: asyncio.Future[T] | None = None
    try:
        while True:
            following = asyncio.ensure_future(anext(source))
            await asyncio.wait({following, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                return
            try:
                item = following.result()
            except StopAsyncIteration:
                return
            yield item
            if shutdown.requested:
                return
    finally:
        stopping.cancel()
        if following is not None and not following.done():
            following.cancel()
            await asyncio.wait({following})
        close = getattr(source, "aclose", None)
        if close is not None:
            await close()

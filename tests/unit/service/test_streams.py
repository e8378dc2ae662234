"""A stream without an end of its own ends with the process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from yaoki.core.shutdown import Shutdown
from yaoki.service.streams import until_shutdown
from yaoki.testing import run


class Source:
    """Counts, one number a second, for ever or to an end. Knows whether it was closed."""

    def __init__(self, end: int | None = None, error: Exception | None = None) -> None:
        self.end = end
        self.error = error
        self.closed = False

    async def items(self) -> AsyncIterator[int]:
        number = 0
        try:
            while number != self.end:
                yield number
                number += 1
                await asyncio.sleep(1.0)
            if self.error is not None:
                raise self.error
        finally:
            self.closed = True


def test_h4_items_come_until_the_shutdown_is_requested() -> None:
    """SPEC H4: the source is closed while it waits for its next item."""
    source, shutdown = Source(), Shutdown()

    async def main() -> list[int]:
        asyncio.get_running_loop().call_later(2.5, shutdown.request)
        return [item async for item in until_shutdown(source.items(), shutdown)]

    assert run(main()) == [0, 1, 2]
    assert source.closed


def test_h4_a_stream_with_an_end_ends_there() -> None:
    """SPEC H4: as without a shutdown."""
    source = Source(end=3)

    async def main() -> list[int]:
        return [item async for item in until_shutdown(source.items(), Shutdown())]

    assert run(main()) == [0, 1, 2]
    assert source.closed


def test_h4_what_the_source_raises_is_raised() -> None:
    """SPEC H4: nothing is swallowed."""
    source = Source(end=1, error=LookupError())

    async def main() -> None:
        async for _ in until_shutdown(source.items(), Shutdown()):
            pass

    with pytest.raises(LookupError):
        run(main())


def test_h4_a_consumer_that_goes_away_closes_the_source() -> None:
    """SPEC H4: a client that hangs up leaves nothing behind."""
    source = Source()

    async def main() -> int:
        stream = until_shutdown(source.items(), Shutdown())
        async for item in stream:
            await stream.aclose()  # type: ignore[attr-defined]  # an asynchronous generator
            return item
        return -1

    assert run(main()) == 0
    assert source.closed


def test_h4_after_the_request_nothing_more_comes() -> None:
    """SPEC H4: also of a source that always has something."""
    shutdown = Shutdown()

    async def endless() -> AsyncIterator[int]:
        while True:
            yield 0

    async def main() -> int:
        count = 0
        async for _ in until_shutdown(endless(), shutdown):
            count += 1
            if count == 3:
                shutdown.request()
        return count

    assert run(main()) == 3

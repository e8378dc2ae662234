"""Work ends when its caller hangs up (SPEC T1)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from yaoki.service.disconnect import CallerGoneError, ClosingStream, while_connected

pytestmark = pytest.mark.virtual_time


def hanging_up_after(seconds: float) -> Any:
    async def receive() -> dict[str, Any]:
        await asyncio.sleep(seconds)
        return {"type": "http.disconnect"}

    return receive


async def test_work_for_a_caller_that_stays_is_done() -> None:
    """SPEC T1: its value and its error come through."""

    async def work() -> int:
        await asyncio.sleep(1.0)
        return 7

    async def fail() -> int:
        raise ValueError("no")

    assert await while_connected(hanging_up_after(2.0), work()) == 7
    with pytest.raises(ValueError, match="no"):
        await while_connected(hanging_up_after(2.0), fail())


async def test_work_for_a_caller_that_goes_is_cancelled() -> None:
    """SPEC T1: at once, and its own end is waited for."""
    ended: list[float] = []

    async def work() -> None:
        try:
            await asyncio.sleep(100.0)
        finally:
            await asyncio.sleep(0.5)
            ended.append(asyncio.get_running_loop().time())

    began = asyncio.get_running_loop().time()
    with pytest.raises(CallerGoneError):
        await while_connected(hanging_up_after(2.0), work())

    assert ended == [pytest.approx(began + 2.5)]


async def test_a_cancelled_wait_cancels_the_work() -> None:
    """SPEC H4: the end of a drain reaches what a request is doing."""
    cancelled = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(100.0)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    waiting = asyncio.create_task(while_connected(hanging_up_after(50.0), work()))
    await asyncio.sleep(1.0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert cancelled.is_set()


@pytest.mark.parametrize("seconds", [0.0, 2.0, 50.0], ids=["before the first piece", "in the middle", "not at all"])
async def test_the_source_of_a_stream_is_closed_in_every_case(seconds: float) -> None:
    """SPEC T1: whatever it holds is given back."""
    closed: list[bool] = []
    sent: list[bytes] = []

    async def source() -> AsyncGenerator[bytes, None]:
        try:
            for _ in range(3):
                await asyncio.sleep(1.5)
                yield b"x"
        finally:
            closed.append(True)

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))

    stream = source()
    first = await anext(stream)
    await ClosingStream(stream, media_type="text/plain", headers={})({}, hanging_up_after(seconds), send)

    assert (first, closed) == (b"x", [True])
    assert b"".join(sent) == {0.0: b"", 2.0: b"x", 50.0: b"xx"}[seconds]

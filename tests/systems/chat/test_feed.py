"""The live feed of the page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from yaoki.core import events
from yaoki.core.pipeline.pipeline import Pipeline
from yaoki.core.policies.backoff import constant
from yaoki.core.policies.breaker import CircuitBreaker
from yaoki.core.policies.retry import Retry
from yaoki.observe.request_id import current_request
from yaoki.systems.chat.feed import HEARTBEAT, LONGEST, Feed

pytestmark = pytest.mark.virtual_time


def feed(**settings: Any) -> Feed:
    return Feed({"chat-vector": "vector"}, lambda: {"mode": "normal"}, **settings)


async def heard(stream: AsyncIterator[bytes]) -> tuple[str, Any]:
    lines = (await anext(stream)).decode().split("\n")
    if lines[0].startswith(":"):
        return "heartbeat", None
    return lines[0].removeprefix("event: "), json.loads(lines[1].removeprefix("data: "))


async def test_the_state_comes_first() -> None:
    """SPEC G5: whoever opens the page sees at once what works."""
    assert await heard(feed().listen()) == ("state", {"mode": "normal"})


async def test_what_happens_to_a_part_is_told_in_order_with_its_request() -> None:
    """SPEC G5: retries, refusals and transitions, as they happen, with the request that they happened to."""
    told = feed()
    pipeline = Pipeline(Retry(2, constant(1.0)), CircuitBreaker(failure_threshold=2, name="chat-vector"), name="chat-vector")
    unsubscribe = events.subscribe(told.hear)
    stream = told.listen()
    await heard(stream)
    mark = current_request.set("r7")

    async def fails() -> None:
        raise ConnectionRefusedError

    await pipeline.aexecute(fails)
    await pipeline.aexecute(fails)
    current_request.reset(mark)
    unsubscribe()
    await asyncio.sleep(0)
    found = [await heard(stream) for _ in range(6)]

    assert [each["event"] for kind, each in found] == ["failed", "retry", "failed", "circuit", "given_up", "refused"]
    assert {each["request_id"] for kind, each in found} == {"r7"}
    assert {each["part"] for kind, each in found} == {"vector"}
    assert found[1][1]["delay"] == 1.0
    assert await heard(stream) == ("state", {"mode": "normal"})


async def test_strangers_are_not_told() -> None:
    """A feed tells about its own pipelines only."""
    told = feed()
    stream = told.listen()
    await heard(stream)
    told.hear(events.CallRefused(pipeline="another", key=None, policy="p", reason="r", retry_after=None))
    told.tell("answered", mode="normal")
    await asyncio.sleep(0)

    assert (await heard(stream))[1]["event"] == "answered"


async def test_a_slow_reader_loses_the_oldest() -> None:
    """A page that does not read uses no memory without bound."""
    told = feed()
    stream = told.listen()
    await heard(stream)
    for number in range(LONGEST + 10):
        told.tell("answered", number=number)
    await asyncio.sleep(0)

    assert (await heard(stream))[1]["number"] == 10


async def test_silence_has_a_heartbeat() -> None:
    """A connection that says nothing would be cut on its way."""
    stream = feed().listen()
    await heard(stream)
    loop = asyncio.get_running_loop()
    began = loop.time()

    assert await heard(stream) == ("heartbeat", None)
    assert loop.time() - began == pytest.approx(HEARTBEAT)


async def test_the_end_is_told() -> None:
    """SPEC H4: the feed ends by itself, so that the service can."""
    told = feed()
    stream = told.listen()
    await heard(stream)
    told.close()

    assert await heard(stream) == ("closed", {})
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    assert len(told) == 0


async def test_the_number_of_listeners_is_bounded() -> None:
    """SPEC X5: pages that are left open cannot use the service up."""
    told = feed(most=1)
    stream = told.listen()
    await heard(stream)

    assert told.full

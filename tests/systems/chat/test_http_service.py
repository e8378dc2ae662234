"""What the chat's client of a service sends, and what it takes for an answer."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.systems.chat.scripted import answering, chopped
from yaoki.core import deadline
from yaoki.observe.request_id import current_request
from yaoki.systems.chat.http.client import HttpService, WrongPayloadError, text_of

pytestmark = pytest.mark.virtual_time

ID = "0af7651916cd43dd8448eb211c80319c"


async def test_the_deadline_and_the_request_id_travel() -> None:
    """SPEC T1, O3: the service behind knows how long its caller waits, and for which request."""
    requests: list[httpx.Request] = []
    service = HttpService("http://x/", transport=answering({"a": 1}, requests=requests))
    mark = current_request.set(ID)
    with deadline.within(2.5):
        answered = await service.post("/search", {"query": "half \ud800"})
    current_request.reset(mark)

    assert answered == {"a": 1}
    assert (requests[0].headers["X-Request-Timeout-Ms"], requests[0].headers["X-Request-Id"]) == ("2500", ID)
    assert (str(requests[0].url), json.loads(requests[0].content)) == ("http://x/search", {"query": "half \ud800"})


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>busy</html>", b'{"results": [', b"\xff\xfe\x00", b"[" * 100_000, b"1" * 5000],
    ids=["empty", "html", "truncated", "no text", "deep", "long number"],
)
async def test_a_success_without_json_is_a_failure_of_the_service(content: bytes) -> None:
    """SPEC G2: a 200 with a wrong payload counts as a failure."""
    service = HttpService("http://x", transport=answering(content))

    with pytest.raises(WrongPayloadError):
        await service.post("/search", {})


async def test_an_answer_is_read_up_to_a_bound() -> None:
    """SPEC X5: nobody fills our memory."""
    service = HttpService("http://x", transport=answering(b" " * 2000), longest=1000)

    with pytest.raises(WrongPayloadError, match="more than 1000 bytes"):
        await service.post("/search", {})


async def test_an_answer_in_an_encoding_is_not_unpacked() -> None:
    """SPEC X5: what is small on the way may be huge unpacked, and was not asked for."""
    packed = httpx.Response(200, content=b"{}", headers={"Content-Encoding": "br"})
    service = HttpService("http://x", transport=answering(packed))

    with pytest.raises(WrongPayloadError, match="encoding"):
        await service.post("/search", {})


@pytest.mark.parametrize("status", [302, 400, 429, 500, 503])
async def test_a_status_is_raised_as_it_is(status: int) -> None:
    """SPEC F3: the classifier knows what it means."""
    service = HttpService("http://x", transport=answering(httpx.Response(status, headers={"Location": "http://y"})))

    with pytest.raises(httpx.HTTPStatusError):
        await service.post("/search", {})


@pytest.mark.parametrize("chop", [1, 3, 1000])
async def test_events_are_split_at_line_feeds_alone(chop: int) -> None:
    """SPEC G2: other marks of a line's end may stand in the text of a model; pieces end anywhere."""
    body = 'data: {"a": "one\u2028two\x85"}\r\n\r\n: a comment\ndata:[DONE]'.encode()
    service = HttpService("http://x", transport=answering(httpx.Response(200, content=chopped(body, chop))))

    assert [data async for data in service.post_for_events("/x", {})] == ['{"a": "one\u2028two\x85"}', "[DONE]"]


@pytest.mark.parametrize(("given", "text"), [("a\ud83d\ude00b", "a😀b"), ("a\ud83db", "a\ufffdb"), ("日本", "日本")])
def test_half_characters_are_joined_or_replaced(given: str, text: str) -> None:
    """SPEC G3: JSON can hold what no response can be encoded with; that is no 500 of ours."""
    assert text_of(given) == text

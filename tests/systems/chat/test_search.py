"""The search over HTTP: what a foreign service must answer, and what it need not."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from tests.systems.chat.scripted import answering
from yaoki.systems.chat.configuration import ChatConfiguration
from yaoki.systems.chat.dependencies.retrieval import Retrieval
from yaoki.systems.chat.dependencies.search import Found, HttpSearch
from yaoki.systems.chat.http.client import WrongPayloadError

pytestmark = pytest.mark.virtual_time

RESULT = {"id": "a", "text": "the text", "score": 0.5}


async def test_a_foreign_service_needs_three_fields() -> None:
    """SPEC G1: id, text and score are enough; a number may be an id; what else it says is passed over."""
    requests: list[httpx.Request] = []
    results = {"results": [RESULT, {**RESULT, "id": 7, "colour": "red", "title": 3}]}
    search = HttpSearch("http://x", transport=answering(results, requests=requests))

    found = await search.search("why?", 5)

    assert [(hit.id, hit.text, hit.score, hit.title) for hit in found.hits] == [
        ("a", "the text", 0.5, ""),
        ("7", "the text", 0.5, ""),
    ]
    assert (str(requests[0].url), json.loads(requests[0].content)) == ("http://x/search", {"query": "why?", "k": 5})
    assert found.version == ""


async def test_what_a_service_says_more_is_taken() -> None:
    """SPEC G1: the version of the index, and at most as many passages as were asked for."""
    search = HttpSearch("http://x", transport=answering({"results": [RESULT] * 9, "index_version": "v7"}))

    found = await search.search("why?", 2)

    assert (len(found.hits), found.version) == (2, "v7")


async def test_a_service_may_take_its_whole_budget() -> None:
    """SPEC G2: the time that was configured is the time it has, in one attempt; later than that it has failed."""

    class Slow(HttpSearch):
        async def search(self, question: str, count: int) -> Found:
            await asyncio.sleep(2.9 if question == "slow" else 3.1)
            return Found(())

    retrieval = Retrieval(ChatConfiguration(vector_timeout=3.0), Slow("http://x"))

    slow, late = await retrieval.find("slow"), await retrieval.find("late")

    assert (slow.reason, slow.attempts) == (None, 1)
    assert (late.reason, late.attempts) == ("deadline_exceeded", 1)


async def test_a_passage_that_was_found_can_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC G5: also where another service searches; of those that were found, the latest."""
    monkeypatch.setattr("yaoki.systems.chat.dependencies.search.SEEN", 1)
    search = HttpSearch("http://x", transport=answering({"results": [RESULT]}, {"results": [{**RESULT, "id": "b"}]}))
    await search.search("why?", 5)
    before = search.passage("a")
    await search.search("how?", 5)

    assert before is not None
    assert before.text == "the text"
    assert [search.passage(key) is not None for key in ("a", "b", "c")] == [False, True, False]


@pytest.mark.parametrize(
    "answered",
    [
        [],
        {},
        {"results": None},
        {"results": {"0": RESULT}},
        {"results": ["a"]},
        {"results": [{"id": "a", "text": "x"}]},
        {"results": [{**RESULT, "text": None}]},
        {"results": [{**RESULT, "score": "high"}]},
        {"results": [{**RESULT, "id": True}]},
    ],
    ids=repr,
)
async def test_less_is_a_wrong_payload(answered: Any) -> None:
    """SPEC G2: a 200 with a wrong payload counts as a failure of the service."""
    content = json.dumps(answered).encode()

    with pytest.raises(WrongPayloadError):
        await HttpSearch("http://x", transport=answering(content)).search("why?", 5)


async def test_no_score_that_is_no_number_comes_in() -> None:
    """SPEC G2: JSON of some services has NaN."""
    content = b'{"results": [{"id": "a", "text": "x", "score": NaN}]}'

    with pytest.raises(WrongPayloadError):
        await HttpSearch("http://x", transport=answering(content)).search("why?", 5)

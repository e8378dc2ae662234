"""What only the service itself can arrange: a full house, and the code of an opened page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.systems.chat.parts import KNOWN, small_index
from yaoki.core.shutdown import Shutdown
from yaoki.service.tokens import Token
from yaoki.systems.chat.configuration import ChatConfiguration
from yaoki.systems.chat.process import create_app
from yaoki.systems.chat.service import ChatService
from yaoki.systems.chat.vector.preparation import Preparation

SECRET = "a-secret-of-the-test"

pytestmark = pytest.mark.virtual_time


def make(folder: Path, **settings: Any) -> ChatService:
    service = ChatService(ChatConfiguration(**settings), folder / "data", Shutdown())
    prepared(service).index = small_index(folder)
    return service


def prepared(service: ChatService) -> Preparation:
    """How far the index is."""
    assert service.preparation is not None
    return service.preparation


@asynccontextmanager
async def client(service: ChatService) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(service, Token(SECRET), lambda: None))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8700") as http:
        yield http
    await service.close()


async def test_a_full_house_refuses_with_a_time(tmp_path: Path) -> None:
    """SPEC G2: 429 with Retry-After above the admission limit, and only there."""
    service = make(tmp_path, max_concurrent=2)
    service.set_fault("vector", "hang")
    async with client(service) as http:
        asked = [asyncio.create_task(http.post("/chat", json={"message": KNOWN})) for _ in range(2)]
        await asyncio.sleep(0.1)
        refused = await http.post("/chat", json={"message": KNOWN})
        streamed = await http.post("/chat/stream", content=b"never read")
        answered = [(await each).status_code for each in asked]

    assert (streamed.status_code, streamed.json()["error"]) == (429, "too_many")
    assert (refused.status_code, refused.json()["error"], refused.headers["retry-after"]) == (429, "too_many", "1")
    assert answered == [200, 200]


async def test_what_answers_can_do_without_is_refused_first(tmp_path: Path) -> None:
    """SPEC T4: from half of the limit on, all that is read waits, and questions do not; afterwards all is as before."""
    service = make(tmp_path, max_concurrent=4)
    service.set_fault("vector", "hang")
    async with client(service) as http:
        asked = [asyncio.create_task(http.post("/chat", json={"message": KNOWN})) for _ in range(2)]
        await asyncio.sleep(0.1)
        shed = [(await http.get(path)).status_code for path in ("/status", "/faq", "/events", "/passages/any")]
        shed.append((await http.post("/search", json={"query": "dough"})).status_code)
        probe = (await http.get("/livez")).status_code
        asked += [asyncio.create_task(http.post("/chat", json={"message": KNOWN})) for _ in range(2)]
        answered = [(await each).status_code for each in asked]
        afterwards = (await http.get("/status")).status_code

    assert (shed, probe, answered, afterwards) == ([429] * 5, 200, [200] * 4, 200)


async def test_the_index_of_this_process_is_searched_and_added_to(tmp_path: Path) -> None:
    """SPEC G1: all in one process, the paths of the vector service are there as well; changing documents needs the token."""
    service = make(tmp_path)
    given = {"documents": [{"id": "bread", "text": "Knead the dough for ten minutes."}]}
    headers = {"Authorization": f"Bearer {SECRET}"}
    async with client(service) as http:
        refused = await http.post("/documents", json=given)
        accepted = await http.post("/documents", json=given, headers=headers)
        found = await http.post("/search", json={"query": "dough", "k": 1})
        answered = await http.post("/chat", json={"message": "How do I knead the dough?"})
        foreign = await http.post("/search", json={"query": "dough"}, headers={"Origin": "http://evil.example"})
        shown = (await http.get("/metrics")).text
        removed = await http.delete("/documents/bread", headers=headers)

    assert (refused.status_code, accepted.status_code, foreign.status_code, removed.status_code) == (401, 200, 403, 200)
    assert [result["id"] for result in found.json()["results"]] == ["bread"]
    assert [each["id"] for each in answered.json()["citations"]] == ["bread"]
    assert 'yaoki_vector_searches_total{retrieval="lexical"} 1.0' in shown


async def test_where_another_service_searches_there_is_no_index(tmp_path: Path) -> None:
    """SPEC G1: then documents are handed to that service."""
    service = ChatService(ChatConfiguration(vector_url="http://127.0.0.1:9"), tmp_path / "data", Shutdown())
    async with client(service) as http:
        assert (await http.post("/search", json={"query": "dough"})).status_code == 404


async def test_a_page_that_was_opened_gets_the_token_once(tmp_path: Path) -> None:
    """SPEC X5: the code of the address that a browser was started with is good for one page."""
    service = make(tmp_path)
    code = service.opening.code()
    async with client(service) as http:
        first = await http.post("/opening", json={"code": code})
        second = await http.post("/opening", json={"code": code})
        foreign = await http.post("/opening", json={"code": service.opening.code()}, headers={"Origin": "http://evil.example"})

    assert (first.status_code, first.json(), first.headers["cache-control"]) == (200, {"token": SECRET}, "no-store")
    assert (second.status_code, foreign.status_code) == (401, 403)


async def test_the_service_reports_its_mode_with_hysteresis(tmp_path: Path) -> None:
    """SPEC K2: worse at once, better after a while of better answers; the latest answer is shown beside it."""
    service = make(tmp_path, mode_recover_after=5.0)
    told = []
    async with client(service) as http:
        for fault, pause in (("fail", 0.0), (None, 0.0), (None, 5.0)):
            service.set_fault("vector", fault)
            await asyncio.sleep(pause)
            await http.post("/chat", json={"message": KNOWN})
            state = (await http.get("/status")).json()
            told.append((state["mode"], state["latest_mode"]))

    assert told == [("degraded-no-context", "degraded-no-context"), ("degraded-no-context", "normal"), ("normal", "normal")]


async def test_what_is_said_before_the_documents_are_there_is_no_outage(tmp_path: Path) -> None:
    """SPEC K2: a service that is still reading has not failed."""
    service = make(tmp_path)
    prepared(service).index = None
    async with client(service) as http:
        reply = (await http.post("/chat", json={"message": KNOWN})).json()
        state = (await http.get("/status")).json()

    assert (reply["mode"], state["mode"]) == ("degraded-no-context", "normal")


async def test_other_names_of_the_service_are_set(tmp_path: Path) -> None:
    """SPEC X5: a name is answered to if it is configured."""
    service = make(tmp_path, hosts=["chat.example"])
    async with client(service) as http:
        statuses = [
            (await http.post("/chat", json={"message": KNOWN}, headers={"Host": host})).status_code
            for host in ("chat.example:8700", "localhost:8700", "other.example")
        ]

    assert statuses == [200, 200, 403]

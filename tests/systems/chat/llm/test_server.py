"""The built-in answerer behind an OpenAI-compatible API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.systems.chat.scripted import HITS, asked
from yaoki.core.shutdown import Shutdown
from yaoki.systems.chat import texts
from yaoki.systems.chat.answerer import Asked, Written
from yaoki.systems.chat.configuration import ChatConfiguration
from yaoki.systems.chat.llm.endpoint import Endpoint
from yaoki.systems.chat.llm.process import create_app

pytestmark = pytest.mark.virtual_time

COMPLETIONS = "/v1/chat/completions"


@asynccontextmanager
async def transport() -> AsyncIterator[httpx.ASGITransport]:
    app = create_app(ChatConfiguration(), Shutdown())
    async with app.router.lifespan_context(app):
        yield httpx.ASGITransport(app)


@asynccontextmanager
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with transport() as way, httpx.AsyncClient(transport=way, base_url="http://127.0.0.1:8702") as http:
        yield http


def said_by(user: str, **fields: Any) -> dict[str, Any]:
    return {"model": "any", "messages": [{"role": "user", "content": user}], **fields}


async def written(question: Asked) -> Written:
    async with transport() as way:
        return await Endpoint("http://127.0.0.1:8702", "any", transport=way).write(question)


async def test_our_own_client_gets_passages_quoted_and_cited_by_their_numbers() -> None:
    """SPEC G1: three processes answer without any model."""
    answer = await written(asked("How do I roast something?"))
    async with transport() as way:
        streamed = [piece async for piece in Endpoint("http://127.0.0.1:8702", "any", transport=way).stream(asked())]

    assert "[2] kitchen.roast\nRoast something." in answer.text
    assert [entry.id for entry in answer.entries] == [HITS[1].id]
    assert isinstance(streamed[-1], Written)
    assert "".join(piece for piece in streamed if isinstance(piece, str)) == streamed[-1].text
    assert [entry.id for entry in streamed[-1].entries] == [HITS[0].id]


@pytest.mark.parametrize(
    ("question", "hits", "text"),
    [
        ("Who is it?", None, texts.NO_CONTEXT["en"]),
        ("誰ですか？", None, texts.NO_CONTEXT["ja"]),
        ("Who is it?", (), "I found nothing about this in the indexed documents."),
        ("Who is the emperor of Mars?", HITS, "I found nothing about this in the indexed documents."),
    ],
)
async def test_without_fitting_passages_it_says_so(question: str, hits: Any, text: str) -> None:
    """SPEC G1, G3: there is no model that could know anything; in the language of the question."""
    assert (await written(asked(question, hits))).text == text


async def test_the_shape_is_that_of_the_interface() -> None:
    """SPEC G1: other clients read it too; content may come in parts."""
    async with client() as http:
        whole = (await http.post(COMPLETIONS, json=said_by("hello"))).json()
        parts = [{"type": "text", "text": "hel"}, {"type": "text", "text": "lo"}]
        in_parts = (await http.post(COMPLETIONS, json={"messages": [{"role": "user", "content": parts}]})).json()
        streamed = await http.post(COMPLETIONS, json=said_by("hello", stream=True))
        models = (await http.get("/v1/models")).json()
    *chunks, done = [line.removeprefix("data: ") for line in streamed.text.splitlines() if line]
    deltas = [json.loads(chunk)["choices"][0] for chunk in chunks]

    assert (whole["object"], whole["choices"][0]["finish_reason"]) == ("chat.completion", "stop")
    assert whole["choices"][0]["message"] == in_parts["choices"][0]["message"]
    assert (done, streamed.headers["content-type"]) == ("[DONE]", "text/event-stream; charset=utf-8")
    assert "".join(choice["delta"].get("content", "") for choice in deltas) == whole["choices"][0]["message"]["content"]
    assert [choice["finish_reason"] for choice in deltas][-1] == "stop"
    assert [model["id"] for model in models["data"]] == [whole["model"]]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[" * 50_000,
        b"[]",
        b"{}",
        b'{"messages": []}',
        b'{"messages": "hello"}',
        b'{"messages": [1]}',
        b'{"messages": [{"role": "user"}]}',
        b'{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}',
        b'{"messages": [{"role": "system", "content": "x"}]}',
        b'{"messages": [{"role": "user", "content": "x"}], "stream": "yes"}',
    ],
    ids=range(11),
)
async def test_what_cannot_be_read_is_refused_in_the_form_of_the_interface(body: bytes) -> None:
    """SPEC X5: a 400 that says what is wrong."""
    async with client() as http:
        refused = await http.post(COMPLETIONS, content=body)

    assert refused.status_code == 400
    assert refused.json()["error"]["type"] == "invalid_request_error"
    assert refused.json()["error"]["message"]


async def test_it_has_the_endpoints_of_every_service() -> None:
    """SPEC H2, O1: probes and metrics."""
    async with client() as http:
        statuses = [(await http.get(path)).status_code for path in ("/livez", "/readyz", "/startupz", "/metrics")]

    assert statuses == [200, 200, 200, 200]


async def test_many_at_once_are_all_answered() -> None:
    """SPEC G1: as one after the other."""
    async with client() as http:
        answers = await asyncio.gather(*(http.post(COMPLETIONS, json=said_by(f"hello {number}")) for number in range(20)))

    assert {answer.status_code for answer in answers} == {200}

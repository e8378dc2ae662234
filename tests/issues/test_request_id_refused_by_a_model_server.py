"""A model's server answered 400 to every question: it takes only UUIDs as ids of requests, and was sent 16 digits."""

from __future__ import annotations

import json
from uuid import UUID

import httpx
import pytest

from tests.systems.chat.scripted import chopped
from yaoki.observe.request_id import current_request, new_request_id
from yaoki.systems.chat.http.client import HttpService

pytestmark = pytest.mark.virtual_time


def strict(request: httpx.Request) -> httpx.Response:
    """A server that refuses ids that are no UUIDs, like llama.cpp's."""
    given = request.headers.get("X-Request-Id")
    try:
        UUID(given or "0" * 32)
    except ValueError:
        return httpx.Response(400)
    return httpx.Response(200, content=chopped(json.dumps({"id": given}).encode()))


@pytest.mark.parametrize("given", ["gateway-17", "0af7651916cd43dd", "new"])
async def test_a_strict_server_answers_whatever_id_a_request_has(given: str) -> None:
    """SPEC O3, G1: our own ids are UUIDs, and others are not passed on."""
    mark = current_request.set(new_request_id() if given == "new" else given)
    service = HttpService("http://x", transport=httpx.MockTransport(strict))
    answered = await service.post("/v1/chat/completions", {})
    await service.close()
    current_request.reset(mark)

    assert (answered["id"] is not None) == (given == "new")

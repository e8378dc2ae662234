"""A stream that its server gave up was a whole answer, and was kept as one: llama.cpp's server ends it by `[DONE]` alone."""

from __future__ import annotations

import pytest

from tests.systems.chat.parts import Chat
from tests.systems.chat.scripted import ScriptedSearch, answering, delta, events
from yaoki.systems.chat.llm.endpoint import Endpoint

pytestmark = pytest.mark.virtual_time

UNSAID = {"choices": [{"delta": {"content": "Boil the"}}]}


@pytest.mark.parametrize(
    ("pieces", "truncated"),
    [
        ((delta("Boil the"), "[DONE]"), True),
        ((delta("Boil the"), delta(None, "stop"), "[DONE]"), False),
        ((delta("Boil the", "length"), "[DONE]"), False),
        ((UNSAID, "[DONE]"), False),
    ],
    ids=["given up", "finished", "as long as it may be", "a server that never says"],
)
async def test_an_answer_that_was_given_up_is_said_to_be_and_not_kept(pieces: tuple[object, ...], truncated: bool) -> None:
    """SPEC G3: it says what there is, in mode normal; nobody else gets it as an earlier answer."""
    chat = Chat(None, search=ScriptedSearch(), answerer=Endpoint("http://x", "m", transport=answering(events(*pieces))))
    said, reply = await chat.stream()

    assert (said, reply.mode, reply.truncated) == ("Boil the", "normal", truncated)
    assert len(chat.turns.cache) == (0 if truncated else 1)

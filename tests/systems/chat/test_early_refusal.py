"""Questions are refused before they are read, and the caller hears it."""

from __future__ import annotations

from typing import Any

import pytest

from yaoki.systems.chat.admission import Admission
from yaoki.systems.chat.http.early_refusal import EarlyRefusal
from yaoki.systems.chat.http.request_body import LONGEST_BODY

pytestmark = pytest.mark.virtual_time


class Caller:
    """Sends a body in pieces. `waiting`: those that nobody has taken; `heard`: what was answered."""

    def __init__(self, *pieces: bytes) -> None:
        self.waiting = list(pieces)
        self.heard: list[Any] = []

    async def receive(self) -> dict[str, Any]:
        piece = self.waiting.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(self.waiting)}

    async def send(self, message: Any) -> None:
        self.heard.append(message.get("status", message.get("body")))


async def asked(caller: Caller, path: str, *, most: int) -> list[Any]:
    """What the caller hears while one question is being answered already."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})

    admission = Admission(most)

    async def while_another_is_answered() -> None:
        await EarlyRefusal(app, admission)({"type": "http", "path": path}, caller.receive, caller.send)

    await admission.answer(while_another_is_answered)
    return caller.heard


@pytest.mark.parametrize(
    ("path", "most", "status"), [("/chat", 1, 429), ("/chat/stream", 1, 429), ("/chat", 2, 200), ("/livez", 1, 200)]
)
async def test_only_questions_are_refused_and_only_in_a_full_house(path: str, most: int, status: int) -> None:
    """SPEC T4: everything else goes on to the application."""
    assert (await asked(Caller(b""), path, most=most))[0] == status


async def test_the_body_is_passed_over_up_to_a_bound() -> None:
    """SPEC X5: a connection with a body that nobody took would be reset, and the refusal lost; nobody sends for ever."""
    usual, endless = Caller(b"a", b"b", b"c"), Caller(*[b"x" * LONGEST_BODY] * 5)
    await asked(usual, "/chat", most=1)
    await asked(endless, "/chat", most=1)

    assert (usual.waiting, len(endless.waiting)) == ([], 4)
    assert (usual.heard[0], endless.heard[0]) == (429, 429)

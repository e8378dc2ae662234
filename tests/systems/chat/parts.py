"""The chat without its network: both dependencies over a small index, and what a test asks of them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from tests.systems.chat.small_library import small_sources
from yaoki.systems.chat.answer_cache import AnswerCache
from yaoki.systems.chat.answerer import Answerer
from yaoki.systems.chat.configuration import ChatConfiguration
from yaoki.systems.chat.conversations import Conversations
from yaoki.systems.chat.dependencies.answering import Answering
from yaoki.systems.chat.dependencies.retrieval import Retrieval
from yaoki.systems.chat.dependencies.search import IndexSearch, Search
from yaoki.systems.chat.extractive.answerer import Extractive
from yaoki.systems.chat.faq import Faq
from yaoki.systems.chat.message import Message
from yaoki.systems.chat.reply import Reply
from yaoki.systems.chat.turn import Turn, Turns
from yaoki.systems.chat.vector.index.index import ChatIndex

KNOWN = "How do I boil water with a timeout?"
UNKNOWN = "What is the capital of Australia?"


class Chat:
    """Turns over an index that may still be missing."""

    def __init__(
        self, index: ChatIndex | None, *, search: Search | None = None, answerer: Answerer | None = None, **settings: Any
    ) -> None:
        configuration = ChatConfiguration(**settings)
        self.index = index
        self.retrieval = Retrieval(configuration, search or IndexSearch(lambda: self.index))
        extractive = Extractive(lambda: self.index)
        self.answering = Answering(configuration, answerer or extractive)
        self.conversations = Conversations()
        self.turns = Turns(
            self.retrieval,
            self.answering,
            cache=AnswerCache(),
            faq=Faq(),
            conversations=self.conversations,
            progress=lambda: 42,
            stand_in=None if answerer is None else extractive,
            maintenance=configuration.maintenance,
        )

    def turn(self, message: str = KNOWN, accept_language: str | None = None, conversation: str | None = None) -> Turn:
        """The turn of one message."""
        return self.turns.begin(Message(message, "u1", conversation, math.inf), accept_language, "r1")

    async def ask(self, message: str = KNOWN, accept_language: str | None = None, conversation: str | None = None) -> Reply:
        """The reply to one message."""
        return await self.turn(message, accept_language, conversation).reply()

    async def stream(self, message: str = KNOWN, conversation: str | None = None) -> tuple[str, Reply]:
        """What was streamed of one message's reply, and the reply."""
        pieces = [piece async for piece in self.turn(message, None, conversation).stream()]
        *said, reply = pieces
        assert isinstance(reply, Reply)
        return "".join(piece for piece in said if isinstance(piece, str)), reply

    def set(self, vector: Any = None, llm: Any = None) -> None:
        """Break or heal both parts."""
        self.retrieval.switch.set(vector)
        self.answering.switch.set(llm)


def small_index(folder: Path) -> ChatIndex:
    return ChatIndex.open_or_build(folder / "data", sources=small_sources(folder / "library"))

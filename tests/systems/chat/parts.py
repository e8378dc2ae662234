"""The chat without its network: both dependencies over a small index, and what a test asks of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.systems.chat.small_library import small_sources
from yaoki.systems.chat.answer_cache import AnswerCache
from yaoki.systems.chat.answering import Answering
from yaoki.systems.chat.configuration import ChatConfiguration
from yaoki.systems.chat.faq import Faq
from yaoki.systems.chat.reply import Reply
from yaoki.systems.chat.retrieval import Retrieval
from yaoki.systems.chat.turn import Turns
from yaoki.systems.chat.vector.index import ChatIndex

KNOWN = "How do I boil water with a timeout?"
UNKNOWN = "What is the capital of Australia?"


class Chat:
    """Turns over an index that may still be missing."""

    def __init__(self, index: ChatIndex | None, **settings: Any) -> None:
        configuration = ChatConfiguration(**settings)
        self.index = index
        self.retrieval = Retrieval(configuration, lambda: self.index)
        self.answering = Answering(configuration, lambda: self.index)
        self.turns = Turns(
            self.retrieval,
            self.answering,
            cache=AnswerCache(),
            faq=Faq(),
            progress=lambda: 42,
            version=lambda: "" if self.index is None else self.index.version,
        )

    async def ask(self, message: str = KNOWN, accept_language: str | None = None) -> Reply:
        return await self.turns.reply(message, accept_language, "r1")

    def set(self, vector: Any = None, llm: Any = None) -> None:
        """Break or heal both parts."""
        self.retrieval.switch.set(vector)
        self.answering.switch.set(llm)


def small_index(folder: Path) -> ChatIndex:
    return ChatIndex.open_or_build(folder / "data", sources=small_sources(folder / "library"))

"""Retrieval: the passages for a question, from the search behind the pipeline `chat-vector` (SPEC G2, G3)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from yaoki.systems.chat.dependency import VECTOR, Result, dependency_pipeline
from yaoki.systems.chat.switches import Switch

if TYPE_CHECKING:
    from collections.abc import Callable

    from yaoki.systems.chat.configuration import ChatConfiguration
    from yaoki.systems.chat.vector.hits import Hit
    from yaoki.systems.chat.vector.index import ChatIndex

__all__ = ["PREPARING", "Retrieval"]

PREPARING = "preparing"
"""The reason of a failed retrieval while the documents are still being read."""


class Retrieval:
    """Finds passages. `index` gives the index, or None while it is being prepared: then the search is not asked, nor judged."""

    def __init__(self, configuration: ChatConfiguration, index: Callable[[], ChatIndex | None]) -> None:
        self.pipeline = dependency_pipeline(
            "chat-vector",
            total=configuration.vector_timeout,
            attempt=configuration.vector_attempt,
            configuration=configuration,
        )
        self.switch = Switch(VECTOR, delay=configuration.vector_attempt * 0.7)
        self._index = index
        self._passages = configuration.passages

    async def find(self, question: str) -> Result[list[Hit]]:
        """The best passages, best first; none where nothing matches. Never raises for a failure of the search."""
        index = self._index()
        if index is None:
            return Result(None, PREPARING, attempts=0)
        return Result.of(await self.pipeline.aexecute(self._search, index, question))

    async def _search(self, index: ChatIndex, question: str) -> list[Hit]:
        await self.switch.act()
        # Off the event loop, so that a Timeout can end the wait for it.
        return await asyncio.to_thread(index.search, question, self._passages)

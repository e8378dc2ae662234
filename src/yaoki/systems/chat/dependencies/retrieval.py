"""Retrieval: the passages for a question, from the search behind the pipeline `chat-vector` (SPEC G2, G3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yaoki.systems.chat.dependencies.dependency import VECTOR, Result, call, dependency_pipeline
from yaoki.systems.chat.dependencies.search import IndexSearch
from yaoki.systems.chat.dependencies.switches import Switch

if TYPE_CHECKING:
    from yaoki.systems.chat.configuration import ChatConfiguration
    from yaoki.systems.chat.dependencies.search import Found, Search

__all__ = ["PREPARING", "Retrieval"]

PREPARING = "preparing"
"""The reason of a failed retrieval while the documents are still being read."""


class Retrieval:
    """Finds passages by way of `search`; one that is not ready is not asked, nor judged."""

    def __init__(self, configuration: ChatConfiguration, search: Search) -> None:
        local = isinstance(search, IndexSearch)
        attempt = configuration.vector_attempt(local=local)
        self.pipeline = dependency_pipeline(
            "chat-vector", total=configuration.vector_timeout, attempt=attempt, configuration=configuration, local=local
        )
        self.switch = Switch(VECTOR, delay=(attempt or configuration.vector_timeout) * 0.7)
        self.search = search
        self._passages = configuration.passages

    async def find(self, query: str) -> Result[Found]:
        """The best passages, best first; none where nothing matches. Never raises for a failure of the search."""
        if not self.search.ready:
            return Result(None, PREPARING, attempts=0)
        return await call(self.pipeline, self._find, query)

    async def _find(self, query: str) -> Found:
        await self.switch.act()
        return await self.search.search(query, self._passages)

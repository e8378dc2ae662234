"""What others may do with the index of this process: search it, add documents and remove them, a bounded number at once (SPEC G1, T2)."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from yaoki.core.policies.bulkhead import Bulkhead
from yaoki.systems.chat.http.request_body import RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yaoki.systems.chat.vector.index.document import Document
    from yaoki.systems.chat.vector.index.hits import Found
    from yaoki.systems.chat.vector.index.index import ChatIndex
    from yaoki.systems.chat.vector.preparation import Preparation

__all__ = ["IndexAccess"]

_WAITING = 64
_LONGEST_WAIT = 30.0


class IndexAccess:
    """The index of `preparation`, for requests from outside. `searching`: a bound on the searches that run at once.

    Changes are made one after the other. Every method raises BulkheadFullError above its bound, and RefusedError before the index is
    open. `searches`: how many there were, by how they searched.
    """

    def __init__(self, preparation: Preparation, searching: Bulkhead) -> None:
        self.preparation = preparation
        self.searching = searching
        self.searches: Counter[str] = Counter()
        # They wait here, and not in the threads that searches need.
        self._changing = Bulkhead(1, _WAITING, _LONGEST_WAIT, name="documents")

    async def search(self, query: str, k: int) -> Found:
        """What was found."""
        found: Found = await self.searching.acall(asyncio.to_thread, self._index().find, query, k)
        self.searches[found.retrieval] += 1
        return found

    async def add(self, documents: Sequence[Document]) -> str:
        """Add documents; when it returns they are on the disk and found. Returns the version of the index.

        Raises DataFolderError too.
        """
        index = self._index()
        await self._changing.acall(asyncio.to_thread, index.change, documents)
        return index.version

    async def remove(self, key: str) -> bool:
        """Remove a document; whether there was one. Raises as `add`."""
        (there,) = await self._changing.acall(asyncio.to_thread, self._index().change, (), [key])
        return bool(there)

    def _index(self) -> ChatIndex:
        index = self.preparation.index
        if index is None:
            raise RefusedError(503, "preparing", f"the documents are still being read, {self.preparation.percent} % so far")
        return index

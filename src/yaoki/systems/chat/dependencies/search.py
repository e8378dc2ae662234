"""The port to the search: passages for a question, from the index of this process or from any service over HTTP (SPEC G1)."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from yaoki.systems.chat.http.client import HttpService, WrongPayloadError, text_of
from yaoki.systems.chat.vector.index.hits import Hit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import httpx

    from yaoki.systems.chat.vector.index.index import ChatIndex

__all__ = ["Found", "HttpSearch", "IndexSearch", "Search"]

SEEN = 1000
"""How many passages of a search elsewhere can be opened: those that were found last."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found: the passages, best first; none where nothing matches.

    `version`: of the index that was searched, or "". `retrieval`: how it searched, `hybrid` or `lexical`; "" if it does not say.
    """

    hits: tuple[Hit, ...]
    version: str = ""
    retrieval: str = ""


class Search(Protocol):
    """Finds passages."""

    @property
    def ready(self) -> bool:
        """Whether it can be asked. What still prepares is neither asked nor judged."""
        ...

    async def search(self, question: str, count: int) -> Found:
        """At most `count` passages. Raises whatever keeps it from that."""
        ...

    def passage(self, key: str) -> Hit | None:
        """The passage with this id, for whoever opens a source; None where it is not, or no longer, known here."""
        ...

    async def close(self) -> None:
        """Give back what it holds."""


class IndexSearch:
    """The index of this process. `index` gives it, or None while it is being prepared."""

    def __init__(self, index: Callable[[], ChatIndex | None]) -> None:
        self._index = index

    @property
    def ready(self) -> bool:
        """Whether the index is there."""
        return self._index() is not None

    async def search(self, question: str, count: int) -> Found:
        """The best passages of the index."""
        index = self._index()
        assert index is not None
        # Off the event loop, so that a Timeout can end the wait for it.
        found = await asyncio.to_thread(index.find, question, count)
        return Found(tuple(found.hits), found.version, found.retrieval)

    def passage(self, key: str) -> Hit | None:
        """Any passage of the index."""
        index = self._index()
        return None if index is None else index.passage(key)

    async def close(self) -> None:
        """Nothing: the index is whoever's prepared it."""


class HttpSearch:
    """Any service that answers `POST /search {"query", "k"}` with `{"results": [{"id", "text", "score"}]}`; `url` is its root."""

    ready = True

    def __init__(self, url: str, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._service = HttpService(url, transport=transport)
        self._seen: OrderedDict[str, Hit] = OrderedDict()

    async def search(self, question: str, count: int) -> Found:
        """The best passages. Raises httpx.HTTPError, or WrongPayloadError."""
        answered = await self._service.post("/search", {"query": question, "k": count})
        results = answered.get("results") if isinstance(answered, dict) else None
        if not isinstance(results, list):
            raise WrongPayloadError(f"{self._service.url}/search answered no list of results")
        try:
            hits = tuple(_readable(Hit.from_dict(result)) for result in results[:count])
        except ValueError as error:
            raise WrongPayloadError(f"{self._service.url}/search answered a result that is none: {error}") from error
        self._remember(hits)
        version, retrieval = answered.get("index_version"), answered.get("retrieval")
        known = retrieval if retrieval in ("hybrid", "lexical") else ""
        return Found(hits, version if isinstance(version, str) else "", known)

    def passage(self, key: str) -> Hit | None:
        """A passage that was found lately: a search service need not offer its passages one by one."""
        return self._seen.get(key)

    def _remember(self, hits: Iterable[Hit]) -> None:
        for hit in hits:
            self._seen[hit.id] = hit
            self._seen.move_to_end(hit.id)
        while len(self._seen) > SEEN:
            self._seen.popitem(last=False)

    async def close(self) -> None:
        """Close the connections."""
        await self._service.close()


def _readable(hit: Hit) -> Hit:
    title, signature, source = text_of(hit.title), text_of(hit.signature), text_of(hit.source)
    return Hit(text_of(hit.id), text_of(hit.text), hit.score, title, signature, source, hit.similarity)

"""The documents that are served, in memory, and how they are ranked for a question (SPEC G1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from yaoki.systems.chat.vector.index import embedding_store
from yaoki.systems.chat.vector.index.fusion import WIDTH, fused
from yaoki.systems.chat.vector.index.lexical import LexicalIndex
from yaoki.systems.chat.vector.index.variety import PER_SUBJECT, Variety

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from yaoki.systems.chat.embeddings.embedder import Matrix
    from yaoki.systems.chat.vector.corpus.passage import Passage
    from yaoki.systems.chat.vector.index.document import Document
    from yaoki.systems.chat.vector.index.store import Stored
    from yaoki.systems.chat.vector.index.vectors import Vectors

__all__ = ["WITH_PYTHON", "Content", "served"]

MEANING_PRIOR = 0.5

WITH_PYTHON = "with_python"
"""The setting of an index that serves Python's documentation beside the user's documents; its value is then `yes`."""


def served(stored: Stored) -> tuple[Document, ...]:
    """The user's documents where there are any; else, or if so set, Python's documentation."""
    own = tuple(document for document in stored.documents if document.origin == "user" and document.passages)
    return own if own and stored.settings.get(WITH_PYTHON) != "yes" else stored.documents


class Content:
    """What is served of an index. Immutable, so that any number of threads may search it at once.

    `passages`: in the order of their numbers. `version`: names the content; other passages have another one. `state`: that of
    the file it was read from.
    """

    __slots__ = ("_meaning_priors", "_numbers", "documents", "lexical", "notices", "passages", "state", "variety", "version")

    def __init__(self, documents: Iterable[Document], state: str) -> None:
        self.documents = tuple(documents)
        self.state = state
        self.passages: tuple[Passage, ...] = tuple(passage for document in self.documents for passage in document.passages)
        self.lexical = LexicalIndex([document.counted for document in self.documents])
        self.variety = Variety(self.passages, self.lexical.names)
        # Cosines lie nearer together than scores by words, so the prior weighs less.
        self._meaning_priors = self.lexical.priors ** np.float32(MEANING_PRIOR)
        self.notices = tuple(notice for document in self.documents for notice in document.notices)
        total = sum(int.from_bytes(document.content, "big") for document in self.documents)
        self.version = f"{total % (1 << 64):016x}"
        self._numbers: dict[str, int] = {}
        for number, passage in enumerate(self.passages):
            self._numbers.setdefault(passage.id, number)

    def number(self, key: str) -> int | None:
        """The number of the passage with this id."""
        return self._numbers.get(key)

    def keys(self, understands: Callable[[str], bool]) -> list[bytes | None]:
        """The key of each passage's text, None where the embedder does not understand it."""
        texts = map(embedding_store.text_of, self.passages)
        return [embedding_store.key_of(text) if understands(text) else None for text in texts]

    def by_words(self, query: str, k: int) -> list[tuple[int, float]]:
        """The `k` best passages by words, with variety."""
        # A subject seldom has more than a few passages near the top; all are looked at only if it has.
        width = WIDTH + PER_SUBJECT * k
        found = self.variety.limited(self.lexical.search(query, width), k)
        if len(found) == k or width >= len(self.passages):
            return found
        return self.variety.limited(self.lexical.search(query, len(self.passages)), k)

    def by_words_and_meaning(self, query: str, meant: Matrix, vectors: Vectors, k: int) -> list[tuple[int, float]]:
        """The `k` best passages by both, with variety. What is not embedded yet is found by words."""
        width = WIDTH + PER_SUBJECT * k
        share = vectors.known / max(1, vectors.wanted)
        near = vectors.search(meant, self._meaning_priors, width)
        return self.variety.limited(fused(self.lexical.search(query, width), near, share), k)

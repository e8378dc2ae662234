"""Answers without a model: what the documents say word for word, with the source, or an honest "nothing found" (SPEC G1, G3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yaoki.systems.chat.hits import Hit
    from yaoki.systems.chat.index import ChatIndex

__all__ = ["Answer", "Entry", "Extract", "answer"]


@dataclass(frozen=True, slots=True)
class Extract:
    """A sentence of a document, word for word. `block`: the list or the code that the sentence announces, with its lines, or ""."""

    text: str
    block: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One source and what it says.

    `id`, `title`, `signature`, `source`, `score`: those of the hit. `extracts`: the lead sentence, then one or two that fit the
    question best, in the order of the document. `coverage`: the share of the question that the passage speaks about, 0 to 1.
    """

    id: str
    title: str
    signature: str
    source: str
    score: float
    extracts: tuple[Extract, ...]
    coverage: float

    def to_dict(self) -> dict[str, Any]:
        """The entry as JSON."""
        return {
            "id": self.id,
            "title": self.title,
            "signature": self.signature,
            "source": self.source,
            "score": self.score,
            "extracts": [{"text": extract.text, "block": extract.block} for extract in self.extracts],
            "coverage": self.coverage,
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """At most three entries, best first. `found`: whether there is one; without any, say that nothing was found."""

    entries: tuple[Entry, ...]

    @property
    def found(self) -> bool:
        """Whether the documents speak about the question."""
        return bool(self.entries)

    def text(self, language: Literal["en", "ja"] = "en") -> str:
        """The answer as plain text with numbered sources, for one message of a conversation."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """The answer as JSON: `found` and `entries`."""
        return {"found": self.found, "entries": [entry.to_dict() for entry in self.entries]}


def answer(question: str, hits: Sequence[Hit], index: ChatIndex | None = None) -> Answer:
    """What the hits say about the question; no entries where they hardly speak about it.

    `index` knows how rare each word is; without it (the hits came from a service elsewhere) all words weigh the same. Never
    raises for any text of a caller or a document. About 1 ms; it blocks nothing.
    """
    raise NotImplementedError

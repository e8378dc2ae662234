"""The cache of answers given in normal mode, asked when the answerer is down (SPEC G3).

The same question is served first, then one that only words it differently; never an opposite one, nor one about something else.
An answer that was written with a conversation before it belongs to that conversation and is served nowhere else.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yaoki.core.clock import clock
from yaoki.systems.chat.answer_cache.guards import leans_on_what_was_said
from yaoki.systems.chat.answer_cache.meanings import Meaning, Meanings
from yaoki.systems.chat.answer_cache.question import Question, read, same_question
from yaoki.systems.chat.answer_cache.similarity import likeness, may_share_an_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from yaoki.systems.chat.answerer import Written
    from yaoki.systems.chat.embeddings.embedder import Embedder

__all__ = ["AnswerCache"]

LONGEST_COMPARED = 400
"""Characters of a question that is compared with others; a longer one, a pasted text perhaps, is served only to itself."""

# Where an answer stands: in which conversation, None for everybody's, and the key of its question.
_Place = tuple[str | None, str]


@dataclass(frozen=True, slots=True)
class _Kept:
    question: Question
    meaning: Meaning
    written: Written
    version: str
    at: float


class AnswerCache:
    """At most `size` answers, the least used ones forgotten first; none older than `lifetime` seconds is served.

    `embedder` gives what questions in other words are found with, None where there is none; then only those with nearly the same
    words are found. For one event loop.
    """

    def __init__(
        self, *, size: int = 1000, lifetime: float = 24 * 3600.0, embedder: Callable[[], Embedder | None] = lambda: None
    ) -> None:
        self.size = size
        self.lifetime = lifetime
        self._meanings = Meanings(embedder)
        self.hits = 0
        self.similar_hits = 0
        """Of the hits, those for a question in other words."""
        self.misses = 0
        self._kept: OrderedDict[_Place, _Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, question: str, written: Written, version: str, conversation: str | None = None) -> None:
        """Keep an answer that a model or the documents gave in normal mode.

        `version`: that of the index it was written from. `conversation`: whose history it was written with, None for an answer
        that was written from the question alone.
        """
        asked = read(question)
        place = conversation, asked.key
        # Only what everybody may be served is ever compared with other questions.
        compared = conversation is None and len(asked.key) <= LONGEST_COMPARED
        meaning = self._meanings.learn(asked.key) if compared else Meaning()
        self._kept[place] = _Kept(asked, meaning, written, version, clock.now())
        self._kept.move_to_end(place)
        if len(self._kept) > self.size:
            self._kept.popitem(last=False)

    async def find(self, question: str, version: str, conversation: str | None = None) -> tuple[Written, float] | None:
        """The answer to this question, and its age in seconds; None if there is none from this version of the index.

        `conversation`: the one that the question continues, None for a question that stands alone.
        """
        kept = self._same(question, version, conversation)
        if kept is None and (conversation is None or not leans_on_what_was_said(read(question))):
            kept = self._same(question, version, None) or await self._similar(question, version)
        if kept is None:
            self.misses += 1
            return None
        self.hits += 1
        return kept.written, clock.now() - kept.at

    def close(self) -> None:
        """Make no further embeddings."""
        self._meanings.close()

    def _same(self, question: str, version: str, conversation: str | None) -> _Kept | None:
        place = conversation, same_question(question)
        kept = self._kept.get(place)
        return self._used(place) if kept is not None and self._is_good(kept, version) else None

    async def _similar(self, question: str, version: str) -> _Kept | None:
        asked = read(question)
        if len(asked.key) > LONGEST_COMPARED:
            return None
        meaning = await self._meanings.of(asked.key)
        best, found = -1.0, None
        for place, kept in self._kept.items():
            if place[0] is not None or len(place[1]) > LONGEST_COMPARED or not self._is_good(kept, version):
                continue
            cosine = meaning.cosine(kept.meaning)
            if may_share_an_answer(asked, kept.question, cosine):
                alike = likeness(asked, kept.question) if cosine is None else cosine
                if alike > best:
                    best, found = alike, place
        if found is None:
            return None
        self.similar_hits += 1
        return self._used(found)

    def _used(self, place: _Place) -> _Kept:
        self._kept.move_to_end(place)
        return self._kept[place]

    def _is_good(self, kept: _Kept, version: str) -> bool:
        return kept.version == version and clock.now() - kept.at <= self.lifetime

"""Answers without a model: what the documents say word for word, with the source, or an honest "nothing found" (SPEC G1, G3).

Coverage is the share of a question's weight, by inverse document frequency, whose words a source has; a word that no document
has weighs most. When nothing is answered depends on what is known of the first five passages:

| known | answered where |
| --- | --- |
| how near they are in meaning, and how rare words are | nearness and a tenth of both shares below are together enough |
| how near they are in meaning | one is near |
| how rare words are | the documents have most of the question's weight, and one source covers 30 % of it |
| neither | one passage covers half of the question's words |

The figures were chosen on questions that are not those that report them: `make bench-chat`.
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import indent
from typing import TYPE_CHECKING, Any, Literal

from yaoki.systems.chat.extractive import extracts
from yaoki.systems.chat.extractive.extracts import Extract
from yaoki.systems.chat.segmentation.words import subject_words, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from yaoki.systems.chat.vector.index.hits import Hit
    from yaoki.systems.chat.vector.index.index import ChatIndex

__all__ = ["Answer", "Entry", "Extract", "answer"]

ENTRIES = 3
CONSIDERED = 5
COVERAGE_FLOOR = 0.5
KNOWN_FLOOR = 0.72
KNOWN_COVERAGE_FLOOR = 0.3
SIMILARITY_FLOOR = 0.45
# What the words of a question tell beside the nearness in meaning, and what both have to come to.
WORDS_SHARE = 0.1
EVIDENCE_FLOOR = 0.58
# A source that is this much farther than the nearest one is noise beside it.
SIMILARITY_BESIDE = 0.04
# An entry that covers less than this share of what the best one covers is noise beside it.
BESIDE_THE_BEST = 0.5
FURTHER_SENTENCES = 2

_FOUND = {"en": "From the documents:", "ja": "文書から:"}
_NOTHING = {
    "en": "I found nothing about this in the indexed documents.",
    "ja": "索引にある文書の中に、これについての記述は見つかりませんでした。",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One source and what it says.

    `id`, `title`, `signature`, `source`, `score`: those of the hit. `extracts`: the lead sentence, then one or two that fit the
    question best, in the order of the document. `coverage`: the share of the question that the source speaks about, 0 to 1; None
    where nobody has looked. `number`: by which the message names the source, None for its place among the entries.
    """

    id: str
    title: str
    signature: str
    source: str
    score: float
    extracts: tuple[Extract, ...]
    coverage: float | None
    number: int | None = None

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

    def text(self, language: Literal["en", "ja"] = "en", numbers: Mapping[str, int] | None = None) -> str:
        """The answer as plain text with numbered sources, for one message of a conversation.

        `numbers`: those of the sources by id, where somebody else has numbered them; else they are counted from 1.
        """
        if not self.entries:
            return _NOTHING[language]
        numbered = [(place if numbers is None else numbers[entry.id], entry) for place, entry in enumerate(self.entries, 1)]
        return "\n\n".join([_FOUND[language], *(_entry_text(number, entry) for number, entry in numbered)])

    def to_dict(self) -> dict[str, Any]:
        """The answer as JSON: `found` and `entries`."""
        return {"found": self.found, "entries": [entry.to_dict() for entry in self.entries]}


def answer(question: str, hits: Sequence[Hit], index: ChatIndex | None = None) -> Answer:
    """What the hits say about the question; no entries where they hardly speak about it.

    `index` knows how rare each word is; without it (the hits came from a service elsewhere) all words weigh the same. Never
    raises for any text of a caller or a document. About 1 ms; it blocks nothing.
    """
    weights = {word: 1.0 if index is None else index.weight(word) for word in subject_words(question)}
    sources = _sources(hits[:CONSIDERED])
    covered = [_coverage(weights, source) for source in sources]
    best = max(covered, default=0.0)
    near = _similarities(sources)
    if not _speak_about(weights, best, max(near, default=None), index):
        return Answer(())
    kept = [
        (source, share)
        for place, (source, share) in enumerate(zip(sources, covered, strict=True))
        if share >= BESIDE_THE_BEST * best or (near and near[place] >= max(near) - SIMILARITY_BESIDE)
    ]
    return Answer(tuple(_entry(question, weights, source, share, index) for source, share in kept[:ENTRIES]))


def _speak_about(weights: Mapping[str, float], coverage: float, similarity: float | None, index: ChatIndex | None) -> bool:
    """Whether passages of at most this coverage and this similarity speak about a question of these words."""
    if index is None:
        return coverage >= COVERAGE_FLOOR if similarity is None else similarity >= SIMILARITY_FLOOR
    total = sum(weights.values())
    known = sum(weight for word, weight in weights.items() if index.knows(word)) / total if total else 0.0
    if similarity is not None:
        return similarity + WORDS_SHARE * (known + coverage) >= EVIDENCE_FLOOR
    return known >= KNOWN_FLOOR and coverage >= KNOWN_COVERAGE_FLOOR


def _similarities(sources: Sequence[Sequence[Hit]]) -> list[float]:
    """That of the nearest passage of each source; none at all unless all are known."""
    known = [[hit.similarity for hit in source if hit.similarity is not None] for source in sources]
    return [max(each) for each in known] if all(map(len, known)) else []


def _sources(hits: Sequence[Hit]) -> list[list[Hit]]:
    """The hits, those of one document together, in the order of the best of each."""
    together: dict[tuple[str, str], list[Hit]] = {}
    for hit in hits:
        together.setdefault((_document(hit.id), hit.title), []).append(hit)
    return list(together.values())


def _document(key: str) -> str:
    name, mark, part = key.rpartition("#")
    return name if mark and part.isdigit() else key


def _coverage(weights: Mapping[str, float], source: Sequence[Hit]) -> float:
    total = sum(weights.values())
    said: set[str] = set()
    for hit in source:
        said.update(words(f"{hit.title} {hit.id} {hit.signature}"), words(hit.text[: extracts.LONGEST_PASSAGE]))
    return sum(weight for word, weight in weights.items() if word in said) / total if total else 0.0


def _entry(question: str, weights: Mapping[str, float], source: Sequence[Hit], share: float, index: ChatIndex | None) -> Entry:
    first = source[0]
    beginning = _beginning(first, index)
    in_order = sorted({hit.id: hit for hit in (*source, beginning)}.values(), key=_part)
    pieces: list[Extract] = []
    for hit in in_order:
        pieces.extend(extracts.read(hit.text))
    opening = extracts.lead(pieces)
    others = [number for number in range(len(pieces)) if number != opening]
    chosen = extracts.best([pieces[number] for number in others], question, weights, FURTHER_SENTENCES)
    numbers = ([] if opening is None else [opening]) + [others[number] for number in chosen]
    return Entry(
        first.id,
        first.title or first.id,
        first.signature,
        first.source,
        first.score,
        tuple(pieces[number] for number in numbers),
        round(share, 4),
    )


def _beginning(hit: Hit, index: ChatIndex | None) -> Hit:
    """The passage that begins what the hit is a later part of, where it has the same title; else the hit itself."""
    name = _document(hit.id)
    begins = index.passage(name) if index is not None and name != hit.id else None
    return begins if begins is not None and begins.title == hit.title else hit


def _part(hit: Hit) -> int:
    mark, part = hit.id.rpartition("#")[1:]
    return int(part) if mark and part.isdigit() and part.isascii() and len(part) < 9 else 1


def _entry_text(number: int, entry: Entry) -> str:
    lines = [f"[{number}] {entry.signature or entry.title}"]
    for extract in entry.extracts:
        if extract.text:
            lines.append(extract.text)
        if extract.block:
            lines.append(indent(extract.block, "    "))
    if entry.source:
        lines.append(f"({entry.source})")
    return "\n".join(lines)

"""What to quote of a passage: its lead sentence, and the one or two sentences that fit the question best (SPEC G1).

A sentence that ends in a colon carries the list or the code that it announces. Everything is quoted word for word; only white
space is folded, and what is very long is cut with an ellipsis.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yaoki.systems.chat.segmentation import blocks, sentences
from yaoki.systems.chat.segmentation.words import words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Extract", "best", "lead", "read"]

# Of a passage, a sentence, a block: more is not looked at or not shown.
LONGEST_PASSAGE = 20_000
LONGEST_SENTENCE = 480
LONGEST_BLOCK_LINES, LONGEST_BLOCK = 14, 900

# A sentence must speak of this share of the question to be quoted beside the lead.
FLOOR = 0.15
_RAISES, _EXAMPLE, _IN_BLOCK, _EARLY = 0.5, 0.15, 0.5, 0.05
_ALIKE = 0.7
_OF_ASIDE = 0.3
_LONG_WORDS = 45

_ASKS_EXCEPTION = re.compile(r"\b(?:which|what)\b.*\b(?:exceptions?|errors?)\b|\braises?d?\b|\bthrows?n?\b", re.IGNORECASE)
_ASKS_HOW = re.compile(r"\s*(?:how|show|example)\b", re.IGNORECASE)
_ASIDE = re.compile(r"(?:New in version|Changed in version|Deprecated since|See also)\b", re.IGNORECASE)
_SIGNATURE_LINE = re.compile(r"[\w.]+\([^)]*\)(?:\s*-+>\s*\S[^.]*)?")


@dataclass(frozen=True, slots=True)
class Extract:
    """A sentence of a document, word for word. `block`: the list or the code that the sentence announces, with its lines, or ""."""

    text: str
    block: str = ""


def read(text: str) -> list[Extract]:
    """The sentences of a passage in order, each with what it announces."""
    found: list[Extract] = []
    unannounced: list[Extract] = []
    open_end = False
    for block in blocks.read(text[:LONGEST_PASSAGE]):
        if block.kind == "heading":
            open_end = False
        elif block.kind == "prose":
            pieces = sentences.split(block.text)
            if open_end and pieces:
                # "Note:" goes on in the next paragraph.
                found[-1] = Extract(f"{found[-1].text} {pieces.pop(0)}")
            found.extend(Extract(piece) for piece in pieces)
            open_end = bool(found) and found[-1].text.endswith(":")
        elif open_end:
            found[-1] = Extract(re.sub(r":{2,}$", ":", found[-1].text), _cut_block(block.text))
            open_end = False
        elif block.kind in {"list", "code"} and not unannounced:
            unannounced.append(Extract("", _cut_block(block.text)))
    # Where nothing is said in sentences, the list or the code is all there is.
    return unannounced if not found else [Extract(_cut_sentence(extract.text), extract.block) for extract in found]


def lead(extracts: Sequence[Extract]) -> int | None:
    """The number of the sentence that says what the passage is about: the first that is no signature and no note of a version."""
    for number, extract in enumerate(extracts):
        if not _ASIDE.match(extract.text) and not _SIGNATURE_LINE.fullmatch(extract.text):
            return number
    return 0 if extracts else None


def best(extracts: Sequence[Extract], question: str, weights: Mapping[str, float], count: int) -> list[int]:
    """The numbers of at most `count` sentences that fit the question best, in order. `weights`: the question's words."""
    total = sum(weights.values())
    rated = [
        (_rate(extract, question, weights, total) + _EARLY / (1 + number), number) for number, extract in enumerate(extracts)
    ]
    chosen: list[int] = []
    for rate, number in sorted(rated, key=lambda one: (-one[0], one[1])):
        if rate < FLOOR or len(chosen) == count:
            break
        if not any(_alike(extracts[number], extracts[other]) for other in chosen):
            chosen.append(number)
    return sorted(chosen)


def _rate(extract: Extract, question: str, weights: Mapping[str, float], total: float) -> float:
    """The share of the question that the sentence speaks of, more where it is of the kind that the question asks for."""
    said = set(words(extract.text))
    shown = set(words(extract.block)) - said
    overlap = sum(weight for word, weight in weights.items() if word in said)
    overlap += _IN_BLOCK * sum(weight for word, weight in weights.items() if word in shown)
    rate = overlap / total if total else 0.0
    if "rais" in said and _ASKS_EXCEPTION.search(question):
        rate += _RAISES
    if extract.block and _ASKS_HOW.match(question):
        rate += _EXAMPLE
    length = len(extract.text.split())
    if _ASIDE.match(extract.text):
        rate *= _OF_ASIDE
    return rate * math.sqrt(min(1.0, _LONG_WORDS / max(length, 1)))


def _alike(one: Extract, other: Extract) -> bool:
    first, second = set(words(one.text)), set(words(other.text))
    return len(first & second) > _ALIKE * len(first | second)


def _cut_sentence(text: str) -> str:
    if len(text) <= LONGEST_SENTENCE:
        return text
    return (
        text[:LONGEST_SENTENCE].rpartition(" ")[0].rstrip(",;:") + " …"
        if " " in text[:LONGEST_SENTENCE]
        else text[:LONGEST_SENTENCE] + "…"
    )


def _cut_block(text: str) -> str:
    lines = text[:LONGEST_BLOCK].split("\n")
    cut = lines[:LONGEST_BLOCK_LINES]
    return "\n".join(cut).rstrip() + ("\n…" if len(text) > LONGEST_BLOCK or len(lines) > len(cut) else "")

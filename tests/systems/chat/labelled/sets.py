"""The labelled questions of the retrieval and the labelled pairs of the answer cache, as typed records (SPEC G1, G2)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

__all__ = ["CachePair", "Half", "PairKind", "Question", "QuestionKind", "cache_pairs", "questions"]

FOLDER = Path(__file__).parent


class Half(StrEnum):
    """What a record may be used for: choosing weights, or reporting what the chosen ones are worth.

    `DEVELOP` is for choosing too, and so are the further cache pairs `TUNE2`, written by someone who knew the cache. `FRESH` was written
    by another stranger after the weights had been chosen, and only reports. For the answer cache `REPORT` was used for choosing too, in
    the end, and reports nothing more; for the retrieval it still does.
    """

    TUNE = "tune"
    TUNE2 = "tune2"
    REPORT = "report"
    DEVELOP = "develop"
    FRESH = "fresh"


class QuestionKind(StrEnum):
    """`LIBRARY` and `LANGUAGE` are ordinary; `PARAPHRASE` shares hardly a word with its answer; the rest has none."""

    LIBRARY = "library"
    LANGUAGE = "language"
    PARAPHRASE = "paraphrase"
    UNANSWERABLE = "unanswerable"

    @property
    def is_ordinary(self) -> bool:
        return self in {QuestionKind.LIBRARY, QuestionKind.LANGUAGE}


class PairKind(StrEnum):
    """A `PARAPHRASE` deserves the cached answer; the others must never get it."""

    PARAPHRASE = "paraphrase"
    OPPOSITE = "opposite"
    OTHER_SUBJECT = "other_subject"

    @property
    def may_be_served(self) -> bool:
        return self is PairKind.PARAPHRASE


@dataclass(frozen=True, slots=True)
class Question:
    """`names`: every passage that is a right answer, by its name or a topic's label; empty where nothing answers."""

    text: str
    names: tuple[str, ...]
    kind: QuestionKind
    half: Half


@dataclass(frozen=True, slots=True)
class CachePair:
    """A question that was answered `before`, and the one that is asked `now`."""

    before: str
    now: str
    kind: PairKind
    half: Half


def questions() -> tuple[Question, ...]:
    """All of them, in the order of the files. A half or kind that is unknown: ValueError."""
    return tuple(
        Question(text, tuple(names), QuestionKind(kind), Half(half))
        for half, kinds in _read("questions.toml", "develop_questions.toml", "fresh_questions.toml")
        for kind, labelled in kinds.items()
        for text, names in labelled.items()
    )


def cache_pairs() -> tuple[CachePair, ...]:
    """All of them, in the order of the files. A half or kind that is unknown: ValueError."""
    return tuple(
        CachePair(pair["before"], pair["now"], PairKind(kind), Half(half))
        for half, kinds in _read("cache_pairs.toml", "further_cache_pairs.toml", "fresh_cache_pairs.toml")
        for kind, pairs in kinds.items()
        for pair in pairs
    )


def _read(*names: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in names:
        yield from tomllib.loads((FOLDER / name).read_text("utf-8")).items()

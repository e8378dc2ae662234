"""Prepared answers, given where both search and answers are down, and listed at `GET /faq` (SPEC G3)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from yaoki.systems.chat.segmentation.words import question_words

if TYPE_CHECKING:
    from yaoki.systems.chat.texts import Language

__all__ = ["Faq", "FaqEntry"]

ENOUGH = 0.6
"""The share of words that a question must have in common with a listed one, of all words of both."""


@dataclass(frozen=True, slots=True)
class FaqEntry:
    """One prepared answer, and the questions that it answers, by language."""

    id: str
    questions: dict[Language, tuple[str, ...]]
    answers: dict[Language, str]

    def to_dict(self, language: Language) -> dict[str, Any]:
        """The entry as JSON, in one language."""
        return {"id": self.id, "question": self.questions[language][0], "answer": self.answers[language]}


class Faq:
    """The prepared answers of the package."""

    def __init__(self) -> None:
        listed = tomllib.loads(files("yaoki.systems.chat").joinpath("faq.toml").read_text("utf-8"))["entry"]
        self.entries = tuple(
            FaqEntry(each["id"], {language: tuple(texts) for language, texts in each["questions"].items()}, each["answer"])
            for each in listed
        )
        self._words = [
            (frozenset(question_words(question)), entry)
            for entry in self.entries
            for questions in entry.questions.values()
            for question in questions
        ]

    def find(self, question: str) -> FaqEntry | None:
        """The entry whose listed questions are most like this one, or None if none is like it."""
        asked = frozenset(question_words(question))
        best, found = 0.0, None
        for words, entry in self._words:
            alike = len(asked & words) / max(1, len(asked | words))
            if alike > best:
                best, found = alike, entry
        return found if best >= ENOUGH else None

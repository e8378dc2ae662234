"""How alike two questions are: by their words, or by their meanings where an embedder is there (SPEC G3).

Both bounds were chosen on the half of the labelled pairs and questions that is for choosing. Alike is not enough: see the guards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from yaoki.systems.chat.answer_cache.guards import disagreement

if TYPE_CHECKING:
    from yaoki.systems.chat.answer_cache.question import Question

__all__ = ["ENOUGH_MEANING", "ENOUGH_WORDS", "likeness", "may_share_an_answer"]

ENOUGH_WORDS: Final = 0.75
"""Of all words about the subject of either question, the share that both have."""

ENOUGH_MEANING: Final = 0.72
"""The cosine of both questions' embeddings, by all-MiniLM-L6-v2."""


def likeness(one: Question, other: Question) -> float:
    """The share of words about the subject that both questions have, of those that either has; 0 where there are none."""
    every = one.subject | other.subject
    return len(one.subject & other.subject) / len(every) if every else 0.0


def may_share_an_answer(one: Question, other: Question, cosine: float | None = None) -> bool:
    """Whether the answer to one question may be served to the other.

    Their words are enough, or their meanings. `cosine`: that of their embeddings, None where there are none that mean anything.
    """
    if one.key == other.key:
        return True
    alike = likeness(one, other) >= ENOUGH_WORDS or (cosine is not None and cosine >= ENOUGH_MEANING)
    return alike and disagreement(one, other) is None

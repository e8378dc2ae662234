"""How alike two questions are: by their words, or by their meanings where an embedder is there (SPEC G3).

The bound lies above every two questions of the labelled sets that have different answers and that no guard holds apart: the nearest
come to 0.88. Alike is not enough: see the guards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from yaoki.systems.chat.answer_cache.guards import differing_words, disagreement

if TYPE_CHECKING:
    from yaoki.systems.chat.answer_cache.question import Question

__all__ = ["ENOUGH_MEANING", "likeness", "may_share_an_answer"]

ENOUGH_MEANING: Final = 0.9
"""The cosine of both questions' embeddings, by all-MiniLM-L6-v2, where they speak of something in different words."""


def likeness(one: Question, other: Question) -> float:
    """The share of words about the subject that both questions have, of those that either has; 0 where there are none."""
    every = one.subject | other.subject
    return len(one.subject & other.subject) / len(every) if every else 0.0


def may_share_an_answer(one: Question, other: Question, cosine: float | None = None) -> bool:
    """Whether the answer to one question may be served to the other.

    Their words are enough where every word about the subject has its like in the other question; else it takes their meanings.
    `cosine`: that of their embeddings, None where there are none that mean anything.
    """
    if one.key == other.key:
        return True
    alike = not one.subject.isdisjoint(other.subject) and not any(differing_words(one, other))
    # The guards take longer, and most questions are not alike.
    return (alike or (cosine is not None and cosine >= ENOUGH_MEANING)) and disagreement(one, other) is None

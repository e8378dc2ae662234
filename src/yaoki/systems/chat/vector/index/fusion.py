"""Two rankings as one, by reciprocal rank (SPEC G1).

score(passage) = Σ weight / (k + rank). (Cormack, Clarke, Büttcher: Reciprocal Rank Fusion, 2009.) The textbook's k = 60 with equal
weights finds fewer of a stranger's questions here: the ranks hardly differ then, and two rankings that agree on a middling passage beat
one that is right. `make bench-chat` measures what these numbers are worth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["WIDTH", "fused"]

CONSTANT = 3.0
LEXICAL, MEANING = 0.8, 1.0
WIDTH = 50
"""How many passages of each ranking count."""


def fused(
    lexical: Sequence[tuple[int, float]], meaning: Sequence[tuple[int, float]], share: float = 1.0
) -> list[tuple[int, float]]:
    """The passages of both rankings, best first; of equal ones the nearer in meaning.

    `share`: the share of the passages whose meaning is known; meaning counts as much less as this is below 1.
    """
    scores: dict[int, float] = {}
    for ranking, weight in ((meaning, MEANING * share), (lexical, LEXICAL)):
        for rank, (number, _) in enumerate(ranking, 1):
            scores[number] = scores.get(number, 0.0) + weight / (CONSTANT + rank)
    return sorted(scores.items(), key=lambda scored: -scored[1])

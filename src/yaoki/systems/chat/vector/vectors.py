"""The vectors of an index in one matrix, searched exactly (SPEC G1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from yaoki.systems.chat.vector.lexical import best

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from yaoki.systems.chat.embeddings.embedder import Matrix

__all__ = ["Vectors"]


class Vectors:
    """One row for each passage, zeros where its vector is not known yet. One thread adds, any number search meanwhile.

    `keys`: of the passages' texts, None where a text is not to be embedded. `wanted` and `known` count passages.
    """

    __slots__ = ("_matrix", "_places", "known", "wanted")

    def __init__(self, keys: Sequence[bytes | None], dimensions: int) -> None:
        self._matrix = np.zeros((len(keys), dimensions), np.float32)
        self._places: dict[bytes, list[int]] = {}
        for place, key in enumerate(keys):
            if key is not None:
                self._places.setdefault(key, []).append(place)
        self.wanted = sum(map(len, self._places.values()))
        self.known = 0

    @property
    def complete(self) -> bool:
        """Whether every passage that has a vector at all has it here."""
        return self.known >= self.wanted

    def add(self, vectors: Mapping[bytes, Matrix]) -> None:
        """Take the vectors of texts; those of others are left."""
        for key, vector in vectors.items():
            for place in self._places.get(key, ()):
                # A half-written row is a search that missed it, and the next one has it.
                self.known += not self._matrix[place].any()
                self._matrix[place] = vector

    def take(self, other: Vectors) -> None:
        """Take the vectors that another matrix has of the same texts."""
        for key in self._places:
            if key in other._places and other._matrix[other._places[key][0]].any():
                self.add({key: other._matrix[other._places[key][0]]})

    def search(self, query: Matrix, priors: Matrix, width: int) -> list[tuple[int, float]]:
        """The numbers and scores of the `width` nearest passages, nearest first; only those with a cosine above zero.

        `priors`: what the cosine of each passage is multiplied with.
        """
        scores = self._matrix @ query
        scores *= priors
        return [(number, float(scores[number])) for number in best(scores, width)]

    def similarity(self, passage: int, query: Matrix) -> float | None:
        """The cosine of one passage, None where its vector is not known."""
        vector = self._matrix[passage]
        return float(vector @ query) if vector.any() else None

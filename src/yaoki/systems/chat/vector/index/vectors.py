"""The vectors of an index in one matrix, searched exactly (SPEC G1).

A question is compared with the direction in which a passage lies from the mean of all, so that what is unlike all others has to be
nearer to be found. Of few passages the mean says little: of n vectors, n / (n + 200) of it is taken off. `make bench-chat` measures what
this is worth; the similarity that is told is the plain cosine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from yaoki.systems.chat.vector.index.lexical import best

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from yaoki.systems.chat.embeddings.embedder import Matrix

__all__ = ["Vectors"]

FEW = 200


class Vectors:
    """One row for each passage, zeros where its vector is not known yet. One thread adds, any number search meanwhile.

    `keys`: of the passages' texts, None where a text is not to be embedded. `wanted` and `known` count passages.
    """

    __slots__ = ("_centre", "_matrix", "_places", "known", "wanted")

    def __init__(self, keys: Sequence[bytes | None], dimensions: int) -> None:
        self._matrix = np.zeros((len(keys), dimensions), np.float32)
        self._places: dict[bytes, list[int]] = {}
        for place, key in enumerate(keys):
            if key is not None:
                self._places.setdefault(key, []).append(place)
        self.wanted = sum(map(len, self._places.values()))
        self.known = 0
        self._centre = self._centred()

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
        self._centre = self._centred()

    def take(self, other: Vectors) -> None:
        """Take the vectors that another matrix has of the same texts."""
        common = {key: other._matrix[other._places[key][0]] for key in self._places if key in other._places}
        self.add({key: vector for key, vector in common.items() if vector.any()})

    def _centred(self) -> tuple[Matrix, Matrix]:
        """What is taken off every vector, and how long each is then; infinitely long where it is not known."""
        mean = self._matrix.sum(axis=0) / np.float32(self.known + FEW)
        # The vectors have length 1, those that are not known 0.
        squares = 1.0 - 2.0 * (self._matrix @ mean) + mean @ mean
        lengths = np.where(self._matrix.any(axis=1), np.sqrt(np.maximum(squares, 1e-6)), np.inf)
        return mean, lengths.astype(np.float32)

    def search(self, query: Matrix, priors: Matrix, width: int) -> list[tuple[int, float]]:
        """The numbers and scores of the `width` nearest passages, nearest first; only those nearer than the mean of all.

        `priors`: what the nearness of each passage is multiplied with.
        """
        mean, lengths = self._centre
        scores = self._matrix @ query
        scores -= mean @ query
        scores /= lengths
        scores *= priors
        return [(number, float(scores[number])) for number in best(scores, width)]

    def similarity(self, passage: int, query: Matrix) -> float | None:
        """The cosine of one passage, None where its vector is not known."""
        vector = self._matrix[passage]
        return float(vector @ query) if vector.any() else None

"""Finding passages by their words: BM25 over four fields, put together from saved counts (SPEC G1).

score(passage, question) = prior · Σ idf(word) · tf·(k₁+1) / (tf + k₁·(1 - b + b·length/mean length)), where tf counts a word by the
weights in `counted.py`, and very short passages count as 30 words long. (Robertson, Zaragoza: The Probabilistic Relevance
Framework, 2009.) The prior is 1 + 0.06·ln(1 + modules that import it), less 0.05 for each dot beyond the first: what is much used
and near the surface is meant more often. A passage whose own name lies wholly in the question gains 15 %; what the question's words
are called elsewhere counts 35 %. `make bench-chat` measures what these numbers are worth.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from yaoki.systems.chat.vector.synonyms import SYNONYMS
from yaoki.systems.chat.vector.words import dotted_names, question_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from yaoki.systems.chat.vector.counted import CountedWords

__all__ = ["LexicalIndex", "best"]

K1, B = 1.0, 0.3
OWN_NAME = 0.15
SYNONYM = 0.35


class LexicalIndex:
    """What finds passages by words. Immutable. Passages are numbered through all documents, in their order.

    `names`: for each passage, the number of its name; passages of one name have the same.
    """

    __slots__ = (
        "_impacts",
        "_numbers",
        "_offsets",
        "_own_offsets",
        "_own_words",
        "_passages",
        "_priors",
        "_unknown",
        "_weights",
        "names",
    )

    names: npt.NDArray[np.int32]

    def __init__(self, documents: Sequence[CountedWords]) -> None:
        """Put the postings of all documents together; about 0.1 s for 10 000 passages.

        Raises ValueError where the arrays of a document do not fit each other.
        """
        self._numbers: dict[str, int] = {}
        parts = [_Part(counted, self._numbers) for counted in documents]
        sizes = _integers([counted.sizes for counted in documents])
        words = _integers([part.words for part in parts])
        frequencies = _floats([counted.frequencies for counted in documents])
        lengths = _floats([counted.lengths for counted in documents])
        own_sizes = _integers([counted.own_sizes for counted in documents])
        self._priors = _floats([counted.priors for counted in documents])
        self._own_words = _integers([part.own_words for part in parts])
        self._own_offsets = _starts(own_sizes)
        self.names = _numbered([counted.names for counted in documents])
        order = np.argsort(words, kind="stable")
        holders = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)[order]
        found = np.bincount(words, minlength=len(self._numbers)).astype(np.int32)
        self._offsets = _starts(found)
        self._passages = holders
        self._weights = np.log1p((len(sizes) - found + 0.5) / (found + 0.5)).astype(np.float32)
        mean = float(lengths.mean()) if len(lengths) else 1.0
        damping = K1 * (1.0 - B + B * lengths[holders] / mean)
        frequencies = frequencies[order]
        gained = np.repeat(self._weights, found) * frequencies * (K1 + 1.0) / (frequencies + damping)
        self._impacts = gained.astype(np.float32)
        # What a word of no passage would weigh.
        self._unknown = math.log1p((len(sizes) + 0.5) / 0.5)

    def __len__(self) -> int:
        return len(self._priors)

    def weight(self, word: str) -> float:
        """The inverse document frequency of a normalised word; highest for words that no passage has."""
        number = self._numbers.get(word)
        return self._unknown if number is None else float(self._weights[number])

    def knows(self, word: str) -> bool:
        """Whether a passage has this normalised word."""
        return word in self._numbers

    def search(self, query: str, width: int) -> list[tuple[int, float]]:
        """The numbers and scores of the `width` best passages, best first; fewer where fewer have a word of the query."""
        scores = np.zeros(len(self._priors), np.float32)
        asked = {self._numbers[word] for word in (*question_words(query), *dotted_names(query)) if word in self._numbers}
        for number in sorted(asked):
            self._add(scores, number, 1.0)
        for number in self._called_otherwise(query, asked):
            self._add(scores, number, SYNONYM)
        scores *= self._priors
        candidates = [(number, float(scores[number])) for number in best(scores, width) if scores[number] > 0.0]
        rated = [(number, score * self._own_name(number, asked)) for number, score in candidates]
        rated.sort(key=lambda candidate: -candidate[1])
        return rated[:width]

    def _add(self, scores: npt.NDArray[np.float32], word: int, weight: float) -> None:
        start, end = self._offsets[word], self._offsets[word + 1]
        scores[self._passages[start:end]] += np.float32(weight) * self._impacts[start:end]

    def _called_otherwise(self, query: str, asked: set[int]) -> list[int]:
        """What the words of the query are called elsewhere, as far as it does not say that itself."""
        others = {other for word in question_words(query) for other in SYNONYMS.get(word, ())}
        return sorted({self._numbers[other] for other in others if other in self._numbers} - asked)

    def _own_name(self, passage: int, asked: set[int]) -> float:
        own = self._own_words[self._own_offsets[passage] : self._own_offsets[passage + 1]].tolist()
        return 1.0 + OWN_NAME if own and asked.issuperset(own) else 1.0


class _Part:
    """One document's numbers of words, as those of the whole index."""

    def __init__(self, counted: CountedWords, numbers: dict[str, int]) -> None:
        passages, terms = len(counted.sizes), len(counted.vocabulary)
        fits = (
            {len(each) for each in (counted.lengths, counted.priors, counted.names, counted.own_sizes)} == {passages}
            and _sums_to(counted.sizes, len(counted.words))
            and _sums_to(counted.own_sizes, len(counted.own_words))
            and len(counted.words) == len(counted.frequencies)
            and _below(counted.words, terms)
            and _below(counted.own_words, terms)
            and _below(counted.names, passages)
        )
        if not fits:
            raise ValueError("the counted words of a document do not fit each other")
        mapped = np.array([numbers.setdefault(word, len(numbers)) for word in counted.vocabulary], np.int32)
        self.words = mapped[counted.words] if terms else counted.words
        self.own_words = mapped[counted.own_words] if terms else counted.own_words


def best(scores: npt.NDArray[np.float32], width: int) -> list[int]:
    """The numbers of the `width` highest scores above zero, highest first; of equal ones the lower number first."""
    if width < len(scores):
        threshold = np.partition(scores, len(scores) - width)[len(scores) - width]
        chosen = np.flatnonzero(scores >= threshold) if threshold > 0.0 else np.flatnonzero(scores > 0.0)
    else:
        chosen = np.flatnonzero(scores > 0.0)
    order: list[int] = chosen[np.argsort(-scores[chosen], kind="stable")].tolist()
    return order


def _integers(arrays: Sequence[npt.NDArray[np.int32]]) -> npt.NDArray[np.int32]:
    return np.concatenate(arrays) if arrays else np.zeros(0, np.int32)


def _floats(arrays: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    return np.concatenate(arrays) if arrays else np.zeros(0, np.float32)


def _numbered(names: Sequence[npt.NDArray[np.int32]]) -> npt.NDArray[np.int32]:
    """The numbers of names, made different from document to document."""
    before = 0
    shifted = []
    for each in names:
        shifted.append(each + np.int32(before))
        before += len(each)
    return _integers(shifted)


def _starts(sizes: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    return np.concatenate([np.zeros(1, np.int32), np.cumsum(sizes, dtype=np.int32)])


def _sums_to(sizes: npt.NDArray[np.int32], total: int) -> bool:
    return not bool((sizes < 0).any()) and int(sizes.sum()) == total


def _below(numbers: npt.NDArray[np.int32], bound: int) -> bool:
    return not len(numbers) or bool(numbers.min() >= 0 and numbers.max() < bound)

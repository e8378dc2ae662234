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

from yaoki.systems.chat.segmentation.words import dotted_names, question_words
from yaoki.systems.chat.vector.index.synonyms import SYNONYMS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from yaoki.systems.chat.vector.index.counted import CountedWords

__all__ = ["LexicalIndex", "best"]

K1, B = 1.0, 0.3
OWN_NAME = 0.15
SYNONYM = 0.35


class LexicalIndex:
    """What finds passages by words. Immutable. Passages are numbered through all documents, in their order.

    `names`: for each passage, the number of its name; passages of one name have the same. `priors`: what its score is multiplied
    with.
    """

    __slots__ = (
        "_impacts",
        "_numbers",
        "_offsets",
        "_own_offsets",
        "_own_words",
        "_passages",
        "_unknown",
        "_weights",
        "names",
        "priors",
    )

    names: npt.NDArray[np.int32]
    priors: npt.NDArray[np.float32]

    def __init__(self, documents: Sequence[CountedWords]) -> None:
        """Put the postings of all documents together; about 0.1 s for 10 000 passages.

        Raises ValueError where the arrays of a document do not fit each other.
        """
        self._numbers: dict[str, int] = {}
        sizes = _integers([counted.sizes for counted in documents])
        words, own_words = _words_of_all(documents, self._numbers)
        frequencies = _floats([counted.frequencies for counted in documents])
        lengths = _floats([counted.lengths for counted in documents])
        own_sizes = _integers([counted.own_sizes for counted in documents])
        self.priors = _floats([counted.priors for counted in documents])
        self._own_words = own_words
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
        return len(self.priors)

    def weight(self, word: str) -> float:
        """The inverse document frequency of a normalised word; highest for words that no passage has."""
        number = self._numbers.get(word)
        return self._unknown if number is None else float(self._weights[number])

    def knows(self, word: str) -> bool:
        """Whether a passage has this normalised word."""
        return word in self._numbers

    def search(self, query: str, width: int) -> list[tuple[int, float]]:
        """The numbers and scores of the `width` best passages, best first; fewer where fewer have a word of the query."""
        scores = np.zeros(len(self.priors), np.float32)
        asked = {self._numbers[word] for word in (*question_words(query), *dotted_names(query)) if word in self._numbers}
        for number in sorted(asked):
            self._add(scores, number, 1.0)
        for number in self._called_otherwise(query, asked):
            self._add(scores, number, SYNONYM)
        scores *= self.priors
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


def _words_of_all(
    documents: Sequence[CountedWords], numbers: dict[str, int]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """The words and the own words of all documents, by their numbers in the whole index, which are given here.

    Raises ValueError where the arrays of a document do not fit each other.
    """
    _check(documents)
    parts = []
    for counted in documents:
        new = [word for word in counted.vocabulary if word not in numbers]
        numbers.update(zip(new, range(len(numbers), len(numbers) + len(new)), strict=True))
        parts.append(np.fromiter(map(numbers.__getitem__, counted.vocabulary), np.int32, len(counted.vocabulary)))
    mapped = _integers(parts)
    begins = np.cumsum([0, *(len(part) for part in parts)])[:-1]
    found = []
    for arrays in ([counted.words for counted in documents], [counted.own_words for counted in documents]):
        lengths = [len(array) for array in arrays]
        found.append(mapped[_integers(arrays) + np.repeat(begins, lengths)] if sum(lengths) else np.zeros(0, np.int32))
    return found[0], found[1]


def _check(documents: Sequence[CountedWords]) -> None:
    """Raise ValueError unless the arrays of each document fit each other."""
    fits = all(
        len(each.sizes) == len(each.lengths) == len(each.priors) == len(each.names) == len(each.own_sizes)
        and len(each.words) == len(each.frequencies)
        for each in documents
    )
    passages = [len(each.sizes) for each in documents]
    terms = [len(each.vocabulary) for each in documents]
    fits = (
        fits
        and _sum_to([each.sizes for each in documents], passages, [each.words for each in documents])
        and _sum_to([each.own_sizes for each in documents], passages, [each.own_words for each in documents])
        and _are_below([each.words for each in documents], terms)
        and _are_below([each.own_words for each in documents], terms)
        and _are_below([each.names for each in documents], passages)
    )
    if not fits:
        raise ValueError("the counted words of a document do not fit each other")


def _sum_to(sizes: Sequence[npt.NDArray[np.int32]], counts: Sequence[int], held: Sequence[npt.NDArray[np.int32]]) -> bool:
    """Whether the sizes of each document cut what it holds into parts."""
    joined = _integers(sizes)
    sums = np.concatenate([np.zeros(1, np.int64), np.cumsum(joined, dtype=np.int64)])
    ends = np.cumsum([0, *counts])
    return not bool((joined < 0).any()) and np.diff(sums[ends]).tolist() == [len(each) for each in held]


def _are_below(numbers: Sequence[npt.NDArray[np.int32]], bounds: Sequence[int]) -> bool:
    """Whether the numbers of each document count in what it has so many of."""
    joined = _integers(numbers)
    return not bool((joined < 0).any() or (joined >= np.repeat(bounds, [len(each) for each in numbers])).any())


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

"""Finding passages by their words: BM25 over four fields, as arrays that are saved and loaded, not rebuilt (SPEC G1).

score(passage, question) = prior · Σ idf(word) · tf·(k₁+1) / (tf + k₁·(1 - b + b·length/mean length)), where tf counts a word in the
name, the first sentence, the signature and the body by the weights below, and very short passages count as 30 words long.
(Robertson, Zaragoza: The Probabilistic Relevance Framework, 2009.) The prior is 1 + 0.06·ln(1 + modules that import it), less
0.05 for each dot beyond the first: what is much used and near the surface is meant more often. A passage whose own name lies
wholly in the question gains 15 %. Names written in one piece are split where both halves are words of the corpus: `urlparse` is
found by "parse" too. `bench/chat_retrieval.py` measures what these numbers are worth.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from yaoki.systems.chat import blocks, sentences
from yaoki.systems.chat.vector.words import dotted_names, question_words, words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from yaoki.systems.chat.vector.corpus.passage import Passage

    Array = npt.NDArray[np.generic]

__all__ = ["LexicalIndex"]

NAME, FIRST_SENTENCE, SIGNATURE, BODY = 2.5, 1.2, 0.5, 1.0
K1, B = 1.2, 0.4
SHORTEST = 30
PRIOR, DEPTH = 0.06, 0.05
OWN_NAME = 0.15
PER_NAME = 2

_PROSE_WORD = re.compile(r"[a-z]{2,}")
_WIDTH = 48
_SHORTEST_SPLIT = 6
_SHORTEST_HALF = 3
_SHORTEST_HALF_FREQUENCY = 5


class LexicalIndex:
    """What finds passages by words. Immutable. Passages are numbered as they were given.

    `vocabulary`: the words, in the order of the arrays. `offsets`: where each word's postings begin. `passages`, `impacts`: the
    postings: which passage, and what the word adds to its score. `weights`: each word's inverse document frequency. `priors`,
    `names`: for each passage, what its score is multiplied with, and the number of its name. `own_offsets`, `own_words`: for
    each passage, the words of the last part of its name.
    """

    __slots__ = (
        "_numbers",
        "impacts",
        "names",
        "offsets",
        "own_offsets",
        "own_words",
        "passages",
        "priors",
        "unknown",
        "vocabulary",
        "weights",
    )

    def __init__(self, vocabulary: Sequence[str], arrays: Mapping[str, Array]) -> None:
        """Raises ValueError unless the arrays fit each other."""
        self.vocabulary = vocabulary
        self.offsets = np.asarray(arrays["offsets"], np.int32)
        self.passages = np.asarray(arrays["passages"], np.int32)
        self.impacts = np.asarray(arrays["impacts"], np.float32)
        self.weights = np.asarray(arrays["weights"], np.float32)
        self.priors = np.asarray(arrays["priors"], np.float32)
        self.names = np.asarray(arrays["names"], np.int32)
        self.own_offsets = np.asarray(arrays["own_offsets"], np.int32)
        self.own_words = np.asarray(arrays["own_words"], np.int32)
        self._check()
        self._numbers = {word: number for number, word in enumerate(vocabulary)}
        # What a word of no passage would weigh.
        self.unknown = _idf(0, len(self.priors))

    def _check(self) -> None:
        count, terms = len(self.priors), len(self.vocabulary)
        fits = (
            _partition(self.offsets, terms, len(self.passages))
            and _partition(self.own_offsets, count, len(self.own_words))
            and _below(self.passages, count)
            and _below(self.own_words, terms)
            and len(self.impacts) == len(self.passages)
            and len(self.weights) == terms
            and len(self.names) == count
        )
        if not fits:
            raise ValueError("the arrays of the lexical index do not fit each other")

    def arrays(self) -> dict[str, Array]:
        """The arrays to save, by name."""
        return {
            "offsets": self.offsets,
            "passages": self.passages,
            "impacts": self.impacts,
            "weights": self.weights,
            "priors": self.priors,
            "names": self.names,
            "own_offsets": self.own_offsets,
            "own_words": self.own_words,
        }

    def weight(self, word: str) -> float:
        """The inverse document frequency of a normalised word."""
        number = self._numbers.get(word)
        return self.unknown if number is None else float(self.weights[number])

    def search(self, query: str, k: int) -> list[tuple[int, float]]:
        """The numbers and scores of the `k` best passages, best first, at most two of one name."""
        scores = np.zeros(len(self.priors), np.float32)
        asked = {self._numbers[word] for word in (*question_words(query), *dotted_names(query)) if word in self._numbers}
        for number in sorted(asked):
            start, end = self.offsets[number], self.offsets[number + 1]
            scores[self.passages[start:end]] += self.impacts[start:end]
        scores *= self.priors
        # A name seldom has more than a few passages near the top; what is left is looked at only if it has.
        found = self._select(scores, asked, k, min(_WIDTH + PER_NAME * k, len(scores)))
        return found if len(found) == k else self._select(scores, asked, k, len(scores))

    def _select(self, scores: npt.NDArray[np.float32], asked: set[int], k: int, width: int) -> list[tuple[int, float]]:
        candidates = [(number, float(scores[number])) for number in _best(scores, width) if scores[number] > 0.0]
        rated = [(number, score * self._own_name(number, asked)) for number, score in candidates]
        rated.sort(key=lambda candidate: -candidate[1])
        found: list[tuple[int, float]] = []
        taken: Counter[int] = Counter()
        for number, score in rated:
            name = int(self.names[number])
            if taken[name] < PER_NAME:
                taken[name] += 1
                found.append((number, score))
                if len(found) == k:
                    break
        return found

    def _own_name(self, passage: int, asked: set[int]) -> float:
        own = self.own_words[self.own_offsets[passage] : self.own_offsets[passage + 1]].tolist()
        return 1.0 + OWN_NAME if own and asked.issuperset(own) else 1.0

    @classmethod
    def build(cls, passages: Sequence[Passage], progress: Callable[[float], None] = lambda share: None) -> LexicalIndex:
        """The index of these passages; 1 to 2 s for 8 000. `progress` hears the share that is done."""
        prose: Counter[str] = Counter()
        for passage in passages:
            prose.update(set(_PROSE_WORD.findall(passage.text.lower())))
        postings: dict[str, list[tuple[int, float]]] = {}
        lengths = np.zeros(len(passages), np.float64)
        for number, passage in enumerate(passages):
            counts, length = _counted(passage, prose)
            lengths[number] = max(length, SHORTEST)
            for word, frequency in counts.items():
                postings.setdefault(word, []).append((number, frequency))
            if number % 200 == 0:
                progress(number / len(passages))
        vocabulary = sorted(postings)
        number_of = {word: number for number, word in enumerate(vocabulary)}
        sizes = np.array([len(postings[word]) for word in vocabulary], np.int32)
        flat = np.array([posting for word in vocabulary for posting in postings[word]], np.float64).reshape(-1, 2)
        holders, frequencies = flat[:, 0].astype(np.int32), flat[:, 1]
        weights = np.array([_idf(int(size), len(passages)) for size in sizes], np.float32)
        damping = K1 * (1.0 - B + B * lengths[holders] / (lengths.mean() if len(passages) else 1.0))
        names: dict[str, int] = {}
        own = [[number_of[word] for word in _own_words(passage)] for passage in passages]
        return cls(
            vocabulary,
            {
                "offsets": _starts(sizes),
                "passages": holders,
                "impacts": np.repeat(weights, sizes) * frequencies * (K1 + 1.0) / (frequencies + damping),
                "weights": weights,
                "priors": np.array([_prior(passage) for passage in passages], np.float32),
                "names": np.array([names.setdefault(passage.name, len(names)) for passage in passages], np.int32),
                "own_offsets": _starts(np.array([len(numbers) for numbers in own], np.int32)),
                "own_words": np.array([number for numbers in own for number in numbers], np.int32),
            },
        )


def _starts(sizes: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    return np.concatenate([np.zeros(1, np.int32), np.cumsum(sizes, dtype=np.int32)])


def _partition(offsets: npt.NDArray[np.int32], parts: int, total: int) -> bool:
    """Whether the offsets cut `total` things into this many parts."""
    return len(offsets) == parts + 1 and offsets[0] == 0 and offsets[-1] == total and bool((np.diff(offsets) >= 0).all())


def _below(numbers: npt.NDArray[np.int32], bound: int) -> bool:
    return not len(numbers) or bool(numbers.min() >= 0 and numbers.max() < bound)


def _best(scores: npt.NDArray[np.float32], width: int) -> list[int]:
    """The numbers of the `width` highest scores, highest first; of equal ones the lower number first."""
    if width < len(scores):
        threshold = np.partition(scores, len(scores) - width)[len(scores) - width]
        chosen = np.flatnonzero(scores >= threshold) if threshold > 0.0 else np.flatnonzero(scores)
    else:
        chosen = np.flatnonzero(scores)
    order: list[int] = chosen[np.argsort(-scores[chosen], kind="stable")].tolist()
    return order


def _prior(passage: Passage) -> float:
    depth = 0 if passage.name.startswith("language/") else max(0, passage.name.count(".") - 1)
    return (1.0 + PRIOR * math.log1p(passage.imported_by)) * (1.0 - DEPTH * min(depth, 6))


def _own_words(passage: Passage) -> list[str]:
    """The words of the last part of the name; of a composed one, its parts."""
    found = words(re.split(r"[./]", passage.name)[-1])
    return found[:-1] if len(found) > 1 else found


def _counted(passage: Passage, prose: Mapping[str, int]) -> tuple[Counter[str], int]:
    """How often each word occurs, by the weights of the fields, and the length of the passage in words."""
    counts: Counter[str] = Counter()
    label = passage.name.removeprefix("language/")
    for name in dict.fromkeys((label, passage.title, *passage.aliases)):
        for word in (*words(name), *dotted_names(name)):
            counts[word] = max(counts[word], 1)
        for written in _PROSE_WORD.findall(name.lower()):
            for half in _halves(written, prose):
                for word in words(half):
                    counts[word] = max(counts[word], 1)
    for word in counts:
        counts[word] *= NAME  # type: ignore[assignment]  # a Counter counts in any numbers
    body = words(passage.text)
    fields = [(words(passage.signature.partition("(")[2]), SIGNATURE), (body, BODY)]
    if passage.part == 1:
        fields.append((words(_first_sentence(passage.text)), FIRST_SENTENCE))
    for found, weight in fields:
        for word in found:
            counts[word] += weight  # type: ignore[assignment]  # as above
    return counts, len(body)


def _first_sentence(text: str) -> str:
    for block in blocks.read(text):
        if block.kind == "prose":
            return sentences.split(block.text)[0]
    return ""


def _halves(written: str, prose: Mapping[str, int]) -> tuple[str, ...]:
    """The two words that a name is made of, if the corpus knows both better than the whole."""
    best: tuple[str, ...] = ()
    known = max(prose.get(written, 0), _SHORTEST_HALF_FREQUENCY - 1)
    if len(written) >= _SHORTEST_SPLIT:
        for cut in range(_SHORTEST_HALF, len(written) - _SHORTEST_HALF + 1):
            both = min(prose.get(written[:cut], 0), prose.get(written[cut:], 0))
            if both > known:
                best, known = (written[:cut], written[cut:]), both
    return best


def _idf(holders: int, passages: int) -> float:
    return math.log1p((passages - holders + 0.5) / (holders + 0.5))

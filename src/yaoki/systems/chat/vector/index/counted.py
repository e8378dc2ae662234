"""The words of one document, counted once and saved with it: what the lexical index is put together from (SPEC G1).

A word counts in the name, the first sentence, the signature and the body of a passage by the weights below. Names written in one
piece are split where both halves are words of the document: `urlparse` is found by "parse" too.
"""

from __future__ import annotations

import math
import re
import struct
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from yaoki.systems.chat.segmentation import blocks, sentences
from yaoki.systems.chat.segmentation.words import dotted_names, words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from yaoki.systems.chat.vector.corpus.passage import Passage

__all__ = ["CountedWords", "count"]

NAME, FIRST_SENTENCE, SIGNATURE, BODY = 2.5, 1.2, 0.5, 1.0
SHORTEST = 30
PRIOR, DEPTH = 0.06, 0.05

_PROSE_WORD = re.compile(r"[a-z]{2,}")
_SHORTEST_SPLIT = 6
_SHORTEST_HALF = 3
_SHORTEST_HALF_FREQUENCY = 5
_HEAD = struct.Struct("<4I")


@dataclass(frozen=True, slots=True, eq=False)
class CountedWords:
    """The counted words of a document's passages, as arrays.

    `vocabulary`: the document's words; numbers of words below count in it. For each passage: `sizes` how many words it has,
    `lengths` how long it is, `priors` what its score is multiplied with, `names` the number of its name, `own_sizes` how many
    words its own name has. One passage after the other: `words` and `frequencies`, and `own_words`, those of its name.
    """

    vocabulary: tuple[str, ...]
    sizes: npt.NDArray[np.int32]
    words: npt.NDArray[np.int32]
    frequencies: npt.NDArray[np.float32]
    lengths: npt.NDArray[np.float32]
    priors: npt.NDArray[np.float32]
    names: npt.NDArray[np.int32]
    own_sizes: npt.NDArray[np.int32]
    own_words: npt.NDArray[np.int32]

    def to_bytes(self) -> bytes:
        """The arrays and the words as bytes, little-endian."""
        text = "\n".join(self.vocabulary).encode()
        arrays = (
            *(self.sizes, self.lengths, self.priors, self.names, self.own_sizes),
            *(self.words, self.frequencies, self.own_words),
        )
        head = _HEAD.pack(len(text), len(self.sizes), len(self.words), len(self.own_words))
        return b"".join((head, text, *(array.astype(array.dtype.newbyteorder("<")).tobytes() for array in arrays)))

    @classmethod
    def from_bytes(cls, content: bytes) -> CountedWords:
        """What `to_bytes` made. Raises ValueError for anything else."""
        try:
            length, passages, postings, own = _HEAD.unpack_from(content)
        except struct.error as error:
            raise ValueError("the counted words are too short") from error
        place = _HEAD.size + length
        if len(content) != place + 4 * (5 * passages + 2 * postings + own):
            raise ValueError("the counted words have another length than they say")
        text = content[_HEAD.size : place].decode()

        def whole(size: int) -> npt.NDArray[np.int32]:
            nonlocal place
            place += 4 * size
            return np.frombuffer(content, "<i4", size, place - 4 * size)

        def real(size: int) -> npt.NDArray[np.float32]:
            return whole(size).view("<f4")

        sizes, lengths, priors = whole(passages), real(passages), real(passages)
        names, own_sizes = whole(passages), whole(passages)
        numbers, frequencies, own_words = whole(postings), real(postings), whole(own)
        vocabulary = tuple(text.split("\n")) if text else ()
        return cls(vocabulary, sizes, numbers, frequencies, lengths, priors, names, own_sizes, own_words)


def count(passages: Sequence[Passage], progress: Callable[[float], None] = lambda share: None) -> CountedWords:
    """Count the words of a document; 1 to 2 s for 8 000 passages. `progress` hears the share that is done."""
    prose = _prose(passages)
    vocabulary: dict[str, int] = {}
    names: dict[tuple[str, str], int] = {}
    numbers: list[int] = []
    frequencies: list[float] = []
    own_numbers: list[int] = []
    sizes, lengths, own_sizes, name_numbers = [], [], [], []
    for place, passage in enumerate(passages):
        counts, length = _counted(passage, prose)
        own = _own_words(passage)
        numbers.extend(vocabulary.setdefault(word, len(vocabulary)) for word in counts)
        frequencies.extend(counts.values())
        own_numbers.extend(vocabulary.setdefault(word, len(vocabulary)) for word in own)
        sizes.append(len(counts))
        own_sizes.append(len(own))
        lengths.append(max(length, SHORTEST))
        name_numbers.append(names.setdefault((passage.document, passage.name), len(names)))
        if place % 200 == 0:
            progress(place / len(passages))
    return CountedWords(
        tuple(vocabulary),
        np.array(sizes, np.int32),
        np.array(numbers, np.int32),
        np.array(frequencies, np.float32),
        np.array(lengths, np.float32),
        np.array([_prior(passage) for passage in passages], np.float32),
        np.array(name_numbers, np.int32),
        np.array(own_sizes, np.int32),
        np.array(own_numbers, np.int32),
    )


def _prose(passages: Sequence[Passage]) -> Counter[str]:
    """In how many passages each word of plain letters occurs."""
    prose: Counter[str] = Counter()
    for passage in passages:
        prose.update(set(_PROSE_WORD.findall(passage.text.lower())))
    return prose


def _prior(passage: Passage) -> float:
    plain = passage.document or passage.name.startswith("language/")
    depth = 0 if plain else max(0, passage.name.count(".") - 1)
    return (1.0 + PRIOR * math.log1p(passage.imported_by)) * (1.0 - DEPTH * min(depth, 6))


def _own_words(passage: Passage) -> list[str]:
    """The words of a heading, or of the last part of a name; of a composed one, its parts."""
    if passage.document:
        return list(dict.fromkeys(words(passage.title.rpartition(": ")[2])))
    found = words(re.split(r"[./]", passage.name)[-1])
    return found[:-1] if len(found) > 1 else found


def _counted(passage: Passage, prose: Mapping[str, int]) -> tuple[dict[str, float], int]:
    """How often each word occurs, by the weights of the fields, and the length of the passage in words."""
    counts: dict[str, float] = {}
    label = "" if passage.document else passage.name.removeprefix("language/")
    for name in dict.fromkeys((label, passage.title, *passage.aliases)):
        for word in (*words(name), *dotted_names(name)):
            counts[word] = NAME
        for written in _PROSE_WORD.findall(name.lower()):
            for half in _halves(written, prose):
                for word in words(half):
                    counts[word] = NAME
    body = words(passage.text)
    fields = [(words(passage.signature.partition("(")[2]), SIGNATURE), (body, BODY)]
    if passage.part == 1:
        fields.append((words(_first_sentence(passage.text)), FIRST_SENTENCE))
    for found, weight in fields:
        for word in found:
            counts[word] = counts.get(word, 0.0) + weight
    return counts, len(body)


def _first_sentence(text: str) -> str:
    for block in blocks.read(text):
        if block.kind == "prose":
            return sentences.split(block.text)[0]
    return ""


def _halves(written: str, prose: Mapping[str, int]) -> tuple[str, ...]:
    """The two words that a name is made of, if the document knows both better than the whole."""
    best: tuple[str, ...] = ()
    known = max(prose.get(written, 0), _SHORTEST_HALF_FREQUENCY - 1)
    if len(written) >= _SHORTEST_SPLIT:
        for cut in range(_SHORTEST_HALF, len(written) - _SHORTEST_HALF + 1):
            both = min(prose.get(written[:cut], 0), prose.get(written[cut:], 0))
            if both > known:
                best, known = (written[:cut], written[cut:]), both
    return best

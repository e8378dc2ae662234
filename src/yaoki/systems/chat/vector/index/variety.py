"""Hits that do not repeat each other: at most so many of one name, and of one subject (SPEC G1).

A reader is shown five passages. Where three of them are methods of one class, or parts of one topic, the passage that was meant is often
the sixth. `make bench-chat` measures what the limits are worth.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import numpy as np
    import numpy.typing as npt

    from yaoki.systems.chat.vector.corpus.passage import Passage

__all__ = ["PER_SUBJECT", "Variety"]

PER_NAME, PER_SUBJECT = 1, 2


class Variety:
    """The limits for these passages, by their numbers. Immutable. `names`: for each, the number of its name.

    The subject of a passage is its topic of the language reference, or the class that it is a member of, or what its name says. What
    stands under the same headings in a document of the user is one subject, and its parts are no repetition of each other.
    """

    __slots__ = ("_names", "_subjects")

    def __init__(self, passages: Sequence[Passage], names: npt.NDArray[np.int32]) -> None:
        called = {passage.name for passage in passages if passage.signature}
        numbers: dict[str | int, int] = {}
        self._names: list[int] = names.tolist()
        self._subjects: list[int] = []
        for place, passage in enumerate(passages):
            subject = self._names[place] if passage.document else _subject(passage.name, called)
            self._subjects.append(numbers.setdefault(subject, len(numbers)))
            if passage.document:
                # No number of a name is below zero, so this one is another than all others.
                self._names[place] = -1 - place

    def limited(self, ranking: Sequence[tuple[int, float]], k: int) -> list[tuple[int, float]]:
        """The first `k` of a ranking that keep the limits."""
        found: list[tuple[int, float]] = []
        names: Counter[int] = Counter()
        subjects: Counter[int] = Counter()
        for number, score in ranking:
            name, subject = self._names[number], self._subjects[number]
            if names[name] < PER_NAME and subjects[subject] < PER_SUBJECT:
                names[name] += 1
                subjects[subject] += 1
                found.append((number, score))
                if len(found) == k:
                    break
        return found


def _subject(name: str, called: Collection[str]) -> str:
    if name.startswith("language/"):
        return "/".join(name.split("/")[:2])
    owner = name.rpartition(".")[0]
    # Modules are not called, and begin with a small letter.
    return owner if owner in called or owner.rpartition(".")[2][:1].isupper() else name

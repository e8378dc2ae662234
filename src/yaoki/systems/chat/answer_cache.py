"""Answers given in normal mode, kept for when the answerer is down (SPEC G3).

Only the same question is served, so never the answer to an opposite one: questions are compared word for word, apart from white
space, width of characters, a capital at the beginning, and the marks at the end.
"""

from __future__ import annotations

import re
import unicodedata
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yaoki.core.clock import clock

if TYPE_CHECKING:
    from yaoki.systems.chat.answering import Written

__all__ = ["AnswerCache", "same_question"]


# Right behind a word alone: a mark that stands by itself may be what the question is about.
_END_MARKS = re.compile(r"(?<=\w)[?!.。]+$")


@dataclass(frozen=True, slots=True)
class _Kept:
    written: Written
    version: str
    at: float


class AnswerCache:
    """At most `size` answers, the least used ones forgotten first; none older than `lifetime` seconds is served."""

    def __init__(self, *, size: int = 1000, lifetime: float = 24 * 3600.0) -> None:
        self.size = size
        self.lifetime = lifetime
        self.hits = 0
        self.misses = 0
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, question: str, written: Written, version: str) -> None:
        """Keep an answer that was written in normal mode. `version`: that of the index it was written from."""
        key = same_question(question)
        self._kept[key] = _Kept(written, version, clock.now())
        self._kept.move_to_end(key)
        if len(self._kept) > self.size:
            self._kept.popitem(last=False)

    def find(self, question: str, version: str) -> tuple[Written, float] | None:
        """The answer to this very question, and its age in seconds; None if there is none from this version of the index."""
        key = same_question(question)
        kept = self._kept.get(key)
        age = 0.0 if kept is None else clock.now() - kept.at
        if kept is None or kept.version != version or age > self.lifetime:
            self.misses += 1
            return None
        self.hits += 1
        self._kept.move_to_end(key)
        return kept.written, age


def same_question(question: str) -> str:
    """What two questions have in common that are the same one."""
    text = _END_MARKS.sub("", " ".join(unicodedata.normalize("NFKC", question).split()))
    first, space, rest = text.partition(" ")
    # A name keeps its capitals: `Event` is not `event`.
    return first.lower() + space + rest if space and first.isalpha() and first[1:].islower() else first + space + rest

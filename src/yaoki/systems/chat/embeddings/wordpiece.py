"""Cutting a text into the pieces of words that a BERT model knows (SPEC G1).

As the uncased models do it: control characters go, letters lose case and accents, Chinese characters and marks stand alone, and
each word is taken piece by piece, the longest known one first. (Devlin et al.: BERT, 2018; Schuster, Nakajima, 2012.)
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["WordPiece"]

_LONGEST_WORD = 100
_HAN = "\u4e00-\u9fff\u3400-\u4dbf\uf900-\ufaff\U00020000-\U0002a6df\U0002a700-\U0002ceaf\U0002f800-\U0002fa1f"
_ASCII_MARKS = r"!-/:-@\[-`{-~"
_SPLIT = re.compile(rf"[{_HAN}{_ASCII_MARKS}]|[^\s{_HAN}{_ASCII_MARKS}]+")
_LONGEST_TEXT = 8000


class WordPiece:
    """The tokenizer of one vocabulary. Safe for many threads."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._numbers: Mapping[str, int] = {piece: number for number, piece in enumerate(vocabulary)}
        self._unknown = self._numbers["[UNK]"]
        self._begin = self._numbers["[CLS]"]
        self._end = self._numbers["[SEP]"]
        self._pieces = lru_cache(maxsize=20_000)(self._cut)

    def numbers(self, text: str, longest: int) -> list[int]:
        """The numbers of the pieces, with those that mark beginning and end, at most `longest` of them."""
        found = [self._begin]
        for word in _words(text[:_LONGEST_TEXT]):
            found.extend(self._pieces(word))
            if len(found) >= longest:
                break
        return [*found[: longest - 1], self._end]

    def _cut(self, word: str) -> tuple[int, ...]:
        if len(word) > _LONGEST_WORD:
            return (self._unknown,)
        found: list[int] = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            end = len(word)
            while (number := self._numbers.get(prefix + word[start:end])) is None:
                end -= 1
                if end == start:
                    return (self._unknown,)
            found.append(number)
            start = end
        return tuple(found)


def _words(text: str) -> list[str]:
    if not text.isascii():
        kept = "".join(" " if character.isspace() else character for character in text if not _is_control(character))
        parted = unicodedata.normalize("NFD", kept.lower())
        text = "".join(character for character in parted if unicodedata.category(character) != "Mn")
        return [word for run in _SPLIT.findall(text) for word in _parted(run)]
    return [word for word in _SPLIT.findall(text.lower()) if word.isprintable()]


def _parted(run: str) -> list[str]:
    """A run of characters, parted at marks outside of ASCII."""
    if run.isascii():
        return [run]
    spaced = "".join(f" {each} " if unicodedata.category(each).startswith("P") else each for each in run)
    return spaced.split()


def _is_control(character: str) -> bool:
    return character in "\0\ufffd" or (unicodedata.category(character) in {"Cc", "Cf"} and not character.isspace())

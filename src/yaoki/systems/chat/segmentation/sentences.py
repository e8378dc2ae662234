"""Where a sentence ends: English with its abbreviations, Chinese and Japanese without spaces (SPEC G1).

A full stop ends a sentence when a space follows it and then something that can begin one, unless the word before it is an
abbreviation or an initial. A word in lower case can begin a sentence only where it is a name of code, or after two spaces.
"""

from __future__ import annotations

import re

__all__ = ["split"]

_END = re.compile(r"""(?<![.!?…])[.!?…]+["'”’)\]*`]*\s+|[。！？]+[」』）”]*\s*""")
_START = re.compile(r"""["'“‘(\[*`<]*(?:[^\W_a-z]|\w+(?:[._]\w+)+|\w+\()""")
_LAST_WORD = re.compile(r"""["'“‘(\[]*([\w.]+?)\.+["'”’)\]*`]*\s*$""")
_INITIALS = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")

_ABBREVIATIONS = frozenset(
    """al approx cf ch chap co corp dept dr e.g ed eds eg eq esp etc ex fig figs i.e ie inc incl jr ltd mr mrs ms nb p pp prof rev
    resp sect sr st vol vs viz""".split()
)
# Words of their own, and abbreviations where a number follows: "no. 5".
_BEFORE_NUMBERS = frozenset({"art", "max", "min", "no", "nos", "sec"})
# These often end a sentence as well; what follows decides.
_MAY_END = frozenset({"etc", "al", "co", "corp", "inc", "ltd", "jr", "sr"})
_PRONOUNS = frozenset({"I", "A"})


def split(text: str) -> list[str]:
    """The sentences of one paragraph, word for word but for white space, which becomes single spaces. None are empty."""
    sentences: list[str] = []
    start = 0
    for end in _END.finditer(text):
        if end.end() < len(text) and _ends(text, start, end):
            sentences.append(text[start : end.end()])
            start = end.end()
    sentences.append(text[start:])
    return [sentence for given in sentences if (sentence := " ".join(given.split()))]


def _ends(text: str, start: int, end: re.Match[str]) -> bool:
    mark = end.group()
    if mark[0] in "。！？":
        # Quoted speech goes on: 「はい。」と言った。
        return mark.rstrip()[-1] in "。！？" or text[end.end()] not in "とがをはのもで、"
    starts = _START.match(text, end.end()) is not None
    if not starts and not mark.endswith("  "):
        return False
    if mark[0] != ".":
        return True
    last = _LAST_WORD.search(text[max(start, end.start() - 40) : end.end()])
    if last is None:
        return True
    word = last.group(1)
    if word.lower() in _ABBREVIATIONS:
        return word.lower() in _MAY_END and starts
    if word.lower() in _BEFORE_NUMBERS:
        return not text[end.end()].isdigit()
    if word.isdigit():
        # "1. The first item" counts; "since Python 3. The" does not.
        return end.start() - len(word) > start
    return word in _PRONOUNS or _INITIALS.fullmatch(word) is None

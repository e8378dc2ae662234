"""What counts as a word, in prose, in names and in Japanese (SPEC G1).

A question and a document are read by the same rules, so that they meet: names are split at underscores, at changes of case and
between letters and digits, and stand as a whole as well; endings are taken off; a run of Chinese or Japanese characters, which
has no spaces, becomes its overlapping pairs, and its Han characters, since many of them are words by themselves.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

__all__ = ["dotted_names", "question_words", "stem", "subject_words", "words"]

# Han, Hiragana, Katakana and its half-width forms (gone after NFKC), the iteration mark and the long-vowel mark.
_CJK = "\u3005\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_RUN = re.compile(rf"[{_CJK}]+|[^\W{_CJK}]+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+")
_DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)+")
# A quoted text with more than words in it, a number or a date, an address: an example in a question, not its subject.
_LITERAL = re.compile(r"""(?<!\w)(['"])(?=[^'"]*[^\w\s'".-])[^'"]*\1(?!\w)|(?<!\w)\d[!-~]*|(?<![!-~])[!-~]+@[!-~]+""")
_HIRAGANA = re.compile(r"[\u3041-\u309f]")
_HAN = re.compile("[\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
_IS_CJK = re.compile(f"[{_CJK}]")

# Words that make a question out of a subject, and "python", which every document here is about. Words that are also Python's
# (is, in, for, with, not, …) stay: the language reference is found by them, and elsewhere they are too frequent to weigh.
_SCAFFOLDING = frozenset(
    """a about am an any are be been being best between can correct could did difference different do does doesn doing don done
    example explain get gets getting got had has have having help how i isn it its let like ll make makes me mean means my need
    of on please possible proper python s should show so some t tell that the their them there these they thing things this
    those to us use used uses using ve versus vs want was way we were what when where which who whose why will work working
    works would you your""".split()
)
# Python's words among those that only join others: found by, but not counted as spoken about.
_CONNECTIVES = frozenset("and as by else for from if in is not or with".split())


def words(text: str) -> list[str]:
    """The words of a text in order, normalised; a composed name gives its parts and then the whole."""
    found: list[str] = []
    for run in _RUN.findall(text if text.isascii() else unicodedata.normalize("NFKC", text)):
        found.extend(_run_words(run))
    return found


def question_words(question: str) -> list[str]:
    """The different words of a question that carry its subject, in order; all of them where it has none but scaffolding."""
    found = list(dict.fromkeys(words(question)))
    bearing = [word for word in found if word not in _STEMMED_SCAFFOLDING]
    return bearing or found


def dotted_names(text: str) -> list[str]:
    """The names with dots that a text writes, such as `os.replace`, in lower case."""
    return [name.lower() for name in _DOTTED.findall(text)]


def subject_words(question: str) -> list[str]:
    """The question's words without those that only join others and those of examples; with them where there are no others.

    Examples are numbers, dates, addresses, and quoted texts that have more than words in them. Hiragana are particles and
    endings; a Han character counts by itself only where no other stands beside it.
    """
    found = question_words(question)
    told = set(words(_LITERAL.sub(" ", question)))
    bearing = [word for word in found if word in told and word not in _CONNECTIVES and not _HIRAGANA.search(word)]
    paired = {character for word in bearing if len(word) == 2 and _HAN.search(word) for character in word}
    return [word for word in bearing if word not in paired] or found


@lru_cache(maxsize=65536)
def _run_words(run: str) -> tuple[str, ...]:
    if _IS_CJK.match(run):
        if len(run) == 1:
            return (run,)
        return (*(run[start : start + 2] for start in range(len(run) - 1)), *_HAN.findall(run))
    parts = _PART.findall(run)
    if len(parts) > 1:
        return (*(stem(part.lower()) for part in parts), run.strip("_").lower())
    return tuple(stem(part.casefold()) for part in parts)


def stem(word: str) -> str:
    """The word without its ending: `raises`, `raised` and `raising` are one. Light: it never needs a dictionary."""
    if len(word) < 4 or not word.isascii():
        return word
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith(("sses", "shes", "ches", "xes")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ingly", "edly", "ing", "ed", "ly"):
        if word.endswith(ending) and _has_vowel(word[: -len(ending)]) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            break
    if word.endswith("e") and len(word) > 3:
        word = word[:-1]
    return word[:-1] + "i" if word.endswith("y") and len(word) > 3 and word[-2] not in "aeiou" else word


def _has_vowel(text: str) -> bool:
    return any(letter in "aeiouy" for letter in text)


_STEMMED_SCAFFOLDING = frozenset(stem(word) for word in _SCAFFOLDING)

"""What keeps the answer to one question from being served to another that only sounds like it (SPEC G3).

Each guard is told two questions and says whether they agree in one respect. Every guard is symmetric, and no question disagrees
with itself. Where a guard is wrong it costs a hit, never a wrong answer.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Final

from yaoki.systems.chat.answer_cache.question import name_parts
from yaoki.systems.chat.answer_cache.vocabulary import (
    ADDS_LITTLE,
    BACKWARDS,
    FILLER,
    LIGHT,
    OPPOSITES,
    RELATIONS,
    STANDS_FOR,
    SYMMETRIC,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from yaoki.systems.chat.answer_cache.question import Question

__all__ = ["GUARDS", "differing_words", "disagreement", "leans_on_what_was_said"]

_QUANTITIES: Final = frozenset("many much long often big large fast far deep old".split())
_ASKING: Final = frozenset("when where who".split())
_OPEN: Final = frozenset("how what which".split())
_WAYS: Final = frozenset({("is", "there"), ("is", "it"), ("does", "python"), ("are", "there")})
"""How one begins to ask for a way, though it sounds like yes or no."""
_WHETHER: Final = frozenset("is are does do did was were will has have should must may shall ought".split())
_NEGATING_PREFIXES: Final = ("un", "in", "im", "ir", "non", "dis", "de", "a", "mis")
_SOURCES: Final = frozenset({"から", "を", "より"})
_DESTINATIONS: Final = frozenset({"に", "へ", "まで", "には", "への"})
_POINTING: Final = frozenset(
    "it its that this these those them they he she former latter instead too also same otherwise".split()
)
_GOING_ON: Final = frozenset("and but or so then why else".split())
_JAPANESE_POINTING: Final = ("それ", "これ", "その", "この", "あれ", "では", "じゃあ", "もう", "他")
_EXCLUDING: Final = frozenset().union(*OPPOSITES)
_MUCH_IN_COMMON = 3
_LONGEST_PHRASE = 12
_MOST_ALTERNATIVES = 6
_SHORT = 3
"""Fewer words about something than that are too few to say what is meant, behind "and …"."""


def same_script(one: Question, other: Question) -> bool:
    """Both are Japanese, or neither."""
    return one.japanese == other.japanese


def same_negation(one: Question, other: Question) -> bool:
    """The same is denied in both: `not`, `never`, `n't` are one, `without` is another."""
    return one.negations == other.negations


def same_numbers(one: Question, other: Question) -> bool:
    """Both have the same numbers; `two` is 2."""
    return one.numbers == other.numbers


def same_names(one: Question, other: Question) -> bool:
    """Both have the same identifiers, quoted code and operators, to the letter: `json.dump` is not `json.dumps`.

    The words of a name, each as the name has it, are as good as the name: "the gather of asyncio".
    """
    return _all_said(one.names - other.names, other) and _all_said(other.names - one.names, one)


def same_intent(one: Question, other: Question) -> bool:
    """Both ask for the same of the subject: how, why, when, where, how many, or whether at all."""
    return _intent(one) == _intent(other)


def same_direction(one: Question, other: Question) -> bool:
    """What goes from here to there in one does not go from there to here in the other; `of`, `in`, `than` likewise.

    Of two alternatives that both name, a thread and a process perhaps, the same comes first, unless a relation or "between" says more.
    """
    mine, theirs = _relations(one), _relations(other)
    if any(_reversed(way) for way in ((mine, theirs), (theirs, mine))):
        return False
    related = _pairs(mine) | _pairs(theirs)
    return not any(
        pair not in related and _first(one, pair) != _first(other, pair) for pair in _alternatives(one) & _alternatives(other)
    )


def no_opposites(one: Question, other: Question) -> bool:
    """Neither names what excludes something that the other names: on and off, first and last, mutable and immutable."""
    mine, theirs = set(one.terms), set(other.terms)
    for choice in OPPOSITES if (mine ^ theirs) & _EXCLUDING else ():
        if (mine & choice) and (theirs & choice) and (mine & choice) != (theirs & choice):
            return False
    only_mine, only_theirs = mine - theirs, theirs - mine
    return not any(_denies(a, b) or _denies(b, a) for a in only_mine for b in only_theirs)


def same_subject(one: Question, other: Question) -> bool:
    """Neither is the other with something added, or with one word replaced: that is what asks for something else.

    Beside three words that both have, a word such as "items" may be added, and one word replaced by several is something else.
    """
    fewer, more = sorted(map(len, differing_words(one, other)))
    much = len(one.subject & other.subject) >= _MUCH_IN_COMMON
    return more == 0 or fewer > 1 or (fewer == 1 and more > 1 and not much)


def differing_words(one: Question, other: Question) -> tuple[frozenset[str], frozenset[str]]:
    """What each of two questions speaks of and the other does not, without what only carries a request."""
    both = one.subject & other.subject
    mine, theirs = one.subject - both - LIGHT, other.subject - both - LIGHT
    if len(both) >= _MUCH_IN_COMMON and (not mine or not theirs):
        mine, theirs = mine - ADDS_LITTLE, theirs - ADDS_LITTLE
    if len(mine) + len(theirs) <= 2 and (_stands_for(mine, theirs, other) or _stands_for(theirs, mine, one)):
        return frozenset(), frozenset()
    return mine, theirs


GUARDS: Final[tuple[Callable[[Question, Question], bool], ...]] = (
    same_script,
    same_negation,
    same_numbers,
    same_names,
    same_intent,
    same_direction,
    no_opposites,
    same_subject,
)


def disagreement(one: Question, other: Question) -> str | None:
    """The name of the first guard that holds the two apart, or None where they may share an answer."""
    return next((guard.__name__ for guard in GUARDS if not guard(one, other)), None)


def leans_on_what_was_said(question: Question) -> bool:
    """Whether the question is understood only by what was said before it: "and the other one?"."""
    if question.japanese:
        return question.key.startswith(_JAPANESE_POINTING) or not question.subject
    words = question.plain
    goes_on = bool(words) and words[0] in _GOING_ON and len(question.subject) < _SHORT
    return bool(_POINTING.intersection(words)) or goes_on or not question.subject


def _stands_for(special: frozenset[str], general: frozenset[str], asked: Question) -> bool:
    """Whether the one word that differs has a general verb in its place in `asked`, the question of `general`."""
    if len(special) != 1:
        return False
    return any(word in asked.terms and special <= named and general <= {word} for word, named in STANDS_FOR.items())


def _all_said(names: frozenset[str], question: Question) -> bool:
    return all(_is_said(name, question) for name in names)


def _is_said(name: str, question: Question) -> bool:
    parts = name_parts(name)
    return bool(parts) and all(part in question.plain and part not in FILLER for part in parts)


def _intent(question: Question) -> str:
    words = question.plain
    if "why" in words or words[:2] == ("how", "come") or words[:2] == ("what", "causes"):
        return "why"
    if words and words[0] in _ASKING:
        return words[0]
    if words[:1] == ("how",) and words[1:2] and words[1] in _QUANTITIES:
        return f"how {words[1]}"
    if any(word in {"should", "must"} for word in words) and not _OPEN.intersection(words):
        return "whether"
    return "whether" if words and words[0] in _WHETHER and words[:2] not in _WAYS else "how"


def _reversed(way: tuple[set[tuple[str, str, str]], set[tuple[str, str, str]]]) -> bool:
    mine, theirs = way
    return any(
        (relation, right, left) in theirs and (relation, left, right) not in theirs
        for relation, left, right in mine
        if left != right
    )


def _pairs(relations: set[tuple[str, str, str]]) -> set[frozenset[str]]:
    return {frozenset((left, right)) for _, left, right in relations}


def _alternatives(question: Question) -> set[frozenset[str]]:
    """Every two words of the question that exclude each other; none where the question treats them alike, or is Japanese."""
    terms = _EXCLUDING.intersection(question.terms) - FILLER - {"get"}
    if len(terms) < 2 or question.japanese or SYMMETRIC.intersection(question.terms):
        return set()
    chosen = (sorted(terms & choice)[:_MOST_ALTERNATIVES] for choice in OPPOSITES)
    return {frozenset(pair) for named in chosen for pair in combinations(named, 2)}


def _first(question: Question, pair: frozenset[str]) -> str:
    return next(term for term in question.terms if term in pair)


def _relations(question: Question) -> set[tuple[str, str, str]]:
    """Which thing stands in which relation to which: ("to", "string", "bytes") for "string to bytes" and "bytes from a string"."""
    return _japanese_relations(question) if question.japanese else _english_relations(question)


def _english_relations(question: Question) -> set[tuple[str, str, str]]:
    found: set[tuple[str, str, str]] = set()
    terms = question.terms
    for place, term in enumerate(terms):
        backwards = term in BACKWARDS
        relation = BACKWARDS.get(term) or RELATIONS.get(term)
        if relation is None:
            continue
        near = relation == "of"
        before = _phrase(question, terms[:place][::-1], near=near)
        after = _phrase(question, terms[place + 1 :], near=near)
        for left in before:
            found.update((relation, right, left) if backwards else (relation, left, right) for right in after)
    return found


def _phrase(question: Question, terms: tuple[str, ...], *, near: bool) -> list[str]:
    """The words about things up to the next relation, the nearest first; only the nearest where `near`."""
    found: list[str] = []
    for term in terms[:_LONGEST_PHRASE]:
        if term in BACKWARDS or (term in RELATIONS and term != "of"):
            break
        if term in question.subject:
            found.append(term)
            if near:
                break
    return found


def _japanese_relations(question: Question) -> set[tuple[str, str, str]]:
    sources: list[str] = []
    destinations: list[str] = []
    phrase: list[str] = []
    for term in question.terms:
        if term in question.subject:
            phrase.append(term)
            continue
        if term in _SOURCES:
            sources += phrase
        elif term in _DESTINATIONS:
            destinations += phrase
        phrase = []
    return {("to", source, destination) for source in sources for destination in destinations}


def _denies(word: str, other: str) -> bool:
    """Whether one word is the other with a prefix that denies it, `immutable` and `mutable`; `非同期` and `同期`."""
    if word in FILLER or other in FILLER:
        return False
    if len(word) > 3 and word.isascii() and any(other == prefix + word for prefix in _NEGATING_PREFIXES):
        return True
    return not word.isascii() and any(other == prefix + word for prefix in "非不無未")

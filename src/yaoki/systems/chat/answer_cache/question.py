"""What of a question is compared with another question (SPEC G3): read once, kept with the answer."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from yaoki.systems.chat.answer_cache.phrases import in_single_words
from yaoki.systems.chat.answer_cache.vocabulary import FILLER, JAPANESE_FILLER, NEGLIGIBLE, NUMBER_WORDS, canonical

__all__ = ["Question", "name_parts", "read", "same_question"]

# Right behind a word alone: a mark that stands by itself may be what the question is about.
_END_MARKS = re.compile(r"(?<=\w)[?!.。]+$")

_KANJI: Final = "\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(
    r"(?P<quoted>`+[^`]+`+)"
    r"|(?P<name>[^\W\d]\w*(?:\.[^\W\d]\w*)+(?:\(\))?|[^\W\d]\w*\(\)|__\w+__|@[^\W\d]\w*|-{1,2}[a-z][\w-]*(?<=\w))"
    r"|(?P<number>\d+(?:\.\d+)*)(?![0-9A-Za-z_])"
    rf"|(?P<kanji>[{_KANJI}]+)|(?P<katakana>[\u30a0-\u30ff\u31f0-\u31ff]+)|(?P<hiragana>[\u3040-\u309f]+)"
    rf"|(?P<word>[^\W{_KANJI}\u3040-\u30ff\u31f0-\u31ff]+)"
    r"|(?P<symbol>[^\w\s.,;'\"’‘“”()、。「」・…?!-]+|(?<!\S)[?!()\-.]+(?!\S)|[=!<>-]=|->)",
)
_LIKE_CODE = re.compile(r"_|[a-z][A-Z]|[A-Z]{2,}[a-z]{2,}|[^\W\d]\d|\d[^\W\d]")
_NUMBERED = re.compile(r"[A-Za-z]+\d+")
_PART = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z]?[^\W\d_A-Z]+\d*")
_ABBREVIATION = re.compile(r"(?:[a-z]\.)+[a-z]", re.IGNORECASE)
_NEGATIONS: Final = frozenset("not no never none neither nor nobody nothing without unless except".split())
_JAPANESE_NEGATION = re.compile(r"(?:ない|なく|なかっ|なけれ|ませ[んぬ]|ずに|なし|ぬ$)")
# A polite request, "would you not …", denies nothing.
_JAPANESE_POLITE = re.compile(r"(?:くれ|もらえ|いただけ|頂け|でき)?(?:ません|ない)(?:でしょう)?か|かもしれ(?:ない|ません)")
_PARTICLE = re.compile(r"から|まで|より|には|では|とは|への|からの|[をにへのでとはがも]")
_GRAMMAR = re.compile(
    r"する|した|して|します|され|させ|できる|できます|たい|ます|です|でしょう|か$|には|とは|ください|下さい|どう(?:やって|すれば|したら)?|"
    r"いい|よい|なに|なん|どの|どれ|という|ように|ため|とき|ある|いる|あり|おり|なる|もの|こと|ほしい|[をにへのでとはがもかねよ]"
)


@dataclass(frozen=True, slots=True)
class Question:
    """A question as it is compared.

    `key`: the same for questions that are the same word for word. `terms`: the canonical words in order, all of them. `subject`:
    those that say what it is about. `names`: identifiers, quoted code and operators, exactly as written. `numbers`: in order of
    size, as written; words for numbers count. `negations`: which words deny something, and how often. `plain`: the words in small
    letters, as written, for what hangs on the form of the question. `japanese`: whether Japanese is in it.
    """

    key: str
    terms: tuple[str, ...]
    subject: frozenset[str]
    names: frozenset[str]
    numbers: tuple[str, ...]
    negations: tuple[str, ...]
    plain: tuple[str, ...]
    japanese: bool


def same_question(question: str) -> str:
    """What two questions have in common that are the same one, apart from white space, width, a first capital and end marks."""
    text = _END_MARKS.sub("", " ".join(unicodedata.normalize("NFKC", question).split()))
    first, space, rest = text.partition(" ")
    # A name keeps its capitals: `Event` is not `event`.
    return first.lower() + space + rest if space and first.isalpha() and first[1:].islower() else first + space + rest


def name_parts(name: str) -> tuple[str, ...]:
    """The words that a name is made of, in small letters: `json.loads` of json and loads, `KeyError` of key and error."""
    return tuple(part.casefold() for part in _PART.findall(name))


def read(question: str) -> Question:
    """The question as it is compared. Never raises, whatever the text."""
    key = same_question(question)
    reader = _Reader()
    for match in _TOKEN.finditer(in_single_words(key)):
        reader.take(match.lastgroup or "", match.group())
    return Question(
        key,
        tuple(reader.terms),
        _bearing(reader.subject),
        frozenset(reader.names),
        tuple(sorted(reader.numbers)),
        tuple(sorted(reader.negations)),
        tuple(reader.plain),
        reader.japanese,
    )


def _bearing(subject: set[str]) -> frozenset[str]:
    rest = subject - NEGLIGIBLE
    return frozenset(rest if len(rest) > 1 else subject)


class _Reader:
    """Takes the pieces of one question in order."""

    def __init__(self) -> None:
        self.terms: list[str] = []
        self.subject: set[str] = set()
        self.names: set[str] = set()
        self.numbers: list[str] = []
        self.negations: list[str] = []
        self.plain: list[str] = []
        self.japanese = False
        self._before = ""

    def take(self, kind: str, piece: str) -> None:
        """One piece; `kind` is the name of its group in the pattern."""
        if kind == "word":
            self._word(piece)
        elif kind == "number":
            self.numbers.append(piece)
            self._say(piece)
        elif kind in {"kanji", "katakana"}:
            self.japanese = True
            self._say(piece, silent=piece in JAPANESE_FILLER)
        elif kind == "hiragana":
            self.japanese = True
            self._hiragana(piece)
        elif kind == "name" and _ABBREVIATION.fullmatch(piece):
            pass
        elif kind == "name" and piece.startswith("@"):
            # A decorator is the same with its mark and without.
            self._word(piece[1:])
        else:
            self._name(piece.strip("`").removesuffix("()").strip())
        self._before = kind

    def _word(self, word: str) -> None:
        if _LIKE_CODE.search(word):
            # Base64 is base64, as KeyError is not keyerror.
            self._name(word.casefold() if _NUMBERED.fullmatch(word) else word)
            return
        plain = word.casefold()
        self.plain.append(plain)
        if plain in NUMBER_WORDS:
            self.numbers.append(NUMBER_WORDS[plain])
            self._say(NUMBER_WORDS[plain])
        elif plain in _NEGATIONS:
            self.negations.append("without" if plain == "without" else "not")
            self._say(plain, silent=True)
        else:
            term = canonical(plain)
            # `from` and the like are compared as relations; "sort" is a verb even where "sort of" would be none.
            self._say(plain if plain in FILLER else term, silent=plain in FILLER or term in FILLER)

    def _name(self, name: str) -> None:
        self.names.add(name)
        for part in name_parts(name) or (name.casefold(),):
            self._say(canonical(part))

    def _hiragana(self, run: str) -> None:
        if _JAPANESE_NEGATION.search(_JAPANESE_POLITE.sub("", run)):
            self.negations.append("not")
        particle = _PARTICLE.match(run)
        if particle is not None:
            self.terms.append(particle.group())
        elif self._before == "kanji":
            # The ending of the word that the characters before it began.
            return
        rest = _GRAMMAR.sub("", run[particle.end() :] if particle is not None else run)
        if len(rest) > 1:
            self._say(rest)

    def _say(self, term: str, *, silent: bool = False) -> None:
        self.terms.append(term)
        if not silent:
            self.subject.add(term)

"""Groups of words that are read as one word, so that questions which word the same differently meet (SPEC G3).

Each is replaced in order, in the whole question; what an earlier one leaves is seen by the later ones.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["in_single_words"]

_SPOKEN: Final = (
    # Marks between words, not operators.
    (r"(?<=\w):(?=\s|$)|(?<=[a-z])/(?=[a-z])|[–—]", " "),
    (r"\bpython ?3\b(?!\.\d)", "python"),
    (r"\b(can)(?:not|['’]?t)\b", r"\1 not"),
    (r"\bwon['’]t\b", "will not"),
    (r"(?<=\w)n['’]t\b", " not"),
    (r"\b(today|tomorrow|yesterday)['’]s (?=date\b)", r"\1 "),
    (r"['’](?:s|re|ve|ll|d|m)\b", ""),
    (r"\bnon-?(?=[a-z]{4})", "not "),
    (r"\bwithout (?:changing|modifying|altering|losing)\b", "keep"),
    (r"\bwith no\b", "without"),
    (r"\b(?:regardless of|irrespective of|no matter|without regard to)\b", "ignore"),
    (r"\b(?:do|does|did|is|are) not (?:exist|there|present)\b", "missing"),
    (r"\b(?:fail|fails|failed|failing) to\b", "not"),
    (r"\b(?:show|tell|give) me\b", ""),
    (r"\bshow how\b", "how"),
    (r"\bgo about\b|\bin order(?= to\b)", ""),
    (r"\b(?:easiest|quickest|fastest|simplest|right|most \w+) way\b", "way"),
    (r"\b(?:know|tell|see|determine|find out|figure out|test|verify) (?=(?:if|whether)\b)", "check "),
    (r"\bwhat (does|do|is) (.{1,60}?) mean(?=$|[?.!,])", r"what \1 \2"),
    (r"\bmeaning of\b", ""),
    (
        r"\bin my (?:project|code|program|script|app|application)\b|\bfor my (?:project|code|program|script|app|application)\b",
        "",
    ),
)

_PYTHON: Final = (
    (r"\bbuilt[ -]in\b", "builtin"),
    (r"\bf-strings?\b|\bformatted string literals?\b", "fstring"),
    (r"\btype (?:hints?|annotations?)\b", "typehint"),
    (r"\b(?:base|super|parent)[ -]?class\b", "superclass"),
    # A word that is also Python's is a name where it is called one.
    (r"\btry\b(?: ?/ ?| and |-| )except\b", "`try` `except`"),
    (r"\bbare except\b", "bare `except`"),
    (
        r"\b(with|for|in|is|not|as|from|if|and|or|while|else|except) (?:statement|keyword|operator|loop|clause|block)s?\b",
        r"`\1`",
    ),
    (r"(?<=\w) (?:statement|keyword)s?\b", ""),
    (r"\b(finally|try) (?:clause|block)\b", r"\1"),
    (r"\b((?!(?:an?|the|my|this|that|which|class|function|method|own|custom)\b)\w{1,40}) decorator\b", r"\1"),
)

_COUNTED: Final = (
    (r"\bnumber of (?:elements|items|entries|members)\b", "length"),
    (r"\bhow many (?:elements|items|entries|members) (?:are |there )*(?:in|does|do|has)\b", "how length"),
    (r"\bnumber of\b", "count"),
    (r"\b(?:how often|how many times)\b(?=.{0,80}\b(?:occurs?|appears?)\b)", "how count"),
    (r"\b(?:an?|one) (\w+) at a time\b", r"\1 by \1"),
    (r"(?<=\w )how long (.{1,60}?) (?:takes?|took|needs|lasts?)\b", r"duration \1"),
    (
        r"\bhow (?:big|large) is\b|\bhow long is (?=(?:an?|the|my) (?:list|string|str|tuple|text|dict|array|file)\b)",
        "how length ",
    ),
    (r"\b(?:decimal digits|decimals|digits after the decimal point)\b", "decimal places"),
    (r"\bwait (?:for )?(?=\w+ (?:milliseconds?|seconds?|minutes?|hours?)\b)", "sleep "),
    (r"\bfrom (?:largest|biggest|highest) to (?:smallest|lowest)\b", "descending"),
    (r"\bfrom (?:smallest|lowest) to (?:largest|biggest|highest)\b", "ascending"),
    (r"\b(?:running|execution|elapsed|run) time\b", "duration"),
    (r"\b(?:limit how long|time limit)\b", "timeout"),
)

_COMPOUND: Final = (
    (r"\b(?:at the same time|at once|in parallel)\b", "concurrent"),
    (r"(?<!\S)(\S{1,40}) (?:vs\.?|versus) (\S{1,40})", r"what difference \1 \2"),
    (r"\bgo(?:ing)? (?:through|over)\b", "iterate"),
    (r"\b(?:find|figure|work) out\b", "get"),
    (r"\blook(?:ing)? up\b", "lookup"),
    (r"\bset(?:ting)? up\b", "configure"),
    (r"\bleav(?:e|ing) out\b", "exclude"),
    (r"\b(?:break|breaking|get|jump) out of\b", "exit"),
    (r"\bdedup(?:licat)?(?:e|ing)\b", "remove duplicates from"),
    (r"\b(?:including|and) (?:all )?(?:its |their )?sub-?(?:director(?:y|ies)|folders?)\b", "recursive"),
    (r"\bmulti-line\b|\b(?:over|across|on|spanning) (?:multiple|several) lines\b", "multiline"),
    (r"\b(?:exit|return) (?:status|code)\b", "exitcode"),
    (r"\bsquare root\b", "sqrt"),
    (r"\bwrit(e|ing) (.{1,40}) to (?:the|a|my) log\b", r"log \2"),
    (r"\btext (?=files?\b)", ""),
    (r"\binto a single\b", "into one"),
    (r"\bget rid of\b", "remove"),
    (r"\bdeal(?:ing)? with\b", "handle"),
    (r"\btry(?:ing)? again\b", "retry"),
    (r"\badd(?:ing)? up\b", "sum"),
    (r"\bblock(?:ing)? until\b", "wait until"),
    (r"\b(?:is|are|be|gets?) (?:done|over|ready)(?=$|[,;.?!])", "finish"),
    (r"\blist (?=(?:all|the|every|each|files|folders|directories)\b)", "get "),
    (r"\bvalues? of (?=(?:an?|the|my) (?:env|variable))", ""),
    (r"\b(lower|upper)[ -]case\b", r"\1case"),
    (r"\bcapital letters\b", "uppercase"),
    (r"\bsmall letters\b", "lowercase"),
    (r"\bcapital letter\b", "capital"),
    (r"\bregular expressions?\b", "regex"),
    (r"\b(?:stack|back) traces?\b", "traceback"),
    (r"\bvirtual env(?:ironment)?s?\b", "venv"),
    (r"\b(?:current )?working (?:dir|directory|folder)\b|\bcurrent (?:dir|directory|folder)\b", "cwd"),
    (
        r"\bstandard (output|input|error)\b",
        lambda found: "std" + {"output": "out", "input": "in", "error": "err"}[found[1].lower()],
    ),
    (r"\b(?:line break|new line)(?=s?\b)", "newline"),
    (r"\b(white|name) space(?=s?\b)", r"\1space"),
    (r"\btime (stamp|zone)(?=s?\b)", r"time\1"),
    (r"\b(file|path) (?=names?\b)", r"\1"),
    (r"\b(data)[ -](?=(?:base|class)(?:s|es)?\b)", r"\1"),
    (r"\b(sub)[ -](?=[a-z]{4})", r"\1"),
    (r"\bin[ -]place\b", "inplace"),
    (r"\b(an?|my|your|the) (?:new|own|whole|entire) (?=\w)", r"\1 "),
    (r"\bunit tests?\b", "test"),
    (r"\bpretty[ -]?(?=print)", "indent "),
)

_PHRASES: Final = tuple(
    (re.compile(found, re.IGNORECASE), instead) for group in (_SPOKEN, _PYTHON, _COUNTED, _COMPOUND) for found, instead in group
)


def in_single_words(text: str) -> str:
    """The text with every known group of words as the one that stands for it."""
    for found, instead in _PHRASES:
        text = found.sub(instead, text)
    return text

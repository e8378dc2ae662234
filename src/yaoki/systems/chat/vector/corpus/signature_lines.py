"""Signatures that stand in a docstring's first lines, as C modules write them (SPEC G1)."""

from __future__ import annotations

import inspect
import re

__all__ = ["split_signature"]

# A call with its parameters; one pair of parentheses inside is enough, a line break inside is followed by indentation.
_CALL = r"(?:\w+\.)*(\w+)(\((?:[^()\n]|\n[ \t]|\([^()\n]*\))*\))"
_RESULT = r"[ \t]*[-=]{1,2}>[ \t]*"
_CALLED = re.compile(_CALL)
_OWN_LINE = re.compile(_CALL + rf"(?:{_RESULT}(.*(?:\n[ \t]+\S.*)*))?[.,]?[ \t]*(?:\n|$)")
_SYNONYM = re.compile(r"\(.* is an obsolete synonym\)\n")
_RESULT_THEN_SENTENCE = re.compile(rf"{_RESULT}(?:[\w\[\]'|]+ ?){{1,3}}(?:[,.:]|--)[ \t]+(?=\S)")
_DASH = re.compile(r"[ \t]*(?:--?|—|:)(?:[ \t]+|\n)(?=[^\W\d])")


def split_signature(name: str, doc: str) -> tuple[str, str]:
    """The parameters that the first lines of a docstring give, and the docstring without those lines.

    `range(stop) -> range object`, `D.pop(k[,d]) -> v, remove specified key …`: nobody's lead sentence. What they say about the
    result is the docstring where there is nothing else.
    """
    calls: list[str] = []
    results: list[str] = []
    rest = doc
    while name:
        if synonym := _SYNONYM.match(rest):
            rest = rest[synonym.end() :]
        call = _CALLED.match(rest)
        if call is None:
            break
        sentence = _RESULT_THEN_SENTENCE.match(rest, call.end()) or _DASH.match(rest, call.end())
        if call.group(1) == name and sentence is not None:
            calls.append(call.group(2))
            rest = _capital(rest[sentence.end() :])
            break
        line = _OWN_LINE.match(rest)
        if line is None:
            break
        calls.append(line.group(2))
        results.append(" ".join((line.group(3) or "").split()))
        rest = rest[line.end() :].lstrip("\n")
    if rest is doc:
        return "", doc
    rest = inspect.cleandoc(rest)
    if len(results) == 1 and results[0][:1].isupper() and results[0].endswith("."):
        rest = f"{results[0]}\n\n{rest}"
    elif not rest:
        rest = _capital(results[0]) if len(results) == 1 and results[0] else doc
    return (" ".join(calls[0].split()) if calls else ""), rest


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

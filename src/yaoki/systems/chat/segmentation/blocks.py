"""A document's text as blocks: prose, code, lists, tables, grammars, headings (SPEC G1).

Sentences are taken from prose alone; everything else is shown only where a sentence announces it. Docstrings and the text form
of reStructuredText are read by the same rules: blank lines part blocks, indentation and the shape of the lines tell the kind.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

__all__ = ["Block", "Kind", "read"]

Kind = Literal["prose", "code", "list", "table", "grammar", "heading"]


@dataclass(frozen=True, slots=True)
class Block:
    """One block. `text`: prose and headings as one line, the others with their lines, without common indentation.

    `indent`: columns before its first line. `raw`: the lines as they stand in the document.
    """

    kind: Kind
    text: str
    indent: int
    raw: str


_BULLET = re.compile(r"\s*(?:[-*•+]\s+\S|\(?\d{1,2}[.)]\s+\S|\(?[a-z][.)]\s+\S|:\w[\w ]*:)")
# A name, then "--", a colon or a gap, then what it is.
_DEFINITION = re.compile(r"""\s*[\w'"*.,\[\]()|=<>-]+(?: [\w'"*.,=]+){0,2}(?:\s+--?\s+|\s*:\s+|\s{2,})\S""")
_UNDERLINE = re.compile(r"\s*([=\-*~^#\"+])\1{2,}\s*")
_RULED = re.compile(r"\s*(?:\+[-=]{2,}|\||(?:[=-]{3,}\s+)+[=-]{3,}\s*$)")
_CODE_LINE = re.compile(
    r"""\s*(?:
      >>>|\.\.\.\s|@[\w.]+(?:\(.*\))?$                                                    # sessions, decorators
    | (?:async\s+)?(?:def|class|for|while|with|if|elif|try|except|finally|else)\b.*[:(]$    # compound statements
    | import\s[\w., ]+$|from\s[\w.]+\simport\s|(?:return|raise|yield|assert|del)\s\S+$      # simple ones
    | [\w.\[\]'"]+(?:,\s*[\w.\[\]'"]+)*\s*[-+*/|&]?=\s*\S                                 # assignments
    | [\w.]+\(.*\)[\w.()]*\s*(?:\#.*)?$                                                    # calls
    | [$%#]\s|[\]})]+[,:]?$|<\w)""",
    re.VERBOSE,
)
_TERM = re.compile(r"""\s*[\w'"*.\[\]]+(?:\([^)]*\))?(?::|\s--?|\s->)\s+\S""")
_LONGEST_CODE_LINE = 300
_WORD = re.compile(r"[A-Za-z][a-z'’-]*[,.;:!?)\"”]*")


def read(text: str) -> list[Block]:
    """The blocks of a text in order."""
    found: list[Block] = []
    base = 0
    for chunk in _chunks(text):
        for parted, lines in enumerate(_segments(chunk)):
            kind = _kind(lines, base, found[-1] if found else None)
            block = _block(kind, lines)
            if kind == "prose":
                base = block.indent
            if found and _continues(found[-1], block):
                gap = [] if parted else [""]
                block = _block(found[-1].kind, [*found.pop().raw.split("\n"), *gap, *lines])
            found.append(block)
    return found


def _chunks(text: str) -> list[list[str]]:
    chunks: list[list[str]] = [[]]
    for line in text.expandtabs().splitlines():
        if line.strip():
            chunks[-1].append(line.rstrip())
        elif chunks[-1]:
            chunks.append([])
    return [chunk for chunk in chunks if chunk]


def _segments(chunk: list[str]) -> list[list[str]]:
    """A run of lines, parted where prose turns into a session, a list, or what a colon announces."""
    if len(chunk) == 1 or _RULED.match(chunk[0]) or "::=" in chunk[0]:
        return [chunk]
    if _UNDERLINE.fullmatch(chunk[1]):
        return [chunk[:2], *(_segments(chunk[2:]) if chunk[2:] else [])]
    first = _indent(chunk[0])
    for number, line in enumerate(chunk[1:], 1):
        before = chunk[number - 1].rstrip()
        starts_session = line.lstrip().startswith(">>>") and not chunk[0].lstrip().startswith((">>>", "..."))
        starts_list = (
            _BULLET.match(line) and not _BULLET.match(chunk[0]) and (before.endswith((":", ".")) or _indent(line) > first)
        )
        announced = before.endswith(":") and _indent(line) > first and not _BULLET.match(chunk[0])
        announced = announced and not _is_code(chunk[0]) and not _is_code(before)
        if starts_session or starts_list or announced:
            return [chunk[:number], *_segments(chunk[number:])]
    return [chunk]


def _kind(lines: list[str], base: int, before: Block | None) -> Kind:
    if len(lines) == 2 and _UNDERLINE.fullmatch(lines[1]) and not _UNDERLINE.fullmatch(lines[0]):
        return "heading"
    if any("::=" in line for line in lines):
        return "grammar"
    if _RULED.match(lines[0]) or (len(lines) > 2 and _UNDERLINE.fullmatch(lines[0])):
        return "table"
    if lines[0].lstrip().startswith((">>>", "...  ")):
        return "code"
    if _BULLET.match(lines[0]):
        return "list"
    indented = _indent(lines[0]) > base
    announced = before is not None and before.text.endswith(":")
    if indented and announced and all(_DEFINITION.match(line) or _indent(line) > _indent(lines[0]) for line in lines):
        return "code" if all(_is_code(line) for line in lines) else "list"
    code = sum(1 for line in lines if _is_code(line))
    if code == len(lines) or (indented and (code * 2 > len(lines) or (announced and _is_code(lines[0])))):
        return "code"
    outer = min(_indent(line) for line in lines)
    terms = [line for line in lines if _indent(line) == outer]
    if len(terms) > 1 and all(_TERM.match(line) for line in terms):
        return "list"
    if (indented or announced) and not _reads(lines):
        return "code"
    return "prose"


def _is_code(line: str) -> bool:
    # A line of code is never this long, and the pattern's time grows with the square of the length.
    return _CODE_LINE.match(line[:_LONGEST_CODE_LINE]) is not None


def _reads(lines: list[str]) -> bool:
    """Whether the lines read as sentences: mostly plain words, and enough of them."""
    tokens = [token for line in lines for token in line.split()]
    plain = sum(1 for token in tokens if _WORD.fullmatch(token))
    return len(tokens) >= 3 and plain / len(tokens) >= 0.6


def _continues(before: Block, block: Block) -> bool:
    """Whether a blank line fell inside one block: an indented second paragraph of an item, more lines of a program."""
    if before.kind == "list":
        return block.indent > before.indent or (block.kind == "list" and block.indent == before.indent)
    return before.kind == "code" and block.kind == "code" and block.indent >= before.indent


def _block(kind: Kind, lines: list[str]) -> Block:
    raw = "\n".join(lines)
    if kind == "prose":
        text = " ".join(" ".join(line.split()) if not line.endswith((".", "!", "?")) else line.strip() + " " for line in lines)
    elif kind == "heading":
        text = " ".join(lines[0].split())
    else:
        common = min(_indent(line) for line in lines if line)
        text = "\n".join(line[common:] for line in lines)
    return Block(kind, text.strip(), _indent(lines[0]), raw)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())

"""The language reference, as `help("with")` shows it, read from `pydoc_data/topics.py` without importing it (SPEC G1).

Topics repeat each other: a paragraph counts once, in the smallest topic that has it. Tables and grammars are left to the
sentences that announce them.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from yaoki.systems.chat.segmentation import blocks
from yaoki.systems.chat.vector.corpus.passage import Passage, cut

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["passages", "read"]

_UNDERLINE = re.compile(r"([*=\-~^+])\1{2,}")
# What a topic describes one by one: object.__repr__(self), class pdb.Pdb(completekey='tab', …), instance.__class__.
_LEVELS = "*=-~^+"
_ENTRY = re.compile(r"(?:(?:async|static|class|classmethod)\s)?\w+(?:\.\w+)+(?:\(.*\)?)?")
_SHORT_PARAGRAPH = 40
# What stands for "imported by": statements and operators are in most modules, each of them.
USE = 50


def read(file: Path) -> dict[str, str]:
    """Label to text; empty where the file is not there or not what it was."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return {}
    for statement in tree.body:
        value = statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None
        if isinstance(value, ast.Dict):
            try:
                topics = ast.literal_eval(value)
            except ValueError:
                return {}
            return {label: text for label, text in topics.items() if isinstance(label, str) and isinstance(text, str)}
    return {}


def passages(topics: dict[str, str]) -> list[Passage]:
    """The passages of all topics, by name `language/LABEL`."""
    seen: set[str] = set()
    found: list[Passage] = []
    for label, text in sorted(topics.items(), key=lambda topic: (len(topic[1]), topic[0])):
        heading = label
        parts: dict[str, int] = {}
        for title, entry, body in _sections(text):
            heading = heading if title == "" else title
            kept = _unseen(body, seen)
            if not any(block.kind in {"prose", "list"} for block in blocks.read(kept)):
                continue
            name = f"language/{label}" + (f"/{_entry_name(entry)}" if entry else "")
            signature = entry.replace("\n", " ") if "(" in entry else ""
            shown = _entry_name(entry) if entry else heading
            for piece in cut(kept):
                parts[name] = parts.get(name, 0) + 1
                source = f"Python language reference, help('{label}')"
                found.append(Passage(name, parts[name], shown, piece, source, signature, imported_by=USE))
    return found


def _sections(text: str) -> Iterator[tuple[str, str, str]]:
    """(heading with the one above it, entry, body): a heading's text up to the next heading or entry, an entry's text without its indentation."""
    heading, entry = "", ""
    above: list[str] = []
    body: list[str] = []
    lines = text.expandtabs().split("\n")
    number = 0
    while number < len(lines):
        line = lines[number]
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if line.strip() and not line.startswith(" ") and _UNDERLINE.fullmatch(following):
            yield heading, entry, _dedent(body, entry)
            level = _LEVELS.find(following[0])
            above[level:] = [_plain(line)]
            heading, entry, body = ": ".join(above[-2:]), "", []
            number += 2
            continue
        if _ENTRY.fullmatch(line):
            entries = [line]
            while _ENTRY.fullmatch(lines[number + len(entries)]) if number + len(entries) < len(lines) else False:
                entries.append(lines[number + len(entries)])
            if _next_is_indented(lines, number + len(entries)):
                yield heading, entry, _dedent(body, entry)
                entry, body = "\n".join(entries), []
                number += len(entries)
                continue
        if entry and line and not line.startswith(" "):
            yield heading, entry, _dedent(body, entry)
            entry, body = "", []
        body.append(line)
        number += 1
    yield heading, entry, _dedent(body, entry)


def _next_is_indented(lines: list[str], number: int) -> bool:
    while number < len(lines) and not lines[number]:
        number += 1
    return number < len(lines) and lines[number].startswith("   ")


def _dedent(body: list[str], entry: str) -> str:
    return "\n".join(line[3:] if entry else line for line in body).strip("\n")


def _unseen(body: str, seen: set[str]) -> str:
    """The body without the paragraphs that another topic has already."""
    kept = []
    for paragraph in re.split(r"\n\s*\n", body):
        key = " ".join(paragraph.split())
        if len(key) >= _SHORT_PARAGRAPH:
            if key in seen:
                continue
            seen.add(key)
        kept.append(paragraph)
    return "\n\n".join(kept)


def _entry_name(entry: str) -> str:
    first = entry.split("\n", maxsplit=1)[0]
    return re.sub(r"^(?:async|static|class|classmethod)\s", "", first).partition("(")[0]


def _plain(heading: str) -> str:
    return heading.replace('"', "").strip()

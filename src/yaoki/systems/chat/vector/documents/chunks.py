"""A section's text in pieces that are found and quoted as a whole: cut at paragraphs, else at sentences (SPEC G1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from yaoki.systems.chat.segmentation import sentences

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LONGEST", "LONGEST_CHARACTERS", "chunks"]

LONGEST = 150
"""Words in a piece; two characters of Chinese or Japanese count as one."""
LONGEST_CHARACTERS = 3000
"""Of anything else, however few words it seems to have."""

_FENCE = re.compile(r"\s*(`{3,}|~{3,})")
_CJK = re.compile("[\u3005\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")


def chunks(text: str) -> Iterator[str]:
    """The pieces in order; a paragraph that announces the next one with a colon stays with it."""
    piece: list[str] = []
    length = 0
    for paragraph in _paragraphs(text):
        for part in _parts(paragraph):
            size = _size(part)
            announced = bool(piece) and piece[-1].rstrip().endswith((":", "："))
            full = length + size > LONGEST or sum(map(len, piece)) + len(part) > LONGEST_CHARACTERS
            if piece and full and not (announced and length + size <= 2 * LONGEST):
                yield "\n\n".join(piece)
                piece, length = [], 0
            piece.append(part)
            length += size
    if piece:
        yield "\n\n".join(piece)


def _paragraphs(text: str) -> Iterator[str]:
    """What blank lines part; fenced code is one, blank lines and all."""
    lines: list[str] = []
    fence = ""
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if fence:
            fence = "" if mark and mark.group(1).startswith(fence) else fence
        elif mark:
            fence = mark.group(1)
        elif not line.strip():
            if lines:
                yield "\n".join(lines)
            lines = []
            continue
        lines.append(line.rstrip())
    if lines:
        yield "\n".join(lines)


def _parts(paragraph: str) -> Iterator[str]:
    """A long paragraph cut at its lines where those are items or code, else at its sentences; nothing is left longer than allowed."""
    if _size(paragraph) <= LONGEST and len(paragraph) <= LONGEST_CHARACTERS:
        yield paragraph
        return
    lines = paragraph.split("\n")
    listed = lines[0].startswith((" ", "\t", "```", "~~~", "- ", "* ", "|")) or sum(map(len, lines)) < 40 * len(lines)
    units, joint = (lines, "\n") if listed else (sentences.split(paragraph), " ")
    part: list[str] = []
    length = characters = 0
    for whole in units:
        for unit in _cut(whole):
            size = _size(unit)
            if part and (length + size > LONGEST or characters + len(unit) > LONGEST_CHARACTERS):
                yield joint.join(part)
                part, length, characters = [], 0, 0
            part.append(unit)
            length += size
            characters += len(unit) + 1
    if part:
        yield joint.join(part)


def _cut(unit: str) -> Iterator[str]:
    """One sentence or line, in pieces where it is monstrous."""
    found = unit.split()
    if len(found) > LONGEST:
        for start in range(0, len(found), LONGEST):
            yield from _cut(" ".join(found[start : start + LONGEST]))
        return
    longest = LONGEST_CHARACTERS if _size(unit) <= LONGEST else 2 * LONGEST
    for start in range(0, len(unit), longest):
        yield unit[start : start + longest]


def _size(text: str) -> int:
    return len(text.split()) + len(_CJK.findall(text)) // 2

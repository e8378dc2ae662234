"""Markdown as sections: headings of both forms, fenced code as it is, links as their texts (SPEC G1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from yaoki.systems.chat.vector.documents.section import Outline

if TYPE_CHECKING:
    from yaoki.systems.chat.vector.documents.section import Section

__all__ = ["read"]

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_LINK = re.compile(r"!?\[([^\[\]]*)\](?:\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*(?:\s+[\"'][^\"']*[\"'])?\)|\[[^\[\]]*\])")
_DEFINITION = re.compile(r" {0,3}\[[^\]]+\]:\s+\S+")
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*\n", re.DOTALL)
_FRONT_TITLE = re.compile(r"^title:[ \t]*[\"']?(.*?)[\"']?[ \t]*$", re.MULTILINE)


def read(text: str) -> list[Section]:
    """The sections of a document in Markdown, in order."""
    outline = Outline()
    front = _FRONT_MATTER.match(text)
    skipped = 0
    if front:
        title = _FRONT_TITLE.search(front.group(1))
        if title and title.group(1):
            outline.heading(0, title.group(1))
        skipped = front.group().count("\n")
        text = text[front.end() :]
    text = _COMMENT.sub(lambda found: "\n" * found.group().count("\n"), text)
    fence = ""
    before = ""
    for number, line in enumerate(text.split("\n"), skipped + 1):
        mark = _FENCE.match(line)
        if fence:
            if mark and mark.group(1).startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
            outline.line(line, number)
            continue
        if mark:
            fence = mark.group(1)
        elif heading := _HEADING.match(line):
            outline.heading(len(heading.group(1)), _plain(heading.group(2)))
            before = ""
            continue
        elif before and (underline := _UNDERLINE.match(line)):
            outline.take_back()
            outline.heading(1 if underline.group(1)[0] == "=" else 2, _plain(before))
            before = ""
            continue
        elif _DEFINITION.match(line):
            continue
        # The title of an underlined heading is a line of text until the next line tells.
        before = line.strip() if not mark and not line.startswith(("    ", "\t", ">", "-", "*", "|")) else ""
        outline.line(line if mark else _LINK.sub(r"\1", line), number)
    outline.end()
    return outline.sections


def _plain(heading: str) -> str:
    return re.sub(r"[*_`]{1,3}(\S(?:.*?\S)?)[*_`]{1,3}", r"\1", _LINK.sub(r"\1", heading)).strip()

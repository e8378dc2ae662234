"""HTML as sections: headings, and the text that a reader of the page sees (SPEC G1)."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from yaoki.systems.chat.vector.documents.section import Outline

if TYPE_CHECKING:
    from yaoki.systems.chat.vector.documents.section import Section

__all__ = ["read"]

_UNSEEN = frozenset({"script", "style", "template", "noscript", "svg", "nav", "select", "button", "iframe", "object"})
_BLOCKS = frozenset(
    """address article aside blockquote body caption dd details div dl dt fieldset figcaption figure footer form header hr html li
    main ol p pre section summary table tbody td tfoot th thead tr ul""".split()
)
_CONDITION = re.compile(r"<!\[(?:if|else|endif)\b[^>]{0,200}>", re.IGNORECASE)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}


def read(text: str) -> list[Section]:
    """The sections of a page, in order. Never raises for broken HTML."""
    page = _Page()
    # Sections of SGML make the parser raise: what is quoted in them is text, and conditions of old browsers are nothing.
    text = _CONDITION.sub("", _without_comments(text).replace("<![CDATA[", "").replace("]]>", ""))
    page.feed(text.replace("<![", "&lt;!["))
    page.close()
    return page.finished()


def _without_comments(text: str) -> str:
    """The parser's own time for comments that do not end grows with the square of their number."""
    kept: list[str] = []
    place = 0
    while (begin := text.find("<!--", place)) >= 0:
        end = text.find("-->", begin)
        kept.append(text[place:begin])
        # Lines still count as in the file.
        kept.append("\n" * text.count("\n", begin, end if end >= 0 else len(text)))
        place = end + 3 if end >= 0 else len(text)
    return "".join((*kept, text[place:]))


class _Page(HTMLParser):
    """The page as it is parsed."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._outline = Outline()
        self._text: list[str] = []
        self._first = 0
        self._unseen: list[str] = []
        self._heading = 0
        self._title: list[str] | None = None
        self._preformatted = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._unseen or tag in _UNSEEN:
            if tag in _UNSEEN:
                self._unseen.append(tag)
            return
        if tag == "title" and self._title is None:
            self._title = []
        elif tag == "br":
            self._text.append("\n")
        elif tag in _HEADINGS:
            self._end_block()
            self._heading = _HEADINGS[tag]
        elif tag in _BLOCKS:
            self._end_block()
            self._preformatted = tag == "pre"
            if tag == "li":
                self._text.append("- ")

    def handle_endtag(self, tag: str) -> None:
        if self._unseen:
            if tag == self._unseen[-1]:
                self._unseen.pop()
        elif tag == "title" and self._title is not None:
            self._outline.heading(0, " ".join("".join(self._title).split()))
            self._title = None
        elif tag in _HEADINGS:
            title = " ".join("".join(self._text).split()).rstrip("¶ ")
            self._text = []
            self._outline.heading(self._heading or _HEADINGS[tag], title)
            self._heading = 0
        elif tag in _BLOCKS:
            self._end_block()
            self._preformatted = False

    def handle_data(self, data: str) -> None:
        if self._unseen:
            return
        if self._title is not None:
            self._title.append(data)
            return
        if not self._first and data.strip():
            self._first = self.getpos()[0]
        self._text.append(data)

    def finished(self) -> list[Section]:
        """The sections, when everything has been parsed."""
        self._end_block()
        self._outline.end()
        return self._outline.sections

    def _end_block(self) -> None:
        text = "".join(self._text)
        self._text = []
        lines = text.strip("\n").split("\n") if self._preformatted else [" ".join(line.split()) for line in text.split("\n")]
        kept = [line for line in lines if self._preformatted or line]
        if any(line.strip(" -") for line in kept):
            for line in kept:
                self._outline.line(line, self._first)
            self._outline.line("")
        self._first = 0

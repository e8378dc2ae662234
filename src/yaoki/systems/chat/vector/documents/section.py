"""What every kind of file is read into: sections with the headings above them (SPEC G1)."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Outline", "Section"]


@dataclass(frozen=True, slots=True)
class Section:
    """One piece of a document under one heading. `headings`: outermost first; `line`: where its text begins, from 1, or 0.

    `signature`: the call that the section describes, or "".
    """

    headings: tuple[str, ...]
    text: str
    line: int = 0
    signature: str = ""


@dataclass(slots=True)
class Outline:
    """Sections as a reader meets them, line after line. `sections`: those that are complete."""

    sections: list[Section] = field(default_factory=list)
    _headings: list[tuple[int, str]] = field(default_factory=list)
    _lines: list[str] = field(default_factory=list)
    _first: int = 0
    _signature: str = ""

    def heading(self, level: int, title: str, signature: str = "") -> None:
        """A heading; smaller levels are further out."""
        self.end()
        self.leave(level)
        self._headings.append((level, title))
        self._signature = signature

    def leave(self, level: int) -> None:
        """What follows is outside of the headings of this level."""
        self.end()
        while self._headings and self._headings[-1][0] >= level:
            self._headings.pop()
        self._signature = ""

    def line(self, text: str, number: int = 0) -> None:
        """A line of the present section."""
        if not self._lines:
            if not text.strip():
                return
            self._first = number
        self._lines.append(text)

    def end(self) -> None:
        """The present section is complete."""
        text = "\n".join(self._lines).rstrip()
        if text.strip():
            titles = tuple(title for _, title in self._headings if title)
            self.sections.append(Section(titles, text, self._first, self._signature))
        self._lines = []

    def take_back(self) -> None:
        """The line before was none of the section: it was a heading."""
        if self._lines:
            self._lines.pop()

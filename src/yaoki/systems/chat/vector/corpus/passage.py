"""One passage: the piece of a document that is indexed, found and quoted as a whole (SPEC G1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from yaoki.systems.chat.segmentation import blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Passage", "cut"]

# A passage of this many words still fits the 256 tokens that a small embedding model reads.
LONGEST = 150


@dataclass(frozen=True, slots=True)
class Passage:
    """One passage of the corpus.

    `name`: what it is about, as users write it: `asyncio.wait_for`; for the language reference, `language/with`; in a document
    of a user, the headings above it. Long texts have several passages of one name; `part` counts them from 1. `title`: the name
    for readers. `aliases`: other names of the same thing. `signature`: the call as users write it, or "". `source`: where it
    stands. `imported_by`: how many modules of the standard library import the module of this name: how much it is in use.
    `document`: the id of the user's document that it is a part of; then `part` counts the passages of that document.
    """

    name: str
    part: int
    title: str
    text: str
    source: str
    signature: str = ""
    aliases: tuple[str, ...] = ()
    imported_by: int = 0
    document: str = ""

    @property
    def id(self) -> str:
        """The document or the name, and the number of every further part."""
        whole = self.document or self.name
        return whole if self.part == 1 else f"{whole}#{self.part}"


def cut(text: str) -> Iterator[str]:
    """The text in pieces of about 150 words at most, cut between blocks, never between a colon and what it announces."""
    piece: list[str] = []
    length = 0
    announced = False
    for block in blocks.read(text):
        for raw in _parts(block):
            size = len(raw.split())
            if piece and not announced and length + size > LONGEST:
                yield "\n\n".join(piece)
                piece, length = [], 0
            piece.append(raw)
            length += size
            announced = block.kind == "heading" or (block.kind == "prose" and block.text.endswith(":"))
    if piece:
        yield "\n\n".join(piece)


def _parts(block: blocks.Block) -> list[str]:
    """The block, or a very long list or table of it item by item."""
    if len(block.raw.split()) <= LONGEST or block.kind in {"prose", "heading"}:
        return [block.raw]
    parts: list[list[str]] = []
    length = LONGEST
    for line in block.raw.split("\n"):
        outer = len(line) - len(line.lstrip()) <= block.indent
        if length >= LONGEST // 2 and outer and line.strip():
            parts.append([])
            length = 0
        parts[-1].append(line)
        length += len(line.split())
    return ["\n".join(lines).rstrip() for lines in parts]

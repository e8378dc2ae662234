"""One indexed document: what it was read from, its passages, and their counted words (SPEC G1)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING, Literal

from yaoki.systems.chat.vector.index.counted import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from yaoki.systems.chat.vector.corpus.passage import Passage
    from yaoki.systems.chat.vector.index.counted import CountedWords

__all__ = ["LIBRARY", "Document", "Origin", "digest", "names_from_text", "names_to_text", "storable"]

Origin = Literal["library", "user"]
"""Whether a document is Python's documentation, or one of the user's own."""

LIBRARY = "python"
"""The id of Python's documentation, which is one document of the origin `library`."""


@dataclass(frozen=True)
class Document:
    """One document. `id` is unique within its origin.

    `state`: what it was made of, to tell whether it has changed; for a file, its size and time. `notices`: what a reader should
    know about it, each one sentence.
    """

    origin: Origin
    id: str
    passages: tuple[Passage, ...]
    counted: CountedWords = field(repr=False)
    state: str = ""
    notices: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        origin: Origin,
        key: str,
        passages: Iterable[Passage],
        *,
        state: str = "",
        notices: Iterable[str] = (),
        progress: Callable[[float], None] = lambda share: None,
    ) -> Document:
        """The document of these passages; its words are counted here. `progress` hears the share that is done."""
        kept = tuple(_storable(passage) for passage in passages)
        return cls(origin, storable(key), kept, count(kept, progress), storable(state), tuple(map(storable, notices)))

    @cached_property
    def content(self) -> bytes:
        """Names the content, 16 bytes: the same for the same passages, whatever they were read from."""
        fields = (
            part
            for passage in self.passages
            for part in (
                *(passage.id, passage.title, passage.signature, passage.source, passage.text, passage.name),
                names_to_text(passage.aliases),
                str(passage.imported_by),
            )
        )
        return digest((self.origin, self.id, *fields))

    def seal(self, words: bytes) -> bytes:
        """Covers everything that is stored of the document, 16 bytes. `words`: its counted words as bytes."""
        return digest((self.content.hex(), self.state, *self.notices), words)


def _storable(passage: Passage) -> Passage:
    return replace(
        passage,
        name=storable(passage.name),
        title=storable(passage.title),
        text=storable(passage.text),
        source=storable(passage.source),
        signature=storable(passage.signature),
        aliases=tuple(map(storable, passage.aliases)),
        document=storable(passage.document),
    )


def digest(fields: Iterable[str], content: bytes = b"") -> bytes:
    """16 bytes that name the fields and the content."""
    # No stored field contains the separator: `storable` sees to that.
    return blake2b("\0".join(fields).encode() + b"\0" + content, digest_size=16).digest()


def names_to_text(names: tuple[str, ...]) -> str:
    """Names as JSON. Most passages have no further names, and the encoder takes its time also for none."""
    return json.dumps(names) if names else "[]"


def names_from_text(text: str) -> tuple[str, ...]:
    """What `names_to_text` made. Raises ValueError for what is no JSON."""
    return () if text == "[]" else tuple(json.loads(text))


def storable(text: str) -> str:
    """The text without what SQLite does not take or what parts fields: lone surrogates, NUL."""
    return text.replace("\0", "").encode(errors="replace").decode()

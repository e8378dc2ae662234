"""Documents from texts and from files: which reader, which id, which passages (SPEC G1)."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from yaoki.systems.chat.vector.corpus.passage import Passage
from yaoki.systems.chat.vector.documents import html, markdown, restructured_text
from yaoki.systems.chat.vector.documents.chunks import chunks
from yaoki.systems.chat.vector.documents.section import Section
from yaoki.systems.chat.vector.errors import DocumentError
from yaoki.systems.chat.vector.index.document import Document

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

__all__ = ["LARGEST", "READERS", "document_of_file", "document_of_text", "state_of_file"]

READER = 1
"""To be raised whenever the same file gives other passages: documents read before are stale then."""
LARGEST = 20_000_000
"""Bytes of a file that is read."""


def _plain(text: str) -> list[Section]:
    return [Section((), text, 1)]


READERS: Mapping[str, Callable[[str], list[Section]]] = {
    ".htm": html.read,
    ".html": html.read,
    ".markdown": markdown.read,
    ".md": markdown.read,
    ".rst": restructured_text.read,
    ".text": _plain,
    ".txt": _plain,
    ".xhtml": html.read,
}
"""How a file of this suffix is read."""

_CHARSET = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?([\w.:-]+)""", re.IGNORECASE)
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def document_of_text(key: str, text: str, title: str = "", source: str = "") -> Document:
    """The document of a text that was handed over; Markdown's headings count. `key`: its id."""
    return Document.of("user", key, _passages(key, title, markdown.read(text), source, lines=False))


def document_of_file(file: Path, shown: str) -> Document:
    """The document of a file; its id is its absolute path. `shown`: how readers are told where it is.

    Raises DocumentError where it cannot be read as a text of its kind.
    """
    try:
        state = state_of_file(file.stat())
        content = file.read_bytes()
    except OSError as error:
        raise DocumentError(str(file), f"cannot be read: {error.strerror or error}") from error
    if len(content) > LARGEST:
        raise DocumentError(str(file), f"has more than {LARGEST // 1_000_000} MB")
    try:
        sections = READERS[file.suffix.lower()](_decoded(content))
    except (UnicodeDecodeError, LookupError) as error:
        raise DocumentError(str(file), f"is not text in UTF-8 or another encoding that it names: {error}") from error
    lines = file.suffix.lower() not in {".htm", ".html", ".xhtml"}
    return Document.of("user", str(file), _passages(str(file), file.stem, sections, shown, lines=lines), state=state)


def state_of_file(status: os.stat_result) -> str:
    """Changes when the file does, or the way it is read."""
    return json.dumps({"size": status.st_size, "mtime_ns": status.st_mtime_ns, "reader": READER})


def _decoded(content: bytes) -> str:
    """The text, in the encoding that its first bytes tell, else UTF-8, else what it says itself."""
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            return content.decode(encoding)
    if b"\0" in content[:4096]:
        raise LookupError("it holds bytes that no text has")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        named = _CHARSET.search(content[:2048])
        if named is None:
            raise
        text = content.decode(named.group(1).decode())
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _passages(key: str, title: str, sections: Iterable[Section], source: str, *, lines: bool) -> list[Passage]:
    found: list[Passage] = []
    for section in sections:
        headings = section.headings or ((title,) if title else ())
        # The outermost heading of a file names the document already; a title that was handed over comes first.
        shown = ": ".join(headings[-2:])
        if title and not lines and title not in headings:
            shown = f"{title}: {shown}"
        where = f"{source}, line {section.line}" if lines and section.line else source
        for piece in chunks(section.text):
            passage = Passage(
                name=" / ".join(headings),
                part=len(found) + 1,
                title=shown,
                text=piece,
                source=where,
                signature=section.signature,
                document=key,
            )
            found.append(passage)
    return found

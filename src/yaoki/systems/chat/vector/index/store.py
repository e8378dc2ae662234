"""The index as one SQLite file: documents in transactions, verified whole when it is read (SPEC G1).

Format 2. `about`: what the index says about itself. `documents` and `passages`: what was indexed; each document has its counted
words and a seal over all that belongs to it, and the sum of all seals stands in `about`. `embeddings`: vectors by model and text,
each with a seal. The number of the format is SQLite's `user_version`. Every writer brings its transaction to the disk before it
returns; another process may read and write meanwhile.
"""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yaoki.systems.chat.vector.corpus.passage import Passage
from yaoki.systems.chat.vector.errors import DataFolderError, IndexDamagedError, NewerIndexError
from yaoki.systems.chat.vector.index.counted import CountedWords
from yaoki.systems.chat.vector.index.document import Document, names_from_text, names_to_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from yaoki.systems.chat.vector.index.document import Origin

__all__ = [
    "FORMAT",
    "Change",
    "Stored",
    "change",
    "create",
    "format_of",
    "load",
    "open_for_reading",
    "salvage",
    "state_of",
    "translated",
    "writing",
]

FORMAT = 2

_SCHEMA = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO about VALUES ('sum', '0');
CREATE TABLE documents (
    number INTEGER PRIMARY KEY, origin TEXT NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL, notices TEXT NOT NULL,
    words BLOB NOT NULL, seal BLOB NOT NULL, UNIQUE (origin, id)
);
CREATE TABLE passages (
    document INTEGER NOT NULL, place INTEGER NOT NULL, part INTEGER NOT NULL, name TEXT NOT NULL, title TEXT NOT NULL,
    signature TEXT NOT NULL, source TEXT NOT NULL, text TEXT NOT NULL, aliases TEXT NOT NULL, imported_by INTEGER NOT NULL,
    whole TEXT NOT NULL, PRIMARY KEY (document, place)
) WITHOUT ROWID;
CREATE TABLE embeddings (
    number INTEGER PRIMARY KEY AUTOINCREMENT, model TEXT NOT NULL, text BLOB NOT NULL, vector BLOB NOT NULL, seal BLOB NOT NULL,
    UNIQUE (model, text)
);
"""
_BUSY_SECONDS = 5.0
_DAMAGED = frozenset(
    {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_SCHEMA, sqlite3.SQLITE_MISMATCH}
)
_DOCUMENTS = "SELECT number, origin, id, state, notices, words, seal FROM documents"
_PASSAGES = "SELECT document, part, name, title, signature, source, text, aliases, imported_by, whole FROM passages"


@dataclass(frozen=True, slots=True)
class Stored:
    """What an index file holds. `settings`: what was set in it; `state`: changes with every change of a document or a setting."""

    documents: tuple[Document, ...]
    settings: Mapping[str, str]
    state: str


def create(file: Path, documents: Iterable[Document] = ()) -> None:
    """Make an index under a name of its own, then put it in place, whole. Raises OSError or sqlite3.Error."""
    unfinished = file.with_name(f"building-{os.getpid()}.sqlite3")
    unfinished.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(unfinished, isolation_level=None)) as connection:
            connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {FORMAT};")
            changed = Change(connection)
            for document in documents:
                changed.put(document)
            connection.execute("COMMIT")
        _sync(unfinished)
        unfinished.replace(file)
        _sync(file.parent)
    finally:
        unfinished.unlink(missing_ok=True)


class Change:
    """One transaction that changes documents: all of it is there afterwards, or nothing."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        (found,) = connection.execute("SELECT value FROM about WHERE name = 'sum'").fetchone()
        self._sum = int(found, 16)

    def put(self, document: Document) -> None:
        """Add the document in the place of one of the same origin and id."""
        self.remove(document.origin, document.id)
        words = document.counted.to_bytes()
        seal = document.seal(words)
        row = (document.origin, document.id, document.state, names_to_text(document.notices), words, seal)
        into = "INSERT INTO documents (origin, id, state, notices, words, seal) VALUES (?, ?, ?, ?, ?, ?)"
        number = self._connection.execute(into, row).lastrowid
        self._connection.executemany(
            "INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(number, place, *_row(passage)) for place, passage in enumerate(document.passages)],
        )
        self._add(int.from_bytes(seal, "big"))

    def remove(self, origin: Origin, key: str) -> bool:
        """Remove the document; whether there was one."""
        found = self._connection.execute(
            "DELETE FROM documents WHERE origin = ? AND id = ? RETURNING number, seal", (origin, key)
        ).fetchone()
        if found is None:
            return False
        self._connection.execute("DELETE FROM passages WHERE document = ?", (found[0],))
        self._add(-int.from_bytes(found[1], "big"))
        return True

    def set(self, name: str, value: str) -> None:
        """Set something about the index."""
        self._connection.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (f"set {name}", value))

    def _add(self, number: int) -> None:
        self._sum = (self._sum + number) % (1 << 128)
        self._connection.execute("UPDATE about SET value = ? WHERE name = 'sum'", (f"{self._sum:x}",))


@contextmanager
def change(file: Path) -> Iterator[Change]:
    """A transaction that is on the disk when the block ends, and leaves nothing when it raises.

    Raises IndexDamagedError, or DataFolderError where the folder cannot be written or another process writes for too long.
    """
    with translated(file), writing(file) as connection:
        with _wrong_kinds(file):
            present = Change(connection)
        yield present


@contextmanager
def writing(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection with a transaction that is on the disk when the block ends, and leaves nothing when it raises."""
    with closing(_open(file)) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


def format_of(file: Path) -> int:
    """The format of an index file. Raises IndexDamagedError where it is none, DataFolderError where it cannot be read."""
    with translated(file), closing(open_for_reading(file)) as connection:
        (found,) = connection.execute("PRAGMA user_version").fetchone()
    if not isinstance(found, int) or found < 1:
        raise IndexDamagedError(file, "it is not an index")
    return found


def state_of(file: Path) -> str:
    """What `Stored.state` would be; about 0.2 ms. Raises as `load`."""
    with translated(file), closing(open_for_reading(file)) as connection:
        return _state(dict(connection.execute("SELECT name, value FROM about")))


def load(file: Path) -> Stored:
    """Read the documents and verify them; about 0.2 s for 10 000 passages.

    Raises IndexDamagedError where they are not what was written, NewerIndexError, DataFolderError where the file cannot be read.
    """
    found = format_of(file)
    if found > FORMAT:
        raise NewerIndexError(file, found, FORMAT)
    with translated(file), _wrong_kinds(file), closing(open_for_reading(file)) as connection:
        connection.execute("BEGIN")
        about = dict(connection.execute("SELECT name, value FROM about"))
        rows = connection.execute(f"{_DOCUMENTS} ORDER BY number").fetchall()
        passages: dict[int, list[Passage]] = {row[0]: [] for row in rows}
        for number, *fields in connection.execute(f"{_PASSAGES} ORDER BY document, place"):
            if number not in passages:
                raise IndexDamagedError(file, "a passage is of no document")
            passages[number].append(_passage(fields))
    documents, total = [], 0
    for number, *fields in rows:
        document = _document(file, fields, passages[number])
        documents.append(document)
        total += int.from_bytes(fields[5], "big")
    if f"{total % (1 << 128):x}" != about.get("sum"):
        raise IndexDamagedError(file, "its documents are not those that were written")
    settings = {name[4:]: value for name, value in about.items() if name.startswith("set ")}
    return Stored(tuple(documents), settings, _state(about))


def salvage(file: Path) -> tuple[list[Document], int]:
    """The user's documents of a damaged index that are what was written, and how many are not, as far as that can be told."""
    whole: list[Document] = []
    lost = 0
    try:
        with closing(open_for_reading(file)) as connection:
            numbers = connection.execute("SELECT number FROM documents WHERE origin = 'user'").fetchall()
            for (number,) in numbers:
                try:
                    _, *fields = connection.execute(f"{_DOCUMENTS} WHERE number = ?", (number,)).fetchone()
                    rows = connection.execute(f"{_PASSAGES} WHERE document = ? ORDER BY place", (number,)).fetchall()
                    whole.append(_document(file, fields, [_passage(row[1:]) for row in rows]))
                except (sqlite3.Error, IndexDamagedError, TypeError, ValueError):
                    lost += 1
    except (sqlite3.Error, DataFolderError, ValueError):
        # The list itself cannot be read to its end.
        return whole, lost
    return whole, lost


def open_for_reading(file: Path) -> sqlite3.Connection:
    """A connection; where the folder is read-only and nothing waits in the write-ahead log, one that takes no locks."""
    connection = _open(file, checked=False)
    try:
        connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as error:
        connection.close()
        log = file.with_name(f"{file.name}-wal")
        waiting = log.exists() and log.stat().st_size > 0
        if waiting or _primary(error) not in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}:
            raise
        address = f"{file.absolute().as_uri()}?mode=ro&immutable=1"
        return sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)
    return connection


def _open(file: Path, *, checked: bool = True) -> sqlite3.Connection:
    if not file.exists():
        raise DataFolderError(file.parent, f"{file.name} is gone")
    address = f"{file.absolute().as_uri()}?mode=rw"
    connection = sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)
    if checked:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except BaseException:
            connection.close()
            raise
    return connection


def _document(file: Path, fields: list[Any], passages: list[Passage]) -> Document:
    origin, key, state, notices, words, seal = fields
    with _wrong_kinds(file):
        document = Document(origin, key, tuple(passages), CountedWords.from_bytes(words), state, names_from_text(notices))
        sealed = document.seal(words) == seal
    if not sealed or len(document.counted.sizes) != len(passages):
        raise IndexDamagedError(file, f"the document {key} is not what was written")
    return document


def _row(passage: Passage) -> tuple[Any, ...]:
    return (
        passage.part,
        passage.name,
        passage.title,
        passage.signature,
        passage.source,
        passage.text,
        names_to_text(passage.aliases),
        passage.imported_by,
        passage.document,
    )


def _passage(fields: Any) -> Passage:
    part, name, title, signature, source, text, aliases, imported_by, whole = fields
    return Passage(name, part, title, text, source, signature, names_from_text(aliases), imported_by, whole)


def _state(about: Mapping[str, str]) -> str:
    return json.dumps(sorted(about.items()))


@contextmanager
def translated(file: Path) -> Iterator[None]:
    """A block in which an error of SQLite says about the index: that it is damaged, or that the folder cannot be used."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        if code == sqlite3.SQLITE_IOERR_SHORT_READ or _primary(error) in _DAMAGED:
            raise IndexDamagedError(file, str(error)) from error
        raise DataFolderError(file.parent, f"{file.name}: {error}") from error


@contextmanager
def _wrong_kinds(file: Path) -> Iterator[None]:
    """A block that reads what was written; what is missing in it, or of another kind, is damage."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise IndexDamagedError(file, f"a part is missing or of the wrong kind ({error})") from error


def _primary(error: sqlite3.Error) -> int:
    """SQLite's primary result code: the lowest byte of the extended one."""
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF


def _sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

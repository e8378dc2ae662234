"""The index as one SQLite file: written whole, verified whole, migrated after a copy (SPEC G1).

Format 1. `about`: what the index says about itself. `passages`: the passages in order. `arrays`: the saved arrays, each with its
digest. A digest over `about` and `passages` stands in `about` too. The number of the format is SQLite's `user_version`.
"""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from yaoki.systems.chat.vector.errors import DataFolderError, IndexDamagedError, NewerIndexError
from yaoki.systems.chat.vector.lexical import LexicalIndex

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from yaoki.systems.chat.vector.corpus.passage import Passage

__all__ = ["FORMAT", "Row", "Stored", "format_of", "load", "migrate", "write"]

FORMAT = 1
# Statements that lead from each older format to the next one.
MIGRATIONS: Mapping[int, Sequence[str]] = {}

_SCHEMA = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE passages (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, title TEXT NOT NULL, signature TEXT NOT NULL, source TEXT NOT NULL,
    text TEXT NOT NULL, name TEXT NOT NULL, aliases TEXT NOT NULL
);
CREATE TABLE arrays (name TEXT PRIMARY KEY, type TEXT NOT NULL, digest BLOB NOT NULL, content BLOB NOT NULL) WITHOUT ROWID;
"""
_VOCABULARY = "vocabulary"
_DIGEST = "digest"
_BUSY_SECONDS = 5.0
_DAMAGED = frozenset(
    {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_SCHEMA, sqlite3.SQLITE_MISMATCH}
)

# id, title, signature, source, text, name, further names as JSON
Row = tuple[str, str, str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Stored:
    """What an index file holds. `version` names its passages; `fingerprint` what they were made of."""

    rows: list[Row]
    lexical: LexicalIndex
    fingerprint: str
    version: str
    notices: tuple[str, ...]


def write(file: Path, passages: Sequence[Passage], lexical: LexicalIndex, fingerprint: str, notices: Iterable[str]) -> None:
    """Write a new index file, in one transaction, and bring it to the disk. Raises OSError or sqlite3.Error."""
    rows: list[tuple[Any, ...]] = [
        (
            number,
            *map(_storable, (each.id, each.title, each.signature, each.source, each.text, each.name)),
            json.dumps(each.aliases),
        )
        for number, each in enumerate(passages)
    ]
    shown = [row[1:] for row in rows]
    about = {"fingerprint": fingerprint, "notices": json.dumps(list(notices)), "version": _digest(shown)[:16]}
    about[_DIGEST] = _digest([*sorted(about.items()), *shown])
    arrays = [(name, array.dtype.str, array.tobytes()) for name, array in lexical.arrays().items()]
    arrays.append((_VOCABULARY, "text", "\n".join(lexical.vocabulary).encode()))
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        for statement in filter(str.strip, _SCHEMA.split(";")):
            connection.execute(statement)
        connection.executemany("INSERT INTO about VALUES (?, ?)", about.items())
        connection.executemany("INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        connection.executemany(
            "INSERT INTO arrays VALUES (?, ?, ?, ?)",
            [(name, kind, blake2b(content, digest_size=32).digest(), content) for name, kind, content in arrays],
        )
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def format_of(file: Path) -> int:
    """The format of an index file. Raises IndexDamagedError where it is none, DataFolderError where it cannot be read."""
    try:
        with closing(_open(file)) as connection:
            (found,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as error:
        raise _meaning(file, error) from error
    if not isinstance(found, int) or found < 1:
        raise IndexDamagedError(file, "it is not an index")
    return found


def load(file: Path) -> Stored:
    """Read the file whole and verify it; less than 0.1 s for 8 000 passages.

    Raises IndexDamagedError where it is not what was written, NewerIndexError, DataFolderError where it cannot be read.
    """
    found = format_of(file)
    if found > FORMAT:
        raise NewerIndexError(file, found, FORMAT)
    try:
        with closing(_open(file)) as connection:
            about = dict(connection.execute("SELECT name, value FROM about"))
            rows: list[Row] = connection.execute(
                "SELECT id, title, signature, source, text, name, aliases FROM passages ORDER BY number"
            ).fetchall()
            saved = connection.execute("SELECT name, type, digest, content FROM arrays").fetchall()
    except sqlite3.Error as error:
        raise _meaning(file, error) from error
    try:
        if about.pop(_DIGEST) != _digest([*sorted(about.items()), *rows]):
            raise IndexDamagedError(file, "its passages are not those that were written")
        contents = {}
        for name, kind, digest, content in saved:
            if blake2b(content, digest_size=32).digest() != digest:
                raise IndexDamagedError(file, f"the array {name} is not the one that was written")
            contents[name] = (kind, content)
        vocabulary = contents.pop(_VOCABULARY)[1].decode().split("\n")
        arrays = {name: np.frombuffer(content, np.dtype(kind)) for name, (kind, content) in contents.items()}
        lexical = LexicalIndex(vocabulary, arrays)
        if len(lexical.priors) != len(rows):
            raise IndexDamagedError(file, "its arrays are not those of its passages")
        return Stored(rows, lexical, about["fingerprint"], about["version"], tuple(json.loads(about["notices"])))
    except (KeyError, TypeError, ValueError) as error:
        raise IndexDamagedError(file, f"a part is missing or of the wrong kind ({error})") from error


def migrate(file: Path, copy: Path, migrations: Mapping[int, Sequence[str]] = MIGRATIONS, to: int = FORMAT) -> None:
    """Bring an older index to the present format, in one transaction, after a copy of it.

    Raises IndexDamagedError where no way leads from its format to the present one; then there is no copy.
    """
    found = format_of(file)
    steps = [migrations.get(older) for older in range(found, to)]
    if None in steps:
        raise IndexDamagedError(file, f"nothing leads from its format {found} to format {to}")
    try:
        with closing(sqlite3.connect(file, isolation_level=None, timeout=_BUSY_SECONDS)) as connection:
            with closing(sqlite3.connect(copy)) as kept:
                connection.backup(kept)
            connection.execute("BEGIN IMMEDIATE")
            for step in steps:
                for statement in step or ():
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {int(to)}")
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise _meaning(file, error) from error


def _open(file: Path) -> sqlite3.Connection:
    """A connection for reading; where the folder is read-only and nothing waits in the write-ahead log, one that takes no locks."""
    if not file.exists():
        raise DataFolderError(file.parent, f"{file.name} is gone")
    address = file.absolute().as_uri()
    connection = sqlite3.connect(f"{address}?mode=rw", uri=True, timeout=_BUSY_SECONDS)
    try:
        connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as error:
        connection.close()
        log = file.with_name(f"{file.name}-wal")
        waiting = log.exists() and log.stat().st_size > 0
        if waiting or _primary(error) not in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}:
            raise
        return sqlite3.connect(f"{address}?mode=ro&immutable=1", uri=True, timeout=_BUSY_SECONDS)
    return connection


def _meaning(file: Path, error: sqlite3.Error) -> IndexDamagedError | DataFolderError:
    """What an error of SQLite says about the index: that it is damaged, or that the folder cannot be used."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    if code == sqlite3.SQLITE_IOERR_SHORT_READ or _primary(error) in _DAMAGED:
        return IndexDamagedError(file, str(error))
    return DataFolderError(file.parent, f"{file.name}: {error}")


def _primary(error: sqlite3.Error) -> int:
    """SQLite's primary result code: the lowest byte of the extended one."""
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF


def _digest(rows: Iterable[tuple[str, ...]]) -> str:
    # No field contains the separator: `_storable` saw to that.
    return blake2b("\0".join(chain.from_iterable(rows)).encode(), digest_size=32).hexdigest()


def _storable(text: str) -> str:
    """The text without what SQLite does not take or what parts fields: lone surrogates, NUL."""
    return text.replace("\0", "").encode(errors="replace").decode()

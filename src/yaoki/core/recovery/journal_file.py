"""The journal as a file: opened, brought up to date, set aside when it is damaged, and run by one process at a time (SPEC H3).

| what is found | what is done |
| --- | --- |
| nothing | a new journal |
| an older version | a copy beside it, then all steps to the present version in one transaction |
| a newer version | refused: ConfigurationError, and nothing is changed |
| damage | set aside under its name with the time; a new journal, with the operators' isolations that can still be read |

A write is on the disk when it returns (WAL, synchronous=FULL). Who runs holds a lock of the operating system, which ends with its
process; the others read in the journal who that is.
"""

from __future__ import annotations

import os

from yaoki.core.clock import clock
from yaoki.core.faults.errors import ConfigurationError, YaokiError
from yaoki.core.schema_version import upgrade, version_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

__all__ = ["RecoveryBusyError", "connect", "connect_to_read", "stamp", "take_lock"]

BUSY_SECONDS = 10.0
"""How long a statement waits while another process writes."""

SCHEMA: tuple[str, ...] = (
    """
    CREATE TABLE runs (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, strategy TEXT NOT NULL, started_at REAL NOT NULL, ended_at REAL,
        state TEXT NOT NULL, report TEXT
    );
    CREATE TABLE items (
        id INTEGER PRIMARY KEY, run TEXT NOT NULL, subject TEXT NOT NULL, tag TEXT NOT NULL, anomaly TEXT NOT NULL,
        attempt INTEGER NOT NULL, state TEXT NOT NULL, ended_at REAL, UNIQUE (run, subject, tag)
    );
    CREATE TABLE steps (
        id INTEGER PRIMARY KEY, run TEXT NOT NULL, subject TEXT NOT NULL, step TEXT NOT NULL, attempt INTEGER NOT NULL,
        state TEXT NOT NULL, started_at REAL NOT NULL, ended_at REAL, next_at REAL, fault TEXT, ticket TEXT,
        UNIQUE (run, subject, step)
    );
    CREATE TABLE isolations (
        subject TEXT PRIMARY KEY, by TEXT NOT NULL, reason TEXT NOT NULL, at REAL NOT NULL, category TEXT NOT NULL,
        command TEXT NOT NULL, attempts INTEGER NOT NULL, next_at REAL, fault TEXT, run TEXT NOT NULL, anomaly TEXT
    );
    CREATE TABLE holder (only INTEGER PRIMARY KEY CHECK (only = 1), who TEXT NOT NULL);
    CREATE INDEX open_items ON items (state) WHERE state = 'open'
    """,
)
"""What leads from each version to the next; the present version is their number."""

_TABLES = {"runs", "items", "steps", "isolations", "holder"}

_DAMAGED = (11, 26)
"""SQLITE_CORRUPT and SQLITE_NOTADB."""


class RecoveryBusyError(YaokiError):
    """Another process, or another loop of this one, recovers with this journal. `holder` says who, as far as is known."""

    kind = "recovery_busy"

    def __init__(self, journal: str, holder: str) -> None:
        super().__init__(journal, holder)
        self.journal = journal
        self.holder = holder

    def __str__(self) -> str:
        return f"{self.holder} recovers with the journal {self.journal}: try again when it has ended"


class _DamageError(Exception):
    pass


def connect(path: str | None, notes: list[str], guard: Callable[[], None] | None = None) -> sqlite3.Connection:
    """The journal, ready for use; `notes` gets what a person should know. Without a path it lives in memory.

    `guard` is called before a damaged one is set aside: it raises if somebody else may be using it. Raises ConfigurationError for a
    newer version, and `sqlite3.OperationalError` or OSError if the file cannot be opened or written.
    """
    import sqlite3

    if path is None:
        connection = _connect(":memory:")
        _bring_up_to_date(connection, None, notes)
        return connection
    try:
        return _open(path, notes)
    except (_DamageError, sqlite3.DatabaseError) as error:
        if not is_damage(error):
            raise
        if guard is not None:
            guard()
        aside, saved = _set_aside(path)
        connection = _open(path, notes)
        kept = _put_back(connection, saved)
        notes.append(f"the journal was damaged ({error}) and was set aside as {aside}; a new one was started{kept}")
        return connection


def connect_to_read(path: str) -> sqlite3.Connection | None:
    """The journal for reading alone; None if there is none, or none that can be read as it is."""
    import sqlite3
    from pathlib import Path

    if not Path(path).exists():
        return None
    try:
        connection = _connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True)
        try:
            if version_of(connection) != len(SCHEMA):
                connection.close()
                return None
            _check(connection)
        except BaseException:
            connection.close()
            raise
    except (_DamageError, sqlite3.Error):
        return None
    return connection


def is_damage(error: BaseException) -> bool:
    """Whether the error says that the file itself is damaged."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, _DamageError) or (isinstance(code, int) and code & 0xFF in _DAMAGED)


def take_lock(path: str) -> sqlite3.Connection | None:
    """Take the lock of the journal, which is held until the connection is closed or the process ends; None if it is taken.

    Raises ConfigurationError if the lock's file holds something else.
    """
    import sqlite3

    # An empty database whose exclusive transaction never ends: a lock that every platform releases with the process.
    lock = f"{path}.lock"
    connection = sqlite3.connect(lock, timeout=0.0, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.DatabaseError as error:
        connection.close()
        if is_damage(error):
            raise ConfigurationError(f"journal: {lock} is no lock of a journal; remove it") from error
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (5, 6):
            return None
        raise
    return connection


def stamp() -> str:
    """The wall time as a part of a name: 20261125T224501Z."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(clock.wall(), UTC).strftime("%Y%m%dT%H%M%SZ")


def _connect(target: str, *, uri: bool = False) -> sqlite3.Connection:
    import sqlite3

    return sqlite3.connect(target, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, uri=uri)


def _open(path: str, notes: list[str]) -> sqlite3.Connection:
    connection = _connect(path)
    try:
        _refuse_newer(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        _bring_up_to_date(connection, path, notes)
        _check(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection) -> None:
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise _DamageError(found)
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables >= _TABLES:
        raise _DamageError(f"tables are missing: {', '.join(sorted(_TABLES - tables))}")


def _refuse_newer(connection: sqlite3.Connection, path: str) -> None:
    found = version_of(connection)
    if found > len(SCHEMA):
        raise ConfigurationError(f"journal: {path} has version {found}, and this Yaoki knows versions up to {len(SCHEMA)} only")


def _bring_up_to_date(connection: sqlite3.Connection, path: str | None, notes: list[str]) -> None:
    newest = len(SCHEMA)
    found = version_of(connection)
    if found == newest:
        return
    if found and path is not None:
        copy = _free(f"{path}.version-{found}-{stamp()}")
        target = _connect(copy)
        try:
            connection.backup(target)
        finally:
            target.close()
        notes.append(f"the journal was brought from version {found} to {newest}; the former one is {copy}")
    upgrade(connection, SCHEMA)


_ISOLATION = "subject, by, reason, at, category, command, attempts, next_at, fault, run, anomaly"


def _set_aside(path: str) -> tuple[str, list[tuple[object, ...]]]:
    """Rename the journal; returns its new name, and the operators' isolations that could be read."""
    import sqlite3
    from pathlib import Path

    saved: list[tuple[object, ...]] = []
    try:
        connection = _connect(path)
        try:
            saved.extend(connection.execute(f"SELECT {_ISOLATION} FROM isolations WHERE by = 'operator'"))  # noqa: S608  # our own columns
        finally:
            connection.close()
    except sqlite3.Error:
        # It is damaged; what could be read is in the list.
        pass
    aside = _free(f"{path}.damaged-{stamp()}")
    for suffix in ("-wal", "-shm", ""):
        try:
            Path(f"{path}{suffix}").replace(f"{aside}{suffix}")
        except FileNotFoundError:
            continue
    return aside, saved


def _put_back(connection: sqlite3.Connection, saved: list[tuple[object, ...]]) -> str:
    places = ", ".join("?" * len(_ISOLATION.split(", ")))
    connection.executemany(f"INSERT OR IGNORE INTO isolations ({_ISOLATION}) VALUES ({places})", saved)  # noqa: S608  # our own columns
    return f" with {len(saved)} isolations of operators" if saved else ""


def _free(name: str) -> str:
    """The name, or the first numbered one that no file has."""
    free, number = name, 1
    while os.path.lexists(free):
        number += 1
        free = f"{name}-{number}"
    return free

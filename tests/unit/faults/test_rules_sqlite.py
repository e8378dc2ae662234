"""sqlite3, provoked for real (SPEC F3, D7)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.faults.verdicts import (
    CALLER,
    DEPENDENCY,
    FATAL,
    LOCAL,
    RECOVERABLE,
    SEVERE,
    THE_CALLERS,
    TRANSIENT,
    raised_by,
    says,
)
from yaoki.core.faults.category import Category
from yaoki.core.faults.classifier import classify


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "data.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (x INTEGER PRIMARY KEY)")
        connection.execute("INSERT INTO t VALUES (1)")
    connection.close()
    return path


def on(path: Path, statement: str) -> Callable[[], object]:
    def execute() -> None:
        connection = sqlite3.connect(path, timeout=0)
        try:
            connection.execute(statement)
        finally:
            connection.close()

    return execute


def test_a_locked_database_is_free_in_a_moment(database: Path) -> None:
    """SPEC F3, D7: SQLITE_BUSY."""
    holder = sqlite3.connect(database, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        error = raised_by(on(database, "INSERT INTO t VALUES (2)"))
    finally:
        holder.close()
    fault = classify(error)

    assert says(error) == (Category.CAPACITY, TRANSIENT, DEPENDENCY)
    assert (fault.error_type, fault.code, fault.context) == ("OperationalError", 5, {"sqlite": "SQLITE_BUSY"})


@pytest.mark.parametrize("statement", ["SELEC 1", "SELECT * FROM absent"])
def test_wrong_sql_is_the_callers(database: Path, statement: str) -> None:
    """SPEC F3: the same class as a locked database; the engine's code tells them apart."""
    assert says(raised_by(on(database, statement))) == THE_CALLERS


def test_a_violated_constraint_is_a_conflict(database: Path) -> None:
    """SPEC F3: IntegrityError, with the extended code."""
    error = raised_by(on(database, "INSERT INTO t VALUES (1)"))

    assert says(error) == (Category.STATE, FATAL, CALLER)
    assert classify(error).context == {"sqlite": "SQLITE_CONSTRAINT_PRIMARYKEY"}


def test_a_file_that_is_no_database_is_damaged_data(tmp_path: Path) -> None:
    """SPEC F3: NOTADB and CORRUPT."""
    path = tmp_path / "garbage.sqlite"
    path.write_bytes(b"this is no database, " * 100)

    assert says(raised_by(on(path, "SELECT * FROM t"))) == (Category.DATA, FATAL, DEPENDENCY)


def test_a_full_database_is_our_own_hosts(database: Path) -> None:
    """SPEC F3: SQLITE_FULL."""

    def fill() -> None:
        connection = sqlite3.connect(database)
        try:
            connection.execute("PRAGMA max_page_count = 2")
            connection.executemany("INSERT INTO t VALUES (?)", ((number,) for number in range(10, 100_000)))
        finally:
            connection.close()

    assert says(raised_by(fill)) == (Category.CAPACITY, SEVERE, LOCAL)


def test_a_closed_connection_is_a_bug(database: Path) -> None:
    """SPEC F3: ProgrammingError comes from the module, without a code."""
    connection = sqlite3.connect(database)
    connection.close()

    assert says(raised_by(lambda: connection.execute("SELECT 1"))) == THE_CALLERS


def test_a_database_error_without_a_code_is_unknown() -> None:
    """SPEC F3: raised by hand, or by an older module."""
    assert says(sqlite3.OperationalError("x")) == (Category.SYSTEM, RECOVERABLE, DEPENDENCY)
    assert says(sqlite3.IntegrityError("x")) == (Category.STATE, FATAL, CALLER)

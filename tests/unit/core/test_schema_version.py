"""An SQLite file comes to the newest version whole, or stays as it is."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from yaoki.core.schema_version import upgrade, version_of

STEPS = ("CREATE TABLE a (x); INSERT INTO a VALUES (1)", "ALTER TABLE a ADD COLUMN y")


def test_h3_every_step_from_the_present_version_is_taken() -> None:
    """SPEC H3, W1: from nothing, from the version before, and not once more from the newest."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        upgrade(connection, STEPS[:1])
        assert version_of(connection) == 1
        upgrade(connection, STEPS)
        upgrade(connection, STEPS)

        assert version_of(connection) == 2
        assert connection.execute("SELECT x, y FROM a").fetchall() == [(1, None)]


def test_h3_a_step_that_fails_changes_nothing() -> None:
    """SPEC H3, W1: the file keeps its version and its tables."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        upgrade(connection, STEPS[:1])

        with pytest.raises(sqlite3.OperationalError):
            upgrade(connection, (*STEPS, "DROP TABLE nothing"))

        assert version_of(connection) == 1
        assert connection.execute("SELECT * FROM a").fetchall() == [(1,)]

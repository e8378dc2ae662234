"""The version of an SQLite file, which stands in its `user_version`, and the steps that lead from each version to the next.

`steps[n]` holds the statements, parted by semicolons, that lead from version n to version n + 1; none may hold a semicolon inside.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

__all__ = ["upgrade", "version_of"]


def version_of(connection: sqlite3.Connection) -> int:
    """The version of the file, 0 for an empty one. Raises sqlite3.Error."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def upgrade(connection: sqlite3.Connection, steps: Sequence[str]) -> None:
    """Bring the file to the newest version, in one transaction; nothing happens if another process was faster.

    `connection` must begin no transactions by itself (`isolation_level=None`). Raises sqlite3.Error; then nothing is changed.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statements in steps[version_of(connection) :]:
            for statement in statements.split(";"):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(steps)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise

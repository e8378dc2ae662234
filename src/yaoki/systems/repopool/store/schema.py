"""The tables of the pools' state, and how a file comes to their present version (SPEC W1).

| what is found | what is done |
| --- | --- |
| nothing | the tables are made |
| an older version | a copy beside it, then all steps to the present version in one transaction |
| a newer version | refused, and nothing is changed |
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from yaoki.core.schema_version import upgrade, version_of
from yaoki.systems.repopool.errors import PoolManagerError
from yaoki.systems.repopool.times import utc_now

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

__all__ = ["SCHEMA", "bring_up_to_date"]

SCHEMA: tuple[str, ...] = (
    """
    CREATE TABLE pools (
        name TEXT PRIMARY KEY, address TEXT NOT NULL, num_slots INTEGER NOT NULL, created_at REAL NOT NULL,
        updated_at REAL NOT NULL, metadata TEXT NOT NULL DEFAULT '{}', highest_fence INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE slots (
        id TEXT PRIMARY KEY, repo TEXT NOT NULL REFERENCES pools (name), number INTEGER NOT NULL, state TEXT NOT NULL,
        fence INTEGER NOT NULL, needs_cleaning INTEGER NOT NULL DEFAULT 0,
        allocation_count INTEGER NOT NULL DEFAULT 0, total_usage_seconds REAL NOT NULL DEFAULT 0.0,
        last_allocated_at REAL, last_released_at REAL, branch TEXT, commit_id TEXT, metadata TEXT NOT NULL DEFAULT '{}',
        created_at REAL NOT NULL, updated_at REAL NOT NULL,
        holder TEXT, host TEXT, boot TEXT, namespace TEXT, pid INTEGER, pid_started TEXT,
        lease_since REAL, lease_since_monotonic REAL, heartbeat_at REAL, lease_until REAL, durable INTEGER,
        isolated_by TEXT, isolated_at REAL, isolation_reason TEXT, isolation_class TEXT, suggested_command TEXT,
        UNIQUE (repo, number)
    );
    CREATE INDEX free_slots ON slots (repo, last_released_at) WHERE state = 'available';
    CREATE TABLE tickets (
        number INTEGER PRIMARY KEY AUTOINCREMENT, repo TEXT NOT NULL, host TEXT NOT NULL, boot TEXT NOT NULL,
        namespace TEXT NOT NULL, pid INTEGER NOT NULL, pid_started TEXT NOT NULL, until REAL NOT NULL
    );
    CREATE INDEX queue ON tickets (repo, number);
    CREATE TABLE counters (repo TEXT NOT NULL, name TEXT NOT NULL, value REAL NOT NULL, PRIMARY KEY (repo, name)) WITHOUT ROWID
    """,
    """
    CREATE TABLE removed_slots (
        id TEXT PRIMARY KEY,
        holder TEXT, host TEXT, boot TEXT, namespace TEXT, pid INTEGER, pid_started TEXT,
        lease_since REAL, lease_since_monotonic REAL, heartbeat_at REAL, lease_until REAL, durable INTEGER
    ) WITHOUT ROWID
    """,
)
"""What leads from each version to the next; the present version is their number."""


def bring_up_to_date(connection: sqlite3.Connection, file: Path) -> None:
    """Make the tables, or bring them to the present version. Raises PoolManagerError for a newer one."""
    newest = len(SCHEMA)
    found = version_of(connection)
    if found == newest:
        return
    if found > newest:
        raise PoolManagerError(
            f"{file} has version {found}, and this Yaoki knows versions up to {newest}",
            way_out="use the newer Yaoki, or name another workspaces_dir",
        )
    if found:
        _copy(connection, file.with_name(f"{file.name}.version-{found}-{utc_now():%Y%m%dT%H%M%SZ}"))
    upgrade(connection, SCHEMA)


def _copy(connection: sqlite3.Connection, target: Path) -> None:
    import sqlite3

    copy = sqlite3.connect(target)
    try:
        connection.backup(copy)
    finally:
        copy.close()

"""Connections to the SQLite file of the pools' state: a few open ones, for any thread, and none that crosses a fork."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from yaoki.core.fork import renew_after_fork
from yaoki.systems.repopool.errors import PoolManagerError
from yaoki.systems.repopool.store.file_system import network_file_system
from yaoki.systems.repopool.store.reserve import Reserve
from yaoki.systems.repopool.store.schema import bring_up_to_date

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Connections"]

BUSY_SECONDS = 30.0
"""How long a statement waits while another process writes."""

LOG_PAGES = 256

KEPT = 4
"""Idle connections that stay open."""

_abandoned: list[list[sqlite3.Connection]] = []
"""What a forked child has inherited: to close it there would disturb the parent's."""


class Connections:
    """Connections to `file`. Each is used by one thread at a time."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._reserve = Reserve(file.with_name("pool.reserve"))
        self._idle: list[sqlite3.Connection] = []
        renew_after_fork(self)

    def renew(self) -> None:
        """Start anew, in a forked child."""
        _abandoned.append(self._idle)
        self._idle = []

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction that writes; undone if the block raises. Raises PoolManagerError if the file cannot be used."""
        self._reserve.spend()
        with self._borrowed() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One look, consistent in itself. Raises PoolManagerError if the file cannot be used."""
        with self._borrowed() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("COMMIT")

    def close(self) -> None:
        """Close the idle ones."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def _borrowed(self) -> Iterator[sqlite3.Connection]:
        idle = self._idle
        try:
            connection = idle.pop()
        except IndexError:
            connection = self._opened()
        try:
            yield connection
        except sqlite3.Error as error:
            connection.close()
            raise self._unusable(error) from error
        finally:
            self._give_back(idle, connection)

    def _give_back(self, idle: list[sqlite3.Connection], connection: sqlite3.Connection) -> None:
        if idle is not self._idle:
            # A fork in the block has given the child a list of its own.
            _abandoned.append([connection])
        elif len(idle) < KEPT and _is_open(connection):
            idle.append(connection)
        else:
            connection.close()

    def _opened(self) -> sqlite3.Connection:
        try:
            return self._open()
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _unusable(self, error: sqlite3.Error) -> PoolManagerError:
        return PoolManagerError(f"the state of the pools, {self.file}, cannot be used: {error}", way_out=_way_out(error))

    def _open(self) -> sqlite3.Connection:
        kind = network_file_system(self.file.parent)
        if kind is not None:
            raise PoolManagerError(
                f"{self.file.parent} is on a network file system ({kind}), where two hosts could hold one slot",
                way_out="name a workspaces_dir on a local disk",
            )
        connection = sqlite3.connect(self.file, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            # A power cut may lose the last changes. It also ends every holder, and the next boot has another id.
            connection.execute("PRAGMA synchronous = NORMAL")
            # The log is written over before it is larger than the reserve.
            connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
            bring_up_to_date(connection, self.file)
            self._reserve.fill()
        except BaseException:
            connection.close()
            raise
        return connection


def _is_open(connection: sqlite3.Connection) -> bool:
    try:
        return not connection.in_transaction
    except sqlite3.ProgrammingError:
        return False


def _way_out(error: sqlite3.Error) -> str:
    damaged = "move it away, then create_pool() again: slots and the work in them stay, isolated"
    folder = "make its folder readable and writable"
    return {
        sqlite3.SQLITE_CORRUPT: damaged,
        sqlite3.SQLITE_NOTADB: damaged,
        sqlite3.SQLITE_CANTOPEN: folder,
        sqlite3.SQLITE_READONLY: folder,
        sqlite3.SQLITE_FULL: "free some disk space",
    }.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, "")

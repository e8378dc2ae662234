"""The state of the pools in one SQLite file, for all processes of one host (SPEC W1)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from yaoki.core.clock import clock
from yaoki.systems.repopool.leases.process import ProcessIdentity
from yaoki.systems.repopool.models import Pool, SlotState
from yaoki.systems.repopool.names import slot_id_of
from yaoki.systems.repopool.store.connections import Connections
from yaoki.systems.repopool.store.port import Ticket
from yaoki.systems.repopool.store.refusals import no_pool, no_slot, stale_lease
from yaoki.systems.repopool.store.rows import LEASE, MENDED, SLOT, lease_of, lease_values, metadata_of, slot_of
from yaoki.systems.repopool.times import moment

if TYPE_CHECKING:
    import os
    import sqlite3
    from collections.abc import Mapping

    from yaoki.systems.repopool.models import Lease, Slot, SlotIsolation
    from yaoki.systems.repopool.store.port import Occasion

__all__ = ["SqliteStore"]

_SELECT = f"SELECT {SLOT} FROM slots JOIN pools ON pools.name = slots.repo"  # noqa: S608  # our own columns
_WAITING = "SELECT count(*) FROM tickets WHERE repo = ? AND until > ? AND (? IS NULL OR number < ?)"
_TAKE = ", ".join(f"{column} = ?" for column in LEASE)
_NO_LEASE = ", ".join(f"{column} = NULL" for column in LEASE)
_NO_ISOLATION = (
    "isolated_by = NULL, isolated_at = NULL, isolation_reason = NULL, isolation_class = NULL, suggested_command = NULL"
)
_ISOLATION = "isolated_by = ?, isolated_at = ?, isolation_reason = ?, isolation_class = ?, suggested_command = ?"


class SqliteStore:
    """The pools of the folder `workspaces`, in its `pool.db`."""

    def __init__(self, workspaces: str | os.PathLike[str]) -> None:
        self._workspaces = Path(workspaces)
        self._connections = Connections(self._workspaces / "pool.db")

    @property
    def file(self) -> Path:
        """The file that all is in."""
        return self._connections.file

    def close(self) -> None:
        self._connections.close()

    # --- pools --------------------------------------------------------------------------------------------------------------

    def add_pool(self, name: str, address: str, num_slots: int) -> bool:
        now = clock.wall()
        with self._connections.writing() as connection:
            added = connection.execute(
                "INSERT INTO pools (name, address, num_slots, created_at, updated_at) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (name) DO NOTHING",
                (name, address, num_slots, now, now),
            )
            return added.rowcount == 1

    def set_num_slots(self, name: str, num_slots: int) -> None:
        with self._connections.writing() as connection:
            connection.execute("UPDATE pools SET num_slots = ?, updated_at = ? WHERE name = ?", (num_slots, clock.wall(), name))

    def remove_pool(self, name: str) -> None:
        with self._connections.writing() as connection:
            connection.execute("DELETE FROM pools WHERE name = ? AND name NOT IN (SELECT repo FROM slots)", (name,))

    def pool(self, name: str) -> Pool | None:
        with self._connections.reading() as connection:
            row = connection.execute(
                "SELECT name, address, num_slots, created_at, updated_at, metadata FROM pools WHERE name = ?", (name,)
            ).fetchone()
            if row is None:
                return None
            slots = connection.execute(f"{_SELECT} WHERE repo = ? ORDER BY number", (name,)).fetchall()
        repo, address, num_slots, created_at, updated_at, metadata = row
        return Pool(
            repo_name=repo,
            repo_url=address,
            num_slots=num_slots,
            slots=[slot_of(self._workspaces, each) for each in slots],
            created_at=moment(created_at),
            updated_at=moment(updated_at),
            metadata=metadata_of(metadata)[0],
        )

    def pool_names(self) -> list[str]:
        with self._connections.reading() as connection:
            return [name for (name,) in connection.execute("SELECT name FROM pools ORDER BY name")]

    # --- slots --------------------------------------------------------------------------------------------------------------

    def slot(self, slot_id: str) -> Slot | None:
        with self._connections.reading() as connection:
            row = connection.execute(f"{_SELECT} WHERE id = ?", (slot_id,)).fetchone()
        return None if row is None else slot_of(self._workspaces, row)

    def slots(self, repo_name: str | None = None) -> list[Slot]:
        with self._connections.reading() as connection:
            rows = connection.execute(
                f"{_SELECT} WHERE ? IS NULL OR repo = ? ORDER BY repo, number", (repo_name, repo_name)
            ).fetchall()
        return [slot_of(self._workspaces, row) for row in rows]

    def add_slot(self, repo_name: str, lease: Lease) -> Slot:
        now = clock.wall()
        with self._connections.writing() as connection:
            row = connection.execute("SELECT highest_fence FROM pools WHERE name = ?", (repo_name,)).fetchone()
            if row is None:
                raise no_pool(repo_name)
            # Above all fences of a former slot with this number, also of one whose row is lost: its holder may still live.
            fence = max(row[0], int(now * 1000.0)) + 1
            taken = {number for (number,) in connection.execute("SELECT number FROM slots WHERE repo = ?", (repo_name,))}
            number = next(number for number in range(1, len(taken) + 2) if number not in taken)
            slot_id = slot_id_of(repo_name, number)
            connection.execute(
                f"INSERT INTO slots (id, repo, number, state, fence, created_at, updated_at, {', '.join(LEASE)})"  # noqa: S608  # our own columns
                f" VALUES (?, ?, ?, 'cleaning', ?, ?, ?{', ?' * len(LEASE)})",
                (slot_id, repo_name, number, fence, now, now, *lease_values(lease)),
            )
            return self._read(connection, slot_id)

    def remove_slot(self, slot_id: str, fence: int, *, former: Lease | None = None) -> None:
        with self._connections.writing() as connection:
            connection.execute(
                "UPDATE pools SET highest_fence = max(highest_fence, ?) WHERE name = (SELECT repo FROM slots WHERE id = ?)",
                (fence, slot_id),
            )
            gone = connection.execute("DELETE FROM slots WHERE id = ? AND fence = ?", (slot_id, fence))
            self._check(connection, slot_id, gone)
            if former is not None:
                connection.execute(
                    f"INSERT OR REPLACE INTO removed_slots (id, {', '.join(LEASE)}) VALUES (?{', ?' * len(LEASE)})",  # noqa: S608  # our own columns
                    (slot_id, *lease_values(former)),
                )

    def lease_before_removal(self, slot_id: str) -> Lease | None:
        with self._connections.reading() as connection:
            row = connection.execute(f"SELECT {', '.join(LEASE)} FROM removed_slots WHERE id = ?", (slot_id,)).fetchone()  # noqa: S608  # our own columns
        return None if row is None else lease_of(dict(zip(LEASE, row, strict=True)), 0.0)

    # --- transitions --------------------------------------------------------------------------------------------------------

    def take_free(self, repo_name: str, lease: Lease, occasion: Occasion) -> Slot | None:
        now = clock.wall()
        before = occasion.ticket
        with self._connections.writing() as connection:
            if connection.execute("SELECT 1 FROM pools WHERE name = ?", (repo_name,)).fetchone() is None:
                raise no_pool(repo_name)
            waiting: int = connection.execute(_WAITING, (repo_name, now, before, before)).fetchone()[0]
            rows = connection.execute(
                "SELECT id, fence FROM slots WHERE repo = ? AND state = 'available' ORDER BY last_released_at", (repo_name,)
            ).fetchall()
            free = [(slot_id, fence) for slot_id, fence in rows if slot_id not in occasion.without]
            if len(free) <= waiting:
                return None
            slot_id, fence = free[0]
            taken = self._take(connection, slot_id, fence, lease, used=0.0)
            if before is not None:
                connection.execute("DELETE FROM tickets WHERE number = ?", (before,))
            return taken

    def take(self, slot_id: str, fence: int, lease: Lease, *, used: float = 0.0) -> Slot:
        with self._connections.writing() as connection:
            return self._take(connection, slot_id, fence, lease, used=used)

    def _take(self, connection: sqlite3.Connection, slot_id: str, fence: int, lease: Lease, *, used: float) -> Slot:
        changed = connection.execute(
            "UPDATE slots SET state = 'cleaning', fence = fence + 1, total_usage_seconds = total_usage_seconds + ?,"  # noqa: S608  # our own columns
            " needs_cleaning = CASE WHEN state = 'available' THEN needs_cleaning ELSE 1 END,"
            f" updated_at = ?, {_TAKE} WHERE id = ? AND fence = ?",
            (used, clock.wall(), *lease_values(lease), slot_id, fence),
        )
        self._check(connection, slot_id, changed)
        return self._read(connection, slot_id)

    def allocate(
        self, slot_id: str, fence: int, lease: Lease, *, branch: str | None, commit: str | None, metadata: Mapping[str, object]
    ) -> Slot:
        now = clock.wall()
        with self._connections.writing() as connection:
            changed = connection.execute(
                "UPDATE slots SET state = 'allocated', fence = fence + 1, allocation_count = allocation_count + 1,"  # noqa: S608  # our own columns
                " needs_cleaning = 1, last_allocated_at = ?, branch = ?, commit_id = ?, metadata = ?, updated_at = ?,"
                f" {_TAKE} WHERE id = ? AND fence = ? AND state = 'cleaning'",
                (now, branch, commit, json.dumps(dict(metadata)), now, *lease_values(lease), slot_id, fence),
            )
            self._check(connection, slot_id, changed)
            return self._read(connection, slot_id)

    def offer(
        self,
        slot_id: str,
        fence: int,
        *,
        branch: str | None = None,
        commit: str | None = None,
        needs_cleaning: bool = False,
        recovered: bool = False,
    ) -> Slot:
        now = clock.wall()
        with self._connections.writing() as connection:
            changed = connection.execute(
                "UPDATE slots SET state = CASE WHEN isolated_at IS NULL OR ? THEN 'available' ELSE 'error' END,"  # noqa: S608  # our own columns
                " fence = fence + 1, needs_cleaning = ?, last_released_at = ?, branch = ?, commit_id = ?, metadata = '{}',"
                f" updated_at = ?, {_NO_LEASE} WHERE id = ? AND fence = ? AND state = 'cleaning'",
                (recovered, needs_cleaning, now, branch, commit, now, slot_id, fence),
            )
            self._check(connection, slot_id, changed)
            if recovered:
                connection.execute(f"UPDATE slots SET {_NO_ISOLATION} WHERE id = ?", (slot_id,))  # noqa: S608  # our own columns
            offered = self._read(connection, slot_id)
            if not recovered and offered.state is not SlotState.ERROR:
                return offered
            connection.execute(f"UPDATE slots SET {MENDED} WHERE id = ?", (slot_id,))  # noqa: S608  # our own columns
            return self._read(connection, slot_id)

    def isolate(self, slot_id: str, fence: int, isolation: SlotIsolation) -> Slot:
        with self._connections.writing() as connection:
            changed = connection.execute(
                f"UPDATE slots SET state = 'error', fence = fence + 1, updated_at = ?, {_ISOLATION}, {_NO_LEASE}"  # noqa: S608  # our own columns
                " WHERE id = ? AND fence = ? AND state <> 'allocated'",
                (clock.wall(), *_isolation_values(isolation), slot_id, fence),
            )
            self._check(connection, slot_id, changed)
            return self._read(connection, slot_id)

    def isolate_later(self, slot_id: str, fence: int, isolation: SlotIsolation) -> Slot:
        with self._connections.writing() as connection:
            changed = connection.execute(
                f"UPDATE slots SET updated_at = ?, {_ISOLATION} WHERE id = ? AND fence = ?",  # noqa: S608  # our own columns
                (clock.wall(), *_isolation_values(isolation), slot_id, fence),
            )
            self._check(connection, slot_id, changed)
            return self._read(connection, slot_id)

    def heartbeat(self, slot_id: str, fence: int, *, until: float | None) -> None:
        with self._connections.writing() as connection:
            changed = connection.execute(
                "UPDATE slots SET heartbeat_at = ?, lease_until = ? WHERE id = ? AND fence = ?",
                (clock.wall(), until, slot_id, fence),
            )
            self._check(connection, slot_id, changed)

    def _read(self, connection: sqlite3.Connection, slot_id: str) -> Slot:
        return slot_of(self._workspaces, connection.execute(f"{_SELECT} WHERE id = ?", (slot_id,)).fetchone())

    def _check(self, connection: sqlite3.Connection, slot_id: str, changed: sqlite3.Cursor) -> None:
        if changed.rowcount:
            return
        row = connection.execute("SELECT state, holder FROM slots WHERE id = ?", (slot_id,)).fetchone()
        if row is None:
            raise no_slot(slot_id)
        state, holder = row
        raise stale_lease(slot_id, _whose(state, holder))

    # --- the queue ----------------------------------------------------------------------------------------------------------

    def take_ticket(self, repo_name: str, process: ProcessIdentity, until: float) -> int:
        with self._connections.writing() as connection:
            connection.execute("DELETE FROM tickets WHERE until <= ?", (clock.wall(),))
            added = connection.execute(
                "INSERT INTO tickets (repo, host, boot, namespace, pid, pid_started, until) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (repo_name, process.host, process.boot, process.namespace, process.pid, process.started, until),
            )
            number = added.lastrowid
            assert number is not None
            return number

    def drop_ticket(self, number: int) -> None:
        with self._connections.writing() as connection:
            connection.execute("DELETE FROM tickets WHERE number = ?", (number,))

    def place(self, repo_name: str, ticket: int | None) -> tuple[int, int]:
        with self._connections.reading() as connection:
            waiting: int = connection.execute(_WAITING, (repo_name, clock.wall(), ticket, ticket)).fetchone()[0]
            free: int = connection.execute(
                "SELECT count(*) FROM slots WHERE repo = ? AND state = 'available'", (repo_name,)
            ).fetchone()[0]
        return waiting, free

    def tickets(self, repo_name: str) -> list[Ticket]:
        with self._connections.reading() as connection:
            rows = connection.execute(
                "SELECT number, repo, until, host, boot, namespace, pid, pid_started FROM tickets"
                " WHERE repo = ? AND until > ? ORDER BY number",
                (repo_name, clock.wall()),
            ).fetchall()
        return [Ticket(number, repo, ProcessIdentity(*process), until) for number, repo, until, *process in rows]

    # --- counters -----------------------------------------------------------------------------------------------------------

    def count(self, repo_name: str, **amounts: float) -> None:
        with self._connections.writing() as connection:
            connection.executemany(
                "INSERT INTO counters (repo, name, value) VALUES (?, ?, ?)"
                " ON CONFLICT (repo, name) DO UPDATE SET value = value + excluded.value",
                [(repo_name, name, amount) for name, amount in amounts.items()],
            )

    def counts(self, repo_name: str) -> dict[str, float]:
        with self._connections.reading() as connection:
            return dict(connection.execute("SELECT name, value FROM counters WHERE repo = ?", (repo_name,)).fetchall())

    def clear_counts(self, repo_name: str | None = None) -> None:
        with self._connections.writing() as connection:
            connection.execute("DELETE FROM counters WHERE ? IS NULL OR repo = ?", (repo_name, repo_name))


def _isolation_values(isolation: SlotIsolation) -> tuple[object, ...]:
    return isolation.by, isolation.at, isolation.reason, isolation.category, isolation.command


def _whose(state: str, holder: str | None) -> str:
    if state == SlotState.ALLOCATED.value:
        return f"it is held by {holder}"
    if state == SlotState.CLEANING.value:
        return f"{holder} works on it"
    return "nobody holds it"

"""The journal: every step of a recovery, before it begins and after it ends, so that a killed process is continued (SPEC H3).

    run       one recovery: running -> ended | stopped; one that still runs while nobody holds the lock was killed
    item      one anomaly in a run: open -> repaired | isolated | ...
    step      (run, subject, step) is the idempotency key: started -> done | failed | left; started again if it was interrupted
    isolation one subject that is kept out of use, the failed attempts, and when the next may be made

Times are wall-clock seconds since 1970, since they outlive the process.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager

from yaoki.core.clock import clock
from yaoki.core.recovery.anomaly import Anomaly
from yaoki.core.recovery.journal_file import RecoveryBusyError, connect, connect_to_read, stamp, take_lock
from yaoki.core.recovery.report import Isolation

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping
    from typing import Any

__all__ = ["Item", "Journal", "RecoveryBusyError", "Step"]

KEPT_SECONDS = 90 * 86400.0
"""How long ended runs and their steps stay in the journal."""

_abandoned: list[object] = []
"""Connections that a forked child has inherited: closing them there would disturb the parent's."""


class Item:
    """One anomaly in one run. `attempt`: which recovery of the subject this is, from 1 on. `tag`: the kind, and the pass.

    `verify_first`: it may be well already.
    """

    __slots__ = ("anomaly", "attempt", "run", "tag", "verify_first")

    def __init__(self, run: str, tag: str, anomaly: Anomaly, attempt: int, *, verify_first: bool = False) -> None:
        self.run: str = run
        self.tag: str = tag
        self.anomaly: Anomaly = anomaly
        self.attempt: int = attempt
        self.verify_first: bool = verify_first


class Step:
    """What the journal knows about a step. `state`: started, done, failed or left; `attempt`: how often it was started."""

    __slots__ = ("attempt", "state", "ticket")

    def __init__(self, state: str, attempt: int, ticket: str | None) -> None:
        self.state: str = state
        self.attempt: int = attempt
        self.ticket: str | None = ticket


class Journal:
    """The journal at `path`, or in memory. Safe for threads; each method is one transaction."""

    __slots__ = ("_connection", "_gate", "_lock", "_users", "path")

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self.path: str | None = None if path is None else os.fspath(path)
        self.renew()

    def renew(self) -> None:
        """Start anew, in a forked child: the connections belong to the parent."""
        _abandoned.extend((getattr(self, "_connection", None), getattr(self, "_lock", None)))
        self._gate = threading.RLock()
        self._connection: sqlite3.Connection | None = None  # guarded by _gate, as are the others
        self._lock: sqlite3.Connection | None = None
        self._users = 0

    # --- opening ------------------------------------------------------------------------------------------------------------

    @contextmanager
    def session(self, notes: list[str]) -> Iterator[None]:
        """Keep the journal open in the block. Raises what `connect` raises."""
        with self._gate:
            if self._connection is None:
                self._connection = connect(self.path, notes, self._guard_locked)
            self._users += 1
        try:
            yield
        finally:
            with self._gate:
                self._users -= 1
                # One in memory would be gone.
                if not self._users and self.path is not None and self._connection is not None:
                    self._connection.close()
                    self._connection = None

    @contextmanager
    def held(self, notes: list[str]) -> Iterator[None]:
        """Become the one that recovers, until `let_go`, and keep the journal open in the block. Raises RecoveryBusyError if somebody else
        is, and what `session` raises.
        """
        import json

        if self.path is not None:
            with self._gate:
                if self._lock is None:
                    self._lock = take_lock(self.path)
                if self._lock is None:
                    raise RecoveryBusyError(self.path, self._holder())
        me = {"pid": os.getpid(), "host": _host(), "since": clock.wall()}
        with self.session(notes):
            self._write("INSERT OR REPLACE INTO holder VALUES (1, ?)", json.dumps(me))
            yield

    def let_go(self) -> None:
        """Let others recover."""
        with self._gate:
            lock, self._lock = self._lock, None
            if lock is not None:
                lock.close()

    def _guard_locked(self) -> None:
        if self._lock is None and self.path is not None:
            lock = take_lock(self.path)
            if lock is None:
                raise RecoveryBusyError(self.path, "another process")
            lock.close()

    def _holder(self) -> str:
        import json
        import sqlite3

        connection = None if self.path is None else connect_to_read(self.path)
        if connection is None:
            return "another process"
        try:
            row = connection.execute("SELECT who FROM holder").fetchone()
            who = json.loads(row[0]) if row else {}
        except (sqlite3.Error, ValueError):
            who = {}
        finally:
            connection.close()
        if not who:
            return "another process"
        return f"process {who['pid']} on {who['host']}, since {max(0.0, clock.wall() - who['since']):.0f} s,"

    # --- runs and items -----------------------------------------------------------------------------------------------------

    def start_run(self, name: str, strategy: str) -> str:
        """Note that a recovery begins, and return its id."""
        import sqlite3

        while True:
            run = new_run()
            try:
                self._write(
                    *("INSERT INTO runs (id, name, strategy, started_at, state) VALUES (?, ?, ?, ?, 'running')", run),
                    *(name, strategy, clock.wall()),
                )
            except sqlite3.IntegrityError:
                # By chance another one of this second has the same id.
                continue
            return run

    def end_run(self, run: str, state: str, report: Mapping[str, object]) -> None:
        """Note that a recovery has ended; what is old is forgotten, unless it is not finished."""
        import json

        before = clock.wall() - KEPT_SECONDS
        with self._transaction() as connection:
            connection.execute(
                "UPDATE runs SET state = ?, ended_at = ?, report = ? WHERE id = ?",
                (state, clock.wall(), json.dumps(report), run),
            )
            connection.execute("UPDATE runs SET state = 'killed' WHERE state = 'running' AND id <> ?", (run,))
            connection.execute(
                "DELETE FROM runs WHERE started_at < ? AND id NOT IN (SELECT run FROM items WHERE state = 'open')", (before,)
            )
            connection.execute("DELETE FROM items WHERE state <> 'open' AND run NOT IN (SELECT id FROM runs)")
            connection.execute("DELETE FROM steps WHERE run NOT IN (SELECT id FROM runs)")

    def runs(self, limit: int = 20) -> list[dict[str, object]]:
        """The latest recoveries, newest first: id, name, strategy, started_at, ended_at, state, report."""
        import json

        columns = ("id", "name", "strategy", "started_at", "ended_at", "state", "report")
        rows = self._read(
            "SELECT id, name, strategy, started_at, ended_at, state, report FROM runs ORDER BY started_at DESC, id DESC LIMIT ?",
            limit,
        )
        return [{**dict(zip(columns, row, strict=True)), "report": row[-1] and json.loads(row[-1])} for row in rows]

    def open_item(self, item: Item) -> None:
        """Note that an anomaly is being dealt with."""
        import json

        self._write(
            "INSERT OR IGNORE INTO items (run, subject, tag, anomaly, attempt, state) VALUES (?, ?, ?, ?, ?, 'open')",
            *(item.run, item.anomaly.subject, item.tag, json.dumps(item.anomaly.to_dict()), item.attempt),
        )

    def close_item(self, item: Item, state: str) -> None:
        """Note what became of it."""
        self._write(
            "UPDATE items SET state = ?, ended_at = ? WHERE run = ? AND subject = ? AND tag = ?",
            *(state, clock.wall(), item.run, item.anomaly.subject, item.tag),
        )

    def unfinished(self) -> list[Item]:
        """What recoveries that did not end have left over, oldest first."""
        import json

        rows = self._read("SELECT run, tag, anomaly, attempt FROM items WHERE state = 'open' ORDER BY id")
        return [
            Item(run, tag, Anomaly.from_dict(json.loads(anomaly)), attempt, verify_first=True)
            for run, tag, anomaly, attempt in rows
        ]

    # --- steps --------------------------------------------------------------------------------------------------------------

    def step(self, item: Item, step: str) -> Step | None:
        """What is known about a step; None if it was never started."""
        rows = self._read(
            "SELECT state, attempt, ticket FROM steps WHERE run = ? AND subject = ? AND step = ?",
            *(item.run, item.anomaly.subject, step),
        )
        return Step(*rows[0]) if rows else None

    def was_touched(self, item: Item) -> bool:
        """Whether any step of the item was started."""
        tag = f"{item.tag}:"
        return bool(
            self._read(
                "SELECT 1 FROM steps WHERE run = ? AND subject = ? AND substr(step, 1, ?) = ? LIMIT 1",
                *(item.run, item.anomaly.subject, len(tag), tag),
            )
        )

    def begin(self, item: Item, step: str) -> int:
        """Note that a step begins; returns how often it has been started."""
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO steps (run, subject, step, attempt, state, started_at) VALUES (?, ?, ?, 1, 'started', ?)"
                " ON CONFLICT (run, subject, step) DO UPDATE SET attempt = attempt + 1, state = 'started',"
                " started_at = excluded.started_at, ended_at = NULL",
                (item.run, item.anomaly.subject, step, clock.wall()),
            )
            row = connection.execute(
                "SELECT attempt FROM steps WHERE run = ? AND subject = ? AND step = ?", (item.run, item.anomaly.subject, step)
            ).fetchone()
            attempt: int = row[0]
        return attempt

    def end(
        self,
        item: Item,
        step: str,
        state: str,
        *,
        fault: Mapping[str, object] | None = None,
        ticket: str | None = None,
        next_at: float | None = None,
    ) -> None:
        """Note how a step ended."""
        self._write(
            "UPDATE steps SET state = ?, ended_at = ?, fault = ?, ticket = ?, next_at = ?"
            " WHERE run = ? AND subject = ? AND step = ?",
            *(state, clock.wall(), _json(fault), ticket, next_at, item.run, item.anomaly.subject, step),
        )

    # --- isolations ---------------------------------------------------------------------------------------------------------

    def isolations(self) -> dict[str, Isolation]:
        """The isolated subjects."""
        rows = self._read(
            "SELECT subject, by, reason, at, category, command, attempts, next_at, fault, run, anomaly FROM isolations"
            " ORDER BY at, subject"
        )
        return {row[0]: _isolation(row) for row in rows}

    def isolate(self, isolation: Isolation) -> bool:
        """Keep a subject out of use. An operator's isolation is not overwritten by recovery's: False."""
        with self._transaction() as connection:
            row = connection.execute("SELECT by FROM isolations WHERE subject = ?", (isolation.subject,)).fetchone()
            if row is not None and row[0] == "operator" and not isolation.by_operator:
                return False
            anomaly = None if isolation.anomaly is None else isolation.anomaly.to_dict()
            connection.execute(
                "INSERT OR REPLACE INTO isolations (subject, by, reason, at, category, command, attempts, next_at, fault, run,"
                " anomaly) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(isolation.subject, isolation.by, isolation.reason, isolation.at, isolation.category, isolation.command),
                    *(isolation.attempts, isolation.next_at, _json(isolation.fault), isolation.run, _json(anomaly)),
                ),
            )
        return True

    def release(self, subject: str, *, operator: bool) -> bool:
        """End an isolation; one by an operator only for an operator. Whether the subject is not isolated now."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM isolations WHERE subject = ? AND (by <> 'operator' OR ?)", (subject, operator))
            return connection.execute("SELECT 1 FROM isolations WHERE subject = ?", (subject,)).fetchone() is None

    # --- a look from outside ------------------------------------------------------------------------------------------------

    def peek(self) -> tuple[dict[str, Isolation], list[Item]]:
        """Isolations and unfinished items without changing anything; a journal that cannot be read as it is counts as empty."""
        with self._gate:
            if self.path is None or self._connection is not None:
                return (self.isolations(), self.unfinished()) if self._connection is not None else ({}, [])
            connection = connect_to_read(self.path)
            if connection is None:
                return {}, []
            self._connection = connection
            try:
                return self.isolations(), self.unfinished()
            finally:
                self._connection = None
                connection.close()

    # --- SQL ----------------------------------------------------------------------------------------------------------------

    def _read(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._gate:
            assert self._connection is not None
            return self._connection.execute(statement, values).fetchall()

    def _write(self, statement: str, *values: Any) -> None:
        with self._transaction() as connection:
            connection.execute(statement, values)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._gate:
            connection = self._connection
            assert connection is not None
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise


def new_run() -> str:
    """An id for a recovery: its second, and a part by chance."""
    return f"{stamp()}-{int(clock.random() * 2**40):010x}"


def _isolation(row: tuple[Any, ...]) -> Isolation:
    import json

    subject, by, reason, at, category, command, attempts, next_at, fault, run, anomaly = row
    return Isolation(
        subject,
        by=by,
        reason=reason,
        at=at,
        category=category,
        command=command,
        attempts=attempts,
        next_at=next_at,
        fault=fault and json.loads(fault),
        run=run,
        anomaly=Anomaly.from_dict(json.loads(anomaly)) if anomaly else None,
    )


def _json(facts: Mapping[str, object] | None) -> str | None:
    import json

    # A fault's context may hold anything: its text is enough for a record.
    return None if facts is None else json.dumps(facts, default=str)


def _host() -> str:
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "this host")

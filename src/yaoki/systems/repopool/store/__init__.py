"""The state of the pools, behind a port: SQLite on one host; a store for pools that span hosts fits the same port (SPEC W1)."""

from __future__ import annotations

from yaoki.systems.repopool.store.port import Occasion, PoolStore, Ticket
from yaoki.systems.repopool.store.sqlite import SqliteStore

__all__ = ["Occasion", "PoolStore", "SqliteStore", "Ticket"]

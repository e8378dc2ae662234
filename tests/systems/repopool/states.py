"""Leases and slots for tests of the pool's state, without git."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from yaoki.core.clock import clock
from yaoki.systems.repopool.leases.lease import new_lease
from yaoki.systems.repopool.leases.process import ProcessIdentity, this_process
from yaoki.systems.repopool.models import Lease, Slot
from yaoki.systems.repopool.store import Occasion, SqliteStore

NO_SUCH_PID = 2**22 + 1
"""Above the highest number that Linux gives."""


def dead_process() -> ProcessIdentity:
    """A process of this host and boot that has ended."""
    return replace(this_process(), pid=NO_SUCH_PID, started="1")


def dead_lease(holder: str = "the dead") -> Lease:
    """The lease of a process that has ended."""
    return replace(new_lease(holder), process=dead_process())


def store_with(folder: Path, slots: int = 2) -> SqliteStore:
    """A store with one pool, `web`, whose slots are all on offer."""
    store = SqliteStore(folder)
    store.add_pool("web", "/repository", slots)
    for _ in range(slots):
        slot = store.add_slot("web", new_lease("builder"))
        store.offer(slot.slot_id, slot.fence, branch="main", commit="c0ffee")
    return store


def allocated(store: SqliteStore, lease: Lease | None = None, **metadata: object) -> Slot:
    """A slot of `web` that is allocated."""
    slot = store.take_free("web", new_lease("allocate"), Occasion())
    assert slot is not None
    return store.allocate(slot.slot_id, slot.fence, lease or new_lease(), branch="main", commit="c0ffee", metadata=metadata)


def hours_ago(lease: Lease, hours: float) -> Lease:
    """The lease, begun earlier."""
    seconds = 3600.0 * hours
    return replace(lease, since=clock.wall() - seconds, since_monotonic=clock.now() - seconds)

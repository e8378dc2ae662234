"""Leases in use: a thread that says so, and the block form (SPEC W4)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from yaoki.core.clock import clock
from yaoki.core.fork import renew_after_fork
from yaoki.core.parking import OnThread
from yaoki.systems.repopool.errors import ConfigValidationError, PoolManagerError, SlotNotFoundError, StaleLeaseError
from yaoki.systems.repopool.parameters import duration

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from yaoki.systems.repopool.models import Slot

__all__ = ["Heartbeats", "LeaseBlock"]


class Heartbeats:
    """Says of the leases that were given to it, every `interval` seconds, that they are in use.

    `beat` is called with the slot's id and fence. The daemon thread begins with the first lease and ends after the last one; in a
    forked child there is none, since the leases are the parent's.
    """

    def __init__(self, beat: Callable[[str, int], None], interval: Callable[[], float]) -> None:
        self._beat = beat
        self._interval = interval
        self.renew()
        renew_after_fork(self)

    def renew(self) -> None:
        """Start anew, in a forked child."""
        self._gate = threading.Lock()
        self._leases: dict[tuple[str, int], None] = {}  # guarded by _gate, as are the others
        self._parking: OnThread | None = None

    def add(self, slot: Slot) -> None:
        """Begin to say so."""
        with self._gate:
            self._leases[slot.slot_id, slot.fence] = None
            if self._parking is None:
                self._parking = OnThread()
                threading.Thread(target=self._run, args=(self._parking,), name="yaoki-pool-heartbeat", daemon=True).start()

    def remove(self, slot: Slot) -> None:
        """Say so no longer."""
        with self._gate:
            self._leases.pop((slot.slot_id, slot.fence), None)
            if not self._leases and self._parking is not None:
                self._parking.wake()
                self._parking = None

    def _run(self, parking: OnThread) -> None:
        while True:
            parking.park(clock.now() + self._interval())
            with self._gate:
                if self._parking is not parking:
                    return
                leases = list(self._leases)
            for lease in leases:
                self._beat_one(lease)

    def _beat_one(self, lease: tuple[str, int]) -> None:
        try:
            self._beat(*lease)
        except (StaleLeaseError, SlotNotFoundError):
            # Taken by force: its holder learns it when he calls.
            with self._gate:
                self._leases.pop(lease, None)
        except PoolManagerError:
            # The store is busy or full: the next beat may reach it. An owner that lives needs no heartbeat.
            return


def hangs_on_heartbeat(ttl: float | None, interval: float) -> bool:
    """Whether the lease of a block hangs on its heartbeat, and not on its process. `ttl`: seconds it lasts after the latest one.

    Raises ConfigValidationError for a `ttl` within which no heartbeat comes.
    """
    if ttl is None:
        return False
    if duration("ttl", ttl) <= interval:
        raise ConfigValidationError(f"ttl must be above heartbeat_interval, which is {interval:g} seconds", field="ttl")
    return True


class LeaseBlock:
    """`with manager.lease(repo) as slot`: allocated at the beginning, released at the end, kept alive in between.

    If the slot was taken by force meanwhile, the end raises StaleLeaseError, unless the block has raised something itself.
    """

    def __init__(self, allocate: Callable[[], Slot], heartbeats: Heartbeats) -> None:
        self._allocate = allocate
        self._heartbeats = heartbeats
        self._slot: Slot | None = None

    def __enter__(self) -> Slot:
        slot = self._allocate()
        self._slot = slot
        self._heartbeats.add(slot)
        return slot

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        slot, self._slot = self._slot, None
        assert slot is not None
        self._heartbeats.remove(slot)
        try:
            slot.release()
        except PoolManagerError as late:
            if error is None:
                raise
            error.add_note(f"and the slot could not be given back: {late}")

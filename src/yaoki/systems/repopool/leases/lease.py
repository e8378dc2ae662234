"""Leases: made, aged, and judged (SPEC W1, W3)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from yaoki.core.clock import clock
from yaoki.systems.repopool.errors import ConfigValidationError
from yaoki.systems.repopool.leases.liveness import Finding, Liveness, lease_liveness
from yaoki.systems.repopool.leases.process import this_process
from yaoki.systems.repopool.models import Lease, SlotState
from yaoki.systems.repopool.parameters import duration
from yaoki.systems.repopool.times import age

if TYPE_CHECKING:
    from yaoki.systems.repopool.models import Slot

__all__ = ["held_for", "is_mine", "is_readable", "new_lease", "owner_of", "said", "taken_for"]


def new_lease(holder: str | None = None, *, ttl: float | None = None, durable: bool = False) -> Lease:
    """A lease of this process that begins now. `holder`: a label for people; `durable`: it outlives the process.

    `ttl`: seconds for which a durable lease lasts without a heartbeat. Raises ConfigValidationError for another lease, since that of
    a process lasts as long as the process, and for what is no number of seconds.
    """
    if ttl is not None and not durable:
        raise ConfigValidationError(
            "ttl is for durable leases: this one ends with its process",
            field="ttl",
            way_out="say durable=True, or leave ttl out",
        )
    if holder is not None and not isinstance(holder, str):
        raise ConfigValidationError(f"holder must be a text, not {holder!r}", field="holder")
    process = this_process()
    now = clock.wall()
    return Lease(
        holder=holder or f"process {process.pid}",
        process=None if durable else process,
        since=now,
        since_monotonic=clock.now(),
        heartbeat_at=now,
        until=None if ttl is None else now + duration("ttl", ttl),
        durable=durable,
    )


def held_for(lease: Lease) -> float:
    """Seconds since the lease began."""
    mine = this_process()
    same_boot = lease.process is not None and (lease.process.host, lease.process.boot) == (mine.host, mine.boot)
    return age(lease.since, lease.since_monotonic, same_boot=same_boot)


def taken_for(slot: Slot) -> float:
    """Seconds since somebody has the slot; since its latest change if nothing is stored about his lease."""
    return clock.wall() - slot.updated_at.timestamp() if slot.lease is None else held_for(slot.lease)


def prolonged(lease: Lease) -> Lease:
    """The lease with as much time ahead as it was given at first."""
    if lease.until is None:
        return lease
    return replace(lease, until=clock.wall() + (lease.until - lease.heartbeat_at))


def is_mine(lease: Lease | None) -> bool:
    """Whether this very process holds it."""
    return lease is not None and lease.process == this_process()


def owner_of(slot: Slot) -> Finding:
    """Whether whoever has the slot lives. A slot that nobody has counts as one whose owner is gone."""
    if slot.lease is None:
        if slot.state in (SlotState.ALLOCATED, SlotState.CLEANING):
            return Finding(Liveness.UNKNOWN, "nothing is stored about its lease")
        return Finding(Liveness.DEAD, "nobody has it")
    if slot.lease.unreadable:
        return Finding(Liveness.UNKNOWN, f"what is stored about its lease cannot be read: {slot.lease.unreadable}")
    return lease_liveness(slot.lease, slot.slot_path)


def is_readable(lease: Lease | None) -> bool:
    """Whether it will ever be known whether the owner of a slot, which somebody has, lives."""
    return lease is not None and not lease.unreadable


def said(lease: Lease | None) -> str:
    """The owner, for people."""
    if lease is None:
        return "nobody"
    if lease.process is None or lease.holder == f"process {lease.process.pid}":
        return lease.holder
    return f"{lease.holder} ({lease.process})"

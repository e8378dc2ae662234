"""Slots, pools and reports as `yaoki pool` shows them: rows for people, fields for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yaoki.systems.repopool.leases.lease import held_for, owner_of
from yaoki.systems.repopool.models import SlotState
from yaoki.systems.repopool.names import checked_address

if TYPE_CHECKING:
    from yaoki.systems.repopool.models import Pool, Slot

__all__ = ["SLOT_COLUMNS", "duration", "pool_fields", "size", "slot_fields", "slot_row"]

SLOT_COLUMNS = ("slot", "state", "held by", "for", "fence", "commit", "path or reason")


def slot_fields(slot: Slot) -> dict[str, Any]:
    """A slot for programs: `Slot.to_dict`, the address without credentials, and whether its owner lives."""
    owner = owner_of(slot) if slot.state in (SlotState.ALLOCATED, SlotState.CLEANING) else None
    return {
        **slot.to_dict(),
        "repo_url": checked_address(slot.repo_url).shown,
        "owner": None if owner is None else {"liveness": owner.verdict.value, "reason": owner.reason},
    }


def slot_row(slot: Slot) -> tuple[object, ...]:
    """A slot for people."""
    held = slot.state in (SlotState.ALLOCATED, SlotState.CLEANING) and slot.lease is not None
    holder, since = "", ""
    if held and slot.lease is not None:
        owner = owner_of(slot)
        holder = f"{slot.lease.holder} ({owner.verdict.value})"
        since = duration(held_for(slot.lease))
    last = slot.metadata.get("isolation_reason") if slot.state is SlotState.ERROR else slot.slot_path
    commit = (slot.current_commit or "")[:10]
    return slot.slot_id, slot.state.value, holder, since, slot.fence, commit, last


def pool_fields(pool: Pool) -> dict[str, Any]:
    """A pool for programs, with its slots."""
    slots = [slot_fields(slot) for slot in pool.slots]
    return {**pool.to_dict(), "repo_url": checked_address(pool.repo_url).shown, "slots": slots}


def duration(seconds: float) -> str:
    """Seconds for people: "42 s", "7 min", "5 h", "3 d"."""
    for unit, length in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def size(number: float) -> str:
    """Bytes for people, in units of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"

"""Rows of the table of slots, and the objects that are made of them.

A row that means nothing hides no slot and stops no pool: it becomes a slot in ERROR with the reason (SPEC W2, bad metadata). But a slot
that somebody has stays his, whatever else in its row is unreadable: he may live, and his release writes the row anew.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from yaoki.systems.repopool.leases.process import ProcessIdentity
from yaoki.systems.repopool.models import Lease, Slot, SlotIsolation, SlotState
from yaoki.systems.repopool.times import moment, to_iso

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

__all__ = ["LEASE", "MENDED", "SLOT", "lease_of", "lease_values", "metadata_of", "slot_of"]

LEASE = (
    *("holder", "host", "boot", "namespace", "pid", "pid_started"),
    *("lease_since", "lease_since_monotonic", "heartbeat_at", "lease_until", "durable"),
)
"""The columns of a lease."""

_OWN = (
    *("number", "state", "fence", "needs_cleaning", "allocation_count", "total_usage_seconds"),
    *("last_allocated_at", "last_released_at", "branch", "commit_id"),
    *("isolated_by", "isolated_at", "isolation_reason", "isolation_class", "suggested_command"),
)
_SHARED = ("metadata", "created_at", "updated_at")
_NAMES = ("address", "id", "repo", *_OWN, *_SHARED, *LEASE)

_NUMBERS: dict[str, float | None] = {
    "needs_cleaning": 1,
    "durable": None,
    **dict.fromkeys(("allocation_count", "total_usage_seconds", "created_at", "updated_at"), 0),
    **dict.fromkeys(("last_allocated_at", "last_released_at", "isolated_at", "lease_until")),
    **dict.fromkeys(("pid", "lease_since", "lease_since_monotonic", "heartbeat_at")),
}
"""The columns that hold numbers, and what stands for one that is none. The name, number and fence of a slot are its key."""

MENDED = ", ".join(
    f"{name} = CASE WHEN typeof({name}) IN ('integer', 'real') THEN {name} ELSE {'NULL' if default is None else default} END"
    for name, default in _NUMBERS.items()
)
"""For an UPDATE: nonsense in the columns of numbers goes."""

SLOT = ", ".join(("pools.address", "id", "repo", *_OWN, *(f"slots.{name}" for name in _SHARED), *LEASE))
"""The columns that `slot_of` takes, for a SELECT from slots and pools."""


def lease_values(lease: Lease) -> tuple[object, ...]:
    """The values of the columns LEASE."""
    process = lease.process
    who = (
        (None, None, None, None, None)
        if process is None
        else (process.host, process.boot, process.namespace, process.pid, process.started)
    )
    return (
        *(lease.holder, *who, lease.since, lease.since_monotonic),
        *(lease.heartbeat_at, lease.until, int(lease.durable)),
    )


def slot_of(workspaces: Path, row: tuple[Any, ...]) -> Slot:
    """The slot that a row of the columns SLOT tells about."""
    value = dict(zip(_NAMES, row, strict=True))
    trouble = _without_nonsense(value)
    metadata, problem = metadata_of(value["metadata"])
    trouble = problem or trouble
    try:
        state = SlotState(value["state"])
    except ValueError:
        # Only a slot that somebody has, has a holder.
        state = SlotState.ERROR if value["holder"] is None else SlotState.ALLOCATED
        trouble = f"its state is stored as {value['state']!r}, which is none"
    isolation = _isolation_of(value)
    if trouble and state in (SlotState.ALLOCATED, SlotState.CLEANING):
        metadata["unreadable"] = trouble
    elif trouble:
        state = SlotState.ERROR
        isolation = isolation or SlotIsolation("recovery", f"bad metadata: {trouble}", value["updated_at"], "data")
    if isolation is not None and state is SlotState.ERROR:
        metadata["isolated_at"] = to_iso(moment(isolation.at))
        metadata["isolation_reason"] = isolation.reason
        if isolation.category:
            metadata["isolation_class"] = isolation.category
        if isolation.command:
            metadata["suggested_command"] = isolation.command
    return Slot(
        slot_id=value["id"],
        repo_name=value["repo"],
        repo_url=value["address"],
        slot_path=workspaces / value["repo"] / f"slot{value['number']}",
        state=state,
        allocation_count=value["allocation_count"],
        total_usage_seconds=value["total_usage_seconds"],
        last_allocated_at=_moment(value["last_allocated_at"]),
        last_released_at=_moment(value["last_released_at"]),
        current_branch=value["branch"],
        current_commit=value["commit_id"],
        metadata=metadata,
        created_at=moment(value["created_at"]),
        updated_at=moment(value["updated_at"]),
        fence=value["fence"],
        needs_cleaning=bool(value["needs_cleaning"]),
        lease=lease_of([value[name] for name in LEASE]),
        isolation=isolation,
    )


def _without_nonsense(value: dict[str, Any]) -> str:
    """Replace what is no number where there must be one. Returns what was found, or ""."""
    trouble = ""
    for name, default in _NUMBERS.items():
        found = value[name]
        if not (isinstance(found, int | float) or (found is None and default is None)):
            trouble = trouble or f"{name} is stored as {found!r}, which is no number"
            value[name] = default
    return trouble


def metadata_of(text: str) -> tuple[dict[str, Any], str]:
    """The stored metadata, and what is wrong with it, or ""."""
    try:
        metadata = json.loads(text)
    except (ValueError, TypeError) as error:
        return {}, f"what its holder said cannot be read: {error}"
    if not isinstance(metadata, dict):
        return {}, f"what its holder said is stored as {metadata!r}, which is no table"
    return metadata, ""


def _isolation_of(value: Mapping[str, Any]) -> SlotIsolation | None:
    if value["isolated_at"] is None:
        return None
    return SlotIsolation(
        by=value["isolated_by"],
        reason=value["isolation_reason"],
        at=value["isolated_at"],
        category=value["isolation_class"] or "",
        command=value["suggested_command"] or "",
    )


def _moment(wall: float | None) -> datetime | None:
    return None if wall is None else moment(wall)


def lease_of(values: Sequence[Any]) -> Lease | None:
    """The lease that values of the columns LEASE tell about; None if nobody has one, or it cannot be read."""
    holder, host, boot, namespace, pid, started, since, monotonic, heartbeat, until, durable = values
    if holder is None or None in (since, monotonic, heartbeat, durable):
        return None
    process = None if pid is None else ProcessIdentity(host, boot, namespace, pid, started)
    return Lease(holder, process, since, monotonic, heartbeat, until, bool(durable))

"""Rows of the table of slots, and the objects that are made of them.

A row that means nothing hides no slot and stops no pool: it becomes a slot in ERROR with the reason (SPEC W2, bad metadata). But a slot
that somebody has stays his, whatever else in its row is unreadable: he may live, and his release writes the row anew.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from yaoki.core.clock import clock
from yaoki.systems.repopool.leases.process import ProcessIdentity
from yaoki.systems.repopool.models import Lease, Slot, SlotIsolation, SlotState
from yaoki.systems.repopool.times import moment, to_iso

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

__all__ = ["LEASE", "MENDED", "SLOT", "lease_of", "lease_values", "metadata_of", "slot_of"]

_PROCESS = ("host", "boot", "namespace", "pid", "pid_started")

LEASE = (
    *("holder", *_PROCESS),
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
    lease = lease_of(value, _number_or(value["updated_at"], 0.0))
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
        lease=lease,
        isolation=isolation,
    )


def _without_nonsense(value: dict[str, Any]) -> str:
    """Replace what is no number where there must be one. Returns what was found, or ""."""
    trouble = ""
    for name, default in _NUMBERS.items():
        found = value[name]
        if not (_is_number(found) or (found is None and default is None)):
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


def lease_of(stored: Mapping[str, Any], changed_at: float) -> Lease | None:
    """The lease that the columns LEASE tell about; None if nobody has one. `changed_at`: stands for a time that cannot be read.

    Times are for people. What tells whether the owner lives is guessed never: then the lease is `unreadable`.
    """
    holder, until, durable = stored["holder"], stored["lease_until"], stored["durable"]
    if holder is None:
        return None
    process = ProcessIdentity.from_parts(*(stored[name] for name in _PROCESS))
    decides = {"durable": durable in (0, 1)}
    if durable == 1:
        decides["lease_until"] = until is None or _is_number(until)
        # A heartbeat prolongs the lease by what was between these two.
        decides["heartbeat_at"] = until is None or _is_number(stored["heartbeat_at"])
    else:
        decides["process"] = process is not None
    nonsense = [name for name, fine in decides.items() if not fine]
    since = _number_or(stored["lease_since"], changed_at)
    return Lease(
        holder=str(holder),
        process=process if durable == 0 and not nonsense else None,
        since=since,
        since_monotonic=_number_or(stored["lease_since_monotonic"], clock.now() - max(0.0, clock.wall() - since)),
        heartbeat_at=_number_or(stored["heartbeat_at"], since),
        until=until if durable == 1 and not nonsense else None,
        durable=durable == 1,
        unreadable=nonsense[0] if nonsense else "",
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)


def _number_or(value: Any, otherwise: float) -> float:
    return value if _is_number(value) else otherwise

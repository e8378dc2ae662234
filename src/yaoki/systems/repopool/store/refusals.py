"""What a store says when there is no such thing, or when somebody else was faster."""

from __future__ import annotations

from yaoki.systems.repopool.errors import PoolNotFoundError, SlotNotFoundError, StaleLeaseError
from yaoki.systems.repopool.names import split_slot_id

__all__ = ["no_pool", "no_slot", "stale_lease"]


def no_pool(repo_name: str) -> PoolNotFoundError:
    """There is no pool of this name."""
    return PoolNotFoundError(f"there is no pool {repo_name!r}", repo_name=repo_name, way_out="create_pool() makes one")


def no_slot(slot_id: str) -> SlotNotFoundError:
    """There is no slot of this id."""
    return SlotNotFoundError(
        f"there is no slot {slot_id!r}", slot_id=slot_id, way_out="get_pool(name).slots has those that there are"
    )


def stale_lease(slot_id: str, whose: str) -> StaleLeaseError:
    """The caller's lease has ended. `whose`: who has the slot now."""
    return StaleLeaseError(
        f"{slot_id} is not yours any more: {whose}",
        repo_name=split_slot_id(slot_id)[0],
        slot_id=slot_id,
        way_out="what you had done in it is kept: look at the quarantine",
    )

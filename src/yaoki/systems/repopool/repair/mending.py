"""What is done at once with a slot that could not be made ready or clean: mended from the mirror, or kept out of use (SPEC W2, W3).

The repair ladder needs no network. A full disk, and what passes by itself, is no damage: repair would not help.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from yaoki.core.clock import clock
from yaoki.core.faults.classifier import classify
from yaoki.core.health.check_run import one_line
from yaoki.systems.repopool.errors import Failure, GitOperationError, LockTimeoutError, PoolManagerError
from yaoki.systems.repopool.files import FULL
from yaoki.systems.repopool.models import SlotIsolation
from yaoki.systems.repopool.repair.ladder import KeptAs, repair

if TYPE_CHECKING:
    from yaoki.systems.repopool.models import Slot
    from yaoki.systems.repopool.slot.workspace import Workspace

__all__ = ["command_for", "is_damage", "isolation_for", "mended"]


def is_damage(error: PoolManagerError | OSError) -> bool:
    """Whether the slot itself seems to be broken, so that repairing it makes sense."""
    if isinstance(error, OSError) and error.errno in FULL:
        return False
    if isinstance(error, GitOperationError):
        return error.failure in (Failure.CORRUPT, Failure.PERMANENT)
    return not isinstance(error, LockTimeoutError)


def mended(workspace: Workspace, slot: Slot, error: PoolManagerError | OSError) -> str:
    """Climb the repair ladder. "" if the slot is clean and sound now, else why not."""
    if not is_damage(error):
        return str(error)
    holder = "" if slot.lease is None else slot.lease.holder
    repaired = repair(workspace, KeptAs(str(slot.fence), one_line(f"damaged: {error}"), holder))
    return "" if repaired.ok else repaired.reason or str(error)


def isolation_for(slot: Slot, reason: str, error: BaseException | None = None) -> SlotIsolation:
    """The record of a slot that recovery keeps out of use, to be tried again by the next recovery."""
    category = classify(error).category.value if isinstance(error, Exception) else ""
    return SlotIsolation("recovery", one_line(reason), clock.wall(), category, command_for(slot.slot_id))


def command_for(slot_id: str) -> str:
    """What a person may try with an isolated slot."""
    return f"yaoki pool recover {slot_id} --force"

"""Release: take a slot back from its holder, keep his work, clean it, offer it again (SPEC W1, W3).

| who | by what right |
| --- | --- |
| whoever has the fence of the lease: `slot.release()` | it is the lease |
| the leasing process, from any of its managers | the lease hangs on its life |
| an operator, `force=True` | his word; the fence rises, and the holder's late calls are refused |
| a recovery, for an owner that is dead | nobody is left to ask |
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from yaoki.core import deadline
from yaoki.core.clock import clock
from yaoki.core.faults.errors import DeadlineExceededError
from yaoki.systems.repopool.errors import CleanupError, LockTimeoutError, PoolManagerError, SlotNotFoundError, StaleLeaseError
from yaoki.systems.repopool.files import is_folder
from yaoki.systems.repopool.leases.lease import held_for, is_mine, new_lease, said
from yaoki.systems.repopool.models import SlotState
from yaoki.systems.repopool.repair.mending import isolation_for, mended
from yaoki.systems.repopool.store.refusals import stale_lease

if TYPE_CHECKING:
    from yaoki.systems.repopool.models import Slot, SlotIsolation
    from yaoki.systems.repopool.resources import Resources
    from yaoki.systems.repopool.slot.workspace import Workspace

__all__ = ["Ending", "Release"]

LOOK = 0.01
"""Seconds between two looks whether another manager has finished its work on a slot."""


class Release:
    """Takes slots back for one manager."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    # --- by right

    def checked(self, slot_id: str, fence: int | None) -> Slot:
        """The slot, if the caller holds it. Raises SlotNotFoundError, StaleLeaseError."""
        try:
            slot = self._resources.slot(slot_id)
        except SlotNotFoundError as error:
            if fence is None and not self._was_callers(slot_id):
                raise
            raise stale_lease(slot_id, "it was removed") from error
        by_right = is_mine(slot.lease) if fence is None else slot.fence == fence
        if slot.state is SlotState.ALLOCATED and by_right:
            return slot
        if slot.state is SlotState.ALLOCATED and fence is None and slot.lease is not None and slot.lease.durable:
            raise stale_lease(slot_id, f"the lease of {said(slot.lease)} is durable, so name its fence")
        raise stale_lease(slot_id, _whose(slot))

    def _was_callers(self, slot_id: str) -> bool:
        """Whether a slot that is gone was taken from the caller; from whom a durable lease was taken, only its fence would tell."""
        lease = self._resources.store.lease_before_removal(slot_id)
        return lease is not None and (lease.durable or is_mine(lease))

    def release(self, slot_id: str, cleanup: bool, fence: int | None) -> None:
        """Give the slot back. Raises SlotNotFoundError, StaleLeaseError, CleanupError."""
        self.begun(self.checked(slot_id, fence), cleanup)()

    def begun(self, slot: Slot, cleanup: bool) -> Ending:
        """The slot is the holder's no longer; what is returned cleans and offers it."""
        taken = self.taken(slot, "release_slot")
        return Ending(self, taken, slot, cleanup=cleanup and self._resources.options(slot.repo_name).clean_on_release)

    # --- by force

    def force(self, slot_id: str, reason: str = "released by force") -> bool:
        """Take the slot from its holder although he may live; whether anybody had it.

        Raises SlotNotFoundError, LockTimeoutError if another manager is at work on it, CleanupError, PoolManagerError.
        """
        slot = self.at_rest(slot_id)
        if slot.state is SlotState.AVAILABLE:
            return False
        if slot.state is SlotState.ERROR:
            raise PoolManagerError(
                f"{slot_id} is isolated: {slot.metadata.get('isolation_reason')}",
                repo_name=slot.repo_name,
                slot_id=slot_id,
                way_out=f"`yaoki pool recover {slot_id}` brings it back",
            )
        try:
            taken = self.taken(slot, reason)
        except StaleLeaseError:
            # He has given it back this moment. Whoever got it since is not meant.
            return False
        self.finished(taken, slot, reason=reason, by_holder=False)
        self._resources.count(slot.repo_name, reclaimed_operator=1)
        return True

    def reclaim(self, slot: Slot, reason: str) -> Slot:
        """Take the slot, as it was seen, from whoever has it; keep the work, clean, offer. Raises StaleLeaseError, CleanupError."""
        taken = self.taken(slot, reason)
        return self.finished(taken, slot, reason=reason, by_holder=False)

    def at_rest(self, slot_id: str) -> Slot:
        """The slot, once no living manager works on it. Raises SlotNotFoundError, LockTimeoutError."""
        until = clock.now() + self._resources.config.lock_timeout
        while True:
            slot = self._resources.slot(slot_id)
            if slot.state is not SlotState.CLEANING or self._resources.owner_of(slot).dead:
                return slot
            if clock.now() >= until:
                raise LockTimeoutError(
                    f"{said(slot.lease)} works on {slot_id} and has not finished",
                    repo_name=slot.repo_name,
                    slot_id=slot_id,
                    way_out="wait until it is done, or end it",
                )
            clock.sleep(LOOK)

    # --- the work

    def taken(self, slot: Slot, purpose: str) -> Slot:
        """The slot under a lease of this manager. Raises StaleLeaseError if somebody was faster."""
        allocated = slot.state is SlotState.ALLOCATED and slot.lease is not None
        used = held_for(slot.lease) if allocated and slot.lease is not None else 0.0
        return self._resources.store.take(slot.slot_id, slot.fence, new_lease(purpose), used=used)

    def finished(self, taken: Slot, former: Slot, *, reason: str, by_holder: bool, cleanup: bool = True) -> Slot:
        """Clean a taken slot and offer it. `former`: as its last holder had it. `by_holder`: he gives it back himself.

        Raises CleanupError if it can neither be cleaned nor mended; then it is kept out of use, and the work stays where it is.
        """
        store = self._resources.store
        if not cleanup:
            return store.offer(taken.slot_id, taken.fence, needs_cleaning=True)
        started = clock.now()
        try:
            with self._resources.working_on(taken) as workspace:
                problem, cause = self._clean(workspace, taken, former, reason, by_holder)
                head = workspace.head()
        except BaseException as error:
            self._give_up(taken, error)
            raise
        if problem is not None:
            store.isolate(taken.slot_id, taken.fence, problem)
            raise CleanupError(
                f"{taken.slot_id} could not be cleaned, and is kept out of use: {problem.reason}",
                repo_name=taken.repo_name,
                slot_id=taken.slot_id,
                way_out="the work is still in it; recover_slot() tries again",
            ) from cause
        offered = store.offer(taken.slot_id, taken.fence, branch=head.branch, commit=head.commit)
        self._resources.count(taken.repo_name, cleanings=1, clean_seconds=clock.now() - started)
        return offered

    def _clean(
        self, workspace: Workspace, taken: Slot, former: Slot, reason: str, by_holder: bool
    ) -> tuple[SlotIsolation | None, PoolManagerError | OSError | None]:
        """Why the slot is to be kept out of use, and the error behind it; None, None if it is clean."""
        seconds = self._resources.config.cleanup_timeout
        alive = not by_holder and not self._resources.owner_of(former).dead
        try:
            # The holder's deadline has often passed when he gives back.
            with deadline.shielded(seconds):
                workspace.clean(
                    ticket=str(former.fence),
                    reason=reason,
                    holder="" if former.lease is None else former.lease.holder,
                    taken=not by_holder,
                    alive=alive,
                )
        except DeadlineExceededError as error:
            late = CleanupError(f"it was not clean within {seconds:g} s (cleanup_timeout)", slot_id=taken.slot_id)
            late.__cause__ = error
            return isolation_for(taken, str(late), late), late
        except (PoolManagerError, OSError) as error:
            if alive and is_folder(workspace.slot.tree):
                # Mended or not, it is where he goes on writing, and a recovery would not know of him.
                why = f"its holder may still write in it, and it could not be renamed away: {error}"
                return replace(isolation_for(taken, why, error), by="operator"), error
            with deadline.shielded(deadline.NEVER):
                why = mended(workspace, former, error)
            if why:
                return isolation_for(taken, why, error), error
        return None, None

    def _give_up(self, taken: Slot, error: BaseException) -> None:
        """Interrupted: the slot is no longer worked on, so nobody is to believe it."""
        now = self._resources.store.slot(taken.slot_id)
        if now is not None and now.fence == taken.fence and now.state is SlotState.CLEANING:
            reason = f"cleaning was interrupted: {type(error).__name__}: {error}"
            self._resources.store.isolate(taken.slot_id, taken.fence, isolation_for(taken, reason, error))


class Ending:
    """The second half of a release. `cleanup`: whether there is anything to be done that takes time."""

    def __init__(self, release: Release, taken: Slot, former: Slot, *, cleanup: bool) -> None:
        self._release = release
        self._taken = taken
        self._former = former
        self.cleanup: bool = cleanup

    def __call__(self) -> None:
        self._release.finished(self._taken, self._former, reason="released", by_holder=True, cleanup=self.cleanup)


def _whose(slot: Slot) -> str:
    if slot.state is SlotState.ALLOCATED:
        return f"it is held by {said(slot.lease)}"
    if slot.state is SlotState.CLEANING:
        return f"{said(slot.lease)} works on it"
    return "nobody holds it"

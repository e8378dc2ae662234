"""Recovery of pools, by the core's recovery loop (SPEC H3, W3).

| anomaly | rungs |
| --- | --- |
| dead owner | take the slot back: the work to quarantine, clean, offer |
| long allocated | the same, by force: only where the strategy or an operator says so |
| corrupted | check again; then those of the repair ladder |
| orphaned lock | remove it, if nobody holds it |

A slot is taken under a lease before it is touched, so nobody is given one that is being mended; and it is offered only after it has
passed the checks. Every step keeps what it replaces before it replaces it. The journal is `recovery.db`, beside `pool.db`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from yaoki.core.clock import clock
from yaoki.core.faults.classifier import classify
from yaoki.core.health.check_run import one_line
from yaoki.core.recovery import (
    CORRUPTED,
    LONG_ALLOCATED,
    ORPHANED_LOCK,
    Detector,
    RecoveryBusyError,
    RecoveryLoop,
    Repair,
    RepairLadder,
    Result,
    Verdict,
)
from yaoki.systems.repopool.errors import PoolManagerError, StaleLeaseError
from yaoki.systems.repopool.leases.liveness import occupants
from yaoki.systems.repopool.models import SlotIsolation, SlotState
from yaoki.systems.repopool.parameters import duration
from yaoki.systems.repopool.pools import STATE_LOST
from yaoki.systems.repopool.recovery.detection import DEAD_OWNER, TIER
from yaoki.systems.repopool.repair.ladder import LADDER, KeptAs
from yaoki.systems.repopool.repair.mending import command_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from yaoki.core.recovery import Anomaly, Attempt, Isolation, RecoveryReport
    from yaoki.systems.repopool.models import Slot
    from yaoki.systems.repopool.recovery.detection import Detection
    from yaoki.systems.repopool.release import Release
    from yaoki.systems.repopool.repair.ladder import Rung
    from yaoki.systems.repopool.resources import Resources
    from yaoki.systems.repopool.slot.workspace import Workspace

__all__ = ["PoolRecovery", "reclaimed", "seed_counts"]

BUSY_SECONDS = 120.0
"""How long to wait while another process recovers."""

DETECTOR_SECONDS = 1800.0
RUNG_SECONDS = 3600.0


class PoolRecovery:
    """Recovers the pools of one manager."""

    def __init__(self, resources: Resources, detection: Detection, release: Release) -> None:
        self._resources = resources
        self._detection = detection
        self._release = release
        self._taken: dict[str, int] = {}
        """The slots that a step of this recovery has taken, and their fences."""
        self._troubles: dict[str, Exception] = {}
        """Why a slot is not well yet."""
        self._ended: set[str] = set()
        """The slots whose ladder has ended, since a rung has failed that the others need."""

    def loop(self, only: str | None = None, *, stage_wait: float = 60.0) -> RecoveryLoop:
        """The recovery loop of the core over these pools, or over one slot of them. Raises ConfigValidationError."""
        detectors = [Detector("slots", lambda: self._detection.slots(only), timeout=DETECTOR_SECONDS)]
        if only is None:
            detectors += [Detector("locks", self._detection.locks), Detector("disk", self._detection.disk)]
        return RecoveryLoop(
            "repopool",
            detectors,
            self._ladders(),
            journal=self._resources.config.workspaces_dir / "recovery.db",
            isolate=self._isolated,
            stage_wait=duration("stage_wait", stage_wait, zero=True),
        )

    @staticmethod
    def when_free(recover: Callable[[], RecoveryReport]) -> RecoveryReport:
        """Recover as soon as no other process does. Raises RecoveryBusyError if that takes too long."""
        until = clock.now() + BUSY_SECONDS
        while True:
            try:
                return recover()
            except RecoveryBusyError:
                if clock.now() >= until:
                    raise
                clock.sleep(0.05)

    # --- ladders

    def _ladders(self) -> list[RepairLadder]:
        return [
            RepairLadder(
                DEAD_OWNER,
                Repair("take back", self._take_back, timeout=RUNG_SECONDS),
                verify=self._is_well,
                command=lambda anomaly: command_for(anomaly.subject),
            ),
            RepairLadder(
                LONG_ALLOCATED,
                Repair("release by force", self._release_by_force, forced=True, timeout=RUNG_SECONDS),
                verify=self._is_well,
                command=lambda anomaly: f"yaoki pool release {anomaly.subject} --force",
            ),
            RepairLadder(
                CORRUPTED,
                Repair("check again", self._mend, applies=self._may_be_well, timeout=RUNG_SECONDS),
                *(self._repair(rung) for rung in LADDER),
                verify=self._is_well,
                command=lambda anomaly: command_for(anomaly.subject),
            ),
            RepairLadder(
                ORPHANED_LOCK,
                Repair("remove", self._remove_lock),
                verify=self._lock_is_well,
                command=lambda anomaly: f"yaoki pool unlock {anomaly.facts['slot_id']}",
            ),
        ]

    def _repair(self, rung: Rung) -> Repair:
        mend, applies = partial(self._mend, rung=rung), partial(self._applies, rung)
        return Repair(rung.name, mend, applies=applies, timeout=RUNG_SECONDS)

    def _may_be_well(self, anomaly: Anomaly) -> bool:
        """Not if it was on offer: what was found damaged a moment ago is damaged."""
        slot = self._resources.store.slot(anomaly.subject)
        return slot is None or slot.state is not SlotState.AVAILABLE

    def _applies(self, rung: Rung, anomaly: Anomaly) -> bool:
        slot = self._resources.store.slot(anomaly.subject)
        try:
            return slot is None or rung.applies(self._resources.workspace(slot))
        except (PoolManagerError, OSError):
            # The rung itself will say what is in its way.
            return True

    def _take_back(self, attempt: Attempt) -> None:
        slot = self._resources.store.slot(attempt.subject)
        if slot is not None and slot.state in (SlotState.ALLOCATED, SlotState.CLEANING) and self._resources.owner_of(slot).dead:
            self._release.reclaim(slot, attempt.anomaly.detail)
            self._resources.count(slot.repo_name, reclaimed_dead_owner=1)

    def _release_by_force(self, attempt: Attempt) -> None:
        slot = self._resources.store.slot(attempt.subject)
        if slot is not None and slot.fence == attempt.anomaly.facts["fence"]:
            self._release.reclaim(slot, "released by force")
            self._resources.count(slot.repo_name, reclaimed_long_allocated=1)
        else:
            # An interrupted step had taken it already.
            self._take_back(attempt)

    def _remove_lock(self, attempt: Attempt) -> None:
        self._resources.locks.clean(str(attempt.anomaly.facts["slot_id"]))

    def _mend(self, attempt: Attempt, rung: Rung | None = None) -> None:
        """Take the slot, do what the rung does, and offer the slot if it is sound then; else `_is_well` says why it is not."""
        if rung is None:
            self._ended.discard(attempt.subject)
        slot = self._resources.store.slot(attempt.subject)
        if slot is None or not self._may_be_mended(slot) or slot.slot_id in self._ended:
            # Somebody was faster: has recovered it, or has got it. Or nothing helps.
            return
        try:
            if self._taken.get(slot.slot_id) != slot.fence:
                self._refuse_occupied(slot)
                slot = self._release.taken(slot, "recovery")
                self._taken[slot.slot_id] = slot.fence
            self._mend_taken(attempt, slot, rung)
        except StaleLeaseError:
            return
        except (PoolManagerError, OSError) as error:
            # No error of the recovery: the next rung may help.
            self._troubles[attempt.subject] = error

    def _mend_taken(self, attempt: Attempt, slot: Slot, rung: Rung | None) -> None:
        started = clock.now()
        with self._resources.working_on(slot) as workspace:
            if rung is not None:
                self._climb(rung, workspace, KeptAs(str(slot.fence), attempt.anomaly.detail))
            self._check(workspace, slot)
            if slot.needs_cleaning:
                workspace.clean(ticket=str(slot.fence), reason=attempt.anomaly.detail, taken=True)
                self._check(workspace, slot)
            prepared = workspace.prepare()
        self._resources.store.offer(slot.slot_id, slot.fence, branch=prepared.branch, commit=prepared.commit, recovered=True)
        self._resources.count(slot.repo_name, repairs=1, repair_seconds=clock.now() - started)
        self._forget(slot.slot_id)

    def _climb(self, rung: Rung, workspace: Workspace, kept_as: KeptAs) -> None:
        try:
            rung.climb(workspace, kept_as)
        except (PoolManagerError, OSError):
            if rung.needed:
                self._ended.add(workspace.slot.slot_id)
            raise

    def _check(self, workspace: Workspace, slot: Slot) -> None:
        """Raises PoolManagerError if the slot, or the mirror that it borrows from, is damaged."""
        found = [*workspace.mirror.check(tier=TIER), *workspace.check(tier=TIER)]
        if found:
            text = "; ".join(f"{damage.kind.value}: {damage.detail}" for damage in found)
            raise PoolManagerError(text, repo_name=slot.repo_name, slot_id=slot.slot_id)

    @staticmethod
    def _refuse_occupied(slot: Slot) -> None:
        """Raises PoolManagerError if somebody works in a slot whose owner nobody knows any more."""
        if slot.isolation is not None and slot.isolation.reason == STATE_LOST and (there := occupants(slot.slot_path)):
            raise PoolManagerError(f"process {there[0]} works in it", repo_name=slot.repo_name, slot_id=slot.slot_id)

    def _may_be_mended(self, slot: Slot) -> bool:
        if slot.state is SlotState.CLEANING:
            return self._taken.get(slot.slot_id) == slot.fence or self._resources.owner_of(slot).dead
        return slot.state is not SlotState.ALLOCATED

    def _forget(self, slot_id: str) -> None:
        self._taken.pop(slot_id, None)
        self._troubles.pop(slot_id, None)
        self._ended.discard(slot_id)

    # --- verdicts and hooks

    def _is_well(self, anomaly: Anomaly) -> Verdict:
        slot = self._resources.store.slot(anomaly.subject)
        if slot is None:
            return Verdict(True, "it was removed")
        if slot.state is SlotState.ERROR:
            by_operator = slot.isolation is not None and slot.isolation.by == "operator"
            if by_operator and anomaly.kind != CORRUPTED:
                # Taken back, and kept out of use since an operator had said so.
                return Verdict(True)
            return Verdict(False, self._why(slot))
        if slot.state is SlotState.AVAILABLE:
            why = self._detection.damage(slot, tier=0)
            now = self._resources.store.slot(anomaly.subject)
            return Verdict(not why or now is None or now.fence != slot.fence, why)
        if self._taken.get(slot.slot_id) == slot.fence:
            return Verdict(False, self._why(slot))
        if slot.fence == anomaly.facts["fence"]:
            return Verdict(False, "its owner has it still")
        # Somebody else has got it, or is at work on it: he has checked it, or will.
        owner = self._resources.owner_of(slot)
        return Verdict(not owner.dead, owner.reason)

    def _why(self, slot: Slot) -> str:
        trouble = self._troubles.get(slot.slot_id)
        return str(slot.metadata.get("isolation_reason", "")) if trouble is None else str(trouble)

    def _lock_is_well(self, anomaly: Anomaly) -> bool:
        orphans = self._resources.locks.orphaned(self._resources.config.stale_lock_hours)
        return anomaly.facts["slot_id"] not in [orphan.slot_id for orphan in orphans]

    def _isolated(self, isolation: Isolation) -> None:
        """The loop keeps a slot out of use: so does the store. One that somebody holds is left to him."""
        slot = self._resources.store.slot(isolation.subject)
        if slot is None or slot.state is SlotState.ALLOCATED:
            return
        ours = self._taken.get(slot.slot_id) == slot.fence
        if slot.state is SlotState.CLEANING and not ours and not self._resources.owner_of(slot).dead:
            return
        trouble = self._troubles.get(slot.slot_id)
        category = isolation.category or ("" if trouble is None else classify(trouble).category.value)
        # What the last rung came to says more than how far the first ones were from it.
        reason = isolation.reason if trouble is None else one_line(str(trouble))
        record = SlotIsolation("recovery", reason, isolation.at, category, isolation.command)
        if slot.isolation is not None and slot.isolation.by == "operator":
            record = slot.isolation
        self._resources.store.isolate(slot.slot_id, slot.fence, record)
        self._forget(slot.slot_id)


def seed_counts(report: RecoveryReport) -> dict[str, int]:
    """The four counts of `auto_recover`, as the source document names them."""
    cleaned = sum(
        each.result is Result.REPAIRED and each.anomaly.kind == ORPHANED_LOCK and not each.anomaly.facts.get("of_slot")
        for each in report.handled
    )
    return {
        "long_allocated_released": report.count(Result.REPAIRED, LONG_ALLOCATED),
        "corrupted_recovered": report.count(Result.REPAIRED, CORRUPTED),
        "corrupted_isolated": report.count(Result.ISOLATED, CORRUPTED),
        "orphaned_locks_cleaned": cleaned,
    }


def reclaimed(report: RecoveryReport) -> int:
    """How many slots were taken back from owners that are dead."""
    return report.count(Result.REPAIRED, DEAD_OWNER)

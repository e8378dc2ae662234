"""Detect and recover: what is found, what is mended, what is left alone, and whether the figures are true (SPEC W2, W3, H3)."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.systems.repopool.states import allocated, dead_lease, hours_ago
from yaoki.core.clock import clock
from yaoki.core.recovery import Result
from yaoki.systems.repopool import PoolManager, Slot, SlotState
from yaoki.systems.repopool.errors import ConfigValidationError, NoAvailableSlotError, StaleLeaseError
from yaoki.systems.repopool.leases.lease import new_lease
from yaoki.systems.repopool.store import Occasion, SqliteStore

Make = Callable[..., PoolManager]
ONE, TWO = "workspace-web-slot1", "workspace-web-slot2"
NOTHING = {
    "long_allocated_released": 0,
    "corrupted_recovered": 0,
    "corrupted_isolated": 0,
    "orphaned_locks_cleaned": 0,
    "errors": [],
}


def store_of(manager: PoolManager) -> SqliteStore:
    store = manager._resources.store
    assert isinstance(store, SqliteStore)
    return store


def state(manager: PoolManager, slot_id: str = ONE) -> SlotState:
    slot = store_of(manager).slot(slot_id)
    assert slot is not None
    return slot.state


def hold_by_the_dead(manager: PoolManager) -> Slot:
    """A slot of a process that has ended."""
    return allocated(store_of(manager), dead_lease("agent"))


def hold_for(manager: PoolManager, hours: float) -> Slot:
    """A slot of this very process, for so long."""
    slot = allocated(store_of(manager), hours_ago(new_lease("agent"), hours))
    slot._manager = manager
    return slot


def kept(manager: PoolManager) -> int:
    return len(manager.quarantine("web").entries())


def break_git(manager: PoolManager, slot_id: str = ONE) -> None:
    slot = store_of(manager).slot(slot_id)
    assert slot is not None
    shutil.rmtree(slot.slot_path / ".git")


def break_for_good(manager: PoolManager) -> None:
    """The slot is broken, its mirror is gone, and so is the remote."""
    break_git(manager)
    shutil.rmtree(manager.config.workspaces_dir / "web" / "mirror.git")
    with sqlite3.connect(store_of(manager).file) as connection:
        connection.execute("UPDATE pools SET address = '/nowhere'")
    connection.close()


# --- a healthy pool ---------------------------------------------------------------------------------------------------------


def test_nothing_is_found_in_a_healthy_pool(make_manager: Make) -> None:
    """SPEC W2: the three lists, and nothing in them."""
    manager = make_manager()
    manager.allocate_slot("web").release()

    assert manager.detect_anomalies() == {"long_allocated_slots": [], "corrupted_slots": [], "orphaned_locks": []}
    assert manager.auto_recover() == NOTHING
    assert manager.last_recovery is not None
    assert manager.last_recovery.healthy


# --- owners -----------------------------------------------------------------------------------------------------------------


def test_the_slot_of_a_dead_owner_is_reclaimed_at_once_and_his_work_is_kept(make_manager: Make) -> None:
    """Defect 3 of the original: kill -9 left slots allocated for ever."""
    manager = make_manager(slots=1)
    slot = hold_by_the_dead(manager)
    (slot.slot_path / "work.txt").write_text("his")

    assert manager.auto_recover() == NOTHING

    assert state(manager) is SlotState.AVAILABLE
    assert kept(manager) == 1
    assert manager.get_performance_metrics()["recovery"]["owners_reclaimed"] == 1


def test_a_process_that_works_in_the_slot_of_a_dead_owner_vetoes(make_manager: Make) -> None:
    """SPEC W3: the children of an agent outlive it."""
    manager = make_manager(slots=1)
    slot = hold_by_the_dead(manager)
    child = os.fork()
    if child == 0:
        os.chdir(slot.slot_path)
        clock.sleep(60.0)
        os._exit(0)
    while Path(f"/proc/{child}/cwd").readlink() != slot.slot_path:
        pass

    manager.auto_recover()
    assert state(manager) is SlotState.ALLOCATED

    os.kill(child, 9)
    os.waitpid(child, 0)
    manager.auto_recover()
    assert state(manager) is SlotState.AVAILABLE


def test_an_owner_of_whom_nothing_is_known_is_left_alone(make_manager: Make) -> None:
    """SPEC W3: unknown counts as alive."""
    manager = make_manager(slots=1)
    lease = dead_lease()
    assert lease.process is not None
    allocated(store_of(manager), replace(lease, process=replace(lease.process, host="elsewhere")))

    assert manager.auto_recover(max_allocation_hours=0) == NOTHING
    assert state(manager) is SlotState.ALLOCATED
    assert manager.last_recovery is not None
    assert manager.last_recovery.count(Result.REPORTED) == 1


def test_a_durable_lease_ends_with_its_time(make_manager: Make) -> None:
    """SPEC W4: and not before."""
    manager = make_manager(slots=2)
    manager.allocate_slot("web", durable=True, ttl=3600.0)
    allocated(store_of(manager), replace(new_lease("job", durable=True), until=clock.wall() - 1.0))

    manager.auto_recover()

    assert [slot.state.value for slot in manager.get_pool("web").slots] == ["allocated", "available"]


def test_a_manager_that_died_at_work_is_cleaned_up_after(make_manager: Make) -> None:
    """SPEC W1: kill -9 in the middle of allocate or release."""
    manager = make_manager(slots=1)
    assert store_of(manager).take_free("web", dead_lease("allocate_slot"), Occasion()) is not None

    manager.auto_recover()

    assert state(manager) is SlotState.AVAILABLE


def test_a_slot_that_a_living_manager_has_left_is_reclaimed(make_manager: Make) -> None:
    """Defect 15 of the original: what failed on a full disk stayed unusable when there was space again."""
    manager = make_manager(slots=1)
    slot = manager.get_pool("web").slots[0]
    store_of(manager).take(ONE, slot.fence, hours_ago(new_lease("release_slot"), 1))
    with manager.lock_manager.acquire_slot_lock(ONE):
        manager.auto_recover()
        assert state(manager) is SlotState.CLEANING

    manager.auto_recover()

    assert state(manager) is SlotState.AVAILABLE


@pytest.mark.parametrize(("hours", "asked", "found"), [(25, 24, True), (23, 24, False), (0, 0, True)])
def test_long_allocated_slots_are_found_by_their_age(make_manager: Make, hours: float, asked: float, found: bool) -> None:
    """SPEC W2: 24 hours by default, and 0 means every allocated slot."""
    manager = make_manager()
    hold_for(manager, hours)

    assert [slot.slot_id for slot in manager.detect_long_allocated_slots(asked)] == ([ONE] if found else [])


def test_a_long_allocated_slot_of_a_living_owner_is_reported_and_left_alone(make_manager: Make) -> None:
    """SPEC W3: never touched by default."""
    manager = make_manager(slots=1)
    slot = hold_for(manager, 100)
    (slot.slot_path / "work.txt").write_text("his")

    assert manager.auto_recover() == NOTHING

    assert (slot.slot_path / "work.txt").read_text() == "his"
    slot.heartbeat()
    assert manager.last_recovery is not None
    assert [each.anomaly.subject for each in manager.last_recovery.handled] == [ONE]


def test_a_long_allocated_slot_is_released_by_force_and_counted(make_manager: Make) -> None:
    """SPEC W3: an operator's word takes it; the late holder is refused."""
    manager = make_manager()
    late, young = hold_for(manager, 30), hold_for(manager, 1)
    (late.slot_path / "work.txt").write_text("his")

    done = manager.auto_recover(force_release_long_allocated=True)

    assert done == {**NOTHING, "long_allocated_released": 1}
    assert kept(manager) == 1
    with pytest.raises(StaleLeaseError):
        late.release()
    young.release()


@pytest.mark.parametrize(
    ("strategy", "hours", "released"),
    [("conservative", 100, 0), ("aggressive", 25, 1), ("aggressive", 23, 0), ("maintenance", 100, 0)],
)
def test_the_three_strategies(make_manager: Make, strategy: str, hours: float, released: int) -> None:
    """SPEC H3: 48 hours and reported; 24 hours and by force; not looked at."""
    manager = make_manager(slots=2)
    hold_for(manager, hours)
    break_git(manager, TWO)

    done = manager.auto_recover(strategy=strategy)

    assert done == {**NOTHING, "long_allocated_released": released, "corrupted_recovered": 1}


# --- corrupted slots --------------------------------------------------------------------------------------------------------


def test_detection_mends_nothing(make_manager: Make) -> None:
    """SPEC W2: detect_corrupted_slots only looks."""
    manager = make_manager()
    break_git(manager)

    found = manager.detect_corrupted_slots()

    assert [slot.slot_id for slot in found] == [ONE]
    assert not (found[0].slot_path / ".git").exists()
    assert manager.detect_corrupted_slots() == found


def test_slots_that_are_as_they_were_left_cost_no_process(make_manager: Make) -> None:
    """SPEC W2: also those that were just built; the mirror's base is followed once for all of them."""
    manager = make_manager()
    manager.add_slot("web")
    before = manager._resources.git.commands

    assert manager.detect_corrupted_slots() == []
    assert manager._resources.git.commands - before <= 1
    before = manager._resources.git.commands
    assert manager.detect_corrupted_slots() == []
    assert manager._resources.git.commands == before


def test_a_slot_whose_folder_is_gone_is_found_and_rebuilt(make_manager: Make) -> None:
    """Defect 9 of the original: a missing folder made the slot vanish from its pool."""
    manager = make_manager()
    shutil.rmtree(manager.get_pool("web").slots[0].slot_path)

    assert [slot.slot_id for slot in manager.detect_corrupted_slots()] == [ONE]
    assert manager.auto_recover() == {**NOTHING, "corrupted_recovered": 1}
    assert manager.detect_corrupted_slots() == []
    assert len(manager.get_pool("web").get_available_slots()) == 2


def test_what_a_holder_does_in_his_slot_is_no_damage(make_manager: Make) -> None:
    """Defect 1 of the original: an agent with an unborn branch lost all work, and its slot to another."""
    manager = make_manager(slots=1)
    slot = manager.allocate_slot("web")
    (slot.slot_path / ".git" / "HEAD").write_text("ref: refs/heads/unborn\n")
    (slot.slot_path / "work.txt").write_text("mine")

    assert manager.detect_corrupted_slots() == []
    assert manager.auto_recover() == NOTHING
    assert manager.recover_slot(ONE) is False
    assert (slot.slot_path / "work.txt").read_text() == "mine"
    assert state(manager) is SlotState.ALLOCATED


def test_a_slot_that_nothing_mends_is_isolated_with_its_reason(make_manager: Make) -> None:
    """SPEC W3: time, reason, class and a command; and the pool goes on."""
    manager = make_manager(slots=1)
    break_for_good(manager)

    done = manager.auto_recover()

    assert (done["corrupted_recovered"], done["corrupted_isolated"]) == (0, 1)
    slot = manager.get_pool("web").slots[0]
    assert slot.state is SlotState.ERROR
    assert slot.metadata["isolated_at"].endswith("+00:00")
    assert slot.metadata["isolation_reason"]
    assert slot.metadata["isolation_class"]
    assert ONE in slot.metadata["suggested_command"]
    with pytest.raises(NoAvailableSlotError):
        manager.allocate_slot("web")


def test_an_isolated_slot_is_counted_once(make_manager: Make) -> None:
    """SPEC W3: not at every run."""
    manager = make_manager(slots=1)
    break_for_good(manager)
    manager.auto_recover()

    assert manager.auto_recover()["corrupted_isolated"] == 0
    assert [slot.slot_id for slot in manager.detect_corrupted_slots()] == [ONE]


def test_bad_metadata_is_found_and_mended(make_manager: Make) -> None:
    """Defect 9 of the original: a bad state aborted the detection of the whole pool."""
    manager = make_manager()
    with sqlite3.connect(store_of(manager).file) as connection:
        connection.execute("UPDATE slots SET state = 'odd', metadata = '{' WHERE number = 1")
    connection.close()

    assert [slot.slot_id for slot in manager.detect_corrupted_slots()] == [ONE]
    assert manager.auto_recover()["corrupted_recovered"] == 1
    assert len(manager.get_pool("web").get_available_slots()) == 2


def test_the_recovery_of_corrupted_slots_can_be_left_out(make_manager: Make) -> None:
    """SPEC W3: recover_corrupted=False."""
    manager = make_manager()
    break_git(manager)

    assert manager.auto_recover(recover_corrupted=False) == NOTHING
    assert [slot.slot_id for slot in manager.detect_corrupted_slots()] == [ONE]


def test_a_dry_run_changes_nothing(make_manager: Make) -> None:
    """SPEC H3: it says what would be done."""
    manager = make_manager()
    break_git(manager)
    hold_by_the_dead(manager)

    assert manager.auto_recover(dry_run=True) == NOTHING
    assert manager.last_recovery is not None
    assert manager.last_recovery.count(Result.WOULD_REPAIR) == 1
    assert not (manager.get_pool("web").slots[0].slot_path / ".git").exists()


def test_a_staged_recovery_forces_in_its_second_pass(make_manager: Make) -> None:
    """SPEC H3: a first pass without force, a wait, another look."""
    manager = make_manager()
    hold_for(manager, 30)

    done = manager.auto_recover(strategy="aggressive", staged=True, stage_wait=0.01)

    assert done == {**NOTHING, "long_allocated_released": 1}


def test_what_was_done_is_told_to_a_monitoring_system(make_manager: Make) -> None:
    """SPEC W5: the names of the source document."""
    manager = make_manager()
    sent: dict[str, float] = {}
    manager.send_metric = sent.__setitem__
    break_git(manager)

    manager.auto_recover()

    assert sent == {
        "recovery.slots_released": 0.0,
        "recovery.slots_recovered": 1.0,
        "recovery.slots_isolated": 0.0,
        "recovery.locks_cleaned": 0.0,
    }
    assert manager.get_performance_metrics()["recovery"]["slots_recovered"] == 1


# --- operators --------------------------------------------------------------------------------------------------------------


def test_an_operators_isolation_ends_only_by_recover_slot(make_manager: Make) -> None:
    """SPEC W3: auto_recover leaves it alone and does not count it."""
    manager = make_manager(slots=1)
    manager.isolate_slot(ONE, "I want to look at it")

    assert manager.auto_recover() == NOTHING
    slot = manager.get_pool("web").slots[0]
    assert slot.state is SlotState.ERROR
    assert slot.metadata["isolation_reason"] == "I want to look at it"
    assert [each.slot_id for each in manager.detect_corrupted_slots()] == [ONE]

    assert manager.recover_slot(ONE) is True
    assert manager.get_pool("web").slots[0].metadata == {}
    assert manager.allocate_slot("web").slot_id == ONE


def test_a_held_slot_is_isolated_when_it_is_released(make_manager: Make) -> None:
    """SPEC W3: its holder is not disturbed."""
    manager = make_manager(slots=1)
    slot = manager.allocate_slot("web")

    manager.isolate_slot(ONE)
    slot.heartbeat()
    slot.release()

    assert manager.get_pool("web").slots[0].metadata["isolation_reason"] == "isolated by operator"


def test_a_reason_is_needed(make_manager: Make) -> None:
    """SPEC W3: an isolation without a reason is refused."""
    with pytest.raises(ConfigValidationError, match="reason"):
        make_manager(slots=1).isolate_slot(ONE, " ")


def test_recover_slot_never_raises(make_manager: Make) -> None:
    """SPEC W3: False for what is not there, and for what is no slot."""
    manager = make_manager(slots=1)

    assert manager.recover_slot("workspace-web-slot9") is False
    assert manager.recover_slot("nonsense") is False


def test_recover_slot_says_true_for_a_slot_that_is_well(make_manager: Make) -> None:
    """SPEC W3: on offer, and checked."""
    assert make_manager(slots=1).recover_slot(ONE) is True


def test_recover_slot_by_force_takes_a_held_slot(make_manager: Make) -> None:
    """SPEC W3: work to quarantine, the late holder refused."""
    manager = make_manager(slots=1)
    slot = manager.allocate_slot("web")
    (slot.slot_path / "work.txt").write_text("his")

    assert manager.recover_slot(ONE) is False
    assert manager.recover_slot(ONE, force=True) is True
    assert kept(manager) == 1
    with pytest.raises(StaleLeaseError):
        slot.release()


def test_force_puts_no_broken_slot_on_offer(make_manager: Make) -> None:
    """Defect 17 of the original: recover_slot(force=True) offered what it could not repair."""
    manager = make_manager(slots=1)
    break_for_good(manager)

    assert manager.recover_slot(ONE, force=True) is False
    assert state(manager) is SlotState.ERROR


def test_two_recoveries_wait_for_each_other(make_manager: Make) -> None:
    """SPEC H3: one process recovers at a time; the other comes after it."""
    first, second = make_manager(), make_manager()
    break_git(first)
    break_git(first, TWO)
    child = os.fork()
    if child == 0:
        os._exit(second.auto_recover()["corrupted_recovered"])
    mine = first.auto_recover()
    theirs = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    assert mine["errors"] == []
    assert mine["corrupted_recovered"] + theirs == 2


# --- locks ------------------------------------------------------------------------------------------------------------------


def test_locks_of_slots_that_do_not_exist_are_cleaned_and_counted(make_manager: Make) -> None:
    """SPEC W2: orphaned_locks_cleaned counts only locks of slots that do not exist."""
    manager = make_manager(slots=1)
    gone = manager.lock_manager.locks_dir / "workspace-web-slot9.lock"
    gone.write_text("")

    assert manager.detect_orphaned_locks() == ["workspace-web-slot9"]
    assert manager.auto_recover(cleanup_orphaned_locks=False) == NOTHING
    assert manager.auto_recover() == {**NOTHING, "orphaned_locks_cleaned": 1}
    assert not gone.exists()


def test_the_lock_of_a_killed_holder_is_cleaned_and_not_counted(make_manager: Make) -> None:
    """SPEC W2: it is an orphan, though of a slot that exists."""
    manager = make_manager(slots=1)
    child = os.fork()
    if child == 0:
        with manager.lock_manager.acquire_slot_lock(ONE):
            os.kill(os.getpid(), 9)
    os.waitpid(child, 0)

    assert manager.detect_orphaned_locks() == [ONE]
    assert manager.auto_recover() == NOTHING
    assert manager.detect_orphaned_locks() == []


def test_a_lock_whose_holder_lives_is_not_listed(make_manager: Make) -> None:
    """Defect 5 of the original: a live lock was deleted by its age."""
    manager = make_manager(slots=1, stale_lock_hours=0)
    with manager.lock_manager.acquire_slot_lock(ONE):
        assert manager.detect_orphaned_locks() == []
        assert manager.auto_recover() == NOTHING
        assert manager.lock_manager.is_locked(ONE)


# --- a state that was lost --------------------------------------------------------------------------------------------------


def test_a_pool_whose_state_was_lost_keeps_its_slots_and_the_work_in_them(make_manager: Make, pool_origin: Path) -> None:
    """SPEC X: what nobody knows the owner of is kept out of use, then its work is kept."""
    manager = make_manager()
    slot = manager.allocate_slot("web")
    (slot.slot_path / "work.txt").write_text("mine")
    manager.close()
    for file in manager.config.workspaces_dir.glob("pool.db*"):
        file.unlink()

    manager.create_pool("web", str(pool_origin), 1)

    assert [each.state.value for each in manager.get_pool("web").slots] == ["error", "error"]
    assert manager.auto_recover() == {**NOTHING, "corrupted_recovered": 2}
    assert kept(manager) == 1
    assert len(manager.get_pool("web").get_available_slots()) == 2

"""The manager: pools, allocation and release as users and scripts rely on them (SPEC W1, W3)."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.systems.repopool.conftest import git
from tests.systems.repopool.states import dead_lease
from yaoki.core import deadline
from yaoki.systems.repopool import PoolManager, Slot, SlotState
from yaoki.systems.repopool.errors import (
    CleanupError,
    ConfigValidationError,
    LockTimeoutError,
    NoAvailableSlotError,
    PoolManagerError,
    PoolNotFoundError,
    SlotNotFoundError,
    StaleLeaseError,
)

Make = Callable[..., PoolManager]
ONE = "workspace-web-slot1"


def kept(manager: PoolManager) -> int:
    """How many entries the quarantine of `web` has."""
    return len(manager.quarantine("web").entries())


# --- pools ------------------------------------------------------------------------------------------------------------------


def test_a_pool_has_so_many_slots_that_are_on_offer(make_manager: Make, pool_origin: Path) -> None:
    """SPEC W1: create, get, list, sum up."""
    manager = make_manager(slots=0)

    made = manager.create_pool("web", str(pool_origin), 2)

    assert manager.get_pool("web") == made
    assert [slot.slot_id for slot in made.get_available_slots()] == [ONE, "workspace-web-slot2"]
    assert (made.slots[0].slot_path / "file0.txt").read_text() == "line 0\n"
    assert manager.list_pools() == ["web"]
    summary = manager.get_pool_summary()["web"]
    assert (summary.total_slots, summary.available_slots, summary.total_allocations) == (2, 2, 0)


def test_a_pool_that_exists_is_not_made_again(make_manager: Make, pool_origin: Path) -> None:
    """SPEC W1: a ValueError, as it always was."""
    manager = make_manager()

    with pytest.raises(ValueError, match="web exists") as caught:
        manager.create_pool("web", str(pool_origin), 2)
    assert isinstance(caught.value, ConfigValidationError)


def test_the_name_of_a_pool_is_not_given_to_another_repository(make_manager: Make, tmp_path: Path) -> None:
    """SPEC W1: the message names the repository that has it."""
    manager = make_manager()

    with pytest.raises(ConfigValidationError, match="of another repository"):
        manager.create_pool("web", str(tmp_path / "other"), 2)


def test_a_pool_of_a_repository_that_cannot_be_read_is_no_pool(make_manager: Make, tmp_path: Path) -> None:
    """Defect 12 of the original: a failed create_pool left a pool that could never be made again."""
    manager = make_manager(slots=0)

    with pytest.raises(PoolManagerError):
        manager.create_pool("web", str(tmp_path / "nowhere"), 2)
    assert manager.list_pools() == []


def test_a_pool_is_made_by_one_of_many_that_try(make_manager: Make, pool_origin: Path) -> None:
    """SPEC W1: the others are told that it exists."""
    manager = make_manager(slots=0)
    refused: list[Exception] = []

    def create() -> None:
        try:
            manager.create_pool("web", str(pool_origin), 2)
        except ConfigValidationError as error:
            refused.append(error)

    threads = [threading.Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 3
    assert len(manager.get_pool("web").get_available_slots()) == 2


@pytest.mark.parametrize("name", ["../web", "", "-web", "a/b", ".web"])
def test_a_name_that_would_leave_its_folder_is_refused(make_manager: Make, pool_origin: Path, name: str) -> None:
    """Defect 21 of the original: names and ids were not checked."""
    manager = make_manager(slots=0)

    with pytest.raises(ConfigValidationError, match="repo_name"):
        manager.create_pool(name, str(pool_origin), 1)
    with pytest.raises(ConfigValidationError):
        manager.allocate_slot(name)
    with pytest.raises(ConfigValidationError):
        manager.release_slot(f"workspace-{name}-slot1/..")


def test_what_is_not_there_is_an_error_of_its_own(make_manager: Make) -> None:
    """SPEC W1: never wrapped."""
    manager = make_manager()

    with pytest.raises(PoolNotFoundError):
        manager.get_pool("other")
    with pytest.raises(PoolNotFoundError):
        manager.allocate_slot("other")
    with pytest.raises(PoolNotFoundError):
        manager.add_slot("other")
    with pytest.raises(SlotNotFoundError):
        manager.get_slot_status("workspace-web-slot9")
    with pytest.raises(SlotNotFoundError):
        manager.release_slot("workspace-web-slot9")


def test_slots_are_added_and_removed(make_manager: Make) -> None:
    """SPEC W1: a pool grows and shrinks."""
    manager = make_manager(slots=1)

    added = manager.add_slot("web")
    manager.remove_slot(ONE)

    assert [slot.slot_id for slot in manager.get_pool("web").slots] == [added.slot_id]
    assert added.is_available()
    assert manager.get_pool("web").num_slots == 1
    assert not (manager.lock_manager.locks_dir / f"{ONE}.lock").exists()


def test_a_held_slot_is_removed_by_force_alone_and_its_work_is_kept(make_manager: Make) -> None:
    """Defect 4 of the original: remove(force) deleted uncommitted work."""
    manager = make_manager(slots=1)
    slot = manager.allocate_slot("web")
    (slot.slot_path / "work.txt").write_text("mine")

    with pytest.raises(PoolManagerError, match="is held by"):
        manager.remove_slot(ONE)
    manager.remove_slot(ONE, force=True)

    assert manager.get_pool("web").slots == []
    assert kept(manager) == 1
    with pytest.raises(StaleLeaseError, match="was removed"):
        slot.release()


# --- allocate and release ---------------------------------------------------------------------------------------------------


def test_an_allocated_slot_is_the_callers(make_manager: Make) -> None:
    """SPEC W1: it stands at the base commit, with what the holder said."""
    manager = make_manager()
    slot = manager.allocate_slot("web", {"job": 7}, holder="agent 7")

    assert slot.state is SlotState.ALLOCATED
    assert slot.metadata == {"job": 7}
    assert slot.lease is not None
    assert slot.lease.holder == "agent 7"
    assert slot.current_branch == "main"
    assert slot.current_commit == git(slot.slot_path, "rev-parse", "HEAD").strip()
    assert Slot.from_dict(slot.to_dict()).to_dict() == {**slot.to_dict(), "lease": None}


def test_a_full_pool_refuses_at_once(make_manager: Make) -> None:
    """Defect 16 of the original: callers could not tell full from broken."""
    manager = make_manager(slots=1)
    manager.allocate_slot("web")

    with pytest.raises(NoAvailableSlotError):
        manager.allocate_slot("web")


def test_a_full_pool_is_waited_for(make_manager: Make) -> None:
    """SPEC W1: with a timeout, until a slot is released."""
    manager = make_manager(slots=1)
    slot = manager.allocate_slot("web")
    threading.Timer(0.05, slot.release).start()

    assert manager.allocate_slot("web", timeout=50.0).slot_id == slot.slot_id


def test_a_released_slot_is_on_offer_when_release_returns(make_manager: Make) -> None:
    """Defect 6 of the original: the next tenant started where the former had stopped."""
    manager = make_manager(slots=1)
    slot = manager.allocate_slot("web")
    (slot.slot_path / "file0.txt").write_text("changed")
    (slot.slot_path / "new.txt").write_text("new")

    manager.release_slot(slot.slot_id)

    again = manager.allocate_slot("web")
    assert (again.slot_path / "file0.txt").read_text() == "line 0\n"
    assert not (again.slot_path / "new.txt").exists()
    assert kept(manager) == 1


def test_any_manager_of_the_leasing_process_releases(make_manager: Make) -> None:
    """SPEC W1: the lease is the process's, not the object's."""
    slot = make_manager(slots=1).allocate_slot("web")

    make_manager().release_slot(slot.slot_id)

    assert make_manager().get_pool("web").slots[0].is_available()


def test_a_slot_is_released_once(make_manager: Make) -> None:
    """Defect 2 of the original: a late release freed somebody else's slot."""
    manager = make_manager(slots=1)
    late = manager.allocate_slot("web")
    manager.release_slot(ONE, force=True)
    now = manager.allocate_slot("web")
    (now.slot_path / "work.txt").write_text("mine")

    with pytest.raises(StaleLeaseError):
        late.release()
    with pytest.raises(StaleLeaseError):
        late.heartbeat()
    assert (now.slot_path / "work.txt").read_text() == "mine"
    now.release()
    with pytest.raises(StaleLeaseError, match="nobody holds it"):
        manager.release_slot(ONE)


def test_another_process_cannot_release_without_force_or_fence(make_manager: Make) -> None:
    """SPEC W3: release_slot by id is for the leasing process; the fence of the lease is a right."""
    manager = make_manager(slots=1)
    slot = manager.allocate_slot("web")
    child = os.fork()
    if child == 0:
        try:
            manager.release_slot(ONE)
        except StaleLeaseError:
            manager.release_slot(ONE, fence=slot.fence)
            os._exit(0)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert manager.get_pool("web").slots[0].is_available()


def test_to_look_at_a_slot_gives_no_right_to_it(make_manager: Make) -> None:
    """SPEC W3: only its holder, its fence by name, or an operator's word takes it."""
    manager = make_manager(slots=1)
    manager.allocate_slot("web")

    for seen in (manager.get_slot(ONE), manager.get_pool("web").slots[0]):
        with pytest.raises(ValueError, match="was not allocated by this object"):
            seen.release()
    assert manager.get_slot(ONE).state is SlotState.ALLOCATED


def test_managers_work_after_fork(make_manager: Make) -> None:
    """SPEC W1: a child allocates for itself, and its lease is its own."""
    manager = make_manager(slots=2)
    manager.allocate_slot("web")
    child = os.fork()
    if child == 0:
        slot = manager.allocate_slot("web")
        slot.release()
        os._exit(
            0 if slot.lease is not None and slot.lease.process is not None and slot.lease.process.pid == os.getpid() else 1
        )
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(manager.get_pool("web").get_available_slots()) == 1


def test_force_takes_the_slot_from_a_living_holder_and_keeps_his_work(make_manager: Make) -> None:
    """SPEC W3: an operator's word; the work goes to quarantine first."""
    manager = make_manager(slots=1)
    slot = manager.allocate_slot("web")
    (slot.slot_path / "work.txt").write_text("mine")

    manager.release_slot(ONE, force=True)

    assert manager.get_pool("web").slots[0].is_available()
    assert kept(manager) == 1
    with pytest.raises(StaleLeaseError):
        slot.release()


def test_what_a_holder_writes_after_he_was_forced_out_is_kept_and_reaches_nobody(make_manager: Make) -> None:
    """SPEC W3: he may still have files open."""
    manager = make_manager(slots=1)
    slot = manager.allocate_slot("web")
    with (slot.slot_path / "work.txt").open("w") as late:
        manager.release_slot(ONE, force=True)
        late.write("written late")

    again = manager.allocate_slot("web")

    assert not (again.slot_path / "work.txt").exists()
    files = manager.quarantine("web").layout.set_aside.rglob("work.txt")
    assert [file.read_text() for file in files] == ["written late"]


def test_a_slot_that_was_not_cleaned_is_cleaned_before_the_next_has_it(make_manager: Make) -> None:
    """SPEC W1: cleanup=False defers the cleaning, and does not leave it out."""
    manager = make_manager(slots=1)
    slot = manager.allocate_slot("web")
    (slot.slot_path / "left.txt").write_text("left")
    manager.release_slot(ONE, cleanup=False)

    again = manager.allocate_slot("web")

    assert not (again.slot_path / "left.txt").exists()
    assert kept(manager) == 1


def test_a_release_in_the_background_offers_the_slot_when_it_is_clean(make_manager: Make) -> None:
    """Defect 13 of the original: the slot was on offer before it was cleaned."""
    manager = make_manager(slots=1)
    slot = manager.allocate_slot("web")
    (slot.slot_path / "work.txt").write_text("mine")

    task = manager.release_slot_background(ONE)

    assert task is not None
    manager.wait_for_release(task, 50.0)
    again = manager.allocate_slot("web")
    assert not (again.slot_path / "work.txt").exists()


def test_a_slot_whose_lock_somebody_holds_is_not_handed_out(make_manager: Make) -> None:
    """SPEC W4: a program that works in a free slot by hand is left alone."""
    manager = make_manager(slots=2)
    with manager.lock_manager.acquire_slot_lock(ONE):
        assert manager.allocate_slot("web").slot_id == "workspace-web-slot2"
        with pytest.raises(NoAvailableSlotError):
            manager.allocate_slot("web")
    assert manager.allocate_slot("web").slot_id == ONE


def test_a_broken_slot_is_mended_before_it_is_handed_out(make_manager: Make) -> None:
    """SPEC W2: a slot on offer always works."""
    manager = make_manager(slots=1)
    (manager.get_pool("web").slots[0].slot_path / ".git" / "HEAD").write_text("nonsense")

    slot = manager.allocate_slot("web")

    assert git(slot.slot_path, "status", "--porcelain") == ""


def test_a_slot_is_given_back_after_the_deadline_of_its_holder(make_manager: Make) -> None:
    """SPEC T1: the request is over, and the slot is to be clean all the same."""
    manager = make_manager(slots=1)
    slot = manager.allocate_slot("web")
    (slot.slot_path / "work.txt").write_text("mine")

    with deadline.within(0.0):
        slot.release()

    assert manager.get_pool("web").slots[0].is_available()
    assert kept(manager) == 1


def test_cleaning_has_its_time(make_manager: Make) -> None:
    """Defect 19 of the original: cleanup_timeout was read by nobody."""
    manager = make_manager(slots=1)
    slot = manager.allocate_slot("web")
    (slot.slot_path / "work.txt").write_text("mine")
    manager.config.cleanup_timeout = 1e-6

    with pytest.raises(CleanupError, match="cleanup_timeout"):
        slot.release()

    assert manager.get_pool("web").slots[0].state is SlotState.ERROR
    manager.auto_recover()
    assert manager.get_pool("web").slots[0].is_available()
    assert kept(manager) == 1


# --- leases -----------------------------------------------------------------------------------------------------------------


def test_a_lease_is_a_block(make_manager: Make) -> None:
    """SPEC W1: allocated at its beginning, released at its end, also if it fails."""
    manager = make_manager(slots=1)

    def work() -> None:
        with manager.lease("web", {"job": 1}, holder="agent") as slot:
            assert slot.state is SlotState.ALLOCATED
            raise KeyError("work")

    with pytest.raises(KeyError):
        work()
    assert manager.get_pool("web").slots[0].is_available()


def test_a_lease_says_that_it_is_in_use(make_manager: Make) -> None:
    """SPEC W4: the heartbeat prolongs a lease with a time to live, which hangs on nothing else."""
    manager = make_manager(slots=1, heartbeat_interval=0.01)
    with manager.lease("web", ttl=60.0) as slot:
        assert slot.lease is not None
        assert slot.lease.durable
        before = slot.lease
        while True:
            now = manager.get_pool("web").slots[0].lease
            assert now is not None
            if now.heartbeat_at > before.heartbeat_at:
                break
        assert now.until is not None
        assert before.until is not None
        assert now.until - before.until == pytest.approx(now.heartbeat_at - before.heartbeat_at, abs=0.01)


def test_a_lease_that_was_taken_by_force_says_so_at_its_end(make_manager: Make) -> None:
    """SPEC W3: late calls get StaleLeaseError and change nothing."""
    manager = make_manager(slots=1)

    with pytest.raises(StaleLeaseError), manager.lease("web"):
        manager.release_slot(ONE, force=True)


def test_a_durable_lease_outlives_its_process_and_is_released_by_its_fence(make_manager: Make) -> None:
    """SPEC W4: durable leases have no process, so the fence is their key."""
    manager = make_manager(slots=1)
    slot = manager.allocate_slot("web", durable=True, holder="job 3")

    with pytest.raises(StaleLeaseError, match="name its fence"):
        manager.release_slot(ONE)
    manager.release_slot(ONE, fence=slot.fence)
    assert manager.get_pool("web").slots[0].is_available()


def test_a_manager_at_work_is_not_disturbed_by_force(make_manager: Make) -> None:
    """SPEC W1: whoever lives finishes his work on a slot."""
    manager = make_manager(slots=1, lock_timeout=0.02)
    slot = manager.allocate_slot("web")
    store = manager._resources.store
    store.take(ONE, slot.fence, slot.lease or dead_lease())

    with pytest.raises(LockTimeoutError, match="has not finished"):
        manager.release_slot(ONE, force=True)


# --- the rest ---------------------------------------------------------------------------------------------------------------


def test_the_status_of_a_slot(make_manager: Make) -> None:
    """SPEC W1: state, lock, branch, commit, use, disk."""
    manager = make_manager(slots=1)
    slot = manager.allocate_slot("web")

    status = manager.get_slot_status(ONE)

    assert (status.state, status.is_locked, status.allocation_count) == (SlotState.ALLOCATED, False, 1)
    assert (status.current_branch, status.current_commit) == ("main", slot.current_commit)
    assert status.last_allocated_at == slot.last_allocated_at
    assert 0 < status.disk_usage_mb < 100


def test_what_allocations_cost_is_counted_over_all_managers(make_manager: Make, tmp_path: Path) -> None:
    """Defect 20 of the original: metrics were those of one process."""
    first, second = make_manager(slots=1), make_manager()
    first.allocate_slot("web").release()
    slot = second.allocate_slot("web")
    with pytest.raises(NoAvailableSlotError):
        first.allocate_slot("web")
    slot.release()

    counted = first.get_allocation_metrics("web")
    assert (counted.total_allocations, counted.failed_allocations) == (2, 1)
    assert counted.average_allocation_time_seconds > 0
    assert 0 <= counted.cache_hit_rate <= 1
    assert first.export_metrics(tmp_path / "metrics.json") == (tmp_path / "metrics.json").read_text().rstrip("\n")
    assert first.get_performance_metrics()["pools"]["web"]["total_allocations"] == 2
    second.clear_metrics("web")
    assert first.get_allocation_metrics("web").total_allocations == 0


def test_metrics_can_be_switched_off(make_manager: Make) -> None:
    """Defect 19 of the original: enable_metrics was read by nobody."""
    manager = make_manager(slots=1, enable_metrics=False)
    manager.allocate_slot("web").release()

    assert manager.get_allocation_metrics("web").total_allocations == 0


@pytest.mark.parametrize("operation", ["warmup", "before_allocation", "after_release"])
def test_all_free_slots_are_worked_on_at_once(make_manager: Make, operation: str) -> None:
    """SPEC W1: slots that somebody has are left alone."""
    manager = make_manager(slots=3)
    held = manager.allocate_slot("web")

    done = manager.cleanup_pool_parallel("web", operation, max_workers=2)

    assert (done["slots_cleaned"], done["successful"], done["failed"]) == (2, 2, 0)
    assert held.slot_id not in [result.slot_id for result in done["results"]]
    assert len(manager.get_pool("web").get_available_slots()) == 2
    assert manager.warmup_pool_parallel("web")["slots_warmed"] == 2

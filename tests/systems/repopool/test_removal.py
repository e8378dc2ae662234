"""A slot that is removed while somebody works in it (SPEC W1, W3)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.systems.repopool.states import allocated, dead_lease
from yaoki.systems.repopool import PoolManager
from yaoki.systems.repopool.errors import SlotNotFoundError, StaleLeaseError

Make = Callable[..., PoolManager]
ONE = "workspace-web-slot1"


def test_what_a_living_holder_writes_late_is_kept_too(make_manager: Make, tmp_path: Path) -> None:
    """SPEC W3: the tree is renamed away and not deleted, so a file that he has open goes along."""
    manager = make_manager(slots=1)
    slot = manager.allocate_slot("web")
    with (slot.slot_path / "work.txt").open("w") as work:
        work.write("before")
        work.flush()
        manager.remove_slot(ONE, force=True)
        work.write(" and after")

    (entry,) = manager.quarantine("web").entries()
    manager.quarantine("web").restore(entry.ticket, tmp_path / "rescued")
    assert (tmp_path / "rescued" / "work.txt").read_text() == "before and after"
    assert not slot.slot_path.exists()


@pytest.mark.parametrize("late", ["release", "heartbeat"])
def test_his_late_calls_are_stale(make_manager: Make, late: str) -> None:
    """SPEC W3: they change nothing, also once another slot has the number."""
    manager = make_manager(slots=1)
    slot = manager.allocate_slot("web")
    manager.remove_slot(ONE, force=True)

    with pytest.raises(StaleLeaseError, match="was removed"):
        getattr(slot, late)()
    manager.add_slot("web")
    with pytest.raises(StaleLeaseError):
        getattr(slot, late)()
    assert manager.get_slot(ONE).is_available()


@pytest.mark.parametrize("background", [False, True])
def test_his_late_calls_by_the_id_alone_are_stale_too(make_manager: Make, background: bool) -> None:
    """SPEC W3: from any manager of the leasing process, also once another slot of the number was removed when nobody had it."""
    manager, other = make_manager(slots=1), make_manager()
    manager.allocate_slot("web")
    manager.remove_slot(ONE, force=True)
    late = other.release_slot_background if background else other.release_slot

    with pytest.raises(StaleLeaseError, match="was removed"):
        late(ONE)
    manager.add_slot("web")
    with pytest.raises(StaleLeaseError, match="nobody holds it"):
        late(ONE)
    manager.remove_slot(ONE)
    with pytest.raises(StaleLeaseError, match="was removed"):
        late(ONE)


def test_who_never_had_a_removed_slot_is_told_that_there_is_none(make_manager: Make) -> None:
    """SPEC W3: it was free, or another process had it; the lease of a durable one may have been anybody's."""
    manager = make_manager(slots=3)
    allocated(manager._resources.store, dead_lease("agent"))
    durable = manager.allocate_slot("web", durable=True)
    dead, free = [slot.slot_id for slot in manager.get_pool("web").slots if slot.slot_id != durable.slot_id]
    for slot_id in (dead, free, durable.slot_id):
        manager.remove_slot(slot_id, force=True)

    for slot_id in (dead, free):
        with pytest.raises(SlotNotFoundError):
            manager.release_slot(slot_id)
    with pytest.raises(StaleLeaseError, match="was removed"):
        manager.release_slot(durable.slot_id)

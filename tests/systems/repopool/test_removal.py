"""A slot that is removed while somebody works in it (SPEC W1, W3)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from yaoki.systems.repopool import PoolManager
from yaoki.systems.repopool.errors import StaleLeaseError

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

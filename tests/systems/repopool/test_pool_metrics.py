"""What Prometheus is shown of the pools, and the health check (SPEC W5, O1)."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client.core import CollectorRegistry

from yaoki.systems.repopool import PoolManager
from yaoki.systems.repopool.recovery.health import problems_found


def registry_of(manager: PoolManager) -> CollectorRegistry:
    """A registry with the collector of the manager."""
    registry = CollectorRegistry()
    registry.register(manager.collector())
    return registry


def test_slots_leases_and_work_are_counted(make_manager: Callable[..., PoolManager]) -> None:
    """SPEC W5: by all processes that use the folder."""
    manager = make_manager()
    registry = registry_of(make_manager())
    slot = manager.allocate_slot("web")
    (slot.slot_path / "work.txt").write_text("mine")

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"yaoki_pool_{name}", {"pool": "web", **labels})

    assert (value("slots", state="allocated"), value("slots", state="available")) == (1.0, 1.0)
    assert (value("lease_age_seconds", slot=slot.slot_id) or -1.0) >= 0.0
    manager.release_slot(slot.slot_id, force=True)
    assert value("lease_age_seconds", slot=slot.slot_id) is None
    assert (value("allocations_total"), value("cleanings_total"), value("waiting")) == (1.0, 1.0, 0.0)
    assert (value("reclaims_total", cause="operator"), value("reclaims_total", cause="dead_owner")) == (1.0, 0.0)
    assert (value("clean_seconds_total") or 0.0) > 0.0
    assert (value("mirror_age_seconds") or -1.0) >= 0.0
    assert (registry.get_sample_value("yaoki_pool_disk_free_bytes") or 0.0) > 0.0


def test_the_size_of_the_quarantine(make_manager: Callable[..., PoolManager]) -> None:
    """SPEC W5: in bytes, as the entries tell it."""
    manager = make_manager()
    with manager.lease("web") as slot:
        (slot.slot_path / "work.txt").write_text("mine")
    shown = registry_of(manager).get_sample_value("yaoki_pool_quarantine_bytes", {"pool": "web"})

    assert shown == sum(entry.size for entry in manager.quarantine("web").entries()) > 0


def test_recoveries_are_counted(make_manager: Callable[..., PoolManager]) -> None:
    """SPEC W5: under the names of the source document."""
    manager = make_manager()
    (manager.get_slot("workspace-web-slot1").slot_path / ".git" / "HEAD").write_text("nonsense")
    manager.auto_recover()
    registry = registry_of(manager)

    def value(name: str) -> float | None:
        return registry.get_sample_value(f"yaoki_pool_recovery_{name}_total")

    assert (value("slots_recovered"), value("slots_released"), value("slots_isolated")) == (1.0, 0.0, 0.0)
    assert value("locks_cleaned") == 0.0
    assert registry.get_sample_value("yaoki_pool_repairs_total", {"pool": "web"}) == 1.0


def test_nothing_is_counted_where_that_is_switched_off(make_manager: Callable[..., PoolManager]) -> None:
    """SPEC W5: `enable_metrics`."""
    manager = make_manager(enable_metrics=False)
    manager.allocate_slot("web").release()

    assert registry_of(manager).get_sample_value("yaoki_pool_allocations_total", {"pool": "web"}) == 0.0


def test_the_health_check_says_how_many_and_repairs_nothing(make_manager: Callable[..., PoolManager]) -> None:
    """SPEC W5: healthy means that nothing was found; in English and Japanese."""
    manager = make_manager()
    assert manager.health_check().healthy
    (manager.get_slot("workspace-web-slot1").slot_path / ".git" / "HEAD").write_text("nonsense")

    assert str(manager.health_check()) == "1 problem found"
    assert str(manager.health_check(language="ja")) == "1件の問題を検出"
    assert not manager.health_check(language="ja")
    assert problems_found(2) == "2 problems found"

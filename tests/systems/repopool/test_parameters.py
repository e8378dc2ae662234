"""Parameters that mean nothing are refused before anything is taken (SPEC W1, W4, W5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from yaoki.core.faults.errors import ConfigurationError
from yaoki.systems.repopool import PoolManager
from yaoki.systems.repopool.errors import ConfigValidationError, LockTimeoutError, PoolManagerError

Make = Callable[..., PoolManager]
ONE = "workspace-web-slot1"


def test_a_time_to_live_that_means_nothing_is_refused(make_manager: Make) -> None:
    """SPEC W4: the lease of a process ends with it, and a heartbeat must come in time."""
    manager = make_manager(slots=1, heartbeat_interval=30.0)

    with pytest.raises(ConfigValidationError, match="durable=True"):
        manager.allocate_slot("web", ttl=60.0)
    with pytest.raises(ConfigValidationError, match="above heartbeat_interval"):
        manager.lease("web", ttl=30.0)
    assert manager.get_pool("web").slots[0].is_available()


@pytest.mark.parametrize(
    "parameters",
    [
        {"metadata": {"job": {1}}},
        {"metadata": {"job": float("nan")}},
        {"metadata": {1: "job"}},
        {"metadata": "job"},
        {"timeout": "1"},
        {"timeout": -1.0},
        {"timeout": float("nan")},
        {"holder": 7},
        {"ttl": "1", "durable": True},
        {"ttl": 0, "durable": True},
    ],
    ids=repr,
)
def test_a_bad_parameter_takes_no_slot(make_manager: Make, parameters: dict[str, Any]) -> None:
    """SPEC W5: the error names the field, and the slot stays on offer."""
    manager = make_manager(slots=1)

    with pytest.raises(ConfigValidationError, match=next(iter(parameters))):
        manager.allocate_slot("web", **parameters)
    assert manager.get_pool("web").slots[0].is_available()


BAD: dict[str, tuple[str, Callable[[PoolManager], object]]] = {
    "create_pool": ("num_slots", lambda manager: manager.create_pool("api", "/nowhere", 0)),
    "lease": ("ttl", lambda manager: manager.lease("web", ttl=float("nan"))),
    "wait_for_release": (
        "timeout",
        lambda manager: manager.wait_for_release(str(manager.release_slot_background(ONE)), timeout=-1.0),
    ),
    "warmup_pool_parallel": ("max_workers", lambda manager: manager.warmup_pool_parallel("web", max_workers=0)),
    "cleanup_pool_parallel": ("operation", lambda manager: manager.cleanup_pool_parallel("web", "polish")),
    "detect_long_allocated_slots": (
        "max_allocation_hours",
        lambda manager: manager.detect_long_allocated_slots(float("nan")),
    ),
    "health_check": ("max_allocation_hours", lambda manager: manager.health_check(-1)),
    "isolate_slot": ("reason", lambda manager: manager.isolate_slot(ONE, " ")),
    "isolate_slot, no text": ("reason", lambda manager: manager.isolate_slot(ONE, 7)),  # type: ignore[arg-type]  # the mistake
    "auto_recover": ("max_allocation_hours", lambda manager: manager.auto_recover(-1)),
    "auto_recover, strategy": ("strategy", lambda manager: manager.auto_recover(strategy="reckless")),
    "auto_recover, stage_wait": ("stage_wait", lambda manager: manager.auto_recover(stage_wait=-1.0)),
    "acquire_slot_lock": ("timeout", lambda manager: manager.lock_manager.acquire_slot_lock(ONE, -1.0).__enter__()),
    "detect_stale_locks": ("max_age_hours", lambda manager: manager.lock_manager.detect_stale_locks(-1)),
    "orphaned": ("max_age_hours", lambda manager: manager.lock_manager.orphaned(float("nan"))),
}


@pytest.mark.parametrize(("field", "call"), BAD.values(), ids=BAD)
def test_what_is_refused_is_an_error_of_the_pool(make_manager: Make, field: str, call: Callable[[PoolManager], object]) -> None:
    """SPEC W5: whoever catches PoolManagerError misses none; it is a ValueError too, and names the field."""
    manager = make_manager(slots=1)
    manager.allocate_slot("web")

    with pytest.raises(PoolManagerError, match=field) as caught:
        call(manager)
    assert isinstance(caught.value, ConfigurationError)
    assert isinstance(caught.value, ValueError)
    assert caught.value.field == field  # type: ignore[attr-defined]  # a ConfigValidationError


def test_nothing_has_been_allocated_for_an_infinite_time(make_manager: Make) -> None:
    """SPEC W2: infinity is a number of hours, for a look and for a recovery alike; then no slot is taken from its holder."""
    manager = make_manager(slots=1)
    slot = manager.allocate_slot("web")
    never = float("inf")

    assert manager.detect_long_allocated_slots(never) == []
    done = manager.auto_recover(never, force_release_long_allocated=True)

    assert (done["long_allocated_released"], done["errors"]) == (0, [])
    slot.release()


def test_the_lock_manager_waits_as_long_as_the_settings_say_now(make_manager: Make) -> None:
    """SPEC W5: the settings are assignable afterwards."""
    manager = make_manager(slots=1)
    manager.config.lock_timeout = 0.0

    with (
        manager.lock_manager.acquire_slot_lock(ONE),
        pytest.raises(LockTimeoutError),
        manager.lock_manager.acquire_slot_lock(ONE),
    ):
        pass

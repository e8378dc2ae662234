"""Parameters that mean nothing are refused before anything is taken (SPEC W1, W4, W5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from yaoki.core.faults.errors import ConfigurationError
from yaoki.systems.repopool import PoolManager
from yaoki.systems.repopool.errors import ConfigValidationError, LockTimeoutError

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
    ],
    ids=repr,
)
def test_a_bad_parameter_takes_no_slot(make_manager: Make, parameters: dict[str, Any]) -> None:
    """SPEC W5: the error names the field, and the slot stays on offer."""
    manager = make_manager(slots=1)

    with pytest.raises(ConfigurationError, match=next(iter(parameters))):
        manager.allocate_slot("web", **parameters)
    assert manager.get_pool("web").slots[0].is_available()


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

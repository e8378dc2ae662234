"""From the options of a command to the manager of the pools, and from what a person names to a slot."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from yaoki.systems.repopool.configuration_files import found_file
from yaoki.systems.repopool.errors import SlotNotFoundError

if TYPE_CHECKING:
    from contextlib import ExitStack

    from yaoki.systems.repopool import PoolConfig, PoolManager
    from yaoki.systems.repopool.models import Slot

__all__ = ["configuration", "default_holder", "manager_of", "named_slot"]


def configuration(workspaces: Path | None, file: Path | None) -> PoolConfig:
    """The settings: of the file, if one is named or stands where it is looked for; the option has the last word.

    Raises ConfigValidationError.
    """
    from yaoki.systems.repopool import PoolConfig

    found = found_file() if file is None else file
    config = PoolConfig() if found is None else PoolConfig.load_from_file(found)
    if workspaces is not None:
        config.workspaces_dir = workspaces
    return config


def manager_of(workspaces: Path | None, file: Path | None, ends: ExitStack) -> PoolManager:
    """The manager of the pools, closed with `ends`. Raises ConfigValidationError, PoolManagerError."""
    from yaoki.systems.repopool import PoolManager

    manager = PoolManager(configuration(workspaces, file))
    ends.callback(manager.close)
    return manager


def named_slot(manager: PoolManager, name: str) -> Slot:
    """The slot of this id, or the one that the path leads to or into.

    Raises SlotNotFoundError, and ConfigValidationError for what is neither.
    """
    if os.sep not in name and name not in {".", ".."}:
        return manager.get_slot(name)
    path = Path(name).resolve()
    for pool in manager.list_pools():
        for slot in manager.get_pool(pool).slots:
            if path.is_relative_to(slot.slot_path.resolve()):
                return slot
    raise SlotNotFoundError(
        f"{path} is in no slot of {manager.config.workspaces_dir}", way_out="`yaoki pool status` names them"
    )


def default_holder() -> str:
    """Who calls: user@host."""
    import getpass
    import socket

    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # A container may run as a user that has no name.
        user = f"user {os.getuid()}"
    return f"{user}@{socket.gethostname()}"

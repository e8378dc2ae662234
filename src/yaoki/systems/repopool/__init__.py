"""The repo pool: ready git workspaces for agents and jobs, in which nobody's work is ever lost (SPEC W1 to W5).

manager = PoolManager(PoolConfig(workspaces_dir="/srv/workspaces"))
manager.create_pool("web", "https://example.org/web.git", num_slots=4)
with manager.lease("web") as slot: ...
"""

from __future__ import annotations

from yaoki.systems.repopool.asynchronous import AsyncPoolManager
from yaoki.systems.repopool.configuration import PoolConfig
from yaoki.systems.repopool.manager import PoolManager
from yaoki.systems.repopool.models import Pool, PoolSummary, Slot, SlotState, SlotStatus

__all__ = ["AsyncPoolManager", "Pool", "PoolConfig", "PoolManager", "PoolSummary", "Slot", "SlotState", "SlotStatus"]

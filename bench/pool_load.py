"""Eight processes on four slots of one pool: how long each allocation takes beside one `git status`, and what the store takes.

`python -m bench.pool_load WORKSPACES NUMBER SECONDS` is one of the processes; it prints its figures as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.pool_repository import git
from yaoki.systems.repopool import PoolConfig, PoolManager
from yaoki.systems.repopool.leases.lease import new_lease
from yaoki.systems.repopool.store import Occasion

__all__ = ["PROCESSES", "Load", "run_load"]

PROCESSES = 8
_WORK = 0.005
"""Seconds for which a process keeps its slot."""


@dataclass
class Load:
    """Seconds of every allocation, of what the store takes of one, and of every `git status` of the same processes."""

    allocations: list[float]
    store: list[float]
    statuses: list[float]


def run_load(workspaces: Path, *, seconds: float) -> Load:
    """Start the processes together, and wait for all."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "bench.pool_load", str(workspaces), str(number), str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for number in range(PROCESSES)
    ]
    for _ in ("with git", "the store alone"):
        # Nobody begins before all have come so far.
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(b"go\n")
            process.stdin.flush()
    load = Load([], [], [])
    for process in processes:
        assert process.stdout is not None
        found = json.loads(process.stdout.read())
        if process.wait() != 0:
            raise RuntimeError("a process of the load has failed")
        load.allocations += found["allocations"]
        load.store += found["store"]
        load.statuses += found["statuses"]
    return load


def _took(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _one(workspaces: str, seconds: float) -> dict[str, list[float]]:
    manager = PoolManager(PoolConfig(workspaces))
    store = manager._resources.store
    tree = manager.get_pool("load").slots[0].slot_path
    found: dict[str, list[float]] = {"allocations": [], "store": [], "statuses": []}
    print("ready", flush=True)
    sys.stdin.readline()
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        started = time.perf_counter()
        slot = manager.allocate_slot("load", timeout=60.0)
        found["allocations"].append(time.perf_counter() - started)
        time.sleep(_WORK)
        slot.release()
        found["statuses"].append(_took(lambda: git(tree, "--no-optional-locks", "status", "--porcelain")))
    print("done", flush=True)
    # The others are still at work with git; what the store takes is measured when all do nothing else.
    sys.stdin.readline()
    until = time.perf_counter() + seconds / 4
    while time.perf_counter() < until:
        started = time.perf_counter()
        taken = store.take_free("store", new_lease(), Occasion())
        if taken is None:
            continue
        held = store.allocate(taken.slot_id, taken.fence, new_lease(), branch="main", commit="", metadata={})
        found["store"].append(time.perf_counter() - started)
        given = store.take(held.slot_id, held.fence, new_lease(), used=0.0)
        store.offer(given.slot_id, given.fence, branch="main", commit="")
    return found


if __name__ == "__main__":
    print(json.dumps(_one(sys.argv[1], float(sys.argv[3]))))

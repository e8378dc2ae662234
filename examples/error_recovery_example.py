"""A pool of workspaces loses a slot, an agent and a lock file, and gets all of them back.

    python examples/error_recovery_example.py

Everything is real and in a folder of its own: a repository, a pool of three slots, an agent in a process that is killed. Needs git.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from yaoki.systems.repopool import PoolConfig, PoolManager, SlotState

AGENT = """
import sys
from yaoki.systems.repopool import PoolConfig, PoolManager

slot = PoolManager(PoolConfig(workspaces_dir=sys.argv[1])).allocate_slot("my-repo", holder="agent 7")
(slot.slot_path / "idea.txt").write_text("half an hour of work, not committed\\n")
print(slot.slot_id, flush=True)
sys.stdin.read()
"""


def make_repository(folder: Path) -> None:
    """A repository with one commit."""
    author = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
    subprocess.run(["git", "init", "--quiet", "-b", "main", folder], check=True)
    (folder / "readme.md").write_text("# My repository\n")
    subprocess.run(["git", "add", "."], cwd=folder, check=True)
    subprocess.run(["git", *author, "commit", "--quiet", "-m", "first"], cwd=folder, check=True)


def detect(manager: PoolManager) -> int:
    """Say what is wrong; how many problems there are."""
    anomalies = manager.detect_anomalies(max_allocation_hours=24)
    for kind, found in anomalies.items():
        print(f"  {kind}: {[each if isinstance(each, str) else each.slot_id for each in found]}")
    return sum(len(found) for found in anomalies.values())


def damage_and_recover_one_slot(manager: PoolManager) -> None:
    """Detection finds without mending; recover_slot mends one slot."""
    print("1. A .git breaks.")
    slot = manager.get_pool("my-repo").slots[0]
    (slot.slot_path / ".git" / "HEAD").write_text("nonsense")
    print(f"  {detect(manager)} problem found")
    print(f"  recover_slot: {manager.recover_slot(slot.slot_id)}")


def isolate_by_hand(manager: PoolManager) -> None:
    """An operator keeps a slot out of use; no automatic recovery touches it."""
    print("2. An operator wants to look at a slot.")
    slot_id = manager.get_pool("my-repo").slots[1].slot_id
    manager.isolate_slot(slot_id, reason="its disk is suspicious")
    manager.auto_recover()
    for slot in manager.get_pool("my-repo").slots:
        if slot.state is SlotState.ERROR:
            print(f"  {slot.slot_id} is out of use: {slot.metadata['isolation_reason']}")
    print(f"  recover_slot: {manager.recover_slot(slot_id)}")


def lose_an_agent(manager: PoolManager, workspaces: Path) -> None:
    """An agent dies; its slot comes back, and its work is kept."""
    print("3. An agent is killed in the middle of its work, and somebody's lock file is left.")
    agent = subprocess.Popen(
        [sys.executable, "-c", AGENT, workspaces], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with agent:
        assert agent.stdout is not None
        slot_id = agent.stdout.readline().strip()
        os.kill(agent.pid, signal.SIGKILL)
    (manager.lock_manager.locks_dir / "workspace-my-repo-slot9.lock").touch()

    results = manager.auto_recover(
        max_allocation_hours=48,
        recover_corrupted=True,
        cleanup_orphaned_locks=True,
        force_release_long_allocated=False,
    )
    print(f"  auto_recover: {results}")
    print(f"  {slot_id}: {manager.get_slot_status(slot_id).state.value}")
    quarantine = manager.quarantine("my-repo")
    (entry,) = [entry for entry in quarantine.entries() if entry.holder == "agent 7"]
    quarantine.restore(entry.ticket, rescued := workspaces.parent / "rescued")
    print(f"  kept of {entry.holder}: {(rescued / 'idea.txt').read_text().strip()!r}")


def plan_a_recovery(manager: PoolManager) -> None:
    """A living process keeps its slot, whatever its age, unless the operator says otherwise."""
    print("4. A slot that a living process has: as if every allocation were a long one.")
    slot = manager.allocate_slot("my-repo", holder="a patient agent")
    for force in (False, True):
        manager.auto_recover(max_allocation_hours=0, force_release_long_allocated=force, dry_run=True)
        assert manager.last_recovery is not None
        (found,) = manager.last_recovery.handled
        print(f"  force_release_long_allocated={force}: {found.anomaly.subject} {found.result.value}")
    slot.release()


def main() -> None:
    """Everything, one after the other."""
    with tempfile.TemporaryDirectory(prefix="yaoki-example-") as place:
        repository, workspaces = Path(place) / "repository", Path(place) / "workspaces"
        make_repository(repository)
        metrics: dict[str, float] = {}
        manager = PoolManager(PoolConfig(workspaces_dir=workspaces), send_metric=metrics.__setitem__)
        manager.create_pool("my-repo", str(repository), num_slots=3)

        damage_and_recover_one_slot(manager)
        isolate_by_hand(manager)
        lose_an_agent(manager, workspaces)
        plan_a_recovery(manager)

        health = manager.health_check()
        print(f"At the end: {health}. Sent as metrics: {metrics}")
        manager.close()
        if not health:
            raise SystemExit(1)


if __name__ == "__main__":
    main()

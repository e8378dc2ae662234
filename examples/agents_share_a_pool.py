"""Six agents share two workspaces: each waits its turn, works, and leaves; two of them crash, and nothing of theirs is lost.

    python examples/agents_share_a_pool.py

Each agent is a process. Needs git.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from yaoki.systems.repopool import PoolConfig, PoolManager

AGENT = """
import os, sys
from pathlib import Path
from yaoki.systems.repopool import PoolConfig, PoolManager

workspaces, name = sys.argv[1], sys.argv[2]
manager = PoolManager(PoolConfig(workspaces_dir=workspaces))
with manager.lease("app", timeout=60.0, holder=name) as slot:
    assert not list(slot.slot_path.glob("*.txt")), "somebody has left something"
    (slot.slot_path / f"{name}.txt").write_text("what I have found out")
    print(f"{name} works in {slot.slot_path.name}", flush=True)
    if name in ("agent-2", "agent-5"):
        os._exit(1)
"""


def main() -> None:
    """Make a pool, start the agents, recover what the dead have left."""
    with tempfile.TemporaryDirectory(prefix="yaoki-example-") as place:
        repository, workspaces = Path(place) / "repository", Path(place) / "workspaces"
        author = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
        subprocess.run(["git", "init", "--quiet", "-b", "main", repository], check=True)
        subprocess.run(["git", *author, "commit", "--quiet", "--allow-empty", "-m", "first"], cwd=repository, check=True)
        manager = PoolManager(PoolConfig(workspaces_dir=workspaces))
        manager.create_pool("app", str(repository), num_slots=2)

        names = [f"agent-{number}" for number in range(1, 7)]
        agents = [subprocess.Popen([sys.executable, "-c", AGENT, workspaces, name]) for name in names]
        while any(agent.poll() is None for agent in agents):
            # This is what `yaoki pool watch` does by its schedule.
            manager.auto_recover()
        manager.auto_recover()

        kept = sorted(entry.holder for entry in manager.quarantine("app").entries())
        free = len(manager.get_pool("app").get_available_slots())
        print(f"{free} of 2 slots are free; kept is the work of {', '.join(kept)}")
        manager.close()
        if free != 2 or kept != names:
            raise SystemExit(1)


if __name__ == "__main__":
    main()

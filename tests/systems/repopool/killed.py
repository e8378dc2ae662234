"""A process that is killed in the middle of a manager's work: `python killed.py WORKSPACES ORIGIN WORK COMMANDS`.

WORK is create, allocate, release or recover; it ends itself with SIGKILL before the git command number COMMANDS, counted from the
beginning of the work.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from yaoki.systems.repopool import PoolConfig, PoolManager
from yaoki.systems.repopool.git.command import Git

left = -1
run = Git.run


def killing(self: Git, *arguments: Any, **options: Any) -> Any:
    """Run git, unless it is time to die."""
    global left
    if left == 0:
        os.kill(os.getpid(), 9)
    left -= 1
    return run(self, *arguments, **options)


def main(workspaces: str, origin: str, work: str, commands: str) -> None:
    global left
    Git.run = killing  # type: ignore[method-assign]
    manager = PoolManager(PoolConfig(workspaces))
    if work == "release":
        slot = manager.allocate_slot("web")
        (slot.slot_path / "work.txt").write_text("mine")
    left = int(commands)
    if work == "create":
        manager.create_pool("web", origin, 2)
    elif work == "allocate":
        (manager.get_pool("web").slots[0].slot_path / "file0.txt").write_text("left by somebody")
        manager.allocate_slot("web")
    elif work == "release":
        slot.release()
    else:
        assert work == "recover"
        (manager.get_pool("web").slots[0].slot_path / ".git" / "HEAD").unlink()
        (manager.get_pool("web").slots[0].slot_path / "work.txt").write_text("mine")
        manager.auto_recover()
    Path(workspaces, "came to its end").touch()


if __name__ == "__main__":
    main(*sys.argv[1:])

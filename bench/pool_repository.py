"""Repositories for the measurements of the repo pool, made here: so many files, some history."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

__all__ = ["git", "make_repository"]

_COMMITS = 20
_SETTINGS = (
    "user.name=bench",
    "user.email=bench@example.org",
    "commit.gpgSign=false",
    "gc.auto=0",
    "advice.detachedHead=false",
)


def git(folder: Path, *words: str) -> str:
    """What plain git says in a folder, without anybody's configuration."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
    settings = [word for setting in _SETTINGS for word in ("-c", setting)]
    return subprocess.run(
        ["git", *settings, *words], cwd=folder, env=environment, capture_output=True, text=True, check=True
    ).stdout


def make_repository(folder: Path, files: int) -> Path:
    """A repository of `files` files of 1 to 12 KB in folders of 20, changed in 20 commits."""
    chance = random.Random(files)
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    paths = [folder / f"package{number // 200}" / f"part{number // 20 % 10}" / f"module{number}.py" for number in range(files)]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_text(chance))
    (folder / ".gitignore").write_text("*.log\nbuild/\n")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=the first")
    for number in range(_COMMITS):
        for path in chance.sample(paths, max(1, files // 40)):
            path.write_text(_text(chance))
        git(folder, "commit", "--quiet", "--all", f"--message=change {number}")
    git(folder, "repack", "-a", "-d", "--quiet")
    return folder


def _text(chance: random.Random) -> str:
    return "".join(f"value_{chance.getrandbits(40):x} = {chance.getrandbits(60)}\n" for _ in range(chance.randrange(20, 300)))

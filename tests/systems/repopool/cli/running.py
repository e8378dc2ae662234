"""`yaoki pool …` over one folder of pools: in this process, which is quick, or in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import Result
from typer.testing import CliRunner

from yaoki.cli.commands import app


class Commands:
    """Commands over the folder `workspaces`, with an empty home and no configuration but what a test writes."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.workspaces = home / "workspaces"

    def __call__(self, *arguments: str | Path | int) -> Result:
        """Run `yaoki pool` with these arguments in this process."""
        return CliRunner().invoke(app, ["pool", *map(str, arguments)], env=self._settings())

    def json(self, *arguments: str | Path | int, code: int = 0) -> dict[str, Any]:
        """The one document that the command prints with --json. Fails if it ends with another exit code."""
        done = self(*arguments, "--json")
        assert done.exit_code == code, done.output
        document = json.loads(done.stdout)
        assert document["version"] == 1
        assert document["command"].startswith(f"pool {arguments[0]}")
        return dict(document)

    def start(self, *arguments: str | Path | int, **settings: str) -> subprocess.Popen[str]:
        """The same in a process of its own."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("YAOKI_", "STATE_DIRECTORY"))}
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "yaoki", "pool", *map(str, arguments)],
            cwd=self.home,
            env={**kept, **self._settings(), "PYTHONUNBUFFERED": "1", **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def states(self, pool: str = "web") -> dict[str, str]:
        """The state of each slot, by its number: {"slot1": "available", …}."""
        slots = self.json("status", pool)["slots"]
        return {slot["slot_id"].rpartition("-")[2]: slot["state"] for slot in slots}

    def _settings(self) -> dict[str, str]:
        return {"HOME": str(self.home), "YAOKI_POOL_WORKSPACES": str(self.workspaces), "TERM": "dumb", "COLUMNS": "200"}


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)

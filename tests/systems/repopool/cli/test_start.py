"""The command line starts quickly (SPEC X4)."""

from __future__ import annotations

import subprocess
import sys


def test_nothing_heavy_is_loaded_before_a_command_needs_it() -> None:
    """Neither the pools nor sqlite, rich's tables or a web framework: `yaoki --help` must not wait for them."""
    heavy = ("yaoki.systems", "yaoki.service", "fastapi", "uvicorn", "pydantic", "sqlite3", "asyncio")
    program = f"""
import sys
import yaoki.cli.commands
print([name for name in sys.modules if name.startswith({heavy!r})])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)

    assert done.stdout == "[]\n"

"""The example that `make outage` shows (SPEC X4)."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[3] / "examples" / "outage.py"


def test_the_shop_lives_through_the_outage() -> None:
    """A real server fails, hangs and returns: every customer gets a price, and the circuit ends closed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLE],
        capture_output=True,
        text=True,
        timeout=18,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert len(re.findall(r"customer +\d+: \d+ yen", done.stdout)) == 24
    assert "trying again in" in done.stdout
    assert "circuit: closed -> open" in done.stdout
    assert "refused at once" in done.stdout
    assert re.search(r"The circuit: closed -> open .*-> half_open -> closed\.", done.stdout)

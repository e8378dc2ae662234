"""The command line is there at once."""

from __future__ import annotations

import subprocess
import sys


def test_x3_no_system_is_loaded_before_a_command_runs() -> None:
    """SPEC X3: `yaoki --help` waits for none of the systems, nor for what they need."""
    program = (
        "import sys\n"
        "import yaoki.cli.commands\n"
        "heavy = {'numpy', 'fastapi', 'pydantic', 'rich', 'sqlite3', 'httpx'} & set(sys.modules)\n"
        "print(sorted(heavy), [name for name in sys.modules if name.startswith(('yaoki.systems', 'yaoki.service'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "[] []\n"

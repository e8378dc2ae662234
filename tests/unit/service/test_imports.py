"""A program pays for what it uses of a service."""

from __future__ import annotations

import subprocess
import sys


def test_x3_the_package_itself_is_light() -> None:
    """SPEC X3: neither the web framework nor the metrics are loaded with it."""
    program = (
        "import sys\n"
        "import yaoki.service, yaoki.observe, yaoki.service.configuration, yaoki.service.data_directory, yaoki.service.tokens\n"
        "print(sorted({'fastapi', 'uvicorn', 'pydantic', 'prometheus_client', 'platformdirs', 'pythonjsonlogger'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"

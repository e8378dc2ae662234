"""How a child process ended, and files that were not copied (SPEC F3)."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.faults.verdicts import CALLER, DEPENDENCY, FATAL, LOCAL, RECOVERABLE, THE_CALLERS, TRANSIENT, raised_by, says
from yaoki.core.faults.category import Category, Origin, Recoverability
from yaoki.core.faults.classifier import classify


def run(program: str) -> Callable[[], object]:
    return lambda: subprocess.run([sys.executable, "-S", "-c", program], check=True, capture_output=True)


def test_a_program_that_fails_is_the_dependency() -> None:
    """SPEC F3: exit status 1 says only that it failed."""
    error = raised_by(run("raise SystemExit(1)"))

    assert says(error) == (Category.SYSTEM, RECOVERABLE, DEPENDENCY)
    assert (classify(error).error_type, classify(error).code) == ("CalledProcessError", 1)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals for processes")
def test_a_program_that_was_killed_may_live_another_time() -> None:
    """SPEC F3: signal and exit status are told apart."""
    error = raised_by(run("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"))

    assert says(error) == (Category.SYSTEM, RECOVERABLE, DEPENDENCY)
    assert (classify(error).code, classify(error).context) == (-signal.SIGKILL, {"signal": "SIGKILL"})


@pytest.mark.parametrize(
    ("status", "recoverability", "origin", "context"),
    [
        (64, FATAL, CALLER, {}),
        (75, TRANSIENT, DEPENDENCY, {}),
        (69, RECOVERABLE, DEPENDENCY, {}),
        (78, FATAL, CALLER, {}),
        (126, FATAL, CALLER, {}),
        (127, FATAL, CALLER, {}),
        (128, RECOVERABLE, DEPENDENCY, {}),
        (129, RECOVERABLE, DEPENDENCY, {}),
        (137, RECOVERABLE, DEPENDENCY, {"signal": "SIGKILL"}),
        (143, RECOVERABLE, DEPENDENCY, {"signal": "SIGTERM"}),
        (255, RECOVERABLE, DEPENDENCY, {}),
        (-9999, RECOVERABLE, DEPENDENCY, {}),
    ],
)
def test_the_exit_status_decides(
    status: int, recoverability: Recoverability, origin: Origin, context: dict[str, object]
) -> None:
    """SPEC F3: sysexits.h and the shell's statuses."""
    fault = classify(subprocess.CalledProcessError(status, "x"))

    assert (fault.recoverability, fault.origin, fault.code, fault.context) == (recoverability, origin, status, context)


def test_a_program_that_does_not_exist_is_the_callers() -> None:
    """SPEC F3: FileNotFoundError with the program's name."""
    assert says(raised_by(lambda: subprocess.run(["/no/such/program"], check=True))) == THE_CALLERS


def test_a_program_that_does_not_end_is_a_timeout() -> None:
    """SPEC F3: TimeoutExpired."""
    assert says(subprocess.TimeoutExpired("x", 1.0)) == (Category.TIMEOUT, RECOVERABLE, DEPENDENCY)


def test_files_that_cannot_be_copied_are_our_own_hosts(tmp_path: Path) -> None:
    """SPEC F3: shutil.Error is an OSError without a number, and no network."""
    error = raised_by(lambda: shutil.move(str(tmp_path), str(tmp_path / "inside")))

    assert type(error) is shutil.Error
    assert says(error) == (Category.SYSTEM, FATAL, LOCAL)

"""SPEC H2: health checks are right after fork."""

from __future__ import annotations

import os
import threading

import pytest

from yaoki import HealthCheck, HealthChecks, Probes

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform cannot fork"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


def in_child(ask: object) -> int:
    """The exit code of a forked child that asks, and says 0 for yes."""
    assert callable(ask)
    child = os.fork()
    if child == 0:
        code = 2
        try:
            code = 0 if ask() else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_child_knows_nothing_and_can_start() -> None:
    """SPEC H2: what the parent found out says nothing about the child, and its threads are not there."""
    checks = HealthChecks(HealthCheck("db", lambda: None))
    probes = Probes(checks)
    checks.run_once_threads()
    checks.start_threads()

    def ask() -> bool:
        before = probes.ready().ok
        checks.start_threads()
        checks.stop()
        return not before and checks.run_once_threads()["db"].ok is True and probes.ready().ok

    assert in_child(ask) == 0
    checks.stop()
    assert probes.ready().ok


def test_a_run_left_behind_in_the_parent_does_not_hang_in_the_child() -> None:
    """SPEC H2: the thread that hangs is the parent's alone."""
    free = threading.Event()
    hangs = [True]

    def check() -> None:
        if hangs[0]:
            free.wait()

    checks = HealthChecks(HealthCheck("db", check, timeout=0.05))
    checks.run_once_threads()
    hangs[0] = False
    assert checks.run_once_threads()["db"].detail == "TimeoutError: the run before has not ended yet"

    assert in_child(lambda: checks.run_once_threads()["db"].ok is True) == 0
    free.set()

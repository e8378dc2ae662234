"""SPEC H2: what a check says, and what probes show of it."""

from __future__ import annotations

import json

import pytest

from yaoki import HealthCheck, HealthChecks
from yaoki.testing import VirtualClock


def raises(error: BaseException) -> object:
    def check() -> None:
        raise error

    return check


class Unspeakable(Exception):  # noqa: N818  # it is one
    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    ("check", "ok", "detail"),
    [
        (lambda: None, True, None),
        (lambda: True, True, None),
        (lambda: "12 ms", True, "12 ms"),
        (lambda: "", True, None),
        (lambda: False, False, "the check said no"),
        (lambda: 0, False, "the check returned 0, which is neither None, a bool nor a text"),
        (lambda: {"status": "down"}, False, "the check returned {'status': 'down'}, which is neither None, a bool nor a text"),
        (raises(ConnectionError("gone")), False, "ConnectionError: gone"),
        (raises(TimeoutError()), False, "TimeoutError"),
        (raises(SystemExit(3)), False, "SystemExit: 3"),
        (raises(Unspeakable()), False, "Unspeakable"),
        (raises(OSError("two\nlines\x1b[31m")), False, "OSError: two lines?[31m"),
        (
            raises(OSError("cannot reach postgresql://app:secret@db:5432/x")),
            False,
            "OSError: cannot reach postgresql://…@db:5432/x",
        ),
        (lambda: "mail to root@localhost", True, "mail to root@localhost"),
        (lambda: "x" * 300, True, "x" * 199 + "…"),
    ],
)
def test_what_a_check_says(check: object, ok: bool, detail: str | None, virtual_clock: VirtualClock) -> None:
    """SPEC H2, X5: one printable line, not long, without credentials; what raises or makes no sense has failed."""
    result = HealthChecks(HealthCheck("db", check)).run_once_threads()["db"]  # type: ignore[arg-type]  # some are wrong

    assert (result.ok, result.detail) == (ok, detail)


def test_what_a_check_raised_is_classified(virtual_clock: VirtualClock) -> None:
    """SPEC H2, F3: by the classifier of all pipelines."""
    fault = HealthChecks(HealthCheck("db", raises(ConnectionResetError("x")))).run_once_threads()["db"].fault  # type: ignore[arg-type]

    assert fault is not None
    assert (fault.category.value, fault.error_type) == ("network", "ConnectionResetError")


def test_a_result_is_json_ready(virtual_clock: VirtualClock) -> None:
    """SPEC H2, O4: all that is known, before and after a run."""
    checks = HealthChecks(HealthCheck("db", raises(ConnectionResetError("x")), groups=["ready", "startup"], critical=False))  # type: ignore[arg-type]
    before = checks.results()["db"].to_dict()
    after = json.loads(json.dumps(checks.run_once_threads()["db"].to_dict()))

    assert before == {
        "name": "db",
        "ok": None,
        "detail": None,
        "at": None,
        "took": None,
        "groups": ["ready", "startup"],
        "critical": False,
        "passed": False,
        "fault": None,
    }
    assert (after["ok"], after["at"], after["took"]) == (False, virtual_clock.wall(), 0.0)
    assert after["fault"]["error_type"] == "ConnectionResetError"

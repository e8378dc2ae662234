"""SPEC H2: liveness, readiness, startup, and their text as kube-apiserver writes it."""

from __future__ import annotations

import json

import pytest

from yaoki import HealthCheck, HealthChecks, Probes, Shutdown
from yaoki.testing import VirtualClock


class Dependency:
    """Something that is up or down."""

    def __init__(self, up: bool = True) -> None:
        self.up = up

    def __call__(self) -> None:
        if not self.up:
            raise ConnectionRefusedError("refused")


@pytest.fixture
def index() -> Dependency:
    return Dependency()


@pytest.fixture
def llm() -> Dependency:
    return Dependency()


@pytest.fixture
def checks(index: Dependency, llm: Dependency, virtual_clock: VirtualClock) -> HealthChecks:
    return HealthChecks(
        HealthCheck("memory", lambda: "120 MB", groups=["live"]),
        HealthCheck("index", index, groups=["ready", "startup"]),
        HealthCheck("llm", llm, critical=False),
    )


def test_a_dead_dependency_does_not_fail_liveness(checks: HealthChecks, index: Dependency, llm: Dependency) -> None:
    """SPEC H2: restarting the process would not bring it back."""
    index.up = llm.up = False
    checks.run_once_threads()

    live = Probes(checks).live()
    assert (live.ok, live.status, [result.name for result in live.checks]) == (True, 200, ["ping", "memory"])


def test_a_process_that_is_not_well_fails_liveness(virtual_clock: VirtualClock) -> None:
    """SPEC H2: a check of the process alone may; before its first run it does not."""
    checks = HealthChecks(HealthCheck("memory", lambda: False, groups=["live"]))

    assert Probes(checks).live().ok
    checks.run_once_threads()
    assert not Probes(checks).live().ok


def test_readiness_stays_while_a_degraded_answer_is_possible(checks: HealthChecks, llm: Dependency) -> None:
    """SPEC H2: a check that is not critical shows its failure, and takes no instance out."""
    llm.up = False
    checks.run_once_threads()

    ready = Probes(checks).ready()
    assert (ready.ok, bool(ready), ready.status) == (True, True, 200)
    assert "[-]llm failed: ConnectionRefusedError: refused (not critical)" in ready.text(verbose=True)


def test_readiness_goes_with_a_critical_dependency_and_comes_back(checks: HealthChecks, index: Dependency) -> None:
    """SPEC H2: no answer is possible without it."""
    checks.run_once_threads()
    probes = Probes(checks)
    assert probes.ready().ok

    index.up = False
    checks.run_once_threads()
    assert (probes.ready().ok, probes.ready().status) == (False, 503)

    index.up = True
    checks.run_once_threads()
    assert probes.ready().ok


def test_nothing_is_ready_before_it_was_checked(checks: HealthChecks) -> None:
    """SPEC H2: a balancer that asks early sends nothing."""
    assert not Probes(checks).ready().ok


def test_startup_is_true_once_and_stays(checks: HealthChecks, index: Dependency) -> None:
    """SPEC H2: all checks of the group were ok at least once."""
    probes = Probes(checks)
    index.up = False
    checks.run_once_threads()
    assert not probes.startup().ok

    index.up = True
    checks.run_once_threads()
    index.up = False
    checks.run_once_threads()

    assert probes.startup().ok
    assert probes.startup().text(verbose=True) == "[+]index ok\nstartupz check passed\n"


def test_readiness_waits_for_the_start(virtual_clock: VirtualClock) -> None:
    """SPEC H2: 503 before the start, also where nobody asks the startup probe."""
    loaded = Dependency(up=False)
    checks = HealthChecks(HealthCheck("model", loaded, groups=["startup"]))
    checks.run_once_threads()
    assert Probes(checks).ready().text() == "[-]started failed: waits for model\nreadyz check failed\n"

    loaded.up = True
    checks.run_once_threads()
    loaded.up = False
    checks.run_once_threads()
    assert Probes(checks).ready().ok


def test_a_requested_shutdown_fails_readiness_and_nothing_else(checks: HealthChecks) -> None:
    """SPEC H2, H4: the drain begins with it."""
    shutdown = Shutdown(balancer_wait=5.0)
    probes = Probes(checks, shutdown)
    checks.run_once_threads()
    assert "[+]shutdown ok" in probes.ready().text(verbose=True)

    shutdown.request("SIGTERM")

    assert "[-]shutdown failed: shutting down: SIGTERM" in probes.ready().text()
    assert probes.live().ok
    assert probes.startup().ok


def test_probes_without_checks_are_true(virtual_clock: VirtualClock) -> None:
    """SPEC H2: a program that needs nothing is ready."""
    probes = Probes()

    assert (probes.live().text(), probes.ready().text(), probes.startup().text()) == ("ok", "ok", "ok")


def test_the_verbose_text_is_that_of_kube_apiserver(checks: HealthChecks, index: Dependency) -> None:
    """SPEC H2: a line for each check, and the verdict; a failure is listed without being asked."""
    checks.run_once_threads()
    probes = Probes(checks, Shutdown())
    assert probes.live().text(verbose=True) == "[+]ping ok\n[+]memory ok\nlivez check passed\n"
    assert probes.ready().text(verbose=True) == ("[+]started ok\n[+]shutdown ok\n[+]index ok\n[+]llm ok\nreadyz check passed\n")

    index.up = False
    checks.run_once_threads()
    assert probes.ready().text() == (
        "[+]started ok\n[+]shutdown ok\n[-]index failed: ConnectionRefusedError: refused\n[+]llm ok\nreadyz check failed\n"
    )


def test_before_the_first_run_the_text_says_so(checks: HealthChecks) -> None:
    """SPEC H2: not checked is neither ok nor broken."""
    probes = Probes(checks)

    assert "[-]index failed: not checked yet\n" in probes.ready().text()
    assert "[-]index failed: not checked yet\n" in probes.startup().text()
    assert "[+]memory ok: not checked yet\n" in probes.live().text(verbose=True)


def test_checks_can_be_excluded(checks: HealthChecks, index: Dependency) -> None:
    """SPEC H2: `?exclude=index`; a name that is none is warned about."""
    checks.run_once_threads()
    index.up = False
    checks.run_once_threads()

    ready = Probes(checks).ready(exclude=["index", "indx\n"])

    assert ready.ok
    assert (ready.excluded, ready.unknown) == (("index",), ("indx\n",))
    assert ready.text(verbose=True) == (
        "[+]started ok\n[+]index excluded: ok\n[+]llm ok\n"
        "warn: some checks cannot be excluded: no matches for 'indx\\n'\nreadyz check passed\n"
    )
    assert Probes(checks).ready(exclude="index").ok


def test_a_probe_is_json_ready(checks: HealthChecks) -> None:
    """SPEC H2, O4: for consoles."""
    checks.run_once_threads()

    told = json.loads(json.dumps(Probes(checks).ready(exclude=["llm"]).to_dict()))

    assert (told["probe"], told["ok"], told["excluded"]) == ("readyz", True, ["llm"])
    assert [check["name"] for check in told["checks"]] == ["started", "index", "llm"]

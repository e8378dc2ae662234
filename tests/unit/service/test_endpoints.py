"""The endpoints that every service has."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from yaoki.core.health.checks import HealthCheck, HealthChecks
from yaoki.core.health.probes import Probes
from yaoki.core.shutdown import Shutdown
from yaoki.service.endpoints import router
from yaoki.testing import run

Ask = Callable[..., httpx.Response]


def asking(probes: Probes, *collectors: Any, **options: Any) -> Ask:
    app = FastAPI(openapi_url=None)
    app.include_router(router(probes, *collectors, **options))

    def ask(path: str, method: str = "GET", **headers: str) -> httpx.Response:
        async def main() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
                return await client.request(method, path, headers=headers)

        return run(main())

    return ask


def failing() -> None:
    raise ConnectionRefusedError("nobody there")


@pytest.fixture
def probes() -> Probes:
    """A check that is critical and fails, and one of the startup that was ok."""
    checks = HealthChecks(HealthCheck("store", failing), HealthCheck("index", lambda: "7 passages", groups=("startup",)))
    checks.run_once_threads()
    return Probes(checks)


def test_h2_the_status_says_how_it_is(probes: Probes) -> None:
    """SPEC H2: 200 or 503, for programs that read nothing else."""
    ask = asking(probes)

    assert [ask(path).status_code for path in ("/livez", "/readyz", "/startupz")] == [200, 503, 200]


def test_h2_what_failed_is_named(probes: Probes) -> None:
    """SPEC H2: in text for people; nobody keeps an old answer."""
    response = asking(probes)("/readyz")

    assert "[-]store failed: " in response.text
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"


def test_h2_verbose_tells_what_is_well_too(probes: Probes) -> None:
    """SPEC H2: every check has its line."""
    assert asking(probes)("/startupz").text == "ok"
    assert asking(probes)("/startupz?verbose").text == "[+]index ok\nstartupz check passed\n"


def test_h2_a_check_can_be_left_out(probes: Probes) -> None:
    """SPEC H2: by name, for one request."""
    assert asking(probes)("/readyz?exclude=store").status_code == 200


def test_h2_programs_get_json(probes: Probes) -> None:
    """SPEC H2: if they ask for it."""
    response = asking(probes)("/readyz", accept="application/json")

    assert response.status_code == 503
    assert response.json()["ok"] is False
    assert "store" in {check["name"] for check in response.json()["checks"]}


def test_h2_head_is_answered_without_a_body(probes: Probes) -> None:
    """SPEC H2: balancers ask so."""
    response = asking(probes)("/readyz", "HEAD")

    assert (response.status_code, response.content) == (503, b"")


def test_h4_readiness_is_false_once_the_end_was_requested() -> None:
    """SPEC H4: and only readiness."""
    shutdown = Shutdown()
    ask = asking(Probes(HealthChecks(), shutdown))
    before = ask("/readyz").status_code
    shutdown.request()

    assert (before, ask("/readyz").status_code, ask("/livez").status_code, ask("/startupz").status_code) == (200, 503, 200, 200)


@pytest.fixture
def registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    Counter("answers", "Answers.", registry=registry).inc(2)
    return registry


def test_o1_metrics_of_all_collectors_are_shown(registry: CollectorRegistry) -> None:
    """SPEC O1: those of the default registry too, unless they are not wanted."""
    probes = Probes(HealthChecks())

    everything = asking(probes, registry)("/metrics").text
    chosen = asking(probes, registry, default_registry=False)("/metrics").text

    assert "answers_total 2.0\n" in everything
    assert "python_info" in everything
    assert "answers_total 2.0\n" in chosen
    assert "python_info" not in chosen


def test_o1_the_format_is_the_one_that_was_asked_for(registry: CollectorRegistry) -> None:
    """SPEC O1: OpenMetrics ends with its mark."""
    ask = asking(Probes(HealthChecks()), registry, default_registry=False)

    plain, modern = ask("/metrics"), ask("/metrics", accept="application/openmetrics-text;version=1.0.0")

    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert modern.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert modern.text.endswith("# EOF\n")


class Where:
    """Notes the thread in which it was collected."""

    thread: threading.Thread | None = None

    def collect(self) -> Iterator[Metric]:
        self.thread = threading.current_thread()
        yield GaugeMetricFamily("found", "Found.", value=1.0)


def test_o1_metrics_are_collected_off_the_event_loop() -> None:
    """SPEC O1: in a thread that keeps no process from ending."""
    where = Where()

    asking(Probes(HealthChecks()), where, default_registry=False)("/metrics")

    assert where.thread is not None
    assert where.thread is not threading.current_thread()
    assert where.thread.daemon


def test_o1_a_collector_that_fails_is_an_error() -> None:
    """SPEC O1: a half answer would look like a whole one."""

    class Broken:
        def collect(self) -> Iterator[Metric]:
            raise LookupError

    with pytest.raises(LookupError):
        asking(Probes(HealthChecks()), Broken(), default_registry=False)("/metrics")


def test_o1_a_family_is_there_once(registry: CollectorRegistry) -> None:
    """SPEC O1: also if two collectors have it."""
    text = asking(Probes(HealthChecks()), registry, registry, default_registry=False)("/metrics").text

    assert text.count("# TYPE answers_total counter") == 1

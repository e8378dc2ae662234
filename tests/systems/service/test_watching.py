"""A running service tells how it is: probes, metrics, logs (SPEC H2, O1, O3)."""

from __future__ import annotations

import httpx
import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from tests.systems.service.conftest import Example, Examples, wait_for
from yaoki.observe.request_id import is_uuid

OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"

pytestmark = pytest.mark.timeout(60)


def scraped(service: Example) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = service.get("/metrics").text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    found = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}
    assert len(found) == len(samples), "a series is there twice"
    return found


def series(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


def test_h2_probes_answer(running: Example) -> None:
    """SPEC H2: 200 for a service that has started; the verbose form has a line for each check."""
    wait_for(lambda: running.get("/readyz").status_code == 200)

    assert running.get("/livez").text == "ok"
    assert running.get("/startupz").status_code == 200
    verbose = running.client.get("/readyz?verbose")
    assert "[+]started ok\n" in verbose.text
    assert "[+]oracle ok\n" in verbose.text
    assert verbose.headers["cache-control"] == "no-store"
    assert running.client.head("/livez").status_code == 200


def test_h2_a_dead_dependency_is_told_and_fails_no_probe(start: Examples) -> None:
    """SPEC H2: a degraded answer is possible, so the service stays ready; in JSON too."""
    service = start()
    for _ in range(3):
        service.get("/ask", error="network")
    wait_for(lambda: "[-]oracle failed" in service.client.get("/readyz?verbose").text)

    ready = service.client.get("/readyz", headers={"Accept": "application/json"})

    assert ready.status_code == 200
    oracle = next(check for check in ready.json()["checks"] if check["name"] == "oracle")
    assert (oracle["ok"], oracle["critical"]) == (False, False)
    assert service.get("/livez").status_code == 200


def test_o1_errors_and_circuits_are_counted(start: Examples) -> None:
    """SPEC O1: every failed attempt by its classification; the state of the circuit as one series for each state."""
    service = start()
    before = scraped(service)
    for error in ("key", "network", "network"):
        service.get("/ask", error=error)

    found = scraped(service)

    oracle = {"pipeline": "oracle", "policy": "oracle", "key": ""}
    network = series("yaoki_errors_total", error_type="ConnectionResetError", severity="warning", category="network")
    assert found[network] == 3
    assert found[series("yaoki_errors_total", error_type="KeyError", severity="error", category="system")] == 1
    states = {
        state: (before[key], found[key])
        for state in ("closed", "open", "half_open")
        for key in [series("yaoki_breaker_state", **oracle, state=state)]
    }
    assert states == {"closed": (1, 0), "open": (0, 1), "half_open": (0, 0)}
    assert found[series("yaoki_breaker_calls_total", **oracle, result="failure")] == 3
    assert found[series("yaoki_retries_total", pipeline="oracle")] == 1


def test_o1_both_formats_are_spoken(start: Examples) -> None:
    """SPEC O1: OpenMetrics for who asks for it, else the text format; both are well-formed."""
    service = start()
    service.get("/ask", error="network")
    service.get("/ask", peer='line\nbreak "quoted" \\ 日本', error="network")

    plain = service.get("/metrics")
    modern = service.client.get("/metrics", headers={"Accept": OPENMETRICS})

    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert modern.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    for families in (text_string_to_metric_families(plain.text), openmetrics.text_string_to_metric_families(modern.text)):
        names = [family.name for family in families]
        assert len(names) == len(set(names))
        assert "yaoki_breaker_state" in names
    key = 'line\nbreak "quoted" \\ 日本'
    peer = {"pipeline": "peers", "policy": "circuit_breaker", "key": key}
    assert scraped(service)[series("yaoki_breaker_state", **peer, state="open")] == 1


def test_o1_the_process_is_in_the_metrics(running: Example) -> None:
    """SPEC O1: with what prometheus_client itself knows."""
    assert "process_resident_memory_bytes" in {name for name, _ in scraped(running)}


def test_o3_the_log_is_json_and_tells_each_failure_once(start: Examples) -> None:
    """SPEC O3: with its classification and the request it belongs to; what the exception said is not in it."""
    service = start()
    response = service.client.get("/ask?error=key", headers={"X-Request-Id": "request-7"})

    told = [record for record in service.log() if record.get("error") == "KeyError"]

    assert response.headers["x-request-id"] == "request-7"
    assert [(record["level"], record["request_id"], record["pipeline"]) for record in told] == [
        ("warning", "request-7", "oracle")
    ]
    assert told[0]["category"] == "system"
    assert "a secret text" not in service.errors.read_text("utf-8")


def test_o3_a_request_that_fails_is_logged_once(running: Example) -> None:
    """SPEC O3: with its id, its classification and where it happened; the connection can be used further."""
    failed = running.get("/ask", error="bug")

    assert failed.status_code == 500
    assert running.get("/ask").json() == "42"
    (told,) = [record for record in running.log() if "exception" in record]
    assert (told["message"], told["path"], told["request_id"]) == ("request failed", "/ask", failed.headers["x-request-id"])
    assert (told["error"], told["level"]) == ("ZeroDivisionError", "error")


@pytest.mark.parametrize("given", ["", "two\twords", "x" * 65, "a;b"])
def test_x5_a_request_id_that_could_do_harm_is_replaced(running: Example, given: str) -> None:
    """SPEC X5: the service makes one of its own."""
    response = running.client.get("/livez", headers={"X-Request-Id": given})

    assert is_uuid(response.headers["x-request-id"])


def test_x5_a_path_writes_no_lines_into_the_log(running: Example) -> None:
    """SPEC X5: one record is one line of JSON, whatever was asked for."""
    httpx.get(f"{running.address}/%0A%7B%22level%22:%22critical%22%7D", trust_env=False)

    # Earlier requests of the same process may be written only now.
    wait_for(lambda: any(record["path"] == '/\n{"level":"critical"}' for record in running.logged("request")))

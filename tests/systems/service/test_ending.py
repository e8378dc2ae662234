"""A service ends well: what is open is finished, what is new is refused, the exit code says how it went (SPEC H4)."""

from __future__ import annotations

import signal

import httpx
import pytest

from tests.systems.service.conftest import Examples, wait_for

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_h4_an_idle_service_ends_at_once(start: Examples, number: int) -> None:
    """SPEC H4: both signals drain; the application has its own end; exit code 0."""
    service = start()
    assert service.get("/ask").json() == "42"

    service.stop(number)

    assert service.end() == 0
    assert service.rest() == "ended well\n"


def test_h4_an_open_stream_is_drained_to_its_end(start: Examples) -> None:
    """SPEC H4: a stream that was open at the signal brings all its items."""
    service = start()

    with service.client.stream("GET", "/stream", params={"items": 10, "seconds": 0.1}) as response:
        lines = response.iter_lines()
        assert next(lines) == "0"
        service.stop()
        assert list(lines) == [str(number) for number in range(1, 10)]

    assert service.end() == 0


def test_h4_an_open_request_is_answered_and_nobody_else_comes_in(start: Examples) -> None:
    """SPEC H4: the answer says that this connection ends; a new connection finds nobody."""
    service = start()
    answer = service.upload()

    service.stop()
    wait_for(lambda: not service.accepts())
    service.let_go.set()
    response = answer.result()

    assert (response.status_code, response.text) == (200, "4")
    assert response.headers["connection"] == "close"
    assert service.end() == 0


def test_h4_a_connection_that_is_open_brings_no_new_work(start: Examples) -> None:
    """SPEC H4: while others are drained its requests are refused."""
    service = start()
    answer = service.upload()

    service.stop()
    wait_for(lambda: not service.accepts())
    refused = service.get("/ask")
    service.let_go.set()

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert answer.result().status_code == 200
    assert service.end() == 0


def test_h4_metrics_are_answered_to_the_last(start: Examples) -> None:
    """SPEC H4: what happens in the drain can be seen on a connection that is open."""
    service = start()
    answer = service.upload()

    service.stop()
    wait_for(lambda: not service.accepts())
    seen = service.get("/metrics").text
    service.let_go.set()

    assert "yaoki_shutdown_requested 1.0" in seen
    assert answer.result().status_code == 200
    assert service.end() == 0


def test_h4_readiness_is_false_while_the_balancer_gets_to_know(start: Examples) -> None:
    """SPEC H4: before anything is refused, `/readyz` says that the process leaves; it lives, and works."""
    service = start(balancer_wait=60.0)
    wait_for(lambda: service.get("/readyz").status_code == 200)

    service.stop()
    wait_for(lambda: service.get("/readyz").status_code == 503)

    assert "[-]shutdown failed: shutting down: SIGTERM" in service.get("/readyz").text
    assert service.get("/livez").status_code == 200
    assert service.get("/ask").json() == "42"
    assert service.accepts()
    service.stop(signal.SIGINT)
    assert service.end() == 130


def test_h4_a_feed_without_an_end_holds_up_nothing(start: Examples) -> None:
    """SPEC H4: a live feed ends with the request to end, and its response is complete."""
    service = start()

    with service.client.stream("GET", "/feed") as response:
        lines = response.iter_lines()
        assert next(lines) == "tick"
        service.stop()
        assert set(lines) <= {"tick"}

    assert service.end() == 0


def test_h4_what_takes_too_long_is_forced_and_named(start: Examples) -> None:
    """SPEC H4: exit code 3; who waits is told; the log names the request."""
    service = start(drain_timeout=0.3)
    answer = service.ask("/wait")

    service.stop()

    assert answer.result().status_code == 503
    assert service.end() == 3
    assert any("GET /wait" in record["message"] for record in service.log() if record["level"] == "warning")
    assert not [record for record in service.log() if record["level"] == "error"]


def test_h4_a_stream_that_takes_too_long_is_cut_off(start: Examples) -> None:
    """SPEC H4: the client sees that the response is not complete."""
    service = start(drain_timeout=0.3)

    with service.client.stream("GET", "/stream", params={"items": 1000, "seconds": 0.1}) as response:
        lines = response.iter_lines()
        assert next(lines) == "0"
        service.stop()
        with pytest.raises(httpx.RemoteProtocolError):
            list(lines)

    assert service.end() == 3


def test_h4_a_second_signal_forces_at_once(start: Examples) -> None:
    """SPEC H4: exit code 143 for a second SIGTERM, although the drain had more time."""
    service = start(drain_timeout=60.0)
    answer = service.ask("/wait")

    service.stop()
    wait_for(lambda: not service.accepts())
    service.stop()

    assert service.end() == 143
    assert answer.exception() is not None or answer.result().status_code == 503


def test_h4_a_thread_that_hangs_does_not_keep_the_process(start: Examples) -> None:
    """SPEC H4: a handler that is stuck in a thread is left behind."""
    service = start(drain_timeout=0.3)
    answer = service.ask("/stuck")

    service.stop()

    assert service.end() == 3
    assert answer.exception() is not None or answer.result().status_code == 503

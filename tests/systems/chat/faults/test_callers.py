"""What streams, callers that hang up, and a process that is to end do to each other (SPEC G3, H4, T1)."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.systems.chat.faults.deployment import ASK, PATIENT, Deployment, Services, deployed, proxied
from tests.systems.chat.running import read_events
from yaoki.chaos.faults import Corrupt, Fault, Hang, Partition, Refuse, Reset, Truncate

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]

LONG = " ".join(f"word{number}" for number in range(1000))

IMPATIENT = {**PATIENT, "YAOKI_CHAT_LLM_TIMEOUT": "2"}


BY_LENGTH: list[Fault] = [Reset(3000), Truncate(3000)]
"""Faults that let an answer begin by themselves."""
IN_THE_MIDDLE: list[Fault] = [Reset(), Refuse(), Hang(), Partition(), Corrupt(1.0)]


@pytest.mark.parametrize("fault", [*BY_LENGTH, *IN_THE_MIDDLE], ids=str)
def test_a_stream_that_is_cut_ends_well_formed(services: Services, tmp_path: Path, fault: Fault) -> None:
    """SPEC G3: in the middle of its answer; the text so far is the message, nothing is tried again, the last event says why."""
    services.model.text, services.model.pause = LONG, 0.05
    with deployed(tmp_path / "data", services, IMPATIENT) as deployment:
        before = services.asked("llm")
        if fault in BY_LENGTH:
            deployment.set(("llm",), fault)
        with deployment.chat.http.stream("POST", "/chat/stream", json={"message": ASK}) as response:
            assert services.model.began.wait(10.0)
            if fault in IN_THE_MIDDLE:
                threading.Timer(0.3, deployment.set, (("llm",), fault)).start()
            *deltas, last = read_events(response)
        deployment.proxies["llm"].heal()

    assert deltas
    assert last["message"].startswith("word0 word1 ")
    assert (last["mode"], last["engine"], last["truncated"]) == ("degraded-cache-only", "llm", True)
    assert last["notice"]
    assert [(each["dependency"], each["attempts"]) for each in last["degraded"]] == [("llm", 1)]
    assert services.asked("llm") - before == 1


@pytest.mark.parametrize("path", ["/chat", "/chat/stream"])
@pytest.mark.parametrize("part", ["vector", "llm"])
def test_a_caller_that_hangs_up_frees_the_upstream_call(services: Services, part: str, path: str, tmp_path: Path) -> None:
    """SPEC T1: the proxy sees that the call is given up, long before its budget is."""
    with proxied(tmp_path / "data", services.search.port, services.model.port, PATIENT) as deployment:
        proxy = deployment.proxies[part]
        deployment.set((part,), Hang())
        hang_up(deployment, path, lambda: proxy.counters.open == 1)
        until(lambda: proxy.counters.open == 0)

        assert proxy.counters.connections == 1


def test_a_caller_that_hangs_up_in_a_stream_frees_the_model(services: Services, tmp_path: Path) -> None:
    """SPEC T1: a model that writes for nobody is told to stop."""
    with deployed(tmp_path / "data", services) as deployment:
        services.model.text, services.model.pause = LONG, 0.05
        hang_up(deployment, "/chat/stream", services.model.began.is_set)
        until(lambda: deployment.proxies["llm"].counters.open == 0)

        assert services.model.left.wait(10.0)


def hang_up(deployment: Deployment, path: str, when: Callable[[], bool]) -> None:
    """Ask, and close the connection when something is so."""
    body = json.dumps({"message": ASK}).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", deployment.chat.port)) as caller:
        caller.sendall(head.encode() + body)
        until(when)


def until(so: Callable[[], bool], timeout: float = 10.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + timeout
    while not so():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_process_that_is_to_end_is_unready_first_and_finishes_its_streams(services: Services, tmp_path: Path) -> None:
    """SPEC H4: unready at once, alive and answering for the balancer's wait; the stream comes to its end; exit 0."""
    settings = {**PATIENT, "YAOKI_CHAT_BALANCER_WAIT": "2"}
    with deployed(tmp_path / "data", services, settings) as deployment:
        chat = deployment.chat
        services.model.text, services.model.pause = " ".join(f"word{number}" for number in range(80)), 0.05
        with chat.http.stream("POST", "/chat/stream", json={"message": ASK}) as response:
            assert services.model.began.wait(10.0)
            assert chat.http.get("/readyz").status_code == 200
            chat.send(signal.SIGTERM)
            until(lambda: chat.http.get("/readyz").status_code == 503, timeout=1.5)
            alive = chat.http.get("/livez").status_code
            prepared = chat.http.get("/faq").status_code
            last = read_events(response)[-1]
        code = chat.ended()

    assert (alive, prepared) == (200, 200)
    assert (last["mode"], "truncated" in last, code) == ("normal", False, 0)
    assert last["message"].endswith(" word79")

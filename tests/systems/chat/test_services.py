"""The chat with its search and its answerer as services elsewhere, each behind a fault proxy: real processes, real faults."""

from __future__ import annotations

import itertools
import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.systems.chat.running import FAST, Process, ServedChat, read_events
from tests.systems.chat.search_server import SearchServer
from yaoki.chaos.faults import Drip, Fault, Hang, Partition, Reset, Status
from yaoki.chaos.proxy import FaultProxy
from yaoki.chaos.threaded import ThreadedFaultProxy

pytestmark = pytest.mark.timeout(120)

ASK = "How does a kettle boil water?"

MODES = {(): "normal", ("vector",): "degraded-no-context", ("llm",): "degraded-cache-only", ("vector", "llm"): "static-only"}

FAULTS: dict[str, Fault] = {
    "hang": Hang(),
    "503": Status(503, {"Retry-After": "120"}),
    "wrong schema": Status(200, {"Content-Type": "application/json"}, '{"answer": 42}'),
    "slow drip": Drip(20.0),
}
"""One of each sort: no answer, a refusal, a wrong answer, an answer too late."""


class Deployment:
    """A chat, and the proxies before the two services that it asks."""

    def __init__(self, chat: ServedChat, vector: ThreadedFaultProxy, llm: ThreadedFaultProxy, search: SearchServer) -> None:
        self.chat = chat
        self.proxies = {"vector": vector, "llm": llm}
        self.search = search

    def set(self, parts: tuple[str, ...], fault: Fault) -> None:
        for part in parts:
            self.proxies[part].set(fault)

    def heal(self) -> None:
        """Let everything through, and wait until both circuits are closed."""
        for proxy in self.proxies.values():
            proxy.heal()
        end = time.monotonic() + 10.0
        while self.chat.ask(ASK)["mode"] != "normal" or self.chat.circuits() != ["closed", "closed"]:
            assert time.monotonic() < end, self.chat.http.get("/status").text
            time.sleep(0.05)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """One deployment for the tests of this file."""
    folder = tmp_path_factory.mktemp("services") / "data"
    with (
        SearchServer() as search,
        Process(folder.parent, "chat", "llm", "--port", "0") as llm,
        FaultProxy.in_thread("127.0.0.1", search.port) as to_search,
        FaultProxy.in_thread("127.0.0.1", llm.port) as to_llm,
        ServedChat(folder, to_search.port, to_llm.port) as chat,
    ):
        yield Deployment(chat, to_search, to_llm, search)


@pytest.fixture
def deployment(deployed: Deployment) -> Iterator[Deployment]:
    """The deployment, healed after each test."""
    yield deployed
    deployed.heal()


def test_three_processes_answer(deployment: Deployment) -> None:
    """SPEC G1: a search that knows three fields, an answerer behind the interface of every model, citations."""
    deployment.search.asked.clear()
    reply = deployment.chat.ask(ASK)

    assert (reply["mode"], reply["notice"], reply["engine"], reply["degraded"]) == ("normal", None, "llm", [])
    assert [citation["id"] for citation in reply["citations"]] == ["kettle"]
    assert "A kettle boils water." in reply["message"]
    (asked,) = deployment.search.asked
    assert (asked["path"], asked["query"], asked["k"]) == ("/search", ASK, 5)
    assert 0 < int(asked["left_ms"]) <= 600


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("parts", [("vector",), ("llm",), ("vector", "llm")], ids=" and ".join)
def test_every_fault_has_its_mode_in_time(deployment: Deployment, parts: tuple[str, ...], fault: str) -> None:
    """SPEC G2, G3: no 5xx, the mode of what failed, a notice, within both budgets; streamed as well."""
    deployment.set(parts, FAULTS[fault])
    began = time.monotonic()
    reply = deployment.chat.ask(ASK)
    took = time.monotonic() - began
    streamed = deployment.chat.stream(ASK)[-1]

    assert (reply["mode"], streamed["mode"]) == (MODES[parts], MODES[parts])
    assert reply["notice"]
    assert [each["dependency"] for each in reply["degraded"]] == list(parts)
    assert all(each["reason"] for each in reply["degraded"])
    assert took <= 0.6 * len(parts) + 0.2 + 0.5
    assert deployment.chat.http.get("/livez").status_code == 200


def test_a_request_that_is_refused_counts_against_nobody(deployment: Deployment) -> None:
    """SPEC B4, G2: an upstream's 400 is neither tried again nor counted by the breaker."""
    deployment.set(("llm",), Status(400))
    replies = [deployment.chat.ask(ASK) for _ in range(12)]

    assert {(each["reason"], each["attempts"]) for reply in replies for each in reply["degraded"]} == {("http_400", 1)}
    assert deployment.chat.circuits() == ["closed", "closed"]


def test_retry_after_does_not_keep_a_circuit_open(deployment: Deployment) -> None:
    """SPEC R4, G2: it is about waiting: degraded at once, and the circuit closes after its own time."""
    deployment.set(("llm",), Status(503, {"Retry-After": "120"}))
    began = time.monotonic()
    deployment.chat.ask(ASK)
    at_once = time.monotonic() - began
    deployment.chat.until_refused(ASK)
    deployment.proxies["llm"].heal()
    healed = time.monotonic()
    while deployment.chat.ask(ASK)["mode"] != "normal":
        assert time.monotonic() - healed < 0.5 + 1.0
        time.sleep(0.02)

    assert at_once < 0.3


@pytest.mark.parametrize("fault", [Reset(2000), Hang(), Partition()], ids=lambda fault: fault.kind)
def test_a_stream_that_is_cut_ends_well_formed(deployment: Deployment, fault: Fault) -> None:
    """SPEC G3: the deltas that came are the message, and the reply says that there should have been more."""
    with _Dripping() as model, FaultProxy.in_thread("127.0.0.1", model.port) as proxy:
        settings = {**FAST, "YAOKI_CHAT_LLM_TIMEOUT": "3"}
        folder = deployment.chat.folder.parent / f"stream-{fault.kind}"
        with ServedChat(folder, deployment.search.port, proxy.port, settings) as chat:
            if isinstance(fault, Reset):
                proxy.set(fault)
            else:
                threading.Timer(0.5, proxy.set, (fault,)).start()
            *deltas, last = chat.stream(ASK)

    assert deltas
    assert (last["mode"], last["engine"], last["truncated"]) == ("degraded-cache-only", "llm", True)
    assert last["message"].startswith("word 0")
    assert last["degraded"][0]["attempts"] == 1


@pytest.mark.parametrize("path", ["/chat", "/chat/stream"])
def test_a_caller_that_hangs_up_frees_the_call(deployment: Deployment, path: str) -> None:
    """SPEC T1: nobody waits for it any more, so the model need not go on."""
    with _Dripping() as model:
        settings = {**FAST, "YAOKI_CHAT_LLM_TIMEOUT": "60"}
        folder = deployment.chat.folder.parent / f"hang-up-{path.count('/')}"
        with ServedChat(folder, deployment.search.port, model.port, settings) as chat:
            body = json.dumps({"message": ASK}).encode()
            head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
            with socket.create_connection(("127.0.0.1", chat.port)) as caller:
                caller.sendall(head.encode() + body)
                assert model.began.wait(5.0)
            assert model.left.wait(5.0)
    assert '"level": "error"' not in chat.out


def test_sigterm_lets_a_stream_finish(deployment: Deployment) -> None:
    """SPEC H4: readiness is false first, the stream comes to its end, the exit code is 0."""
    with _Dripping(words=15) as model:
        folder = deployment.chat.folder.parent / "sigterm"
        settings = {**FAST, "YAOKI_CHAT_LLM_TIMEOUT": "30"}
        with ServedChat(folder, deployment.search.port, model.port, settings) as chat:
            with chat.http.stream("POST", "/chat/stream", json={"message": ASK}) as response:
                assert model.began.wait(5.0)
                chat.send(signal.SIGTERM)
                events = read_events(response)
            code = chat.ended()

    assert (events[-1]["mode"], "truncated" in events[-1], code) == ("normal", False, 0)
    assert events[-1]["message"].endswith("word 14 ")


def test_sigterm_ends_a_stream_that_would_take_too_long(deployment: Deployment) -> None:
    """SPEC H4, G3: cut before the drain is over, so that its last event still comes; the exit code is 0."""
    with _Dripping() as model:
        folder = deployment.chat.folder.parent / "sigterm-cut"
        settings = {**FAST, "YAOKI_CHAT_LLM_TIMEOUT": "60", "YAOKI_CHAT_DRAIN_TIMEOUT": "2"}
        with ServedChat(folder, deployment.search.port, model.port, settings) as chat:
            with chat.http.stream("POST", "/chat/stream", json={"message": ASK}) as response:
                assert model.began.wait(5.0)
                chat.send(signal.SIGTERM)
                last = read_events(response)[-1]
            code = chat.ended()

    assert (last["truncated"], last["degraded"][0]["reason"], code) == (True, "shutting_down", 0)


def test_sigterm_ends_a_reply_that_would_take_too_long(deployment: Deployment) -> None:
    """SPEC H4, G3: also one in one piece: a 200 in its mode before the drain is over; the exit code is 0."""
    with _Dripping() as model:
        folder = deployment.chat.folder.parent / "sigterm-whole"
        settings = {**FAST, "YAOKI_CHAT_LLM_TIMEOUT": "60", "YAOKI_CHAT_DRAIN_TIMEOUT": "2"}
        with ServedChat(folder, deployment.search.port, model.port, settings) as chat, ThreadPoolExecutor(1) as threads:
            asked = threads.submit(chat.ask, ASK)
            assert model.began.wait(5.0)
            chat.send(signal.SIGTERM)
            reply = asked.result()
            code = chat.ended()

    assert (reply["mode"], reply["degraded"][0]["reason"], code) == ("degraded-cache-only", "shutting_down", 0)


def test_the_answerer_is_killed_and_comes_back(deployment: Deployment, tmp_path: Path) -> None:
    """SPEC G1, G2: kill -9 of the other process degrades answers, and its return heals them without anybody's help."""
    with Process(tmp_path, "chat", "llm", "--port", "0") as first:
        port = first.port
        with ServedChat(tmp_path / "data", deployment.search.port, port) as chat:
            before = chat.ask(ASK)
            first.kill()
            without = chat.ask(ASK)
            with Process(tmp_path, "chat", "llm", "--port", str(port)):
                end = time.monotonic() + 10.0
                while chat.ask(ASK)["mode"] != "normal":
                    assert time.monotonic() < end
                    time.sleep(0.05)

    assert (without["mode"], without["engine"], without["message"]) == ("degraded-cache-only", "cache", before["message"])


def test_nothing_is_waited_for_at_the_start(tmp_path: Path) -> None:
    """SPEC G1: ready without either service, and nothing is indexed here."""
    with ServedChat(tmp_path / "data", 1, 1) as chat:
        probes = [chat.http.get(probe).status_code for probe in ("/livez", "/readyz", "/startupz")]
        reply = chat.ask(ASK)

        assert probes == [200, 200, 200]
        assert reply["mode"] == "static-only"
    assert not list((tmp_path / "data").glob("index-*"))


class _Dripping:
    """A model that says a word every tenth of a second. `began`: somebody listens; `left`: nobody does any more."""

    def __init__(self, words: int = 1000) -> None:
        import socketserver

        self.began = threading.Event()
        self.left = threading.Event()
        dripping = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while (self.rfile.readline() or b"\r\n") != b"\r\n":
                    continue
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
                dripping.began.set()
                try:
                    for number in itertools.count():
                        end = ', "finish_reason": "stop"' if number == words - 1 else ""
                        event = f'{{"choices": [{{"delta": {{"content": "word {number} "}}{end}}}]}}'
                        self.wfile.write(f"data: {event}\n\n".encode())
                        if end:
                            break
                        time.sleep(0.1)
                except OSError:
                    dripping.left.set()

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> _Dripping:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.shutdown()
        self._server.server_close()

"""A real inference server: llama.cpp behind its OpenAI-compatible interface, with a tiny model of chance (SPEC G1).

Needs the packages `llama-cpp-python[server]` and `gguf`, whose building takes twenty minutes, in this environment or in the one whose
Python is named by `YAOKI_TEST_LLAMA_PYTHON`. Skipped where they are missing.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from tests.systems.chat.faults.crowd import ask_all
from tests.systems.chat.faults.deployment import ASK, PATIENT, TOLERANCE
from tests.systems.chat.running import ServedChat, read_events
from tests.systems.chat.search_server import SearchServer

BUDGET = 15.0

PYTHON = os.environ.get("YAOKI_TEST_LLAMA_PYTHON", sys.executable)


pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]


class Llama:
    """The server in a process; a context manager."""

    def __init__(self, model: Path, port: int) -> None:
        self.port = port
        self._log = model.with_name(f"server-{time.monotonic_ns()}.log")
        arguments = ["--model", str(model), "--host", "127.0.0.1", "--port", str(port), "--n_ctx", "2048", "--n_threads", "1"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [PYTHON, "-m", "llama_cpp.server", *arguments], stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
            )

    def __enter__(self) -> Self:
        end = time.monotonic() + 120.0
        while True:
            try:
                if httpx.get(f"http://127.0.0.1:{self.port}/v1/models", trust_env=False).status_code == 200:
                    return self
            except httpx.TransportError:
                time.sleep(0.2)
            assert self._process.poll() is None, self._log.read_text(errors="replace")
            assert time.monotonic() < end, self._log.read_text(errors="replace")

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """End it as nothing ends well."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the model. Skips where nothing can run it."""
    needed = "import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, ('llama_cpp', 'gguf', 'uvicorn'))))"
    if subprocess.run([PYTHON, "-c", needed], check=False).returncode != 0:
        pytest.skip(
            "no llama.cpp: pip install 'llama-cpp-python[server]' gguf, or name a Python that has them by YAOKI_TEST_LLAMA_PYTHON"
        )
    file = tmp_path_factory.mktemp("llama") / "tiny.gguf"
    subprocess.run([PYTHON, Path(__file__).with_name("tiny_model.py"), file], check=True)
    return file


@pytest.fixture
def llama(model: Path) -> Iterator[Llama]:
    """A running server."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    with Llama(model, port) as server:
        yield server


@pytest.fixture
def chat(llama: Llama, tmp_path: Path) -> Iterator[ServedChat]:
    """A chat that asks it."""
    settings = {**PATIENT, "YAOKI_CHAT_BREAKER_OPEN_TIMEOUT": "1", "YAOKI_CHAT_LLM_TIMEOUT": str(BUDGET)}
    with SearchServer() as search, ServedChat(tmp_path / "data", search.port, llama.port, settings) as running:
        yield running


def test_a_real_model_answers(chat: ServedChat) -> None:
    """SPEC G1: plain and streamed, and what it says stands word for word in the message, whatever it is."""
    reply = chat.ask(ASK)
    streamed = chat.stream(ASK)

    for each in (reply, streamed[-1]):
        assert (each["mode"], each["engine"], each["notice"], each["degraded"]) == ("normal", "llm", None, [])
        assert each["message"]
    assert len(streamed) > 3


def test_a_stream_that_the_server_gives_up_for_another_question_says_so(chat: ServedChat) -> None:
    """SPEC G3: this server ends a running stream when somebody else asks; the text so far is kept, and said to be no more than that."""

    def listen() -> dict[str, Any]:
        with chat.http.stream("POST", "/chat/stream", json={"message": ASK}) as response:
            return read_events(response)[-1]

    ends: list[dict[str, Any]] = []
    with ThreadPoolExecutor(3) as threads:
        for _ in range(10):
            ends += [each.result() for each in [threads.submit(listen) for _ in range(3)]]
            if any(end.get("truncated") for end in ends):
                break
    given_up = [end for end in ends if end.get("truncated")]
    print(f"{len(given_up)} of {len(ends)} streams were given up by the server")
    assert given_up
    assert {(end["engine"], bool(end["message"])) for end in given_up} == {("llm", True)}


def test_a_crowded_model_costs_no_error(chat: ServedChat) -> None:
    """SPEC G3: many at once, answered one after the other; what has no time left is a mode, not an error."""
    answers = ask_all(chat.url, ASK, 20, at_once=20)

    print(Counter(answer.mode for answer in answers), f"slowest {max(answer.seconds for answer in answers):.1f} s")
    assert {answer.status for answer in answers} == {200}
    assert {answer.mode for answer in answers} <= {"normal", "degraded-cache-only"}
    assert max(answer.seconds for answer in answers) <= 30.0 + BUDGET + 0.2 + TOLERANCE


def test_a_killed_model_comes_back(chat: ServedChat, llama: Llama, model: Path) -> None:
    """SPEC G1, G2: the earlier answer while it is gone, then normal by itself."""
    before = chat.ask(ASK)
    llama.kill()
    without = chat.ask(ASK)
    with Llama(model, llama.port):
        end = time.monotonic() + 30.0
        while chat.ask(ASK)["mode"] != "normal":
            assert time.monotonic() < end
            time.sleep(0.1)

    assert (without["mode"], without["engine"], without["message"]) == ("degraded-cache-only", "cache", before["message"])

"""Three processes, each dependency killed and started again while questions keep coming (SPEC G1, G2)."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path
from typing import Self

import httpx
import pytest

from tests.systems.chat.faults.catalogue import MODES
from tests.systems.chat.faults.liveness import LivenessWatch
from tests.systems.chat.running import FAST, Process, ServedChat
from tests.systems.chat.small_library import small_sources
from yaoki.systems.chat.vector.index import ChatIndex

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]

ASK = "How do I boil water with a timeout?"

SETTINGS = {**FAST, "YAOKI_CHAT_VECTOR_TIMEOUT": "3", "YAOKI_CHAT_LLM_TIMEOUT": "3", "YAOKI_CHAT_EMBEDDINGS": "none"}


class Questions:
    """Several who ask all the time; a context manager. `statuses`: of every answer, 0 for a broken connection; `modes`."""

    def __init__(self, url: str, at_once: int = 3) -> None:
        self.statuses: Counter[int] = Counter()
        self.modes: Counter[str] = Counter()
        self.latest = ""
        self._url = url
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(at_once)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        with httpx.Client(base_url=self._url, trust_env=False, timeout=30.0) as http:
            while not self._ended.wait(0.02):
                try:
                    response = http.post("/chat", json={"message": ASK})
                except httpx.TransportError:
                    self.statuses[0] += 1
                    continue
                self.statuses[response.status_code] += 1
                self.latest = str(response.json().get("mode"))
                self.modes[self.latest] += 1

    def until(self, mode: str, answers: int = 5) -> None:
        """Wait until so many answers more have this mode."""
        wanted = self.modes[mode] + answers
        end = time.monotonic() + 30.0
        while self.modes[mode] < wanted:
            assert time.monotonic() < end, (mode, self.modes, self.statuses)
            time.sleep(0.02)


def test_each_dependency_is_killed_and_started_again(tmp_path: Path) -> None:
    """SPEC G1, G2: kill -9 of search, answerer, and both: never a 5xx, the mode of what is gone, normal again by itself."""
    ChatIndex.open_or_build(tmp_path / "index", sources=small_sources(tmp_path / "library"))

    def search(port: int) -> Process:
        return Process(tmp_path, "chat", "vector", "--port", str(port), "--data", tmp_path / "index", settings=SETTINGS)

    def answerer(port: int) -> Process:
        return Process(tmp_path, "chat", "llm", "--port", str(port))

    begin = {"vector": search, "llm": answerer}
    running = {part: process(0).__enter__() for part, process in begin.items()}
    ports = {part: process.port for part, process in running.items()}
    try:
        with ServedChat(tmp_path / "data", ports["vector"], ports["llm"], SETTINGS) as chat:
            with LivenessWatch(chat.url) as watch, Questions(chat.url) as questions:
                questions.until("normal")
                for parts in (("vector",), ("llm",), ("vector", "llm")):
                    for part in parts:
                        running[part].kill()
                    questions.until(MODES[parts])
                    for part in parts:
                        running[part].__exit__()
                        running[part] = begin[part](ports[part]).__enter__()
                    questions.until("normal")
            circuits = chat.circuits()
    finally:
        for process in running.values():
            process.__exit__()

    print(f"statuses {dict(questions.statuses)}, modes {dict(questions.modes)}")
    assert set(questions.statuses) == {200}
    assert circuits == ["closed", "closed"]
    watch.check(1.0)

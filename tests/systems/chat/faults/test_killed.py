"""Three processes, each dependency killed and started again while questions keep coming (SPEC G1, G2)."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path
from typing import Self

import httpx
import pytest

from tests.systems.chat.faults.catalogue import MODES, PARTS
from tests.systems.chat.faults.deployment import TOLERANCE
from tests.systems.chat.faults.liveness import LivenessWatch
from tests.systems.chat.running import FAST, Process, ServedChat
from tests.systems.chat.small_library import small_sources
from yaoki.systems.chat.vector.index.index import ChatIndex

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


class Part:
    """A dependency in a process that can be killed and started again on the same port; a context manager."""

    def __init__(self, cwd: Path, *arguments: str | Path) -> None:
        self._cwd = cwd
        self._arguments = arguments
        self._running: Process | None = None
        self.port = 0

    def start(self) -> None:
        """Start it; it serves when this returns."""
        process = Process(self._cwd, *self._arguments, "--port", str(self.port), settings=SETTINGS)
        self._running = process.__enter__()
        self.port = process.port

    def kill(self) -> None:
        """End it as nothing ends well."""
        assert self._running is not None
        self._running.kill()
        self._running.__exit__()
        self._running = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._running is not None:
            self._running.__exit__()


def test_each_dependency_is_killed_and_started_again(tmp_path: Path) -> None:
    """SPEC G1, G2: kill -9 of search, answerer, and both: never a 5xx, the mode of what is gone, normal again by itself."""
    ChatIndex.open_or_build(tmp_path / "index", sources=small_sources(tmp_path / "library"))
    with (
        Part(tmp_path, "chat", "vector", "--data", tmp_path / "index") as search,
        Part(tmp_path, "chat", "llm") as answerer,
        ServedChat(tmp_path / "data", search.port, answerer.port, SETTINGS) as chat,
    ):
        parts = {"vector": search, "llm": answerer}
        with LivenessWatch(chat.url) as watch, Questions(chat.url) as questions:
            questions.until("normal")
            for gone in PARTS:
                for part in gone:
                    parts[part].kill()
                questions.until(MODES[gone])
                for part in gone:
                    parts[part].start()
                questions.until("normal")
        circuits = chat.circuits()

    print(f"statuses {dict(questions.statuses)}, modes {dict(questions.modes)}")
    assert set(questions.statuses) == {200}
    assert circuits == ["closed", "closed"]
    watch.check(TOLERANCE)

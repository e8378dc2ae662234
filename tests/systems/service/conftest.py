"""The example service in a real process on 127.0.0.1."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).parents[3]
PATIENCE = 15.0


class Example:
    """One process. `lines` is what it printed; `address` its first line."""

    def __init__(self, data: Path, errors: Path, **options: object) -> None:
        self.data = data
        given = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        self.errors = errors
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "error", "-m", "tests.systems.service.example", f"--data={data}", *given],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        self._threads = ThreadPoolExecutor(4)
        self.let_go = threading.Event()
        self.client = httpx.Client(base_url=self.address or "http://unused", trust_env=False, timeout=PATIENCE)

    def get(self, path: str, **parameters: Any) -> httpx.Response:
        return self.client.get(path, params=parameters)

    def stop(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def ask(self, path: str) -> Future[httpx.Response]:
        """A request on a connection of its own; returns when the service is at it."""
        return self._at_it(path, self._threads.submit(httpx.get, self.address + path, timeout=PATIENCE, trust_env=False))

    def upload(self) -> Future[httpx.Response]:
        """A request of 4 bytes, whose end is sent when the test says `let_go`; returns when the service is at it."""

        def body() -> Iterator[bytes]:
            yield b"ab"
            self.let_go.wait(PATIENCE)
            yield b"cd"

        url = f"{self.address}/upload"
        sent = self._threads.submit(lambda: httpx.post(url, content=body(), timeout=PATIENCE, trust_env=False))
        return self._at_it("/upload", sent)

    def _at_it(self, path: str, answer: Future[httpx.Response]) -> Future[httpx.Response]:
        wait_for(lambda: answer.done() or any(path in name for name in self.get("/left").json()))
        return answer

    def accepts(self) -> bool:
        """Whether a new connection is accepted."""
        host, _, port = self.address.removeprefix("http://").partition(":")
        try:
            with closing(socket.create_connection((host, int(port)), 1.0)):
                return True
        except OSError:
            return False

    def end(self) -> int:
        """Wait for its end; the exit code."""
        return self.process.wait(PATIENCE)

    def rest(self) -> str:
        """What it printed after the first line."""
        assert self.process.stdout is not None
        return self.process.stdout.read()

    def log(self) -> list[dict[str, Any]]:
        """The records that it logged."""
        return [json.loads(line) for line in self.errors.read_text("utf-8").splitlines()]

    def logged(self, message: str) -> list[dict[str, Any]]:
        return [record for record in self.log() if record["message"] == message]

    def close(self) -> None:
        self.let_go.set()
        self.client.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._threads.shutdown()
        assert self.process.stdout is not None
        self.process.stdout.close()


def wait_for(condition: Callable[[], bool]) -> None:
    """Until the condition holds, or patience ends."""
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


class Examples:
    """Starts processes, and ends them with the test."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.started: list[Example] = []

    def __call__(self, data: Path | None = None, **options: object) -> Example:
        errors = self.place / f"errors-{len(self.started)}.log"
        example = Example(data or self.place / "data", errors, **options)
        self.started.append(example)
        return example


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Examples]:
    examples = Examples(tmp_path)
    yield examples
    for example in examples.started:
        example.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    """One service for all tests of a module that leave it as it was."""
    place = tmp_path_factory.mktemp("running")
    example = Example(place / "data", place / "errors.log")
    yield example
    example.close()

"""A chat service in a process of its own, as a user starts it, on a free port."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import httpx
from click.testing import Result
from typer.testing import CliRunner

from yaoki.cli.commands import app

FAST = {
    "YAOKI_CHAT_VECTOR_TIMEOUT": "0.6",
    "YAOKI_CHAT_LLM_TIMEOUT": "0.6",
    "YAOKI_CHAT_BREAKER_MINIMUM_CALLS": "4",
    "YAOKI_CHAT_BREAKER_WINDOW": "2",
    "YAOKI_CHAT_BREAKER_OPEN_TIMEOUT": "0.5",
    "YAOKI_CHAT_MODE_RECOVER_AFTER": "0",
}
"""Small figures, so that no test waits for seconds."""


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The environment of a command: nothing that is set outside of the test, and no file of the user."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("YAOKI_", "STATE_DIRECTORY"))}
    return {**kept, "PYTHONUNBUFFERED": "1", **settings}


def command(*arguments: str | Path, cwd: Path, timeout: float = 15.0, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run `yaoki` with these arguments to its end."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "yaoki", *arguments],
        cwd=cwd,
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def in_process(*arguments: str | Path, **settings: str) -> Result:
    """The same in this process, which is quicker; for commands that start no service."""
    return CliRunner().invoke(app, [str(each) for each in arguments], env=dict(settings))


def copy_index(prepared: Path, folder: Path) -> Path:
    """A data folder with the index that was built already."""
    shutil.copytree(prepared, folder, ignore=shutil.ignore_patterns("*.lock", "token"))
    return folder


class Process:
    """`yaoki` with these arguments in a process; a context manager that ends it. `out`: what it printed so far."""

    def __init__(self, cwd: Path, *arguments: str | Path, settings: Mapping[str, str] = FAST) -> None:
        self.out = ""
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "yaoki", *arguments],
            cwd=cwd,
            env=environment(settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.url = ""

    def __enter__(self) -> Self:
        self.url = self.wait_for(r"http://127\.0\.0\.1:\d+")[0]
        self.http = httpx.Client(base_url=self.url, trust_env=False, timeout=10.0)
        return self

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.url.rpartition(":")[2])

    def __exit__(self, *_: object) -> None:
        self.http.close()
        if self._process.poll() is None:
            self._process.kill()
        self.ended()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self.out += line

    def wait_for(self, pattern: str, timeout: float = 15.0) -> re.Match[str]:
        """Wait until what was printed matches."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            found = re.search(pattern, self.out)
            if found:
                return found
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"{pattern} was not printed: {self.out}")

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def ended(self, timeout: float = 15.0) -> int:
        """Wait for the end; the exit code."""
        code = self._process.wait(timeout)
        self._reader.join()
        return code

    def kill(self) -> None:
        """End it as nothing ends well: SIGKILL."""
        self._process.kill()
        self.ended()


class Service(Process):
    """The chat, started by `yaoki up`."""

    def __init__(self, folder: Path, *arguments: str, settings: Mapping[str, str] = FAST, serve: bool = False) -> None:
        self.folder = folder
        self.token = ""
        begin = ("chat", "serve") if serve else ("up", "--no-browser")
        super().__init__(folder.parent, *begin, "--port", "0", "--data", folder, *arguments, settings=settings)

    def __enter__(self) -> Self:
        super().__enter__()
        self.token = (self.folder / "token").read_text("ascii").strip()
        return self

    def ready(self) -> Self:
        """Wait until the documents are there."""
        self.wait_for("passages", 60.0)
        return self

    def ask(self, message: str, **headers: str) -> dict[str, Any]:
        """The reply to a message; anything but 200 fails."""
        response = self.http.post("/chat", json={"message": message}, headers=headers)
        assert response.status_code == 200, response.text
        reply: dict[str, Any] = response.json()
        return reply

    def until_refused(self, message: str) -> dict[str, Any]:
        """Ask until every part that fails is refused by its circuit; the reply."""
        end = time.monotonic() + 10.0
        while True:
            reply = self.ask(message)
            if {each["reason"] for each in reply["degraded"]} == {"circuit_open"}:
                return reply
            assert time.monotonic() < end, reply

    def switch(self, part: str, fault: str | None) -> None:
        """Break or heal a part, with the token."""
        response = self.http.post(
            "/switches", json={"part": part, "fault": fault}, headers={"Authorization": f"Bearer {self.token}"}
        )
        assert response.status_code == 200, response.text
        assert response.json()[part] == fault

    def heal(self) -> None:
        """Heal both parts, and wait until both have shown that they work."""
        for part in ("vector", "llm"):
            self.switch(part, None)
        end = time.monotonic() + 10.0
        while self.ask("boil")["mode"] != "normal" or self.circuits() != ["closed", "closed"]:
            assert time.monotonic() < end, self.http.get("/status").text
            time.sleep(0.05)

    def circuits(self) -> list[str]:
        """The states of both circuits."""
        return [part["breaker"]["state"] for part in self.http.get("/status").json()["parts"]]

    def stream(self, message: str, **fields: Any) -> list[dict[str, Any]]:
        """The events of a streamed reply; anything that is not well-formed fails."""
        with self.http.stream("POST", "/chat/stream", json={"message": message, **fields}) as response:
            assert response.status_code == 200, response.read()
            return read_events(response)


class ServedChat(Service):
    """The chat, started by `yaoki chat serve` with these two services."""

    def __init__(self, folder: Path, vector_port: int, llm_port: int, settings: Mapping[str, str] = FAST) -> None:
        addresses = ("--vector-url", f"http://127.0.0.1:{vector_port}", "--llm-url", f"http://127.0.0.1:{llm_port}")
        super().__init__(folder, *addresses, settings=settings, serve=True)


def read_events(response: httpx.Response) -> list[dict[str, Any]]:
    """The events of a stream: deltas, then exactly one that says done, whose message they are."""
    lines = [line for line in response.iter_lines() if line.startswith("data:")]
    events: list[dict[str, Any]] = [json.loads(line[5:]) for line in lines]
    assert [event for event in events if event.get("done")] == events[-1:], events
    assert "".join(event["delta"] for event in events[:-1]) == events[-1]["message"]
    return events

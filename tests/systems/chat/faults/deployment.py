"""A chat in a process of its own, and a fault proxy before each of the two services that it asks."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.systems.chat.faults.model_server import ModelServer
from tests.systems.chat.running import ServedChat
from tests.systems.chat.search_server import SearchServer
from yaoki.chaos.faults import Fault
from yaoki.chaos.proxy import FaultProxy
from yaoki.chaos.threaded import ThreadedFaultProxy

ASK = "How does a kettle boil water?"

TOLERANCE = 0.5
"""Seconds that a client's own measurement may be late on a machine that does much else."""

PATIENT = {
    "YAOKI_CHAT_VECTOR_TIMEOUT": "30",
    "YAOKI_CHAT_VECTOR_ATTEMPT_TIMEOUT": "10",
    "YAOKI_CHAT_LLM_TIMEOUT": "30",
    "YAOKI_CHAT_BREAKER_WINDOW": "30",
}
"""Budgets that no load of this machine uses up."""

NEVER_OPENS = {"YAOKI_CHAT_BREAKER_MINIMUM_CALLS": "10000"}
"""So that a question after a fault meets the dependency, not a circuit."""


@dataclass(frozen=True, slots=True)
class Services:
    """The two services that a chat asks, which count what they are asked."""

    search: SearchServer
    model: ModelServer

    def asked(self, part: str) -> int:
        """How many requests have come to one of them."""
        return len(self.search.asked if part == "vector" else self.model.asked)


class Deployment:
    """The chat and its proxies, by the name of the dependency behind each."""

    def __init__(self, chat: ServedChat, vector: ThreadedFaultProxy, llm: ThreadedFaultProxy) -> None:
        self.chat = chat
        self.proxies = {"vector": vector, "llm": llm}

    def set(self, parts: tuple[str, ...], fault: Fault, rate: float = 1.0, seed: int | None = None) -> None:
        """Let this fault meet these dependencies."""
        for part in parts:
            self.proxies[part].set(fault, rate, seed)

    def met(self, part: str, fault: Fault) -> int:
        """How many requests to a dependency have met this kind of fault."""
        return self.proxies[part].counters.faults.get(fault.kind, 0)

    def heal(self, timeout: float = 10.0) -> None:
        """Let everything through, and wait until both dependencies have shown that they work."""
        for proxy in self.proxies.values():
            proxy.heal()
        end = time.monotonic() + timeout
        while self.chat.ask(ASK)["mode"] != "normal" or self.chat.circuits() != ["closed", "closed"]:
            assert time.monotonic() < end, self.chat.http.get("/status").text
            time.sleep(0.05)

    def until_open(self, part: str) -> float:
        """Ask until a circuit is open; a moment before it opened."""
        end = time.monotonic() + 20.0
        while True:
            before = time.monotonic()
            self.chat.ask(ASK)
            if self.chat.circuits()[("vector", "llm").index(part)] == "open":
                return before
            assert before < end, self.chat.http.get("/status").text

    def metrics(self) -> dict[str, float]:
        """The series that the chat shows, by name and labels."""
        lines = self.chat.http.get("/metrics").text.splitlines()
        found = (re.fullmatch(r"(\w+(?:\{.*\})?) (\S+)", line) for line in lines if not line.startswith("#"))
        return {match[1]: float(match[2]) for match in found if match is not None}


@contextmanager
def deployed(folder: Path, services: Services, settings: Mapping[str, str] = PATIENT) -> Iterator[Deployment]:
    """A chat with these two services behind proxies, which has answered once; `folder` becomes its data folder."""
    with proxied(folder, services.search.port, services.model.port, settings) as deployment:
        deployment.heal()
        yield deployment


@contextmanager
def proxied(folder: Path, vector_port: int, llm_port: int, settings: Mapping[str, str]) -> Iterator[Deployment]:
    """A chat with services at these ports behind proxies."""
    with (
        FaultProxy.in_thread("127.0.0.1", vector_port) as to_vector,
        FaultProxy.in_thread("127.0.0.1", llm_port) as to_llm,
        ServedChat(folder, to_vector.port, to_llm.port, settings) as chat,
    ):
        yield Deployment(chat, to_vector, to_llm)

"""Every fault on each dependency and on both, between real processes: the chat, its search and its answerer (SPEC G2, G3)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.systems.chat.faults.catalogue import FAULTS, MODES, PARTS
from tests.systems.chat.faults.crowd import ask_all
from tests.systems.chat.faults.deployment import NEVER_OPENS, TOLERANCE, Deployment, proxied
from tests.systems.chat.faults.liveness import LivenessWatch
from tests.systems.chat.running import FAST, Process
from tests.systems.chat.small_library import small_sources
from yaoki.chaos.faults import Delay
from yaoki.systems.chat.vector.index.index import ChatIndex

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]

ASK = "How do I boil water with a timeout?"

BUDGETS = {"vector": 0.6, "llm": 0.8}
SETTINGS = {
    **FAST,
    **NEVER_OPENS,
    "YAOKI_CHAT_VECTOR_TIMEOUT": str(BUDGETS["vector"]),
    "YAOKI_CHAT_VECTOR_ATTEMPT_TIMEOUT": "0.4",
    "YAOKI_CHAT_LLM_TIMEOUT": str(BUDGETS["llm"]),
}

ONE_RETRY = 30
"""Questions that are answered at once until the budget allows one retry more."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Deployment, LivenessWatch]]:
    """Three processes for all cases, watched all the time."""
    folder = tmp_path_factory.mktemp("matrix")
    ChatIndex.open_or_build(folder / "index", sources=small_sources(folder / "library"))
    quiet = {"YAOKI_CHAT_EMBEDDINGS": "none"}
    with (
        Process(folder, "chat", "vector", "--port", "0", "--data", folder / "index", settings=quiet) as vector,
        Process(folder, "chat", "llm", "--port", "0") as llm,
        proxied(folder / "data", vector.port, llm.port, SETTINGS) as deployment,
        LivenessWatch(deployment.chat.url) as watch,
    ):
        vector.wait_for("passages", 60.0)
        yield deployment, watch


@pytest.fixture
def deployment(running: tuple[Deployment, LivenessWatch]) -> Iterator[Deployment]:
    """The deployment, healed after each test, with a retry to spend for the next one."""
    deployment, _ = running
    yield deployment
    deployment.heal()
    ask_all(deployment.chat.url, ASK, ONE_RETRY, at_once=4)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("parts", PARTS, ids=" and ".join)
def test_every_fault_has_its_mode_in_time(deployment: Deployment, parts: tuple[str, ...], fault: str) -> None:
    """SPEC G2, G3: no 5xx, the mode of what failed, a notice and a reason, within the budgets' sum + 0.2 s; streamed as well."""
    deployment.set(parts, FAULTS[fault])
    with ThreadPoolExecutor(2) as threads:
        began = time.monotonic()
        streaming = threads.submit(deployment.chat.stream, ASK)
        reply = threads.submit(deployment.chat.ask, ASK).result()
        streamed = streaming.result()[-1]
        took = time.monotonic() - began

    for each in (reply, streamed):
        assert each["mode"] == MODES[parts], each
        assert each["notice"]
        assert each["message"]
        assert [failed["dependency"] for failed in each["degraded"]] == list(parts)
        assert all(failed["reason"] and failed["attempts"] >= 1 for failed in each["degraded"])
    assert took <= sum(BUDGETS[part] for part in parts) + 0.2 + TOLERANCE


def test_what_is_late_within_its_budget_is_normal(deployment: Deployment) -> None:
    """SPEC G2: slow is no failure as long as the budgets hold."""
    deployment.set(("vector", "llm"), Delay(0.1))

    reply = deployment.chat.ask(ASK)
    assert (reply["mode"], reply["notice"], reply["degraded"]) == ("normal", None, [])


def test_the_chat_was_alive_all_the_time(running: tuple[Deployment, LivenessWatch]) -> None:
    """SPEC H2: under all of these faults liveness has answered within 0.5 s."""
    _, watch = running

    assert watch.seconds
    watch.check(TOLERANCE)

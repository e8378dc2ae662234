"""The circuits of the chat: they open, are silent, try once, and close (SPEC B1, B2, B4)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.systems.chat.faults.catalogue import MODES, OVERLOADED
from tests.systems.chat.faults.deployment import ASK, PATIENT, TOLERANCE, Deployment, Services, deployed
from tests.systems.chat.faults.model_server import ModelServer
from tests.systems.chat.search_server import SearchServer
from yaoki.chaos.faults import Delay, Status

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]

RESET = 2.0
UNAVAILABLE = Status(503, OVERLOADED)


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    """The services of the one deployment."""
    with SearchServer() as search, ModelServer() as model:
        yield Services(search, model)


@pytest.fixture(scope="module")
def running(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """One deployment for the tests of this file, with a short reset time and generous budgets."""
    settings = {**PATIENT, "YAOKI_CHAT_BREAKER_OPEN_TIMEOUT": str(RESET)}
    with deployed(tmp_path_factory.mktemp("breaker") / "data", services, settings) as deployment:
        yield deployment


@pytest.fixture
def deployment(running: Deployment) -> Iterator[Deployment]:
    yield running
    running.heal()


@pytest.mark.parametrize("part", ["vector", "llm"])
def test_an_open_circuit_is_silent_and_quick(deployment: Deployment, part: str) -> None:
    """SPEC B1: no request for the reset time, and no answer takes more than 2 % of the budget, by the chat's own measure."""
    deployment.set((part,), UNAVAILABLE)
    opened = deployment.until_open(part)
    sent = deployment.met(part, UNAVAILABLE)
    before = quick(deployment, MODES[part,])
    asked = 0
    while True:
        reply = deployment.chat.ask(ASK)
        met = deployment.met(part, UNAVAILABLE)
        if time.monotonic() > opened + RESET:
            break
        asked += 1
        assert met == sent
        assert [(each["reason"], each["attempts"]) for each in reply["degraded"]] == [("circuit_open", 0)]

    assert asked >= 5
    assert quick(deployment, MODES[part,]) - before >= asked


def quick(deployment: Deployment, mode: str) -> float:
    """How many answers of a mode took at most 0.5 s, as the chat counts them; 2 % of the budget are 0.6 s."""
    return deployment.metrics()[f'yaoki_chat_seconds_bucket{{le="0.5",mode="{mode}"}}']


@pytest.mark.parametrize("part", ["vector", "llm"])
def test_one_trial_however_many_wait(deployment: Deployment, services: Services, part: str) -> None:
    """SPEC B2: after the reset time one question tries the dependency; all others are answered without it at once."""
    deployment.set((part,), UNAVAILABLE)
    deployment.until_open(part)
    deployment.set((part,), Delay(3.0))
    time.sleep(RESET)
    before = services.asked(part)
    with ThreadPoolExecutor(20) as threads:
        asking = [threads.submit(deployment.chat.ask, ASK) for _ in range(20)]
        modes = sorted(each.result()["mode"] for each in asking)

    assert services.asked(part) - before == 1
    assert modes == sorted([MODES[part,]] * 19 + ["normal"])
    assert deployment.chat.circuits() == ["closed", "closed"]


@pytest.mark.parametrize("part", ["vector", "llm"])
def test_a_circuit_is_closed_soon_after_healing(deployment: Deployment, part: str) -> None:
    """SPEC B2, R4: within the reset time and a second, whatever Retry-After has said."""
    deployment.set((part,), UNAVAILABLE)
    deployment.until_open(part)
    deployment.proxies[part].heal()
    healed = time.monotonic()
    while deployment.chat.circuits() != ["closed", "closed"]:
        deployment.chat.ask(ASK)
        assert time.monotonic() - healed <= RESET + 1.0 + TOLERANCE
        time.sleep(0.05)

    assert deployment.chat.ask(ASK)["mode"] == "normal"


@pytest.mark.parametrize("part", ["vector", "llm"])
def test_a_request_that_is_refused_counts_against_nobody(deployment: Deployment, part: str) -> None:
    """SPEC B4: an upstream's 400 is our mistake: asked once for each question, and the circuit stays closed."""
    refused = Status(400)
    deployment.set((part,), refused)
    before = deployment.met(part, refused)
    replies = [deployment.chat.ask(ASK) for _ in range(20)]

    assert {each["reason"] for reply in replies for each in reply["degraded"]} == {"http_400"}
    assert {reply["mode"] for reply in replies} == {MODES[part,]}
    assert deployment.met(part, refused) - before == 20
    assert deployment.chat.circuits() == ["closed", "closed"]


def test_retry_after_is_waited_for_within_the_budget(services: Services, tmp_path: Path) -> None:
    """SPEC R4: a second attempt comes no sooner than the dependency said."""
    with deployed(tmp_path / "data", services) as deployment:
        deployment.set(("llm",), Status(503, {"Retry-After": "2"}))
        began = time.monotonic()
        with ThreadPoolExecutor(1) as threads:
            asking = threads.submit(deployment.chat.ask, ASK)
            while not deployment.met("llm", UNAVAILABLE):
                time.sleep(0.02)
            deployment.proxies["llm"].heal()
            reply = asking.result()
        took = time.monotonic() - began

    assert reply["mode"] == "normal"
    assert took >= 2.0


def test_retry_after_beyond_the_budget_is_not_waited_for(deployment: Deployment) -> None:
    """SPEC R4: 120 s where 30 s are left: degraded at once, after one request."""
    deployment.set(("llm",), UNAVAILABLE)
    before = deployment.met("llm", UNAVAILABLE)
    reply = deployment.chat.ask(ASK)

    assert [(each["reason"], each["attempts"]) for each in reply["degraded"]] == [("http_503", 1)]
    assert deployment.met("llm", UNAVAILABLE) - before == 1

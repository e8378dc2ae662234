"""What a service says about itself while its dependencies fail now and then, or for some questions only (SPEC F4, K2)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.systems.chat.faults.deployment import ASK, NEVER_OPENS, PATIENT, Deployment, Services, deployed
from tests.systems.chat.faults.model_server import ModelServer
from tests.systems.chat.search_server import SearchServer
from yaoki.chaos.faults import Status

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]

JAPANESE = "やかんでお湯を沸かすにはどうしますか。"
LONG = f"{ASK} {'It is a large one. ' * 40}"


def test_flapping_does_not_flap_the_reported_mode(services: Services, tmp_path: Path) -> None:
    """SPEC K2: answers follow each fault at once; the service says that it is worse once, and that it is better once."""
    settings = {**PATIENT, **NEVER_OPENS, "YAOKI_CHAT_RETRY_MAX_ATTEMPTS": "1", "YAOKI_CHAT_MODE_RECOVER_AFTER": "4"}
    with deployed(tmp_path / "data", services, settings) as deployment:
        answered: list[str] = []
        reported = [deployment.chat.http.get("/status").json()["mode"]]

        def ask() -> None:
            answered.append(deployment.chat.ask(ASK)["mode"])
            mode = deployment.chat.http.get("/status").json()["mode"]
            if mode != reported[-1]:
                reported.append(mode)

        for _ in range(15):
            deployment.set(("vector",), Status(503))
            ask()
            deployment.proxies["vector"].heal()
            ask()
            time.sleep(0.2)
        end = time.monotonic() + 20.0
        while reported[-1] != "normal":
            assert time.monotonic() < end
            ask()
            time.sleep(0.1)

    assert answered[:30] == ["degraded-no-context", "normal"] * 15
    assert reported == ["normal", "degraded-no-context", "normal"]


class Picky(SearchServer):
    """A search that fails for Japanese."""

    def status_of(self, asked: dict[str, Any]) -> int:
        return 200 if asked["query"].isascii() else 500


class Forgetful(ModelServer):
    """A model that has no room for what is long."""

    def status_of(self, asked: dict[str, Any]) -> int:
        return 200 if len(asked["messages"][-1]["content"]) < 700 else 500


@pytest.mark.parametrize(
    ("search", "model", "part", "failing", "question"),
    [(Picky, ModelServer, "vector", "ja", JAPANESE), (SearchServer, Forgetful, "llm", "en-long", LONG)],
    ids=["vector", "llm"],
)
def test_a_failure_of_some_questions_is_told_from_one_of_all(
    search: type[SearchServer], model: type[ModelServer], part: str, failing: str, question: str, tmp_path: Path
) -> None:
    """SPEC F4: partial while others succeed, in the state, the metrics and the probe; a whole outage is not called partial."""
    settings = {**PATIENT, **NEVER_OPENS, "YAOKI_CHAT_RETRY_MAX_ATTEMPTS": "1"}
    with (
        search() as searching,
        model() as writing,
        deployed(tmp_path / "data", Services(searching, writing), settings) as deployment,
    ):
        modes = [(deployment.chat.ask(ASK)["mode"], deployment.chat.ask(question)["mode"]) for _ in range(4)]
        partial = part_of(deployment, part)
        shown = deployment.metrics()
        until_checked(deployment, f"its circuit is closed; questions of these types fail: {failing}")
        deployment.set((part,), Status(500))
        for _ in range(4):
            deployment.chat.ask(ASK)
        whole = part_of(deployment, part)

    assert {normal for normal, _ in modes} == {"normal"}
    assert "normal" not in {worse for _, worse in modes}
    assert (partial["duration"], partial["failing"]) == ("partial", [failing])
    assert shown[f'yaoki_chat_query_type_failing{{dependency="{part}",query_type="{failing}"}}'] == 1.0
    assert shown[f'yaoki_chat_query_type_failing{{dependency="{part}",query_type="en"}}'] == 0.0
    assert (whole["duration"], whole["failing"]) == ("transient", sorted(["en", failing]))


def test_an_outage_becomes_a_long_one(services: Services, tmp_path: Path) -> None:
    """SPEC F4: transient at first, long-term when the circuit has re-opened three times in a row, none when it works again."""
    settings = {**PATIENT, "YAOKI_CHAT_BREAKER_OPEN_TIMEOUT": "0.2"}
    with deployed(tmp_path / "data", services, settings) as deployment:
        deployment.set(("llm",), Status(500))
        deployment.until_open("llm")
        seen = [part_of(deployment, "llm")["duration"]]
        end = time.monotonic() + 15.0
        while seen[-1] != "long_term":
            assert time.monotonic() < end
            deployment.chat.ask(ASK)
            seen.append(part_of(deployment, "llm")["duration"])
            time.sleep(0.05)
        deployment.heal()
        healed = part_of(deployment, "llm")["duration"]

    assert set(seen[:-1]) == {"transient"}
    assert healed == "none"


def part_of(deployment: Deployment, part: str) -> dict[str, Any]:
    """What the state says about a dependency."""
    (found,) = (each for each in deployment.chat.http.get("/status").json()["parts"] if each["part"] == part)
    assert isinstance(found, dict)
    return found


def until_checked(deployment: Deployment, told: str) -> None:
    """Wait for the run of the health checks that tells this; they run every few seconds."""
    end = time.monotonic() + 15.0
    while told not in deployment.chat.http.get("/readyz?verbose", headers={"Accept": "application/json"}).text:
        assert time.monotonic() < end
        time.sleep(0.2)

"""How many requests a dependency in trouble gets, and how many answers are normal all the same (SPEC R4, G2)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.systems.chat.faults.catalogue import MODES
from tests.systems.chat.faults.crowd import Answer, ask_all
from tests.systems.chat.faults.deployment import ASK, NEVER_OPENS, PATIENT, TOLERANCE, Deployment, Services, deployed
from tests.systems.chat.faults.liveness import LivenessWatch
from yaoki.chaos.faults import Status

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]

UNAVAILABLE = Status(503)

USERS, AT_ONCE = 1000, 16
SEED = 10
"""Of its first thousand exchanges, 200 meet the fault."""


class Upstream:
    """What one dependency was asked while some code ran: by the proxy, and by what came through to the service itself."""

    def __init__(self, deployment: Deployment, part: str, services: Services) -> None:
        self._deployment, self._part, self._services = deployment, part, services
        self._before = self._now()

    def _now(self) -> int:
        return self._deployment.met(self._part, UNAVAILABLE) + self._services.asked(self._part)

    @property
    def requests(self) -> int:
        """Requests since then."""
        return self._now() - self._before


def share(answers: list[Answer], mode: str) -> float:
    """The share of the answers that have this mode; anything but 200 fails."""
    assert {answer.status for answer in answers} == {200}
    return sum(answer.mode == mode for answer in answers) / len(answers)


@pytest.mark.parametrize("part", ["vector", "llm"])
def test_a_brownout_is_retried_within_the_budget(services: Services, part: str, tmp_path: Path) -> None:
    """SPEC R4: a fifth fails; at most 1.18 requests for each user, and each of them buys its share of normal answers."""
    with deployed(tmp_path / "data", services, PATIENT) as deployment, LivenessWatch(deployment.chat.url) as watch:
        ask_all(deployment.chat.url, ASK, 60, AT_ONCE)
        deployment.set((part,), UNAVAILABLE, rate=0.2, seed=SEED)
        upstream = Upstream(deployment, part, services)
        answers = ask_all(deployment.chat.url, ASK, USERS, AT_ONCE)
        per_user = upstream.requests / USERS

    normal = share(answers, "normal")
    print(f"{part}: {per_user:.3f} requests for each user, {normal:.3f} of the answers normal")
    assert {answer.mode for answer in answers} == {"normal", MODES[part,]}
    assert per_user <= 1.18
    assert normal >= 0.8 + 0.8 * (per_user - 1.0) - 0.02
    watch.check(TOLERANCE)


@pytest.mark.parametrize("part", ["vector", "llm"])
@pytest.mark.parametrize("settings", [PATIENT, {**PATIENT, **NEVER_OPENS}], ids=["circuit", "budget alone"])
def test_an_outage_is_not_multiplied(services: Services, part: str, settings: dict[str, str], tmp_path: Path) -> None:
    """SPEC R4, B1: at most 1.05 requests for each user while everything fails; the retry budget holds that without a circuit too."""
    users = 200
    with deployed(tmp_path / "data", services, settings) as deployment:
        ask_all(deployment.chat.url, ASK, 60, AT_ONCE)
        deployment.set((part,), UNAVAILABLE)
        upstream = Upstream(deployment, part, services)
        answers = ask_all(deployment.chat.url, ASK, users, AT_ONCE)
        per_user = upstream.requests / users

    print(f"{part}: {per_user:.3f} requests for each user")
    assert share(answers, MODES[part,]) == 1.0
    assert per_user <= 1.05

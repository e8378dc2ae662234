"""Three times what the chat can answer, for `YAOKI_LOAD_SECONDS` (10; `make load-chat`: 60) (SPEC T4).

The model thinks about a few questions at once, like one on a graphics card, so that the capacity is its own and not this machine's.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.systems.chat.faults import crowd
from tests.systems.chat.faults.deployment import ASK, PATIENT, TOLERANCE, Services, deployed
from tests.systems.chat.faults.liveness import LivenessWatch
from tests.systems.chat.faults.model_server import ModelServer
from tests.systems.chat.search_server import SearchServer

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

SECONDS = float(os.environ.get("YAOKI_LOAD_SECONDS", "10"))

THINKS, AT_ONCE = 0.2, 4
"""Of the model: 20 answers each second."""
MOST = 40
"""Questions that the chat answers at once."""
DEADLINE = 5.0
"""Seconds that each question has."""

SETTINGS = {
    **PATIENT,
    "YAOKI_CHAT_LLM_TIMEOUT": "4",
    "YAOKI_CHAT_VECTOR_TIMEOUT": "3",
    "YAOKI_CHAT_VECTOR_ATTEMPT_TIMEOUT": "2",
    "YAOKI_CHAT_MAX_CONCURRENT": str(MOST),
    "YAOKI_CHAT_MODE_RECOVER_AFTER": "2",
}


@dataclass
class Load:
    """What came of it. `asked`: each question with the second in which it was answered; `auxiliary`: the same for the rest."""

    answers: list[tuple[float, crowd.Answer]] = field(default_factory=list)
    auxiliary: list[tuple[float, int]] = field(default_factory=list)

    @property
    def statuses(self) -> Counter[int]:
        """How many answers had each status."""
        return Counter(answer.status for _, answer in self.answers)

    def first_refused(self) -> float | None:
        """When the first question was refused."""
        return next((at for at, answer in self.answers if answer.status == 429), None)


async def measure_capacity(url: str, seconds: float = 3.0) -> float:
    """Answers for each second while always as many ask as the model thinks about, and once more as many."""
    answered = 0

    async def ask_on(http: httpx.AsyncClient, until: float) -> None:
        nonlocal answered
        while time.monotonic() < until:
            answer = await crowd.ask(http, ASK)
            assert answer.mode == "normal"
            answered += 1

    async with crowd.client(url) as http:
        began = time.monotonic()
        await asyncio.gather(*(ask_on(http, began + seconds) for _ in range(2 * AT_ONCE)))
        return answered / (time.monotonic() - began)


async def load(url: str, rate: float, seconds: float) -> Load:
    """So many questions each second, whether or not they are answered, and now and then something that an answer can do without."""
    seen = Load()
    began = time.monotonic()

    async def one(http: httpx.AsyncClient) -> None:
        answer = await crowd.ask(http, ASK, deadline_ms=DEADLINE * 1000.0)
        seen.answers.append((time.monotonic() - began, answer))

    async def look(http: httpx.AsyncClient) -> None:
        while time.monotonic() < began + seconds:
            status = (await http.get("/faq")).status_code
            seen.auxiliary.append((time.monotonic() - began, status))
            await asyncio.sleep(0.05)

    async with crowd.client(url) as http, crowd.client(url) as looking, asyncio.TaskGroup() as tasks:
        tasks.create_task(look(looking))
        asked = 0
        while (now := time.monotonic() - began) < seconds:
            for _ in range(int(now * rate) - asked):
                asked += 1
                tasks.create_task(one(http))
            await asyncio.sleep(0.01)
    return seen


async def until_normal(url: str) -> float:
    """Seconds until a question has a normal answer, and the state can be read and says normal as well."""
    began = time.monotonic()
    async with crowd.client(url) as http:
        while True:
            answer = await crowd.ask(http, ASK)
            state = await http.get("/status")
            if answer.mode == "normal" and state.status_code == 200 and state.json()["mode"] == "normal":
                return time.monotonic() - began
            assert time.monotonic() - began < 30.0, (answer, state.text)
            await asyncio.sleep(0.05)


def test_three_times_the_capacity(tmp_path: Path) -> None:
    """SPEC T4: what an answer can do without is refused before any question is; no 5xx; in time; normal again within 5 s."""
    with (
        SearchServer() as search,
        ModelServer(seconds=THINKS, at_once=AT_ONCE) as model,
        deployed(tmp_path / "data", Services(search, model), SETTINGS) as deployment,
    ):
        url = deployment.chat.url
        capacity = asyncio.run(measure_capacity(url))
        with LivenessWatch(url) as watch:
            seen = asyncio.run(load(url, 3.0 * capacity, SECONDS))
        recovery = asyncio.run(until_normal(url))

    statuses = seen.statuses
    accepted = [answer for _, answer in seen.answers if answer.status == 200]
    shed = sum(status == 429 for _, status in seen.auxiliary) / len(seen.auxiliary)
    print(
        f"capacity {capacity:.1f}/s; {len(seen.answers)} questions in {SECONDS:g} s: {dict(statuses)}, "
        f"{dict(Counter(answer.mode for answer in accepted))}; slowest answer {max(answer.seconds for answer in accepted):.2f} s; "
        f"auxiliary refused {shed:.0%}; normal again after {recovery:.2f} s; slowest /livez {max(watch.seconds):.3f} s"
    )
    assert set(statuses) == {200, 429}
    assert {status for _, status in seen.auxiliary} <= {200, 429}
    assert max(answer.seconds for answer in accepted) <= DEADLINE + TOLERANCE
    # Served, not starved: what is let in is answered about as fast as before.
    assert len(accepted) >= 0.7 * capacity * SECONDS
    first = seen.first_refused()
    assert first is not None
    assert next(at for at, status in seen.auxiliary if status == 429) <= first + 0.2
    after = [status for at, status in seen.auxiliary if first + 1.0 < at]
    assert after.count(429) >= 0.95 * len(after)
    assert recovery <= 5.0
    watch.check(TOLERANCE)

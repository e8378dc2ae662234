"""Three times what the chat can answer, for `YAOKI_LOAD_SECONDS` (10; `make load-chat`: 60) (SPEC T4).

The model thinks about a few questions at once, like one on a graphics card, so that the capacity is its own and not this machine's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.systems.chat.faults.deployment import ASK, PATIENT, TOLERANCE, Deployment, Services, deployed
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


def client(port: int, *arguments: str | float) -> Any:
    """What the client saw."""
    script = Path(__file__).with_name("load_client.py")
    done = subprocess.run([sys.executable, script, str(port), *map(str, arguments)], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def until_normal(deployment: Deployment) -> float:
    """Seconds until a question has a normal answer, and the state can be read and says normal as well."""
    began = time.monotonic()
    while True:
        answer = deployment.chat.http.post("/chat", json={"message": ASK})
        state = deployment.chat.http.get("/status")
        took = time.monotonic() - began
        if (answer.status_code, state.status_code) == (200, 200) and {answer.json()["mode"], state.json()["mode"]} == {
            "normal"
        }:
            return took
        assert took < 30.0, (answer.text, state.text)
        time.sleep(0.05)


def test_three_times_the_capacity(tmp_path: Path) -> None:
    """SPEC T4: what an answer can do without is refused before any question is; no 5xx; in time; normal again within 5 s."""
    with (
        SearchServer() as search,
        ModelServer(seconds=THINKS, at_once=AT_ONCE) as model,
        deployed(tmp_path / "data", Services(search, model), SETTINGS) as deployment,
    ):
        port = deployment.chat.port
        capacity = client(port, "capacity", 3.0, 2 * AT_ONCE)
        with LivenessWatch(deployment.chat.url) as watch:
            seen = client(port, "load", SECONDS, 3.0 * capacity, DEADLINE)
        recovery = until_normal(deployment)

    questions, auxiliary = seen["questions"], seen["auxiliary"]
    statuses = Counter(status for _, status, _, _ in questions)
    accepted = [seconds for _, status, seconds, _ in questions if status == 200]
    modes = Counter(mode for _, status, _, mode in questions if status == 200)
    shed = sum(status == 429 for _, status in auxiliary) / len(auxiliary)
    print(
        f"capacity {capacity:.1f}/s; {len(questions)} questions in {SECONDS:g} s: {dict(statuses)}, {dict(modes)}; "
        f"slowest answer {max(accepted):.2f} s; auxiliary refused {shed:.0%}; normal again after {recovery:.2f} s; "
        f"slowest /livez {max(watch.seconds):.3f} s"
    )
    assert set(statuses) == {200, 429}
    assert {status for _, status in auxiliary} == {200, 429}
    assert max(accepted) <= DEADLINE + TOLERANCE
    # Served, not starved: what is let in is answered about as fast as before.
    assert len(accepted) >= 0.7 * capacity * SECONDS
    first = next(at for at, status, _, _ in questions if status == 429)
    assert next(at for at, status in auxiliary if status == 429) <= first + 0.2
    since = [status for at, status in auxiliary if at > first + 1.0]
    assert since.count(429) >= 0.95 * len(since)
    assert recovery <= 5.0
    watch.check(TOLERANCE)

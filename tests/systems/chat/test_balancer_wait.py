"""What a balancer sees of a service that is being stopped."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from tests.systems.chat.running import Process


def test_requests_are_let_in_until_a_balancer_has_noticed(tmp_path: Path) -> None:
    """SPEC H4: readiness goes false at once, and for `balancer_wait` every request is still answered."""
    with Process(tmp_path, "chat", "llm", "--port", "0", settings={"YAOKI_CHAT_BALANCER_WAIT": "3"}) as answerer:
        assert answerer.http.get("/readyz").status_code == 200

        answerer.send(signal.SIGTERM)
        end = time.monotonic() + 3.0
        while answerer.http.get("/readyz").status_code == 200 and time.monotonic() < end:
            time.sleep(0.01)

        assert answerer.http.get("/readyz").status_code == 503
        assert answerer.http.get("/v1/models").status_code == 200
        assert answerer.ended() == 0

"""What a balancer sees of a service that is being stopped."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.systems.chat.running import Process

NOWHERE = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("arguments", "path"),
    [(("llm",), "/v1/models"), (("serve", "--vector-url", NOWHERE, "--data", "data"), "/faq")],
    ids=["llm", "serve"],
)
def test_requests_are_let_in_until_a_balancer_has_noticed(arguments: tuple[str, ...], path: str, tmp_path: Path) -> None:
    """SPEC H4: readiness goes false at once, and for `balancer_wait` every request is still answered."""
    settings = {"YAOKI_CHAT_BALANCER_WAIT": "3"}
    with Process(tmp_path, "chat", *arguments, "--port", "0", settings=settings) as service:
        assert service.http.get("/readyz").status_code == 200

        service.send(signal.SIGTERM)
        end = time.monotonic() + 3.0
        while service.http.get("/readyz").status_code == 200 and time.monotonic() < end:
            time.sleep(0.01)

        assert service.http.get("/readyz").status_code == 503
        assert service.http.get(path).status_code == 200
        assert service.ended() == 0

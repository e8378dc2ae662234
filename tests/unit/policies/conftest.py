"""Both ways on which a healthy call may run."""

from __future__ import annotations

import pytest


@pytest.fixture(params=["generated", "driver"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The test runs twice: on the generated path, and with the driver alone."""
    chosen: str = request.param
    monkeypatch.setenv("YAOKI_COMPILE", "1" if chosen == "generated" else "0")
    return chosen

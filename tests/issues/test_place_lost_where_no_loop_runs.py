"""A place in a bulkhead was lost when an alarm could not be armed, since no event loop ran."""

from __future__ import annotations

import asyncio

import pytest

from yaoki import Bulkhead, Pipeline, Timeout


def test_t2_a_coroutine_driven_without_a_loop_gives_its_place_back() -> None:
    """SPEC T2: whatever ends a call, its place goes back."""
    bulkhead = Bulkhead(1)

    @Pipeline(Timeout(1.0), bulkhead)
    async def call() -> str:
        return "answered"

    with pytest.raises(RuntimeError):
        call().send(None)

    assert bulkhead.snapshot(0.0)["in_use"] == 0
    assert asyncio.run(call()) == "answered"

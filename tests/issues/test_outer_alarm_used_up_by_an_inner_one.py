"""Regression: an alarm did not strike while another cancellation was under way, and was gone, so the outer call had no end."""

from __future__ import annotations

import asyncio

import pytest

from yaoki import DeadlineExceededError, Timeout
from yaoki.testing import VirtualClock, run


def test_t1_a_call_ends_though_an_inner_one_hangs_after_its_own_time_out(either_path: str, virtual_clock: VirtualClock) -> None:
    """SPEC T1: the outer deadline holds while the inner call is still being cancelled."""

    @Timeout(1.0)
    async def inner() -> None:
        try:
            await asyncio.sleep(3600.0)
        finally:
            await asyncio.sleep(3600.0)

    @Timeout(2.0)
    async def outer() -> None:
        await inner()

    with pytest.raises(DeadlineExceededError):
        run(outer())
    assert virtual_clock.time == 2.0

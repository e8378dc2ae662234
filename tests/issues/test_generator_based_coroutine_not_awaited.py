"""Regression: the asynchronous driver awaited only what has `__await__`, and healthy generated calls awaited everything."""

from __future__ import annotations

import asyncio
import types
from typing import Any

import pytest

from yaoki import Pipeline, Retry, constant
from yaoki.testing import VirtualClock, run


def test_r6_a_coroutine_made_of_a_generator_is_awaited_in_every_attempt(either_path: str, virtual_clock: VirtualClock) -> None:
    """SPEC R6: `types.coroutine` makes a function whose generators are awaited."""
    calls: list[int] = []

    @types.coroutine
    def old_style(number: int) -> Any:
        yield from asyncio.sleep(1.0).__await__()
        calls.append(number)
        if len(calls) == 1:
            raise ConnectionError
        return "well"

    assert run(Retry(2, constant(0.0))(old_style)(7)) == "well"
    assert calls == [7, 7]


def test_r6_acall_of_a_plain_function_says_what_is_wrong(either_path: str, virtual_clock: VirtualClock) -> None:
    """SPEC R6: on both paths alike, and without a retry."""
    calls: list[int] = []

    with pytest.raises(TypeError, match="await"):
        run(Pipeline(Retry(3, constant(0.0))).acall(calls.append, 1))  # type: ignore[arg-type]  # what the test is about
    assert calls == [1]

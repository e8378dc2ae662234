"""Regression: generated code used built-in names, which a parameter or the function itself may have too."""

# ruff: noqa: A002, N803

from __future__ import annotations

from typing import Any

import pytest

from yaoki import Bulkhead, CircuitBreaker, Pipeline, Retry, Timeout, constant
from yaoki.testing import VirtualClock, run


def make() -> Pipeline:
    return Pipeline(Timeout(5.0), Retry(2, constant(0.0)), CircuitBreaker(failure_threshold=9), Bulkhead(2), Timeout(1.0))


def test_r6_a_failing_call_with_such_parameters_is_retried(either_path: str, virtual_clock: VirtualClock) -> None:
    """SPEC R6: `min`, `Exception` and their like are names as good as others."""
    seen: list[tuple[object, ...]] = []

    def clamp(min: int, max: int, Exception: int, BaseException: int, AttributeError: int, IndexError: int) -> str:
        seen.append((min, max, Exception, BaseException, AttributeError, IndexError))
        if len(seen) % 2:
            raise ConnectionError
        return "well"

    async def clamp_async(min: int, max: int, Exception: int, BaseException: int, AttributeError: int, IndexError: int) -> str:
        return clamp(min, max, Exception, BaseException, AttributeError, IndexError)

    assert make()(clamp)(1, 2, 3, 4, 5, IndexError=6) == "well"
    assert run(make()(clamp_async)(1, 2, 3, 4, 5, IndexError=6)) == "well"
    assert seen == [(1, 2, 3, 4, 5, 6)] * 4


@pytest.mark.parametrize("name", ["min", "Exception", "_y_fn", "_y_plan", "_y_make", "return", "<lambda>", "two words"])
def test_r6_a_function_of_any_name_is_retried(either_path: str, name: str) -> None:
    """SPEC R6: the name of the function is kept, and never in the way."""
    seen: list[int] = []

    def function(first: int) -> Any:
        seen.append(first)
        if len(seen) == 1:
            raise ConnectionError
        return "well"

    function.__name__ = name
    guarded = make()(function)

    assert guarded(7) == "well"
    assert guarded.__name__ == name

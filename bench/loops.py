"""The loops whose time is taken. Each calls a guard so many times and returns the nanoseconds that took, the loop included.

The loop costs the same for all cells of a row and is not taken off, so ratios come out a little nearer to one than without it.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterator
from time import perf_counter_ns
from typing import Any

from bench.targets import Guard, works


def one_argument(guard: Guard, calls: int) -> int:
    """A positional argument."""
    start = perf_counter_ns()
    for _ in itertools.repeat(None, calls):
        guard(1)
    return perf_counter_ns() - start


def no_argument(guard: Guard, calls: int) -> int:
    """No argument."""
    start = perf_counter_ns()
    for _ in itertools.repeat(None, calls):
        guard()
    return perf_counter_ns() - start


def one_keyword(guard: Guard, calls: int) -> int:
    """One keyword argument."""
    start = perf_counter_ns()
    for _ in itertools.repeat(None, calls):
        guard(a=1)
    return perf_counter_ns() - start


def three_keywords(guard: Guard, calls: int) -> int:
    """Three keyword arguments."""
    start = perf_counter_ns()
    for _ in itertools.repeat(None, calls):
        guard(a=1, b=2, c=3)
    return perf_counter_ns() - start


def three_arguments(guard: Guard, calls: int) -> int:
    """Three positional arguments."""
    start = perf_counter_ns()
    for _ in itertools.repeat(None, calls):
        guard(1, 2, 3)
    return perf_counter_ns() - start


def refused(guard: Guard, refusal: type[Exception], calls: int) -> int:
    """A call that is refused: raise and catch."""
    start = perf_counter_ns()
    for _ in itertools.repeat(None, calls):
        # Not contextlib.suppress: it would cost more than what is measured.
        try:
            guard(1)
        except refusal:
            pass
    return perf_counter_ns() - start


def explicit(pipeline: Any, calls: int) -> int:
    """The function is handed over at the call."""
    function = works
    start = perf_counter_ns()
    for _ in itertools.repeat(None, calls):
        pipeline.call(function, 1)
    return perf_counter_ns() - start


def keyed(pipelines: Any, keys: Iterator[str], calls: int) -> int:
    """The same with another key at each call."""
    function = works
    start = perf_counter_ns()
    for key in itertools.islice(keys, calls):
        pipelines[key].call(function, 1)
    return perf_counter_ns() - start


async def awaited(guard: Callable[[int], Awaitable[object]], calls: int) -> int:
    """A positional argument, awaited."""
    start = perf_counter_ns()
    for _ in itertools.repeat(None, calls):
        await guard(1)
    return perf_counter_ns() - start


async def awaited_refused(guard: Callable[[int], Awaitable[object]], refusal: type[Exception], calls: int) -> int:
    """A call that is refused, awaited: raise and catch."""
    start = perf_counter_ns()
    for _ in itertools.repeat(None, calls):
        try:
            await guard(1)
        except refusal:
            pass
    return perf_counter_ns() - start

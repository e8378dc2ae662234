"""The functions that are guarded: one that works, one that never does, one that fails at every first try.

All cost next to nothing, so that a figure is the price of the guard. A failure is a ConnectionError, which every classifier
among the peers knows as one that may heal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

# A guard has the signature of what it guards, and the libraries are called by a dozen different ones.
Target = Callable[..., Any]
Guard = Callable[..., Any]
Decorate = Callable[[Target], Guard]


def works(value: int) -> int:
    """Return what it is given."""
    return value


async def works_async(value: int) -> int:
    """Return what it is given."""
    return value


def no_arguments() -> int:
    """Return a number."""
    return 1


def one_keyword(*, a: int) -> int:
    """Return its keyword argument."""
    return a


def three_keywords(*, a: int, b: int, c: int) -> int:
    """Return its first keyword argument."""
    return a


def any_arguments(*values: int) -> int:
    """Return the first of its positional arguments."""
    return values[0]


class Counted:
    """How often a target really ran."""

    def __init__(self) -> None:
        self.runs = 0


def failing(counted: Counted) -> Target:
    """A target that never works."""

    def fails(value: int) -> int:
        counted.runs += 1
        raise ConnectionError

    return fails


def failing_async(counted: Counted) -> Target:
    """An asynchronous target that never works."""

    async def fails(value: int) -> int:
        counted.runs += 1
        raise ConnectionError

    return fails


def failing_first(counted: Counted) -> Target:
    """A target that works at every second try."""

    def fails_first(value: int) -> int:
        counted.runs += 1
        if counted.runs & 1:
            raise ConnectionError
        return value

    return fails_first


def failing_first_async(counted: Counted) -> Target:
    """An asynchronous target that works at every second try."""

    async def fails_first(value: int) -> int:
        counted.runs += 1
        if counted.runs & 1:
            raise ConnectionError
        return value

    return fails_first


def hanging_async(counted: Counted) -> Target:
    """An asynchronous target that answers far too late."""

    async def hangs(value: int) -> int:
        counted.runs += 1
        await asyncio.sleep(60.0)
        return value

    return hangs

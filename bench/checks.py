"""Whether a guard does what its row says, before anything is measured: a guard that guards nothing is fast.

Each check makes a guard of its own around a target that counts its runs, and looks at the runs, not at what is raised.
"""

from __future__ import annotations

import asyncio
import contextlib

from bench.targets import (
    Counted,
    Decorate,
    Guard,
    failing,
    failing_async,
    failing_first,
    failing_first_async,
    hanging_async,
)

# No breaker here needs more failures to open.
CALLS_TO_OPEN = 60


class UnfitGuardError(Exception):
    """The guard does not do what its row compares."""


def tripped(decorate: Decorate) -> tuple[Guard, type[Exception]]:
    """A guard whose circuit is open, and what it raises. Raises UnfitGuardError if it does not open."""
    counted = Counted()
    guard = decorate(failing(counted))
    for _ in range(CALLS_TO_OPEN):
        with contextlib.suppress(Exception):
            guard(1)
    runs = counted.runs
    refusal: type[Exception] | None = None
    for _ in range(CALLS_TO_OPEN):
        try:
            guard(1)
        except Exception as error:
            refusal = type(error)
    return guard, _judge(runs, counted, refusal)


async def tripped_async(decorate: Decorate) -> tuple[Guard, type[Exception]]:
    """The same for an asynchronous guard."""
    counted = Counted()
    guard = decorate(failing_async(counted))
    for _ in range(CALLS_TO_OPEN):
        with contextlib.suppress(Exception):
            await guard(1)
    runs = counted.runs
    refusal: type[Exception] | None = None
    for _ in range(CALLS_TO_OPEN):
        try:
            await guard(1)
        except Exception as error:
            refusal = type(error)
    return guard, _judge(runs, counted, refusal)


def _judge(runs: int, counted: Counted, refusal: type[Exception] | None) -> type[Exception]:
    if not runs:
        raise UnfitGuardError("the target never ran")
    if counted.runs > runs:
        raise UnfitGuardError(f"the circuit does not stay open: {counted.runs} runs")
    # A pipeline with a fallback answers instead of raising.
    return refusal or Exception


def retries(decorate: Decorate) -> None:
    """Raise UnfitGuardError unless a failed first try is followed by a second one."""
    counted = Counted()
    value = decorate(failing_first(counted))(1)
    _judge_retry(counted, value)


async def retries_async(decorate: Decorate) -> None:
    """The same for an asynchronous guard."""
    counted = Counted()
    value = await decorate(failing_first_async(counted))(1)
    _judge_retry(counted, value)


def _judge_retry(counted: Counted, value: object) -> None:
    if (counted.runs, value) != (2, 1):
        raise UnfitGuardError(f"one retry was due: {counted.runs} runs, value {value!r}")


async def times_out(decorate: Decorate) -> None:
    """Raise UnfitGuardError unless a call that hangs is ended. `decorate` has a short time limit."""
    counted = Counted()
    guard = decorate(hanging_async(counted))
    started = asyncio.get_running_loop().time()
    with contextlib.suppress(Exception):
        await asyncio.wait_for(guard(1), 5.0)
    if not counted.runs or asyncio.get_running_loop().time() - started > 4.0:
        raise UnfitGuardError("a hanging call is not ended")

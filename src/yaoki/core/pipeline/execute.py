"""The call that does not raise: carries the outcome to whoever wants to look at it (SPEC K1)."""

from __future__ import annotations

from yaoki.core.clock import clock
from yaoki.core.pipeline.call import begin
from yaoki.core.pipeline.driver_sync import drive
from yaoki.core.pipeline.outcome import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from yaoki.core.pipeline.call import Call
    from yaoki.core.pipeline.plan import Plan

__all__ = ["execute", "execute_async"]


def execute(plan: Plan, fn: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object]) -> Outcome[Any]:
    """Call `fn` by the plan; return the outcome instead of raising. What is not an `Exception` is still raised."""
    call = _recorded(plan)
    try:
        value = drive(call, fn, args, kwargs, 0.0)
    except Exception as error:  # noqa: BLE001  # the outcome carries it to the caller
        return _outcome(call, None, error)
    return _outcome(call, value, None)


async def execute_async(
    plan: Plan, fn: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object]
) -> Outcome[Any]:
    """The same, awaited."""
    from yaoki.core.pipeline.driver_async import drive_async

    call = _recorded(plan)
    try:
        value = await drive_async(call, fn, args, kwargs, 0.0)
    except Exception as error:  # noqa: BLE001  # the outcome carries it to the caller
        return _outcome(call, None, error)
    return _outcome(call, value, None)


def _recorded(plan: Plan) -> Call:
    call = begin(plan)
    call.delays = []
    call.degraded_by = []
    return call


def _outcome(call: Call, value: object, error: Exception | None) -> Outcome[Any]:
    outcome: Outcome[Any] = Outcome()
    outcome.value = value
    outcome.error = error
    outcome.fault = None if error is None else call.fault(error)
    outcome.attempts = call.attempt
    outcome.delays = tuple(call.delays or ())
    outcome.elapsed = clock.now() - call.since
    outcome.degraded_by = tuple(call.degraded_by or ())
    return outcome

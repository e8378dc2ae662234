"""The asynchronous driver: does what the policies decide. Beside it stands `driver_sync`, line for line.

It differs in how it sleeps, waits and calls, in the alarm that cancels a call at its deadline, and in the deadline's place: a
context variable, since tasks interleave on their thread.
"""

from __future__ import annotations

from asyncio import CancelledError, sleep

from yaoki.core import deadline
from yaoki.core.clock import TICK, clock
from yaoki.core.deadline import running
from yaoki.core.faults.errors import DeadlineExceededError
from yaoki.core.parking import OnLoop
from yaoki.core.pipeline.timers import arm_alone, disarm
from yaoki.core.policies.policy import Answer, Ticket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from yaoki.core.pipeline.call import Call
    from yaoki.core.policies.policy import Step

__all__ = ["descend", "drive_async"]


async def drive_async(
    call: Call, fn: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object], step: Step
) -> object:
    """Carry out `step` and all that follows, until the call's outcome is decided; return or raise it."""
    call.target = fn
    crosses = call.plan.below is not None
    if crosses:
        from yaoki.core.pipeline.hedging import crossing

        fn = crossing(call, fn, drive_async)
    call.outer = running.get()
    published = running.set(call)
    refusal: BaseException | None = None
    target: Callable[..., object] | None = None
    value: object = None
    try:
        while True:
            if isinstance(step, Answer):
                target, value, step = step.compute, step.value, None
            else:
                if step or not call.may_run_again():
                    refusal = await descend(call, step)
                    if refusal is not None:
                        step = call.failed(refusal, clock.now())
                        if step is None:
                            raise refusal
                        refusal = None
                        continue
                call.ran = True
                target = fn
            if target is not None:
                # Below a boundary the calls have alarms of their own.
                timed = call.plan.has_timeout and call.deadline < deadline.NEVER and not (crosses and target is fn)
                alarm = arm_alone(call.deadline) if timed else None
                try:
                    value = target(*args, **kwargs) if kwargs else target(*args)
                    # An answer may come from a plain function, the guarded function may not.
                    if target is fn or hasattr(value, "__await__"):
                        value = await value  # type: ignore[misc]  # if it is not awaitable, the error says so
                except BaseException as error:
                    if alarm is not None and alarm.take_back() and isinstance(error, CancelledError):
                        refusal = DeadlineExceededError(call.timeout, alarm.until)
                        step = call.failed(refusal, clock.now())
                        if step is None:
                            raise refusal from error
                        refusal = None
                    else:
                        step = call.failed(error, clock.now())
                        if step is None:
                            raise
                    continue
                finally:
                    if alarm is not None:
                        disarm(alarm)
            step = call.returned(value, clock.now())
            if step is None:
                return value
    finally:
        # What is left in this frame must not lead back to the exception that leaves it.
        refusal = target = step = call.step = call.errors = None
        if call.permits:
            call.release(clock.now())
        try:
            running.reset(published)
        except ValueError:
            # The garbage collector closes an abandoned coroutine in another context than its own, where nothing was set.
            pass


async def descend(call: Call, delay: float | None) -> BaseException | None:
    """After `delay` seconds enter the policies not yet entered, waiting in their queues. None, or what refuses the call."""
    if delay:
        await _sleep(delay)
    while True:
        stop = call.descend(clock.now())
        if not isinstance(stop, Ticket):
            return stop
        permit = await _wait(call, stop)
        if isinstance(permit, BaseException):
            return permit
        call.admit(permit)


async def _sleep(seconds: float) -> None:
    until = clock.now() + seconds
    await sleep(seconds)
    early = until - clock.now()
    if early > 0.0:
        # A wait that a server asked for is not cut short, not even by the tick that event loops round up to.
        await sleep(early + TICK)


async def _wait(call: Call, ticket: Ticket) -> object:
    parking = OnLoop()
    try:
        ticket.wake_with(parking.wake)
        while True:
            now = clock.now()
            if call.deadline <= now:
                # Also if its turn has come meanwhile: past its deadline no call starts.
                ticket.abandon(now)
                return DeadlineExceededError(call.timeout, call.deadline, "the call was not started, it waited in a queue")
            permit = ticket.resolve(now)
            if not isinstance(permit, float):
                return permit
            await parking.park(min(permit, call.deadline))
    except BaseException:
        ticket.abandon(clock.now())
        raise

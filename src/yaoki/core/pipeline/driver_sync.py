"""The synchronous driver: does what the policies decide. Together with `call.py` it is a complete implementation.

`drive` starts in two ways: from the top, for a call that has entered nothing yet; or from the `step` with which a failed
healthy call went on. Beside it stands `driver_async`; the two differ in how they sleep, wait and call, and in nothing else.
"""

from __future__ import annotations

from yaoki.core.clock import clock
from yaoki.core.deadline import cell
from yaoki.core.faults.errors import DeadlineExceededError
from yaoki.core.policies.policy import Answer, Ticket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from yaoki.core.pipeline.call import Call
    from yaoki.core.policies.policy import Step

__all__ = ["descend", "drive"]


def drive(call: Call, fn: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object], step: Step) -> object:
    """Carry out `step` and all that follows, until the call's outcome is decided; return or raise it."""
    call.target = fn
    if call.plan.below is not None:
        from yaoki.core.pipeline.boundary import crossing

        fn = crossing(call, fn, drive)
    own = cell()
    call.outer, outer_deadline = own.call, own.deadline
    refusal: BaseException | None = None
    target: Callable[..., object] | None = None
    value: object = None
    try:
        while True:
            if isinstance(step, Answer):
                target, value, step = step.compute, step.value, None
            else:
                if step or not call.may_run_again():
                    refusal = descend(call, step)
                    if refusal is not None:
                        step = call.failed(refusal, clock.now())
                        if step is None:
                            raise refusal
                        refusal = None
                        continue
                call.ran = True
                target = fn
            if target is not None:
                own.call, own.deadline = call, call.deadline
                try:
                    # Merging an empty dictionary of keywords would cost as much as the call.
                    value = target(*args, **kwargs) if kwargs else target(*args)
                except BaseException as error:
                    step = call.failed(error, clock.now())
                    if step is None:
                        raise
                    continue
            step = call.returned(value, clock.now())
            if step is None:
                return value
    finally:
        own.call, own.deadline = call.outer, outer_deadline
        # What is left in this frame must not lead back to the exception that leaves it.
        refusal = target = step = call.step = call.errors = None
        if call.permits:
            call.release(clock.now())


def descend(call: Call, delay: float | None) -> BaseException | None:
    """After `delay` seconds enter the policies not yet entered, waiting in their queues. None, or what refuses the call."""
    if delay:
        clock.sleep(delay)
    while True:
        stop = call.descend(clock.now())
        if not isinstance(stop, Ticket):
            return stop
        permit = _wait(call, stop)
        if isinstance(permit, BaseException):
            return permit
        call.admit(permit)


def _wait(call: Call, ticket: Ticket) -> object:
    from yaoki.core.parking import OnThread

    parking = OnThread()
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
            parking.park(min(permit, call.deadline))
    except BaseException:
        ticket.abandon(clock.now())
        raise

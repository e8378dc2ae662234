"""Asynchronous deadlines: one timer for many calls, and the cancellation that is told apart from everybody else's.

All healthy calls of one Timeout have one duration, so their deadlines come in order: a dict as a queue and one loop timer at
its head serve them all. A call whose deadline is another one (an inherited deadline, a second attempt) takes a timer of its
own. When the time is over the task is cancelled, as `asyncio.timeout` does it, and the cancellation is taken back and turned
into DeadlineExceededError, unless somebody else wants the task cancelled too.
"""

from __future__ import annotations

import asyncio.tasks
import sys
from asyncio import CancelledError, get_running_loop

from yaoki.core.clock import clock
from yaoki.core.deadline import context
from yaoki.core.faults.errors import DeadlineExceededError
from yaoki.core.interpreter import lock_of
from yaoki.core.pipeline.call import handed_over
from yaoki.core.policies.timeout import Timeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task, TimerHandle
    from collections.abc import Callable
    from contextvars import Token

    from yaoki.core.pipeline.call import Call
    from yaoki.core.pipeline.plan import Plan
    from yaoki.core.policies.policy import Policy

# Before 3.12 the public function is a slow one written in Python around a dictionary's lookup.
_lookup = getattr(asyncio.tasks, "_current_tasks", None) if sys.version_info < (3, 12) else None
current_task: Callable[[AbstractEventLoop], Task[object] | None] = (
    asyncio.tasks.current_task if _lookup is None else _lookup.get
)

__all__ = ["Alarm", "Queue", "arm", "arm_alone", "disarm", "handed_over_late"]


class Alarm:
    """The deadline of one task's running call. `fired`: the task was cancelled for it."""

    __slots__ = ("cancelling", "fired", "handle", "queue", "task", "token", "until")

    fired: bool
    queue: Queue | None
    handle: TimerHandle | None
    token: Token[float]
    task: Task[object] | None
    until: float
    cancelling: int
    """How often others had asked for the task's cancellation when the call began, not when the alarm fires: they win."""

    def fire(self) -> None:
        """The time is over: cancel the task, also if somebody else has, whose cancellation may have been swallowed."""
        if self.task is not None:
            self.fired = True
            self.task.cancel()

    def fire_alone(self) -> None:
        """The same for an alarm with a timer of its own, which may come a little early."""
        left = self.until - clock.now()
        if left > 0.0:
            self.handle = get_running_loop().call_later(left, self.fire_alone)
        else:
            self.handle = None
            self.fire()

    def take_back(self) -> bool:
        """The call has ended: take the cancellation back, if there was one; whether it was the only one."""
        # The task keeps the error that ends it, and the error leads to this alarm by its traceback.
        task, self.task = self.task, None
        if not self.fired or task is None:
            return False
        self.fired = False
        return task.uncancel() <= self.cancelling


class Queue:
    """The alarms of one duration on one loop, in the order of their deadlines, with one timer at the head."""

    __slots__ = ("alarms", "loop", "waiting")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self.loop: AbstractEventLoop = loop
        self.alarms: dict[Alarm, None] = {}
        self.waiting: bool = False

    def wait(self, seconds: float) -> None:
        self.waiting = True
        self.loop.call_later(seconds, self.ring)

    def ring(self) -> None:
        self.waiting = False
        now = clock.now()
        while self.alarms:
            alarm = next(iter(self.alarms))
            if alarm.until > now:
                self.wait(alarm.until - now)
                return
            del self.alarms[alarm]
            alarm.fire()


def arm(timeout: Timeout, until: float) -> Alarm:
    """Publish the deadline `until` and set an alarm for it in the queue of `timeout`; `disarm` ends both.

    Calls must come in the order of `until`. Outside a task there is nothing to cancel: the deadline is published, and that is all.
    """
    loop = get_running_loop()
    task = current_task(loop)
    alarm = Alarm()
    alarm.until = until
    alarm.fired = False
    alarm.task = task
    if task is None:
        alarm.queue = alarm.handle = None
    else:
        alarm.cancelling = task.cancelling()
        queue = timeout.timers.get(loop)
        if queue is None:
            queue = _new_queue(timeout, loop)
        alarm.queue = queue
        queue.alarms[alarm] = None
        if not queue.waiting:
            queue.wait(until - clock.now())
    alarm.token = context.set(until)
    return alarm


def arm_alone(until: float) -> Alarm:
    """The same with a timer of its own, for a deadline that no queue is in order for."""
    loop = get_running_loop()
    task = current_task(loop)
    alarm = Alarm()
    alarm.until = until
    alarm.fired = False
    alarm.task = task
    alarm.queue = alarm.handle = None
    if task is not None:
        alarm.cancelling = task.cancelling()
        alarm.handle = loop.call_later(max(0.0, until - clock.now()), alarm.fire_alone)
    alarm.token = context.set(until)
    return alarm


def _new_queue(timeout: Timeout, loop: AbstractEventLoop) -> Queue:
    queue = Queue(loop)
    with lock_of(timeout):
        # A new dictionary, since other threads look into the old one; queues of closed loops are forgotten.
        queues = {each: known for each, known in timeout.timers.items() if not each.is_closed()}
        queues[loop] = queue
        timeout.timers = queues
    return queue


def disarm(alarm: Alarm) -> None:
    """The call is over, whatever came out. A cancellation that the function swallowed is taken back."""
    queue = alarm.queue
    if queue is not None:
        queue.alarms.pop(alarm, None)
    elif alarm.handle is not None:
        alarm.handle.cancel()
    if alarm.fired:
        alarm.take_back()
    try:
        context.reset(alarm.token)
    except ValueError:
        # The garbage collector closes an abandoned coroutine in another context than its own, where nothing was set.
        return


def handed_over_late(
    plan: Plan,
    policies: tuple[Policy, ...],
    target: Callable[..., object],
    error: BaseException,
    permits: list[object],
    started: float | None,
    callers: float,
    alarm: Alarm | None,
) -> Call | None:
    """`handed_over` for a call under an alarm: its cancellation becomes DeadlineExceededError, which is judged, and raised."""
    if alarm is None or not (alarm.take_back() and isinstance(error, CancelledError)):
        return handed_over(plan, policies, target, error, permits, started, callers)
    late = DeadlineExceededError(_tightest(policies), alarm.until)
    try:
        call = handed_over(plan, policies, target, late, permits, started, callers)
        if call is None:
            raise late from error
        return call
    finally:
        del late


def _tightest(policies: tuple[Policy, ...]) -> Policy:
    timeouts = [policy for policy in policies if isinstance(policy, Timeout)]
    return min(timeouts, key=lambda timeout: timeout.seconds)

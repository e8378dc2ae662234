"""The block form: a pipeline around statements instead of a function (SPEC R6).

    for attempt in pipeline.attempts():
        with attempt:
            answer = client.get(url)

Each round of the loop is one attempt. It begins in the loop's head, where the policies admit or refuse it and where the wait
after a failure is spent; it ends with the `with` block, whose exception is judged there. So a block that ends normally, also
by `break`, `continue` or `return`, is a success, and a failure that is tried again is swallowed by the block. `async for` takes
`async with attempt` or plain `with attempt`, and a Timeout then cancels the block as `asyncio.timeout` does.

What a block cannot do is refused by `attempts()`: run several times at once, run in another thread, or be replaced by an answer.
"""

from __future__ import annotations

from _weakref import ref

from yaoki.core import deadline
from yaoki.core.clock import clock
from yaoki.core.deadline import cell, running
from yaoki.core.faults.errors import ConfigurationError, DeadlineExceededError
from yaoki.core.pipeline.call import begin
from yaoki.core.pipeline.driver_sync import descend
from yaoki.core.policies.policy import Answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextvars import Token
    from types import TracebackType

    from yaoki.core.deadline import Cell
    from yaoki.core.pipeline.call import Call
    from yaoki.core.pipeline.plan import Plan
    from yaoki.core.pipeline.timers import Alarm
    from yaoki.core.policies.policy import Step

__all__ = ["Attempt", "Attempts"]


class Attempts:
    """The attempts of one block, to be looped over once at a time.

    Raises ConfigurationError if a policy cannot guard a block; RuntimeError if it is looped over while another loop still runs.
    """

    __slots__ = ("_async_plan", "_latest", "_plan")

    def __init__(self, plan: Plan, async_plan: Plan) -> None:
        level: Plan | None = plan
        while level is not None:
            for policy in level.policies:
                if policy.block_obstacle is not None:
                    raise ConfigurationError(f"{policy.label} cannot guard a block: {policy.block_obstacle}")
            level = level.below
        self._plan = plan
        self._async_plan = async_plan
        self._latest: ref[_Loop | _AsyncLoop] | None = None

    def __iter__(self) -> _Loop:
        loop = _Loop(Attempt(begin(self._alone(self._plan)), is_async=False))
        self._latest = ref(loop)
        return loop

    def __aiter__(self) -> _AsyncLoop:
        loop = _AsyncLoop(Attempt(begin(self._alone(self._async_plan)), is_async=True))
        self._latest = ref(loop)
        return loop

    def _alone(self, plan: Plan) -> Plan:
        latest = None if self._latest is None else self._latest()
        if latest is not None and not latest.attempt.over:
            raise RuntimeError("these attempts are already looped over: one loop at a time, call attempts() for each")
        return plan


_WAITING, _ADMITTED, _RUNNING, _OVER = range(4)


class Attempt:
    """One attempt of a block: `with attempt: ...`, once in each round of the loop."""

    __slots__ = ("_alarm", "_call", "_is_async", "_outer_deadline", "_own", "_stage", "_step", "_token")

    _own: Cell
    _outer_deadline: float
    _token: Token[Call | None]

    def __init__(self, call: Call, *, is_async: bool) -> None:
        self._call = call
        self._is_async = is_async
        self._stage = _WAITING
        self._step: float | None = None
        self._alarm: Alarm | None = None

    @property
    def number(self) -> int:
        """The number of this attempt, from 1 on."""
        return self._call.attempt

    @property
    def over(self) -> bool:
        """Whether the outcome of the block is decided."""
        return self._stage == _OVER

    # The block

    def __enter__(self) -> Attempt:
        if self._stage != _ADMITTED:
            raise RuntimeError("`with attempt` belongs into the loop over attempts(), once in each round")
        self._stage = _RUNNING
        self._call.ran = True
        if self._is_async:
            self._publish_in_task()
        else:
            own = self._own = cell()
            self._call.outer, self._outer_deadline = own.call, own.deadline
            own.call, own.deadline = self._call, self._call.deadline
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> bool:
        if self._is_async:
            expired = self._withdraw_in_task(error)
            if expired is not None:
                if self._is_repeated(expired):
                    return True
                try:
                    raise expired from error
                finally:
                    del expired
        else:
            self._own.call, self._own.deadline = self._call.outer, self._outer_deadline
        if error is not None:
            return self._is_repeated(error)
        self._stage = _OVER
        try:
            self._call.returned(None, clock.now())
        finally:
            self._call.release(clock.now())
        return False

    async def __aenter__(self) -> Attempt:
        if not self._is_async:
            raise RuntimeError("`async with attempt` belongs into `async for attempt in attempts()`")
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        return self.__exit__(kind, error, traceback)

    def _publish_in_task(self) -> None:
        from yaoki.core.pipeline.timers import arm_alone

        call = self._call
        if call.plan.has_timeout and call.deadline < deadline.NEVER:
            self._alarm = arm_alone(call.deadline)
        call.outer = running.get()
        self._token = running.set(call)

    def _withdraw_in_task(self, error: BaseException | None) -> DeadlineExceededError | None:
        from asyncio import CancelledError

        from yaoki.core.pipeline.timers import disarm

        try:
            running.reset(self._token)
        except ValueError:
            # The garbage collector closes an abandoned coroutine in another context than its own, where nothing was set.
            pass
        alarm, self._alarm = self._alarm, None
        if alarm is None:
            return None
        over = alarm.take_back()
        disarm(alarm)
        return DeadlineExceededError(self._call.timeout, alarm.until) if over and isinstance(error, CancelledError) else None

    # What the loop and the block decide

    def begins_round(self) -> bool:
        """Whether there is a further attempt. Raises RuntimeError if the last round did not enter `with attempt`."""
        if self._stage == _ADMITTED:
            self.give_up()
            raise RuntimeError("the body of a loop over attempts() must enter `with attempt:` (or `async with attempt:`)")
        return self._stage != _OVER

    def next_wait(self) -> tuple[Call, float | None]:
        """The call to be admitted, and the seconds to wait before."""
        step, self._step = self._step, None
        return self._call, step

    def is_admitted(self, refusal: BaseException | None) -> bool:
        """Whether the attempt may run; False if it is to be admitted again. Raises the refusal if it is the outcome."""
        if refusal is None:
            self._stage = _ADMITTED
            return True
        try:
            if not self._is_repeated(refusal):
                raise refusal
        finally:
            del refusal
        return False

    def _is_repeated(self, error: BaseException) -> bool:
        self._stage = _OVER
        call = self._call
        try:
            step = call.failed(error, clock.now())
            while isinstance(step, Answer):
                # A block has no value to replace; the one answer that makes sense is another error, of `Retry(wrap=True)`.
                step = self._answered(step)
            if step is not None:
                self._stage, self._step = _WAITING, step
        finally:
            del error
            if self._stage == _OVER:
                call.release(clock.now())
        return self._stage == _WAITING

    def _answered(self, answer: Answer) -> Step:
        try:
            if answer.compute is not None:
                answer.compute()
        except Exception as error:
            step = self._call.failed(error, clock.now())
            if step is None:
                raise
            return step
        return None

    def give_up(self) -> None:
        """The loop is over, whatever the attempt decided: nothing is tried again, and places go back."""
        self._call.committed = True
        if self._stage != _RUNNING:
            self._stage = _OVER
            self._call.release(clock.now())


class _Loop:
    """One loop over attempts. The attempt does not refer to it, so it goes when the loop is left."""

    __slots__ = ("__weakref__", "attempt")

    def __init__(self, attempt: Attempt) -> None:
        self.attempt: Attempt = attempt

    def __iter__(self) -> _Loop:
        return self

    def __next__(self) -> Attempt:
        attempt = self.attempt
        if not attempt.begins_round():
            raise StopIteration
        try:
            while not attempt.is_admitted(descend(*attempt.next_wait())):
                continue
        except BaseException:
            attempt.give_up()
            raise
        return attempt

    def __del__(self) -> None:
        self.attempt.give_up()


class _AsyncLoop:
    """The same for `async for`."""

    __slots__ = ("__weakref__", "attempt")

    def __init__(self, attempt: Attempt) -> None:
        self.attempt: Attempt = attempt

    def __aiter__(self) -> _AsyncLoop:
        return self

    async def __anext__(self) -> Attempt:
        from yaoki.core.pipeline.driver_async import descend as descend_async

        attempt = self.attempt
        if not attempt.begins_round():
            raise StopAsyncIteration
        try:
            while not attempt.is_admitted(await descend_async(*attempt.next_wait())):
                continue
        except BaseException:
            attempt.give_up()
            raise
        return attempt

    def __del__(self) -> None:
        self.attempt.give_up()

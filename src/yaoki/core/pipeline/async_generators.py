"""Guarded asynchronous generators: `generators` says the rules; beside it, line for line, stands this."""

from __future__ import annotations

from asyncio import CancelledError

from yaoki.core import deadline
from yaoki.core.clock import clock
from yaoki.core.deadline import running
from yaoki.core.faults.errors import DeadlineExceededError
from yaoki.core.pipeline.call import begin
from yaoki.core.pipeline.driver_async import descend
from yaoki.core.pipeline.generators import END, Pace, refuse_boundaries, several
from yaoki.core.pipeline.timers import arm_alone, disarm
from yaoki.core.policies.policy import Answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable
    from contextvars import Token
    from types import TracebackType
    from typing import Any

    from yaoki.core.pipeline.call import Call
    from yaoki.core.pipeline.plan import Plan
    from yaoki.core.pipeline.timers import Alarm
    from yaoki.core.policies.policy import Step

__all__ = ["async_generator"]


def async_generator(plan: Plan, fn: Callable[..., Any]) -> Callable[..., AsyncGenerator[Any, Any]]:
    """An asynchronous generator function that runs the asynchronous generator function `fn` through the policies.

    Raises ConfigurationError for policies that run a call in other tasks.
    """
    refuse_boundaries(plan)

    async def guarded(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        call = begin(plan)
        call.target = fn
        step: Step = 0.0
        refusal: BaseException | None = None
        thrown: BaseException | None = None
        items: _Items | None = None
        try:
            while True:
                if isinstance(step, Answer):
                    items = _Items(call, step.compute, step.value)
                    step = None
                else:
                    refusal = await descend(call, step)
                    if refusal is not None:
                        step = call.failed(refusal, clock.now())
                        if step is None:
                            raise refusal
                        refusal = None
                        continue
                    call.ran = True
                    items = _Items(call, fn)
                try:
                    await items.make(args, kwargs)
                    sent = None
                    while (item := await items.advance(sent, thrown)) is not END:
                        thrown = None
                        try:
                            sent = yield item
                        except GeneratorExit:
                            await items.close()
                            raise
                        except BaseException as error:  # noqa: BLE001  # the guarded generator raises it, or serves it
                            sent, thrown = None, error
                except BaseException as error:
                    step = call.failed(error, clock.now())
                    if step is None:
                        raise
                    continue
                step = call.returned(None, clock.now())
                if step is None:
                    return
        finally:
            # What is left in this frame must not lead back to the exception that leaves it.
            refusal = thrown = step = items = None
            if call.permits:
                call.release(clock.now())

    return guarded


class _Items:
    """What is iterated in one attempt: the guarded generator, or the answer that replaces it."""

    __slots__ = ("_call", "_items", "_pace", "_source", "_value")

    def __init__(self, call: Call, source: Callable[..., Any] | None, value: object = None) -> None:
        self._call = call
        self._source = source
        self._value = value
        self._pace = Pace(call)

    async def make(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Call the function that makes the items."""
        made: Any = self._value
        if self._source is not None:
            with _Published(self._call):
                made = self._source(*args, **kwargs)
                if hasattr(made, "__await__"):
                    made = await made
        if not hasattr(made, "__anext__"):
            made = _one_by_one(made if hasattr(made, "__next__") else several(made))
        self._items: Any = made

    async def advance(self, sent: object, thrown: BaseException | None) -> Any:
        """The next item, or END; `sent` and `thrown` go into the generator first."""
        items = self._items
        try:
            if thrown is None:
                await self._ask()
            with _Published(self._call):
                if thrown is not None:
                    item = await (items.athrow(thrown) if hasattr(items, "athrow") else _raise(thrown))
                elif sent is None:
                    item = await items.__anext__()
                else:
                    item = await items.asend(sent)
        except StopAsyncIteration:
            return END
        finally:
            thrown = None
        self._pace.item()
        return item

    async def _ask(self) -> None:
        try:
            self._pace.asked()
        except DeadlineExceededError:
            await self.close()
            raise

    async def close(self) -> None:
        """The consumer wants no more."""
        close = getattr(self._items, "aclose", None)
        if close is not None:
            await close()


class _Published:
    """A block that publishes the call and its deadline in this task, and is cut off at the deadline: never across a `yield`."""

    __slots__ = ("_alarm", "_call", "_token")

    _alarm: Alarm | None
    _token: Token[Call | None]

    def __init__(self, call: Call) -> None:
        self._call = call

    def __enter__(self) -> None:
        call = self._call
        timed = call.plan.has_timeout and call.deadline < deadline.NEVER
        self._alarm = arm_alone(call.deadline) if timed else None
        call.outer = running.get()
        self._token = running.set(call)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        alarm, call = self._alarm, self._call
        try:
            running.reset(self._token)
        except ValueError:
            # The garbage collector closes an abandoned generator in another context than its own, where nothing was set.
            pass
        if alarm is not None:
            over = alarm.take_back()
            disarm(alarm)
            if over and isinstance(error, CancelledError):
                raise DeadlineExceededError(call.timeout, alarm.until) from error


async def _one_by_one(items: Iterable[Any]) -> AsyncGenerator[Any, None]:
    for item in items:
        yield item


async def _raise(error: BaseException) -> Any:
    try:
        raise error
    finally:
        del error

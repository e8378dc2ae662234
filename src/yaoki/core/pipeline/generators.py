"""Guarded generators: the call lasts from the first item that is asked for until the generator is exhausted (SPEC R6, T1).

| moment | what the policies do |
| --- | --- |
| before the first item | all that they do for functions: admit, retry from the start, replace the answer |
| an item comes | from the first one on nothing is repeated or replaced: the consumer has seen it |
| a failure after that | counted by the breaker, raised as itself |
| exhausted | success; the generator's return value is kept |
| closed, cancelled, abandoned | neutral: places go back, nothing is judged |

Asynchronous generators are in `async_generators`, line for line. `send`, `throw` and `close` reach the guarded generator as PEP 380 has it, `asend`, `athrow` and `aclose` likewise. The deadline
is in force while an item is being made and not while the consumer has the item, but its time runs on. When it is over,
an asynchronous generator is cut off, a synchronous one is not asked for its next item; DeadlineExceededError says so. It
counts as a failure only if the time ran out while an item was being made, since the consumer may be slow.

An answer that replaces the call's own (a Fallback's) is iterated if it is an iterator, a list or a tuple; anything else is
yielded as the one item.
"""

from __future__ import annotations

from yaoki.core.clock import clock
from yaoki.core.deadline import cell
from yaoki.core.faults.errors import ConfigurationError, DeadlineExceededError
from yaoki.core.pipeline.call import begin
from yaoki.core.pipeline.driver_sync import descend
from yaoki.core.policies.policy import Answer, Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any

    from yaoki.core.pipeline.call import Call
    from yaoki.core.pipeline.plan import Plan
    from yaoki.core.policies.policy import Step

__all__ = ["END", "Pace", "generator", "refuse_boundaries"]

END = object()
"""What stands for the end of a generator, in the place of an item."""


def generator(plan: Plan, fn: Callable[..., Any]) -> Callable[..., Generator[Any, Any, Any]]:
    """A generator function that runs the generator function `fn` through the policies.

    Raises ConfigurationError for policies that run a call in other threads.
    """
    refuse_boundaries(plan)

    def guarded(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
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
                    refusal = descend(call, step)
                    if refusal is not None:
                        step = call.failed(refusal, clock.now())
                        if step is None:
                            raise refusal
                        refusal = None
                        continue
                    call.ran = True
                    items = _Items(call, fn)
                try:
                    items.make(args, kwargs)
                    sent = None
                    while (item := items.advance(sent, thrown)) is not END:
                        thrown = None
                        try:
                            sent = yield item
                        except GeneratorExit:
                            items.close()
                            raise
                        except BaseException as error:  # noqa: BLE001  # the guarded generator raises it, or serves it
                            sent, thrown = None, error
                except BaseException as error:
                    step = call.failed(error, clock.now())
                    if step is None:
                        raise
                    continue
                step = call.returned(items.value, clock.now())
                if step is None:
                    return items.value
        finally:
            # What is left in this frame must not lead back to the exception that leaves it.
            refusal = thrown = step = items = None
            if call.permits:
                call.release(clock.now())

    return guarded


class _Items:
    """What is iterated in one attempt: the guarded generator, or the answer that replaces it. `value`: what it returned."""

    __slots__ = ("_call", "_items", "_pace", "_source", "value")

    def __init__(self, call: Call, source: Callable[..., Any] | None, value: object = None) -> None:
        self._call = call
        self._source = source
        self._pace = Pace(call)
        self.value = value

    def make(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Call the function that makes the items."""
        if self._source is None:
            made = self.value
        else:
            with _Published(self._call):
                made = self._source(*args, **kwargs)
        self.value = None
        self._items: Any = made if hasattr(made, "__next__") else iter(several(made))

    def advance(self, sent: object, thrown: BaseException | None) -> Any:
        """The next item, or END; `sent` and `thrown` go into the generator first."""
        items = self._items
        try:
            if thrown is None:
                self._ask()
            with _Published(self._call):
                if thrown is not None:
                    item = items.throw(thrown) if hasattr(items, "throw") else _raise(thrown)
                elif sent is None:
                    item = next(items)
                else:
                    item = items.send(sent)
        except StopIteration as stop:
            self.value = stop.value
            return END
        finally:
            thrown = None
        self._pace.item()
        return item

    def _ask(self) -> None:
        try:
            self._pace.asked()
        except DeadlineExceededError:
            self.close()
            raise

    def close(self) -> None:
        """The consumer wants no more."""
        close = getattr(self._items, "close", None)
        if close is not None:
            close()


class _Published:
    """A block in which this thread publishes the call and its deadline: never across a `yield`."""

    __slots__ = ("_call", "_deadline", "_own")

    def __init__(self, call: Call) -> None:
        self._call = call

    def __enter__(self) -> None:
        call = self._call
        own = self._own = cell()
        call.outer, self._deadline = own.call, own.deadline
        own.call, own.deadline = call, call.deadline

    def __exit__(self, *_: object) -> None:
        self._own.call, self._own.deadline = self._call.outer, self._deadline


class Pace:
    """How a guarded generator goes on in time, told to the policies that want to know."""

    __slots__ = ("_call", "_extended", "_given", "_late", "_watches")

    def __init__(self, call: Call) -> None:
        self._call = call
        self._extended = [
            (index, policy) for index, policy in enumerate(call.policies) if type(policy).extend is not Policy.extend
        ]
        self._watches = bool(self._extended) or call.plan.has_timeout
        self._late = True
        self._given: float | None = None

    def item(self) -> None:
        """An item goes to the consumer."""
        self._call.committed = True
        if self._watches:
            now = self._given = clock.now()
            self._late = now >= self._call.deadline
            self._extend(now, 0.0)

    def asked(self) -> None:
        """The consumer asks for the next item. Raises DeadlineExceededError if the time of the call is over."""
        if self._given is None:
            return
        call, now = self._call, clock.now()
        self._extend(now, now - self._given)
        if call.plan.has_timeout and now >= call.deadline:
            # Whose time was it: the producer's is a failure, the consumer's is nobody's here.
            call.ran = self._late
            raise DeadlineExceededError(call.timeout, call.deadline, "the next item was not asked for")

    def _extend(self, now: float, paused: float) -> None:
        permits = self._call.permits
        for index, policy in self._extended:
            if index < len(permits):
                policy.extend(self._call, permits[index], now, paused)


def refuse_boundaries(plan: Plan) -> None:
    """Raises ConfigurationError for policies below which a call runs in other threads or tasks: a generator cannot."""
    if plan.below is not None:
        raise ConfigurationError(f"{plan.policies[-1].label} cannot guard a generator: {plan.policies[-1].block_obstacle}")


def several(answer: object) -> Any:
    """An answer as items: a list or a tuple holds them, anything else is one."""
    return answer if type(answer) in (list, tuple) else (answer,)


def _raise(error: BaseException) -> Any:
    try:
        raise error
    finally:
        del error

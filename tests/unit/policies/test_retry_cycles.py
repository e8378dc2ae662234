"""SPEC R5, P1: no reference cycles: what a failed call held dies with the last reference to its exception.

Every test runs with the garbage collector off and looks whether a large local of the failing frame is gone.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import logging
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from tests.conftest import World
from yaoki import (
    Bulkhead,
    BulkheadFullError,
    CircuitBreaker,
    CircuitOpenError,
    DeadlineExceededError,
    Fallback,
    Pipeline,
    Retry,
    RetryExhaustedError,
    Timeout,
    constant,
    deadline,
)
from yaoki.testing import VirtualClock, run

NOW = constant(0.0)


class Big:
    """Stands for something large."""


@pytest.fixture(autouse=True)
def _without_collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # pytest keeps what is logged, and a log record keeps the error it speaks of.
    monkeypatch.setattr(logging.getLogger("yaoki.fallback"), "disabled", True)
    gc.disable()
    yield
    gc.enable()


class Failing:
    """A function that fails with a large local in its frame, and how many of these are alive."""

    def __init__(self, error: type[BaseException] = ConnectionError) -> None:
        self.error = error
        self.references: list[weakref.ref[Big]] = []

    def __call__(self, *args: object, **kwargs: object) -> object:
        big = Big()
        self.references.append(weakref.ref(big))
        raise self.error("failed")

    @property
    def alive(self) -> int:
        return sum(reference() is not None for reference in self.references)


def ends_with(error: type[BaseException], start: Callable[..., Any], *args: object) -> None:
    """Call, await what is a coroutine, and forget the exception that comes out where it does: a loop's runner would keep it."""

    async def main() -> bool:
        try:
            await start(*args)
        except error:
            return True
        return False

    if inspect.iscoroutinefunction(start):
        ended = run(main())
    else:
        try:
            start(*args)
        except error:
            ended = True
        else:
            ended = False
    assert ended, f"no {error.__name__} came out"


STACKS: dict[str, tuple[Callable[[], Any], type[BaseException]]] = {
    "retry": (lambda: Retry(3, NOW), ConnectionError),
    "one_attempt": (lambda: Retry(1, NOW), ConnectionError),
    "not_retried": (lambda: Retry(3, NOW, give_up_on=ConnectionError), ConnectionError),
    "waits": (lambda: Retry(3, constant(1.0)), ConnectionError),
    "budget": (lambda: Retry(3, NOW, budget=None), ConnectionError),
    "wrap": (lambda: Retry(3, NOW, wrap=True), RetryExhaustedError),
    "wrap_one_attempt": (lambda: Retry(1, NOW, wrap=True), RetryExhaustedError),
    "breaker_opens": (lambda: Pipeline(Retry(9, NOW), CircuitBreaker(failure_threshold=2)), ConnectionError),
    "breaker_refuses": (
        lambda: Pipeline(
            Retry(9, NOW, retry_on=Exception, budget=None), CircuitBreaker(failure_threshold=2, open_timeout=1e-9)
        ),
        Exception,
    ),
    "bulkhead": (lambda: Pipeline(Retry(3, NOW), Bulkhead(2)), ConnectionError),
    "standard": (
        lambda: Pipeline(
            Fallback(value=0, on=KeyError), Timeout(3.0), Retry(3, NOW), CircuitBreaker(failure_threshold=9), Timeout(1.0)
        ),
        ConnectionError,
    ),
    "wrap_in_breaker": (
        lambda: Pipeline(Timeout(3.0), Retry(3, NOW, wrap=True), CircuitBreaker(failure_threshold=9), Timeout(1.0)),
        RetryExhaustedError,
    ),
}


@pytest.mark.parametrize("stack", STACKS)
def test_r5_a_failed_call_leaves_nothing_behind(world: World, stack: str) -> None:
    """SPEC R5: sync and async, generated and driver, whatever ended the call."""
    make, error = STACKS[stack]
    failing = Failing()
    guarded = make()(world.function(failing))
    ends_with(error, guarded)

    assert failing.references
    assert failing.alive == 0


@pytest.mark.parametrize("stack", STACKS)
def test_r5_an_explicit_call_leaves_nothing_behind(world: World, stack: str) -> None:
    """SPEC R5: the same for `call` and `acall`."""
    make, error = STACKS[stack]
    failing = Failing()
    guard = make()
    target = world.function(failing)

    async def acall() -> None:
        await guard.acall(target)

    ends_with(error, acall if world.is_async else lambda: guard.call(target))

    assert failing.alive == 0


@pytest.mark.parametrize("stack", STACKS)
def test_r5_an_outcome_holds_its_error_and_nobody_else_does(world: World, stack: str) -> None:
    """SPEC K1: `execute` keeps the error as long as the outcome lives, not longer."""
    make, error = STACKS[stack]
    failing = Failing()
    outcome = world.execute(make(), failing)
    assert isinstance(outcome.error, error)
    assert failing.alive > 0
    del outcome

    assert failing.alive == 0


def test_r5_unwrapping_an_outcome_leaves_nothing_behind(world: World) -> None:
    """SPEC K1: the raised error leads to the frame of `unwrap`, which must not lead back."""
    failing = Failing()

    def unwrap() -> None:
        world.execute(Retry(3, NOW), failing).unwrap()

    ends_with(ConnectionError, unwrap)

    assert failing.alive == 0


@pytest.mark.parametrize(
    "fallback",
    [
        lambda: Fallback(value="instead"),
        lambda: Fallback(lambda: "instead"),
        lambda: Fallback(Failing(), lambda: "instead"),
        lambda: Fallback(Failing(), Failing(), value="instead"),
    ],
    ids=["value", "function", "second", "last_resort"],
)
def test_k1_a_served_fallback_leaves_nothing_behind(world: World, fallback: Callable[[], Fallback]) -> None:
    """SPEC K1, P1: neither the failure nor the answer is kept by the call."""
    failing = Failing()
    policy = fallback()
    assert world.guard(Pipeline(policy, Retry(2, NOW)), failing)() == "instead"

    assert failing.alive == 0
    assert all(strategy.alive == 0 for strategy in policy.chain if isinstance(strategy, Failing))


def test_k1_an_answer_lives_as_long_as_the_caller_holds_it(world: World) -> None:
    """SPEC K1: a large answer of a strategy is not kept by the call that it ended."""
    guarded = world.guard(Fallback(Big), Failing())
    answer = guarded()
    reference = weakref.ref(answer)
    del answer

    assert reference() is None


def test_k1_a_chain_that_fails_leaves_nothing_behind(world: World) -> None:
    """SPEC K1: the last error comes out; all errors die."""
    failing, first, last = Failing(), Failing(KeyError), Failing(LookupError)
    ends_with(LookupError, Pipeline(Fallback(first, last), Retry(2, NOW))(world.function(failing)))

    assert (failing.alive, first.alive, last.alive) == (0, 0, 0)


def test_k1_an_async_chain_that_fails_leaves_nothing_behind(either_path: str, virtual_clock: VirtualClock) -> None:
    """SPEC K1: the same with coroutine functions as strategies."""
    failing, strategy = Failing(), Failing(LookupError)

    async def awaited() -> object:
        return strategy()

    async def fails() -> object:
        return failing()

    ends_with(LookupError, Pipeline(Fallback(awaited, awaited), Retry(2, NOW))(fails))

    assert (failing.alive, strategy.alive) == (0, 0)


@pytest.mark.parametrize("parameter", ["retry_on", "give_up_on"])
@pytest.mark.parametrize("wrap", [False, True])
def test_r5_a_predicate_that_raises_leaves_nothing_behind(world: World, parameter: Any, wrap: bool) -> None:
    """SPEC R5: the failure it was asked about included."""
    failing, predicate = Failing(), Failing(LookupError)
    ends_with(LookupError, Retry(3, NOW, wrap=wrap, **{parameter: predicate})(world.function(failing)))

    assert (failing.alive, predicate.alive) == (0, 0)


def test_b5_a_refusal_leaves_nothing_behind(world: World) -> None:
    """SPEC B5: an open breaker, a full bulkhead, a deadline that has passed: the caller's locals die with the refusal."""
    failing = world.function(Failing())
    breaker = CircuitBreaker(failure_threshold=1)
    ends_with(ConnectionError, breaker(failing))
    full = Bulkhead(1)
    full.free.pop()
    late = Timeout(1.0)
    references: list[weakref.ref[Big]] = []

    def attempt(guarded: Callable[[Any], Any]) -> Any:
        big = Big()
        references.append(weakref.ref(big))
        return guarded(big)

    async def attempt_async(guarded: Callable[[Any], Any]) -> Any:
        return await attempt(guarded)

    def refused(guard: Any, error: type[BaseException]) -> None:
        ends_with(error, attempt_async if world.is_async else attempt, guard(failing))

    refused(breaker, CircuitOpenError)
    refused(Pipeline(Retry(3, NOW), breaker), CircuitOpenError)
    refused(full, BulkheadFullError)
    refused(Pipeline(Fallback(value=0, on=KeyError), Retry(3, NOW), full), BulkheadFullError)
    with deadline.within(0.0):
        refused(late, DeadlineExceededError)

    assert len(references) == 5
    assert [reference() for reference in references] == [None] * 5


@pytest.mark.parametrize("outcomes", [2, 9], ids=["well", "exhausted"])
def test_r5_wrapped_attempts_of_a_block_leave_nothing_behind(outcomes: int) -> None:
    """SPEC R5, R6: the errors lead to the frame with the block, which holds the attempt; that must not hold the errors."""
    failing = Failing()

    def block() -> None:
        left = outcomes
        for attempt in Retry(3, NOW, wrap=True).attempts():
            with attempt:
                left -= 1
                if left:
                    failing()

    def use() -> None:
        try:
            block()
        except RetryExhaustedError:
            return

    use()

    assert failing.references
    assert failing.alive == 0


@pytest.mark.parametrize("failures", [1, 9], ids=["well", "exhausted"])
def test_r5_wrapped_attempts_of_a_generator_leave_nothing_behind(either_path: str, failures: int) -> None:
    """SPEC R5, R6: the same for the frame of a guarded generator."""
    failing = Failing()

    @Retry(3, NOW, wrap=True)
    def items() -> Iterator[int]:
        if len(failing.references) < failures:
            failing()
        yield 1

    def use() -> None:
        try:
            assert list(items()) == [1]
        except RetryExhaustedError:
            return

    use()

    assert failing.references
    assert failing.alive == 0


@pytest.mark.parametrize("failures", [1, 9], ids=["well", "exhausted"])
def test_r5_wrapped_attempts_of_an_asynchronous_generator_leave_nothing_behind(either_path: str, failures: int) -> None:
    """SPEC R5, R6: the same, awaited."""
    failing = Failing()

    @Retry(3, NOW, wrap=True)
    async def items() -> AsyncIterator[int]:
        if len(failing.references) < failures:
            failing()
        yield 1

    async def use() -> None:
        try:
            assert [item async for item in items()] == [1]
        except RetryExhaustedError:
            return

    run(use())

    assert failing.references
    assert failing.alive == 0


# Time-outs, and tasks that keep their exception


def hangs(references: list[weakref.ref[Big]]) -> Callable[[], Awaitable[None]]:
    async def hanging() -> None:
        big = Big()
        references.append(weakref.ref(big))
        await asyncio.sleep(60.0)

    return hanging


TIMED: dict[str, Callable[[], Any]] = {
    "timeout": lambda: Timeout(1.0),
    "retry_timeout": lambda: Pipeline(Retry(3, NOW), Timeout(1.0)),
    "timeout_retry_timeout": lambda: Pipeline(Timeout(2.5), Retry(3, NOW), CircuitBreaker(failure_threshold=9), Timeout(1.0)),
}


@pytest.mark.parametrize("stack", TIMED)
def test_t1_a_timeout_leaves_nothing_behind(either_path: str, virtual_clock: VirtualClock, stack: str) -> None:
    """SPEC T1: the alarm knows the task, and the error must not lead to it once the task has ended with the error."""
    references: list[weakref.ref[Big]] = []
    guarded = TIMED[stack]()(hangs(references))

    async def main() -> None:
        try:
            await guarded()
        except DeadlineExceededError:
            return

    async def in_a_task() -> None:
        task = asyncio.create_task(guarded())
        await asyncio.wait([task])
        assert isinstance(task.exception(), DeadlineExceededError)

    run(main())
    run(in_a_task())

    assert len(references) >= 2
    assert all(reference() is None for reference in references)


@pytest.mark.parametrize("stack", STACKS)
def test_r5_a_task_that_ends_with_the_error_leaves_nothing_behind(
    either_path: str, virtual_clock: VirtualClock, stack: str
) -> None:
    """SPEC R5, T1: a task keeps its exception, whose traceback leads to our frames; they must not lead back to the task."""
    make, error = STACKS[stack]
    failing = Failing()

    async def fails() -> object:
        return failing()

    guarded = make()(fails)

    async def main() -> None:
        task = asyncio.create_task(guarded())
        await asyncio.wait([task])
        assert isinstance(task.exception(), error)

    run(main())

    assert failing.alive == 0


def test_r6_a_cancelled_backoff_leaves_nothing_behind(either_path: str, virtual_clock: VirtualClock) -> None:
    """SPEC R5: the call ends in its wait; the failure before it is forgotten."""
    failing = Failing()

    async def fails() -> object:
        return failing()

    guarded = Retry(3, constant(60.0), wrap=True)(fails)

    async def main() -> None:
        task = asyncio.create_task(guarded())
        await asyncio.sleep(1.0)
        task.cancel()
        await asyncio.wait([task])

    run(main())

    assert failing.references
    assert failing.alive == 0


def test_r5_a_healthy_pipeline_dies_with_its_last_reference(world: World) -> None:
    """SPEC R5: a guarded function that is dropped takes its policies along."""
    breaker = CircuitBreaker()
    reference = weakref.ref(breaker)
    guarded = world.guard(Pipeline(Timeout(1.0), Retry(3, NOW), breaker), lambda: "well")
    assert guarded() == "well"
    del guarded, breaker

    assert reference() is None

"""SPEC R4: retries in several layers do not multiply."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from tests.conftest import World
from yaoki import CircuitBreaker, Fallback, Pipeline, Retry, RetryExhaustedError, constant
from yaoki.testing import Script, run

NOW = constant(0.0)


def retry() -> Retry:
    return Retry(3, NOW, budget=None)


def test_r4_three_layers_of_three_attempts_make_three_calls(world: World) -> None:
    """SPEC R4: only the innermost layer retries; not 27 calls."""
    script = Script(then=ConnectionError)
    guarded = world.function(script)
    for _ in range(3):
        guarded = retry()(guarded)
    with pytest.raises(ConnectionError):
        run(guarded()) if world.is_async else guarded()

    assert script.count == 3


def test_r4_three_layers_guarded_by_the_same_retry_make_three_calls(world: World) -> None:
    """SPEC R4: one Retry for all functions of a module that call each other is the usual way to write it."""
    shared = retry()
    script = Script(then=ConnectionError)
    if world.is_async:

        @shared
        async def fetch() -> object:
            return await script.asynchronous()

        @shared
        async def read() -> object:
            return await fetch()

        @shared
        async def answer() -> object:
            return await read()

        with pytest.raises(ConnectionError):
            run(answer())
    else:

        @shared
        def fetch() -> object:
            return script()

        @shared
        def read() -> object:
            return fetch()

        @shared
        def answer() -> object:
            return read()

        with pytest.raises(ConnectionError):
            answer()

    assert script.count == 3


@pytest.mark.parametrize("bind", [functools.partial, lambda fn: fn], ids=["partial", "function"])
def test_r4_explicit_calls_in_layers_do_not_multiply(
    either_path: str, bind: Callable[[Callable[[], object]], Callable[[], object]]
) -> None:
    """SPEC R4: the same by `call`, with one pipeline for both."""
    script = Script(then=ConnectionError)
    pipeline = Pipeline(retry(), CircuitBreaker(failure_threshold=99))

    def inner() -> object:
        return pipeline.call(bind(script.sync))

    with pytest.raises(ConnectionError):
        pipeline.call(bind(inner))

    assert script.count == 3


def test_r4_an_error_raised_from_a_given_up_one_is_given_up(world: World) -> None:
    """SPEC R4: `raise Own from error` says that this is that failure."""
    script = Script(then=ConnectionError)
    inner = world.guard(retry(), script)

    class StorageError(Exception):
        pass

    def outer() -> object:
        try:
            return inner()
        except ConnectionError as error:
            raise StorageError from error

    with pytest.raises(StorageError):
        retry()(outer)()

    assert script.count == 3


def test_r4_another_failure_while_a_given_up_one_is_handled_is_retried(world: World) -> None:
    """SPEC R4: a second way that fails too is a failure of its own."""
    first, second = Script(then=ConnectionError), Script(ConnectionResetError, "the other way")
    inner = world.guard(retry(), first)

    def outer() -> object:
        try:
            return inner()
        except ConnectionError:
            return second()

    assert retry()(outer)() == "the other way"
    assert first.count == 6


def test_r4_a_group_with_a_given_up_error_is_given_up(either_path: str) -> None:
    """SPEC R4: a task group raises all errors together."""
    script = Script(then=ConnectionError)
    inner = retry()(script.asynchronous)

    @retry()
    async def outer() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(inner())

    with pytest.raises(ExceptionGroup):
        run(outer())

    assert script.count == 3


def test_r4_wrapping_errors_are_given_up(world: World) -> None:
    """SPEC R4, R5: an error that says it is exhausted is not repeated, not even by a Retry for everything."""
    script = Script(then=ConnectionError)
    inner = world.guard(Retry(3, NOW, wrap=True), script)
    with pytest.raises(RetryExhaustedError):
        Retry(3, NOW, retry_on=Exception)(inner)()

    assert script.count == 3


def test_r4_a_cause_that_leads_back_ends_the_search(world: World) -> None:
    """SPEC R4: exceptions may be chained in a circle."""
    first, second = ConnectionError("first"), ConnectionError("second")
    first.__cause__, second.__cause__ = second, first
    script = Script(then=first)
    with pytest.raises(ConnectionError):
        world.guard(retry(), script)()

    assert script.count == 3


def test_r4_what_was_not_tried_again_further_in_is_retried(world: World) -> None:
    """SPEC R4: an inner Retry of one attempt gives nothing up."""
    script = Script(then=ConnectionError)
    guarded = world.guard(Retry(1, NOW), script)
    with pytest.raises(ConnectionError):
        retry()(guarded)()

    assert script.count == 3


def test_r4_an_outer_fallback_still_serves_what_was_given_up(world: World) -> None:
    """SPEC K1, R4: given up is not unanswerable."""
    inner = world.guard(retry(), Script(then=ConnectionError))

    assert Pipeline(Fallback(value="instead"), retry())(inner)() == "instead"


def test_r4_methods_of_one_class_share_a_retry(either_path: str) -> None:
    """SPEC R4, R6: bound methods are made anew at each access; they are the same function all the same."""
    shared = retry()
    script = Script(then=ConnectionError("always the same"))

    class Client:
        @shared
        def get(self) -> Any:
            return script()

        @shared
        def get_all(self) -> Any:
            return [self.get()]

    for expected in (3, 6):
        with pytest.raises(ConnectionError):
            Client().get()
        assert script.count == expected


def test_r4_generators_in_layers_do_not_multiply(either_path: str) -> None:
    """SPEC R4, R6: a guarded generator that asks another, with one Retry for both."""
    shared = retry()
    script = Script(then=ConnectionError)

    @shared
    def inner() -> Iterator[object]:
        yield script()

    @shared
    def outer() -> Iterator[object]:
        yield from inner()

    with pytest.raises(ConnectionError):
        list(outer())

    assert script.count == 3


def test_r4_asynchronous_generators_in_layers_do_not_multiply(either_path: str) -> None:
    """SPEC R4, R6: the same, awaited."""
    shared = retry()
    script = Script(then=ConnectionError)

    @shared
    async def inner() -> AsyncIterator[object]:
        yield await script.asynchronous()

    @shared
    async def outer() -> AsyncIterator[object]:
        async for item in inner():
            yield item

    async def main() -> list[object]:
        return [item async for item in outer()]

    with pytest.raises(ConnectionError):
        run(main())

    assert script.count == 3


def test_r3_what_an_inner_retry_does_not_repeat_an_outer_one_may(world: World) -> None:
    """SPEC R3, R4: not retried is not given up, also after a retry for another reason."""
    script = Script(KeyError, ConnectionError, "well")
    inner = world.guard(Retry(3, NOW, retry_on=KeyError), script)

    assert retry()(inner)() == "well"

"""A guarded function keeps its exact type. Checked by mypy and basedpyright, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from typing import Any, assert_type

from yaoki import Bulkhead, CircuitBreaker, Fallback, Outcome, Pipeline, RateLimiter, Retry, Timeout, exponential

guard = Pipeline(
    Fallback(value=None),
    Timeout(3.0),
    Retry(max_attempts=3, backoff=exponential(0.5, cap=5.0)),
    CircuitBreaker(failure_rate=0.5),
    name="search",
)


@guard
def plain(number: int, /, text: str = "", *, flag: bool) -> list[str]:
    return [text] * number if flag else []


@guard
async def coroutine(number: int) -> str:
    return str(number)


@guard
def generator(number: int) -> Generator[int, str, bytes]:
    yield number
    return b""


@guard
def iterator(number: int) -> Iterator[int]:
    yield number


@guard
async def asynchronous_iterator(number: int) -> AsyncIterator[int]:
    yield number


class Client:
    @guard
    def method(self, number: int) -> str:
        return str(number)

    @guard
    async def coroutine_method(self, number: int) -> str:
        return str(number)

    @classmethod
    @guard
    def class_method(cls, number: int) -> str:
        return str(number)

    @staticmethod
    @guard
    def static_method(number: int) -> str:
        return str(number)

    @property
    @guard
    def attribute(self) -> int:
        return 1


@Retry(max_attempts=5)
def retried(number: int) -> str:
    return str(number)


@CircuitBreaker(failure_threshold=5)
async def broken(number: int) -> str:
    return str(number)


@Timeout(1.0)
@Bulkhead(10)
@RateLimiter(10, per=1.0)
def stacked(number: int) -> str:
    return str(number)


def decorated_functions_keep_their_types(client: Client) -> None:
    assert_type(plain(1, "a", flag=True), list[str])
    assert_type(generator(1), Generator[int, str, bytes])
    assert_type(iterator(1), Iterator[int])
    assert_type(asynchronous_iterator(1), AsyncIterator[int])
    assert_type(client.method(1), str)
    assert_type(Client.class_method(1), str)
    assert_type(Client.static_method(1), str)
    assert_type(client.attribute, int)
    assert_type(retried(1), str)
    assert_type(stacked(1), str)


async def so_do_coroutine_functions(client: Client) -> None:
    started: Coroutine[Any, Any, str] = coroutine(1)
    assert_type(await started, str)
    assert_type(await coroutine(1), str)
    assert_type(await client.coroutine_method(1), str)
    assert_type(await broken(1), str)


def takes_a_callback(callback: Callable[[int], str], awaited: Callable[[int], Coroutine[Any, Any, str]]) -> None: ...


def they_fit_where_the_function_fitted() -> None:
    takes_a_callback(retried, broken)


def explicit_calls_give_the_functions_result() -> None:
    assert_type(guard.call(retried, 1), str)
    assert_type(guard.call(plain, 1, flag=True), list[str])
    assert_type(guard.execute(retried, 1), Outcome[str])


async def awaited_calls_do_too() -> None:
    assert_type(await guard.acall(coroutine, 1), str)
    assert_type(await guard.aexecute(coroutine, 1), Outcome[str])
    assert_type(await CircuitBreaker().acall(coroutine, 1), str)


def a_keyed_pipeline_is_a_pipeline_for_each_key() -> None:
    peers = guard.keyed(max_keys=10, idle_ttl=60.0)
    assert_type(peers["p1"].call(retried, 1), str)


def blocks() -> None:
    for attempt in guard.attempts():
        with attempt:
            retried(1)

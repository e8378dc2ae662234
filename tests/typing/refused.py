"""What a type checker must find: every ignore here is needed, or the checkers complain about it. Never run."""

from __future__ import annotations

from yaoki import CircuitBreaker, Pipeline, Retry, Timeout, events

guard = Pipeline(Retry(max_attempts=3), name="search")


@guard
def plain(number: int, *, flag: bool) -> list[str]:
    return [str(number)] if flag else []


@guard
async def coroutine(number: int) -> str:
    return str(number)


def calls_with_wrong_arguments() -> None:
    plain("1", flag=True)  # type: ignore[arg-type]  # a string for a number
    plain(1)  # type: ignore[call-arg]  # the flag is missing
    guard.call(plain, "1", flag=True)  # type: ignore[arg-type]  # the same through call
    guard.call(plain, 1)  # type: ignore[call-arg]  # the flag is missing


async def results_of_another_type() -> None:
    number: int = plain(1, flag=True)  # type: ignore[assignment]  # a list
    text: int = await coroutine(1)  # type: ignore[assignment]  # a string
    print(number, text)


def wrong_construction() -> None:
    Pipeline(Retry)  # type: ignore[arg-type]  # the class instead of an object
    Retry(max_attempts="3")  # type: ignore[arg-type]  # a string for a number
    Timeout()  # type: ignore[call-arg]  # no seconds
    CircuitBreaker(failure_treshold=3)  # type: ignore[call-arg]  # a misspelt parameter
    guard(3)  # type: ignore[type-var]  # not a function


def wrong_listener() -> None:
    events.subscribe(lambda: None)  # type: ignore[arg-type, misc]  # takes no event

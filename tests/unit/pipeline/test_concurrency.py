"""SPEC B3, R6: one pipeline serves threads and event loops at once; every call has its own attempts, deadline and outcome."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from yaoki import (
    Budget,
    Bulkhead,
    CircuitBreaker,
    Fallback,
    Pipeline,
    Rejected,
    Retry,
    Timeout,
    calls,
    constant,
    deadline,
)
from yaoki.core.events import CallFailed, RetryScheduled
from yaoki.testing import record_events

NOW = constant(0.0)

pytestmark = pytest.mark.usefixtures("either_path")


@pytest.fixture(autouse=True)
def _switch_threads_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


class Dependency:
    """Fails by the number it is called with: number n makes n % 4 attempts fail. Says what it saw."""

    def __init__(self, guard: Any) -> None:
        self.guard = guard
        self.attempts: Counter[int] = Counter()
        self.lock = threading.Lock()

    def __call__(self, number: int) -> tuple[int, int, bool]:
        with self.lock:
            self.attempts[number] += 1
            attempt = self.attempts[number]
        assert self.guard.current_attempt() == attempt
        if attempt <= number % 4:
            raise ConnectionError(number)
        return number, attempt, deadline.remaining() <= 60.0

    async def asynchronous(self, number: int) -> tuple[int, int, bool]:
        await asyncio.sleep(0)
        answer = self(number)
        await asyncio.sleep(0)
        return answer


THREADS, LOOPS, EACH = 8, 2, 60


def everywhere(plain: Callable[[int], object], coroutine: Callable[[int], Any]) -> list[object]:
    """Call with all numbers, from eight threads and two event loops at once; outcomes in order."""
    barrier = threading.Barrier(THREADS + LOOPS)

    def outcome_of(call: Callable[[], object]) -> object:
        try:
            return call()
        except Exception as error:  # noqa: BLE001  # compared by the test
            return error

    def work(first: int) -> list[object]:
        barrier.wait()
        return [outcome_of(lambda: plain(number)) for number in range(first, first + EACH)]  # noqa: B023  # used at once

    def loop(first: int) -> list[object]:
        async def main() -> list[object]:
            return await asyncio.gather(*map(coroutine, range(first, first + EACH)), return_exceptions=True)

        barrier.wait()
        return asyncio.run(main())

    with ThreadPoolExecutor(THREADS + LOOPS) as pool:
        futures = [pool.submit(work if index < THREADS else loop, index * EACH) for index in range(THREADS + LOOPS)]
        return [outcome for future in futures for outcome in future.result()]


TOTAL = (THREADS + LOOPS) * EACH


def test_b3_every_call_has_its_own_attempts_and_outcome() -> None:
    """SPEC B3, R6: nothing is mixed up, nothing lost."""
    breaker = CircuitBreaker(failure_rate=1.0, minimum_calls=10_000, window=calls(10_000))
    budget = Budget(10**9)
    pipeline = Pipeline(Timeout(60.0), Retry(4, NOW, budget=budget), breaker, Timeout(30.0))
    dependency = Dependency(pipeline)
    outcomes = everywhere(pipeline(dependency), pipeline(dependency.asynchronous))

    assert outcomes == [(number, number % 4 + 1, True) for number in range(TOTAL)]
    failures = sum(number % 4 for number in range(TOTAL))
    snapshot = breaker.snapshot()
    assert (snapshot["successes"], snapshot["failures"], snapshot["rejected"]) == (TOTAL, failures, 0)
    refunds = sum(14 for number in range(TOTAL) if number % 4)
    taken = 14 * failures
    # First-try successes earn one token each, but a full bucket takes none.
    assert 10**9 - taken + refunds <= budget.tokens <= 10**9 - taken + refunds + TOTAL


def test_b3_one_call_function_serves_all() -> None:
    """SPEC R6: the same by `call` and `acall`, and by the key's."""
    keyed = Pipeline(Timeout(60.0), Retry(4, NOW, budget=None), CircuitBreaker(failure_threshold=10_000)).keyed()
    state = keyed["one"]
    dependency = Dependency(state)

    async def acall(number: int) -> object:
        return await state.acall(dependency.asynchronous, number)

    outcomes = everywhere(lambda number: state.call(dependency, number), acall)

    assert outcomes == [(number, number % 4 + 1, True) for number in range(TOTAL)]
    assert len(keyed) == 1


def test_b3_places_come_back_whoever_takes_them() -> None:
    """SPEC T2, B3: a bulkhead in the stack ends with all its places, and admitted no more."""
    bulkhead = Bulkhead(3, max_queue=TOTAL)
    pipeline = Pipeline(Timeout(60.0), Retry(4, NOW, budget=None), bulkhead)
    dependency = Dependency(pipeline)
    outcomes = everywhere(pipeline(dependency), pipeline(dependency.asynchronous))

    assert outcomes == [(number, number % 4 + 1, True) for number in range(TOTAL)]
    assert bulkhead.snapshot(0.0)["in_use"] == 0
    assert bulkhead.snapshot(0.0)["waiting"] == 0


def test_b3_an_opening_circuit_loses_no_call() -> None:
    """SPEC B3: each call is a success, a failure or a refusal, and counted as such."""
    breaker = CircuitBreaker(failure_threshold=3, open_timeout=0.001)
    fallback = Fallback(value="instead", on=Rejected)
    pipeline = Pipeline(fallback, breaker)
    reached = Counter[str]()
    lock = threading.Lock()

    def plain(number: int) -> str:
        with lock:
            reached["failed" if number % 3 else "well"] += 1
        if number % 3:
            raise ConnectionError
        return "well"

    async def coroutine(number: int) -> str:
        await asyncio.sleep(0)
        return plain(number)

    outcomes = Counter(
        outcome if isinstance(outcome, str) else type(outcome).__name__
        for outcome in everywhere(pipeline(plain), pipeline(coroutine))
    )

    assert outcomes["well"] == reached["well"]
    assert outcomes["ConnectionError"] == reached["failed"]
    assert outcomes["instead"] == fallback.served == TOTAL - reached.total()
    assert breaker.snapshot()["rejected"] == fallback.served


def test_b3_events_of_all_calls_arrive_once() -> None:
    """SPEC O3: listeners may be told by many threads at once."""
    pipeline = Pipeline(Retry(4, NOW, budget=None))
    dependency = Dependency(pipeline)
    with record_events() as events:
        everywhere(pipeline(dependency), pipeline(dependency.asynchronous))
    failures = sum(number % 4 for number in range(TOTAL))

    assert len(events.of(CallFailed)) == len(events.of(RetryScheduled)) == failures == len(events) / 2


def test_b3_functions_are_decorated_in_threads() -> None:
    """SPEC R6: sources are compiled and kept without a mix-up."""

    def make(number: int) -> bool:
        namespace: dict[str, Any] = {}
        exec(f"def function(parameter_{number % 7}, *, option=1): return parameter_{number % 7}, option", namespace)
        guarded = Pipeline(Timeout(60.0), Retry(), CircuitBreaker())(namespace["function"])
        return bool(guarded(number, option=2) == (number, 2)) and f"parameter_{number % 7}" in guarded.__code__.co_varnames

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(make, range(200)))

"""SPEC R1, R2, R6: the attempts of a call: their waits, and their number read inside the call."""

from __future__ import annotations

import asyncio
import statistics
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.conftest import World
from yaoki import Pipeline, Retry, Timeout, constant, exponential
from yaoki.core.clock import clock
from yaoki.testing import Script, VirtualClock, run

NOW = constant(0.0)


class Numbers:
    """A function that notes the number of its attempt and fails as often as told."""

    def __init__(self, guard: Any, failures: int) -> None:
        self.guard = guard
        self.failures = failures
        self.seen: list[int] = []

    def __call__(self) -> list[int]:
        self.seen.append(self.guard.current_attempt())
        if len(self.seen) <= self.failures:
            raise ConnectionError
        return self.seen


# Waits


def test_r2_the_waits_are_those_of_the_backoff(world: World, virtual_clock: VirtualClock) -> None:
    """SPEC R1, R2: the first delay is the initial one; there is none before the first try."""
    script = Script(then=ConnectionError)
    with pytest.raises(ConnectionError):
        world.guard(Retry(4, exponential(0.5, multiplier=2.0, jitter="none")), script)()

    assert [call.at for call in script.calls] == [0.0, 0.5, 1.5, 3.5]


def test_r1_jitter_is_full_by_default(either_path: str, virtual_clock: VirtualClock) -> None:
    """SPEC R1: the waits are uniform between 0 and the back-off."""
    virtual_clock.fix_random(0.25)
    with pytest.raises(ConnectionError):
        Retry(4)(Script(then=ConnectionError).sync)()

    assert virtual_clock.sleeps == pytest.approx([0.025, 0.05, 0.1])

    virtual_clock.sleeps.clear()
    virtual_clock.seed_random(7)
    guarded = Retry(2, exponential(1.0), budget=None)(Script(then=ConnectionError).sync)
    for _ in range(400):
        with pytest.raises(ConnectionError):
            guarded()
    assert all(0.0 <= wait < 1.0 for wait in virtual_clock.sleeps)
    assert statistics.mean(virtual_clock.sleeps) == pytest.approx(0.5, abs=0.05)


def test_r1_a_wait_of_nothing_does_not_sleep(world: World, virtual_clock: VirtualClock) -> None:
    """SPEC R1: a sleep of zero seconds would still give up the processor."""
    assert world.guard(Retry(4, NOW), Script(*[ConnectionError] * 3, "well"))() == "well"

    assert virtual_clock.sleeps == []


def test_r1_decorrelated_waits_start_anew_with_each_call(either_path: str, virtual_clock: VirtualClock) -> None:
    """SPEC R1: the wait before belongs to the call, not to the policy."""
    virtual_clock.fix_random(0.5)
    guarded = Retry(3, exponential(1.0, cap=60.0, jitter="decorrelated"))(Script(then=ConnectionError).sync)
    for _ in range(2):
        with pytest.raises(ConnectionError):
            guarded()

    assert virtual_clock.sleeps == [2.0, 3.5, 2.0, 3.5]


# The number of the attempt


@pytest.mark.parametrize(
    "make",
    [
        lambda: Pipeline(Retry(4, NOW)),
        lambda: Retry(4, NOW),
        lambda: Pipeline(Timeout(9.0), Retry(4, NOW), Timeout(5.0)),
    ],
    ids=["pipeline", "policy", "timeouts"],
)
def test_r6_the_attempt_is_readable_inside_the_call(world: World, make: Any) -> None:
    """SPEC R6: by the pipeline, and by the policy that decorates alone."""
    guard = make()

    assert world.guard(guard, Numbers(guard, 3))() == [1, 2, 3, 4]


def test_r6_outside_of_a_call_it_is_the_first(world: World) -> None:
    """SPEC R6: nothing of an earlier call is left."""
    guard = Pipeline(Retry(4, NOW))
    world.guard(guard, Numbers(guard, 3))()

    assert guard.current_attempt() == 1
    assert Retry(4, NOW).current_attempt() == 1


def test_r6_each_layer_has_its_own(world: World) -> None:
    """SPEC R6: nested pipelines are told apart, also in attempts after the first."""
    outer, inner = Pipeline(Retry(3, NOW)), Pipeline(Retry(2, NOW, retry_on=KeyError))
    seen: list[tuple[int, int]] = []

    def innermost() -> None:
        seen.append((outer.current_attempt(), inner.current_attempt()))
        raise [KeyError, ConnectionError, ConnectionError, KeyError, KeyError][len(seen) - 1]

    def middle() -> Any:
        return inner.call(innermost)

    with pytest.raises(KeyError):
        world.guard(outer, middle)()

    assert seen == [(1, 1), (1, 2), (2, 1), (3, 1), (3, 2)]


def test_r6_keys_are_told_apart(either_path: str) -> None:
    """SPEC R6, B7: the attempt belongs to the key that is called."""
    keyed = Pipeline(Retry(3, NOW)).keyed()
    seen: list[tuple[int, int]] = []

    def fails() -> None:
        seen.append((keyed["a"].current_attempt(), keyed["b"].current_attempt()))
        raise ConnectionError

    for key in "ab":
        with pytest.raises(ConnectionError):
            keyed[key].call(fails)

    assert seen == [(1, 1), (2, 1), (3, 1), (1, 1), (1, 2), (1, 3)]


def test_r6_it_reaches_into_threads_that_copy_the_context(either_path: str) -> None:
    """SPEC R6: `asyncio.to_thread` carries it along."""
    guard = Pipeline(Retry(3, NOW))
    numbers = Numbers(guard, 2)

    @guard
    async def guarded() -> list[int]:
        return await asyncio.to_thread(numbers)

    assert asyncio.run(guarded()) == [1, 2, 3]


def test_r6_below_a_boundary_it_is_readable_too(either_path: str) -> None:
    """SPEC R6, T1: a Timeout by thread runs the attempts in another thread."""
    guard = Pipeline(Timeout(30.0, mode="thread"), Retry(3, NOW))

    assert guard.call(Numbers(guard, 2)) == [1, 2, 3]


# At the same time


def test_r6_threads_have_their_own_attempts(either_path: str) -> None:
    """SPEC R6: eight threads retry through one pipeline, each sees its own numbers."""
    guard = Pipeline(Retry(5, NOW, budget=None))
    barrier = threading.Barrier(8)

    def work(failures: int) -> list[int]:
        barrier.wait()
        for _ in range(50):
            seen = guard.call(Numbers(guard, failures))
        return seen

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(work, [0, 1, 2, 3, 4, 3, 2, 1]))

    assert [len(numbers) for numbers in seen] == [1, 2, 3, 4, 5, 4, 3, 2]
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in seen)


def test_r6_interleaving_tasks_have_their_own_attempts(either_path: str, virtual_clock: VirtualClock) -> None:
    """SPEC R6: tasks interleave on one thread, each sees its own numbers."""
    guard = Pipeline(Retry(5, constant(1.0), budget=None))
    started: list[tuple[str, int, float]] = []

    async def work(name: str, failures: int, takes: float) -> str:
        started.append((name, guard.current_attempt(), clock.now()))
        await asyncio.sleep(takes)
        if guard.current_attempt() <= failures:
            raise ConnectionError
        return name

    async def main() -> list[str]:
        return await asyncio.gather(guard.acall(work, "a", 2, 0.25), guard.acall(work, "b", 1, 0.5))

    assert run(main()) == ["a", "b"]
    assert started == [("a", 1, 0.0), ("b", 1, 0.0), ("a", 2, 1.25), ("b", 2, 1.5), ("a", 3, 2.5)]

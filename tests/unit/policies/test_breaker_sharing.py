"""SPEC B3: one breaker for many pipelines, functions, threads and event loops; and what is left of it in the end."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.unit.policies.by_hand import forked
from tests.unit.policies.circuits import Circuit
from yaoki import CircuitBreaker, CircuitOpenError, Pipeline, Retry, calls, events, seconds
from yaoki.core.interpreter import lock_of
from yaoki.testing import Script, VirtualClock, run

pytestmark = pytest.mark.usefixtures("path")


# --- nothing is held while a call runs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("window", [{}, {"failure_rate": 0.5}, {"failure_rate": 0.5, "window": seconds(10.0)}])
def test_b3_no_lock_is_held_while_a_call_runs(window: dict[str, object]) -> None:
    """SPEC B3: four threads are inside the protected function at the same time."""
    circuit = Circuit(**window)
    meet = threading.Barrier(4)
    met: list[int] = []

    def together() -> None:
        met.append(meet.wait(10.0))

    threads = [threading.Thread(target=circuit.pipeline.call, args=(together,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(15.0)

    assert sorted(met) == [0, 1, 2, 3]
    assert circuit["successes"] == 4


def test_b3_no_lock_is_held_while_a_trial_runs(virtual_clock: VirtualClock) -> None:
    """SPEC B3: two trials are inside the protected function at the same time, and a third thread reads the state meanwhile."""
    circuit = Circuit(failure_threshold=1, open_timeout=1.0, half_open_max_calls=2, success_threshold=2)
    circuit.fail()
    virtual_clock.advance(1.0)
    meet = threading.Barrier(3)

    threads = [threading.Thread(target=circuit.pipeline.call, args=(meet.wait, 10.0)) for _ in range(2)]
    for thread in threads:
        thread.start()
    while circuit.breaker.snapshot()["state"] != "half_open":
        pass
    meet.wait(10.0)
    for thread in threads:
        thread.join(15.0)

    assert circuit.state == "closed"


# --- one breaker, many users --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("virtual_clock")
def test_b3_two_pipelines_share_a_breaker() -> None:
    """SPEC B3: what one learns the other knows."""
    breaker = CircuitBreaker(failure_threshold=2)
    reader, writer = Pipeline(breaker, name="reader"), Pipeline(Retry(1), breaker, name="writer")
    dependency = Script(then=ConnectionResetError)

    for pipeline in (reader, writer):
        with pytest.raises(ConnectionResetError):
            pipeline.call(dependency)
    for pipeline in (reader, writer):
        with pytest.raises(CircuitOpenError):
            pipeline.call(dependency)

    assert dependency.count == 2


@pytest.mark.usefixtures("virtual_clock")
def test_b3_all_kinds_of_functions_share_a_breaker() -> None:
    """SPEC B3: a function, a coroutine function, both kinds of generators, a method and the breaker itself."""
    breaker = CircuitBreaker(failure_threshold=6)
    pipeline = Pipeline(breaker)

    class Client:
        @pipeline
        def method(self) -> None:
            raise ConnectionResetError

        def plain(self) -> None:
            raise ConnectionResetError

    @pipeline
    def function() -> None:
        raise ConnectionResetError

    @pipeline
    async def coroutine() -> None:
        raise ConnectionResetError

    @pipeline
    def generator() -> Iterator[int]:
        yield 1
        raise ConnectionResetError

    @pipeline
    async def async_generator() -> AsyncIterator[int]:
        yield 1
        raise ConnectionResetError

    async def read() -> list[int]:
        return [item async for item in async_generator()]

    users = [
        Client().method,
        pipeline(Client().plain),
        function,
        lambda: run(coroutine()),
        lambda: list(generator()),
        lambda: run(read()),
    ]
    states = []
    for user in users:
        states.append(str(breaker.state))
        with pytest.raises(ConnectionResetError):
            user()

    assert states == ["closed"] * 6
    assert breaker.state == "open"
    for user in users:
        with pytest.raises(CircuitOpenError):
            user()


def test_b3_threads_and_two_event_loops_at_the_same_time() -> None:
    """SPEC B3: synchronous callers and the tasks of two loops share one breaker, and every call is counted once."""
    breaker = CircuitBreaker(failure_rate=1.0, window=calls(100), minimum_calls=100)
    pipeline = Pipeline(breaker)
    start = threading.Barrier(4)

    def answer(number: int) -> int:
        if number % 5 == 0:
            raise ConnectionResetError
        return number

    async def answer_later(number: int) -> int:
        await asyncio.sleep(0)
        return answer(number)

    def from_thread() -> None:
        start.wait()
        for number in range(500):
            try:
                pipeline.call(answer, number)
            except ConnectionResetError:
                continue

    def from_loop() -> None:
        async def main() -> None:
            start.wait()
            for _ in range(10):
                await asyncio.gather(*(pipeline.acall(answer_later, number) for number in range(50)), return_exceptions=True)

        asyncio.run(main())

    threads = [threading.Thread(target=target) for target in (from_thread, from_loop, from_thread, from_loop)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(15.0)

    snapshot = breaker.snapshot()
    assert (snapshot["successes"], snapshot["failures"], snapshot["state"]) == (1600, 400, "closed")


def test_b3_one_breaker_serves_one_event_loop_after_the_other(virtual_clock: VirtualClock) -> None:
    """SPEC B3: nothing in it belongs to a loop: opened in one, tried and closed in the next."""
    circuit = Circuit(failure_threshold=1, open_timeout=10.0)

    for outcome in (ConnectionResetError, "found"):

        async def main(outcome: object = outcome) -> None:
            await circuit.pipeline.acall(Script(outcome).asynchronous)  # type: ignore[arg-type]

        if outcome == "found":
            run(main())
        else:
            with pytest.raises(ConnectionResetError):
                run(main())
        virtual_clock.advance(10.0)

    assert circuit.state == "closed"


# --- fork ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform cannot fork")
def test_b3_works_in_a_child_that_was_forked_in_the_middle_of_a_transition() -> None:
    """SPEC B3: another thread held the breaker's lock at the fork, and lives in the parent only."""
    circuit = Circuit(failure_threshold=2)
    circuit.fail()
    held, over = threading.Event(), threading.Event()

    def holds() -> None:
        with lock_of(circuit.breaker):
            held.set()
            over.wait(10.0)

    thread = threading.Thread(target=holds)
    thread.start()
    held.wait(10.0)

    def in_child() -> object:
        circuit.fail()
        return [circuit.state, circuit["failures"], circuit.refusal().retry_after is not None]

    answer = forked(in_child)
    over.set()
    thread.join(10.0)

    assert answer == ["open", 2, True]
    assert circuit.state == "closed"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform cannot fork")
def test_b3_a_trial_that_stayed_in_the_parent_blocks_its_child_no_longer_than_a_hanging_one(
    virtual_clock: VirtualClock,
) -> None:
    """SPEC B2: the child of a half-open process is never stuck: nobody there will settle the trial, so it hangs, and ends so."""
    circuit = Circuit(failure_threshold=1, open_timeout=10.0, half_open_timeout=5.0)
    circuit.fail()
    virtual_clock.advance(10.0)

    def in_child() -> object:
        states = []
        for wait in (0.0, 5.0):
            virtual_clock.advance(wait)
            circuit.refusal()
            states.append(circuit.state)
        virtual_clock.advance(10.0)
        circuit.succeed()
        return [*states, circuit.state]

    answer = circuit.pipeline.call(forked, in_child)

    assert answer == ["half_open", "open", "closed"]
    assert circuit.state == "closed"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform cannot fork")
def test_b2_children_differ_in_jitter() -> None:
    """SPEC B2: workers forked from one process do not come back at the same moment."""
    circuit = Circuit(failure_threshold=1, open_timeout=1000.0, open_timeout_jitter=1.0)

    def in_child() -> object:
        circuit.fail()
        return circuit.refusal().args[1]

    waits = {forked(in_child) for _ in range(4)}

    assert len(waits) == 4


# --- in the end ---------------------------------------------------------------------------------------------------------------


def test_b3_an_open_circuit_does_not_keep_the_interpreter_alive(path: str) -> None:
    """SPEC B2: no timer waits for the open time, and nothing is printed when everything is torn down."""
    program = """
import asyncio
from yaoki import CircuitBreaker, Pipeline

breaker = CircuitBreaker(failure_threshold=1, open_timeout=86_400.0, failure_on=lambda error: True, name="global")
pipeline = Pipeline(breaker, name="global")
peers = pipeline.keyed()

def fail():
    raise ConnectionResetError

async def afail():
    raise ConnectionResetError

for call in (lambda: pipeline.call(fail), lambda: peers["p"].call(fail), lambda: asyncio.run(pipeline.acall(afail))):
    try:
        call()
    except Exception as error:
        print(type(error).__name__)
"""
    environment = os.environ | {"YAOKI_COMPILE": "1" if path == "generated" else "0"}

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=15, env=environment, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["ConnectionResetError", "ConnectionResetError", "CircuitOpenError"]


@pytest.mark.usefixtures("virtual_clock")
@pytest.mark.parametrize("keyed", [False, True])
def test_b7_a_dropped_breaker_leaves_nothing_reachable(keyed: bool) -> None:
    """SPEC B7: named, used, opened, listened to, and gone."""
    heard: list[str] = []
    unsubscribe = events.subscribe(lambda event: heard.append(type(event).__name__))
    breaker = CircuitBreaker(failure_threshold=1, failure_on=lambda error: True, name="dropped")
    pipeline = Pipeline(Retry(1), breaker, name="dropped")
    peers = pipeline.keyed()
    user = peers["p"] if keyed else pipeline

    for expected in (ConnectionResetError, CircuitOpenError):
        with pytest.raises(expected):
            user.call(Script(ConnectionResetError))
    guarded = pipeline(Script("found").sync)
    dropped = [weakref.ref(thing) for thing in (breaker, pipeline, peers, peers["p"].policies[1])]
    unsubscribe()
    del breaker, pipeline, peers, user, guarded
    gc.collect()

    assert heard
    assert [thing() for thing in dropped] == [None] * 4


@pytest.mark.usefixtures("virtual_clock")
def test_b7_a_refusal_is_all_that_keeps_its_breaker() -> None:
    """SPEC B7: an exception that is kept keeps what it names, and nothing else does."""
    circuit = Circuit(failure_threshold=1)
    circuit.fail()
    refusal: CircuitOpenError | None = circuit.refusal()
    assert refusal is not None
    refusal.__traceback__ = None
    breaker = weakref.ref(circuit.breaker)
    del circuit
    gc.collect()
    assert breaker() is refusal.policy

    del refusal
    gc.collect()

    assert breaker() is None


def test_b7_a_breaker_is_small(path: str) -> None:
    """SPEC B7: a stand-alone breaker with a rate window holds three objects of its own, and no lock."""
    breaker = CircuitBreaker(failure_rate=0.5, window=calls(100))
    Pipeline(breaker).call(int)

    assert sys.getsizeof(breaker) + sys.getsizeof(breaker.closed) <= 160
    assert breaker.history is None

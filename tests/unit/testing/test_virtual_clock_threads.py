"""SPEC X2: virtual time with real threads. They hand over in a few real milliseconds."""

from __future__ import annotations

import threading
from collections.abc import Callable

from yaoki.testing import VirtualClock


def start(target: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    return thread


def until_parked(virtual: VirtualClock, waits: int) -> None:
    """Until so many threads wait in virtual time."""
    pause = threading.Event()
    for _ in range(2000):
        if virtual.waits() >= waits:
            return
        pause.wait(0.001)
    raise AssertionError(f"only {virtual.waits()} of {waits} threads wait")


def test_x2_a_lock_released_in_the_grace_is_taken_at_no_cost() -> None:
    """SPEC X2: another thread that works gets the chance to release the lock before time moves."""
    virtual, lock = VirtualClock(grace=5.0), threading.Lock()
    lock.acquire()
    taken: list[bool] = []
    waiter = start(lambda: taken.append(virtual.acquire(lock, 60.0)))
    until_parked(virtual, 1)

    lock.release()
    waiter.join()

    assert (taken, virtual.time) == ([True], 0.0)


def test_x2_the_earlier_end_comes_first() -> None:
    """SPEC X2: of several waits the shorter ends first, and each at its own moment."""
    virtual, lock = VirtualClock(grace=5.0), threading.Lock()
    lock.acquire()
    ends: list[tuple[bool, float]] = []
    waiters = []
    for seconds in (30.0, 10.0, 20.0):
        waiters.append(start(lambda seconds=seconds: ends.append((virtual.acquire(lock, seconds), virtual.now()))))  # type: ignore[misc]  # inferred
        until_parked(virtual, len(waiters))

    virtual.grace = 0.1
    for waiter in waiters:
        waiter.join()

    assert ends == [(False, 10.0), (False, 20.0), (False, 30.0)]


def test_x2_a_sleep_does_not_pass_over_a_wait_that_ends_earlier() -> None:
    """SPEC X2: who holds a place for 2 s lets somebody who waits 1 s for it give up after 1 s, not after 2."""
    virtual, lock = VirtualClock(grace=5.0), threading.Lock()
    lock.acquire()
    ends: list[tuple[bool, float]] = []

    def wait() -> None:
        ends.append((virtual.acquire(lock, 1.0), virtual.now()))
        ends.append((virtual.acquire(lock, 60.0), virtual.now()))

    waiter = start(wait)
    until_parked(virtual, 1)

    virtual.grace = 0.1
    virtual.sleep(2.0)
    lock.release()
    waiter.join()

    assert ends == [(False, 1.0), (True, 2.0)]


def test_x2_a_sleep_shorter_than_the_wait_leaves_it_time() -> None:
    """SPEC X2: who holds a place for 1 s and gives it back is in time for somebody who waits 2 s."""
    virtual, lock = VirtualClock(grace=5.0), threading.Lock()
    lock.acquire()
    ends: list[tuple[bool, float]] = []
    waiter = start(lambda: ends.append((virtual.acquire(lock, 2.0), virtual.now())))
    until_parked(virtual, 1)

    virtual.grace = 0.1
    virtual.sleep(1.0)
    lock.release()
    waiter.join()

    assert ends == [(True, 1.0)]


def test_x2_advance_ends_the_waits_on_its_way() -> None:
    """SPEC X2: a test that moves time sees the waits of other threads begin and end at their moments."""
    virtual, lock = VirtualClock(grace=5.0), threading.Lock()
    lock.acquire()
    ends: list[float] = []

    def wait() -> None:
        for seconds in (3.0, 4.0, 60.0):
            virtual.acquire(lock, seconds)
            ends.append(virtual.now())

    waiter = start(wait)
    until_parked(virtual, 1)

    virtual.advance(10.0)
    lock.release()
    waiter.join()

    assert ends == [3.0, 7.0, 10.0]


def test_x2_threads_sleep_side_by_side() -> None:
    """SPEC X2: time is one for all threads, each wakes at its own moment, and nobody sees time go back."""
    virtual = VirtualClock(grace=5.0)
    woken: list[tuple[str, float]] = []

    def sleep(name: str, seconds: float) -> None:
        for _ in range(2):
            virtual.sleep(seconds)
            woken.append((name, virtual.now()))

    threads = [start(lambda: sleep("a", 2.0)), start(lambda: sleep("b", 3.0))]
    until_parked(virtual, 2)
    virtual.grace = 0.1
    for thread in threads:
        thread.join()

    assert woken == [("a", 2.0), ("b", 3.0), ("a", 4.0), ("b", 6.0)]
    assert sorted(virtual.sleeps) == [2.0, 2.0, 3.0, 3.0]
    assert virtual.time == 6.0


def test_x2_a_thread_that_waits_sees_the_end_of_anothers_work() -> None:
    """SPEC X2: as a hedge does: wait 0.5 s for the first thread, start a second, take the answer that comes first."""
    virtual = VirtualClock(grace=5.0)
    answer = threading.Lock()
    answer.acquire()

    def less_grace_when_both_wait() -> None:
        until_parked(virtual, 2)
        virtual.grace = 0.2

    def work(seconds: float) -> None:
        virtual.work(seconds)
        if answer.locked():
            answer.release()

    start(less_grace_when_both_wait)
    first = start(lambda: work(5.0))
    assert not virtual.acquire(answer, 0.5)
    second = start(lambda: work(0.1))
    assert virtual.acquire(answer, 60.0)

    assert virtual.time == 0.6
    assert virtual.sleeps == []
    first.join()
    second.join()

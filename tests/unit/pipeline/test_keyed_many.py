"""SPEC B7: many keys, many threads, and nothing left in the end."""

from __future__ import annotations

import gc
import threading
import weakref
from collections import Counter, deque
from typing import ClassVar

import pytest

from yaoki import (
    AdaptiveLimit,
    Bulkhead,
    CircuitBreaker,
    Fallback,
    Hedge,
    LatencyHistogram,
    LoadShedder,
    Pipeline,
    RateLimiter,
    Retry,
    Throttle,
    Timeout,
)
from yaoki.core.interpreter import lock_of
from yaoki.core.policies.policy import Policy
from yaoki.testing import VirtualClock

BOTH_PATHS = pytest.mark.parametrize("compiled", ["1", "0"], ids=["generated", "driver"])


class Fresh(Policy):
    """The least that a key can have a state of. `alive`: how many there are; a state of a key holds one as long as it lives."""

    __slots__ = ()
    alive: ClassVar[int] = 0

    def __init__(self) -> None:
        Fresh.alive += 1

    def __del__(self) -> None:
        Fresh.alive -= 1

    def fresh(self, key: object) -> Fresh:
        return Fresh()


def test_b7_a_million_keys_stay_bounded() -> None:
    """SPEC B7: a client who makes up keys costs a bounded number of states, and a bounded queue."""
    before = Fresh.alive
    peers = Pipeline(Fresh()).keyed(max_keys=1000)
    gc.disable()  # nothing here is left to it

    try:
        deque(map(peers.__getitem__, range(1_000_000)), maxlen=0)
    finally:
        gc.enable()

    assert len(peers) == 1000
    assert len(peers._order) <= 1000 + len(peers._marks)
    assert Fresh.alive - before == 1000 + 1


@BOTH_PATHS
def test_b7_nothing_keeps_a_key_or_a_keyed_pipeline_alive(compiled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC B7: no registry of names or keys; a dropped state is gone at once, a dropped Keyed with the next collection."""
    monkeypatch.setenv("YAOKI_COMPILE", compiled)

    class Key:
        pass

    peers = Pipeline(CircuitBreaker(), name="peers").keyed(max_keys=1)
    first = Key()
    assert peers[first].call(int) == 0
    key, state = weakref.ref(first), weakref.ref(peers[first].policies[0])
    del first
    for other in range(3):
        assert peers[other].call(int) == 0
    assert (key(), state()) == (None, None)

    keyed = weakref.ref(peers)
    del peers
    gc.collect()

    assert keyed() is None


STATES = [
    CircuitBreaker(),
    Retry(3),
    Bulkhead(2),
    RateLimiter(5.0),
    Throttle(),
    AdaptiveLimit(),
    LoadShedder(limit=10),
    Hedge(1.0),
    LatencyHistogram(),
    Timeout(1.0),
    Fallback(value=0),
]


@pytest.mark.parametrize("policy", STATES, ids=lambda policy: policy.kind)
def test_b7_whether_a_state_may_be_dropped_is_told_without_a_lock(policy: Policy) -> None:
    """SPEC B3, B7: it is asked under the lock of all keys, and two locks that nest could wait for each other for ever."""
    state = policy.fresh("p1")
    # With something in it, since an empty one need not look.
    Pipeline(state).call(int)
    answers: list[bool] = []

    asking = threading.Thread(target=lambda: answers.append(state.evictable(1e9)), daemon=True)
    with lock_of(state):
        asking.start()
        asking.join(10.0)

    assert answers == [True]


def together(work: object) -> None:
    """Run `work(number)` in eight threads, each with a number of its own from 1 on."""
    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 9)]  # type: ignore[arg-type]  # a function
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(15.0)


@BOTH_PATHS
def test_b7_threads_share_the_states(compiled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC B7, B3: eight threads meet new keys at the same time, and each key gets one state, in which every call is counted."""
    monkeypatch.setenv("YAOKI_COMPILE", compiled)
    peers = Pipeline(CircuitBreaker()).keyed()
    start = threading.Barrier(8)
    used: list[Counter[int]] = []

    def work(number: int) -> None:
        start.wait()
        mine: Counter[int] = Counter()
        for call in range(2000):
            peer = peers[call % 50]
            assert peer.call(int) == 0
            mine[id(peer)] += 1
        used.append(mine)

    together(work)

    assert sum(used, Counter()) == {id(peer): 8 * 40 for peer in peers.values()}
    assert {peer.policies[0].snapshot(0.0)["successes"] for peer in peers.values()} == {8 * 40}


@BOTH_PATHS
def test_b7_threads_and_too_many_keys(virtual_clock: VirtualClock, compiled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC B7: under constant making and dropping the bound holds, and every call is served."""
    monkeypatch.setenv("YAOKI_COMPILE", compiled)
    peers = Pipeline(CircuitBreaker()).keyed(max_keys=20, idle_ttl=1.0)
    start = threading.Barrier(8)
    kept: list[int] = []

    def work(number: int) -> None:
        start.wait()
        for call in range(1000):
            if call % 10 == 0:
                virtual_clock.advance(0.01)
            assert peers[(call * number) % 97].call(int) == 0
            kept.append(len(peers))

    together(work)

    assert len(kept) == 8000
    assert max(kept) <= 20
    assert len(peers._order) - len(peers._marks) == len(peers)

"""SPEC B3: eight threads, random outcomes: every call in one count, every transition a legal one; with and without a GIL.

What may be missing from the counts, and how much: the outcome of a call that ends after the era which admitted it. Of eight
threads at most seven can be inside when an era ends.
"""

from __future__ import annotations

import random
import sys
import threading
from collections import Counter, deque
from collections.abc import Iterator
from itertools import pairwise

import pytest

from yaoki import Budget, CircuitBreaker, CircuitOpenError, Pipeline, Retry, calls, constant, events, seconds
from yaoki.core.clock import clock
from yaoki.core.policies.breaker_states import History
from yaoki.testing import VirtualClock

THREADS = 8
CALLS = 1500

LEGAL = {("closed", "open"), ("open", "half_open"), ("half_open", "open"), ("half_open", "closed")}


@pytest.fixture(params=["generated", "driver", "no GIL"])
def interpreter(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Threads that take turns as often as they can; in the third variant no increment is trusted to be a single step."""
    chosen: str = request.param
    monkeypatch.setenv("YAOKI_COMPILE", "1" if chosen == "generated" else "0")
    if chosen == "no GIL":
        for name, module in list(sys.modules.items()):
            if name.startswith("yaoki.") and hasattr(module, "GIL"):
                monkeypatch.setattr(module, "GIL", False)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield chosen
    sys.setswitchinterval(before)


class Abandoned(BaseException):
    """A call that is given up: neutral."""


OUTCOMES = (None, None, None, ConnectionResetError, ConnectionResetError, ValueError, Abandoned)


def hammer(pipeline: Pipeline, virtual_clock: VirtualClock, *, outcomes: tuple[object, ...] = OUTCOMES) -> Counter[str]:
    """Many calls from eight threads, while the time passes now and then. How often each outcome came out."""
    totals: Counter[str] = Counter()
    start, adding = threading.Barrier(THREADS), threading.Lock()

    def act(outcome: object) -> None:
        clock.now()
        if outcome is not None:
            raise outcome  # type: ignore[misc]  # an exception type

    def work(seed: int) -> None:
        chance, mine = random.Random(seed), Counter[str]()
        start.wait()
        for _ in range(CALLS):
            if chance.random() < 0.02:
                virtual_clock.advance(1.0)
            try:
                pipeline.call(act, chance.choice(outcomes))
            except CircuitOpenError:
                mine["rejected"] += 1
            except ConnectionResetError:
                mine["failures"] += 1
            except ValueError:
                mine["ignored"] += 1
            except Abandoned:
                mine["abandoned"] += 1
            else:
                mine["successes"] += 1
        with adding:
            totals.update(mine)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(15.0)
    assert sum(totals.values()) == THREADS * CALLS
    return totals


@pytest.mark.parametrize(
    "parameters",
    [
        {"failure_threshold": 4},
        {"failure_rate": 0.3, "window": calls(20), "minimum_calls": 10},
        {"failure_rate": 0.3, "window": seconds(5.0), "minimum_calls": 10},
        {"failure_threshold": 4, "half_open_max_calls": 4, "half_open_success_rate": 0.5},
    ],
    ids=["consecutive", "calls", "seconds", "trial rate"],
)
def test_b3_every_call_is_counted_once(interpreter: str, virtual_clock: VirtualClock, parameters: dict[str, object]) -> None:
    """SPEC B3, H1: counts add up, transitions alternate legally, and each is told once."""
    # No trial hangs: that would count as failed, whatever came out of it.
    breaker = CircuitBreaker(**parameters, open_timeout=3.0, half_open_timeout=1e6)  # type: ignore[arg-type]
    breaker.history = History()
    breaker.history.transitions = deque()  # all of them
    told: list[tuple[str, str]] = []

    def listen(event: events.Event) -> None:
        if isinstance(event, events.CircuitChanged):
            told.append((event.previous, event.state))

    unsubscribe = events.subscribe(listen)
    try:
        came_out = hammer(Pipeline(breaker), virtual_clock)
    finally:
        unsubscribe()

    counted = breaker.snapshot()
    states = ["closed", *(state.value for _, state in breaker.history.transitions)]
    changes = list(pairwise(states))
    assert set(changes) <= LEGAL
    assert Counter(told) == Counter(changes)
    assert counted["opened"] == sum(state == "open" for _, state in changes) > 2
    assert counted["ignored"] == came_out["ignored"]
    for name in ("successes", "failures", "rejected"):
        assert 0 <= came_out[name] - counted[name] <= (THREADS - 1) * len(changes), name  # type: ignore[operator]


def test_b3_while_the_circuit_stays_closed_nothing_is_lost(interpreter: str, virtual_clock: VirtualClock) -> None:
    """SPEC B3: successes and failures are exact within an era, without a lock where there is a GIL."""
    breaker = CircuitBreaker(failure_rate=1.0, window=calls(100), minimum_calls=100)

    came_out = hammer(Pipeline(breaker), virtual_clock)

    counted = breaker.snapshot()
    assert {name: counted[name] for name in ("successes", "failures", "ignored", "rejected")} == {
        name: came_out[name] for name in ("successes", "failures", "ignored", "rejected")
    }


def test_b3_while_the_circuit_stays_open_every_refusal_is_counted(interpreter: str, virtual_clock: VirtualClock) -> None:
    """SPEC B3, H1: refusals are exact within an era too."""
    breaker = CircuitBreaker()
    breaker.isolate()

    came_out = hammer(Pipeline(breaker), virtual_clock)

    assert came_out == {"rejected": THREADS * CALLS}
    assert breaker.snapshot()["rejected"] == THREADS * CALLS


def test_r4_a_shared_budget_is_exact(interpreter: str, virtual_clock: VirtualClock) -> None:
    """SPEC R4: what eight threads take and put back adds up: every retry taken, every first-try success put back."""
    budget = Budget(1_000_000, retry_cost=14)
    retry = Retry(2, constant(0.0), retry_on=ConnectionResetError, budget=budget)
    budget.refund(-500_000)  # half empty, so that nothing that is put back is lost at the brim

    came_out = hammer(Pipeline(retry), virtual_clock, outcomes=(None, ConnectionResetError))

    # A call that fails does so in both attempts, and puts nothing back.
    assert budget.tokens == 500_000 - 14 * came_out["failures"] + came_out["successes"]

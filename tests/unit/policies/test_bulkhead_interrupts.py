"""SPEC T2: the bulkhead under forks, interrupts and the garbage collector."""

from __future__ import annotations

import gc
import os
from collections import deque
from collections.abc import Callable
from itertools import count

import pytest

from tests.unit.policies.by_hand import a_call, forked, interrupted
from tests.unit.policies.in_line import counting, free, queued
from yaoki.core.pipeline.pipeline import Pipeline
from yaoki.core.policies.bulkhead import Bulkhead, InLine

# Forks


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork")
def test_t2_a_forked_child_has_all_places() -> None:
    """SPEC T2: in the child nobody runs and nobody waits; a place from before the fork goes nowhere; the parent is as it was."""
    bulkhead = Bulkhead(2, max_queue=1)
    permits = [bulkhead.enter(a_call(bulkhead), 0.0) for _ in range(2)]
    waiting = queued(bulkhead)

    def in_child() -> object:
        at_first = free(bulkhead), len(bulkhead.waiters)
        bulkhead.leave(a_call(bulkhead), permits[0], None, 1.0)
        waiting.abandon(1.0)
        return [*at_first, free(bulkhead)]

    assert forked(in_child) == [2, 0, 2]
    assert (free(bulkhead), len(bulkhead.waiters)) == (0, 1)


# Interrupts


def every_interrupt(inside: str, scenario: Callable[[], tuple[Callable[[], object], Callable[[], None]]]) -> int:
    """Run a scenario anew with an interrupt at each of its steps; returns how many there were."""
    for at in count(1):
        action, check = scenario()
        struck = interrupted(action, inside, at)
        check()
        if not struck:
            return at - 1
    raise AssertionError


def test_t2_no_interrupt_loses_a_place_that_is_taken_or_given_back() -> None:
    """SPEC T2: wherever a KeyboardInterrupt strikes in the bulkhead, all places are free in the end."""

    def scenario() -> tuple[Callable[[], object], Callable[[], None]]:
        bulkhead = Bulkhead(2)

        def check() -> None:
            assert free(bulkhead) == 2

        def action() -> None:
            permit = bulkhead.enter(a_call(bulkhead), 0.0)
            bulkhead.leave(a_call(bulkhead), permit, None, 1.0)

        return action, check

    assert every_interrupt("bulkhead.py", scenario) == 2, "the pop and the append"


def test_t2_no_interrupt_keeps_a_place_from_who_waits() -> None:
    """SPEC T2: wherever a KeyboardInterrupt strikes while a place comes back, the first in line gets it and is woken."""

    def scenario() -> tuple[Callable[[], object], Callable[[], None]]:
        bulkhead = Bulkhead(1, max_queue=2)
        permit = bulkhead.enter(a_call(bulkhead), 0.0)
        first, second = queued(bulkhead), queued(bulkhead)
        woken = counting(first)

        def action() -> None:
            bulkhead.leave(a_call(bulkhead), permit, None, 1.0)

        def check() -> None:
            assert first.resolve(1.0) is permit
            assert woken
            assert second.resolve(1.0) == float("inf")
            bulkhead.leave(a_call(bulkhead), permit, None, 2.0)
            assert second.resolve(2.0) is permit
            assert free(bulkhead) == 0

        return action, check

    assert every_interrupt("bulkhead.py", scenario) > 5


def test_t2_no_interrupt_leaves_a_ghost_in_line() -> None:
    """SPEC T2: a call that is interrupted while it queues, waits or leaves the line holds up nobody."""

    def scenario() -> tuple[Callable[[], object], Callable[[], None]]:
        bulkhead = Bulkhead(1, max_queue=2)
        permit = bulkhead.enter(a_call(bulkhead), 0.0)

        def action() -> None:
            ticket = queued(bulkhead)
            try:
                ticket.resolve(0.5)
            finally:
                ticket.abandon(1.0)

        def check() -> None:
            bulkhead.leave(a_call(bulkhead), permit, None, 2.0)
            assert free(bulkhead) == 1

        return action, check

    assert every_interrupt("bulkhead.py", scenario) > 5


# The garbage collector


def test_t2_calls_that_the_collector_closes_give_their_places_back() -> None:
    """SPEC T2: abandoned calls in reference cycles, closed while the bulkhead is locked, neither hang nor lose a place."""
    bulkhead = Bulkhead(4, max_queue=50)
    pipeline = Pipeline(bulkhead)

    @pipeline
    def items() -> object:
        yield from range(3)

    def abandon() -> None:
        cycle: list[object] = [items()]
        cycle.append(cycle)
        next(cycle[0])  # type: ignore[call-overload]  # a generator

    threshold = gc.get_threshold()
    try:
        for eagerness in (1, 2, 3, 5, 10, 50):
            gc.set_threshold(eagerness)
            for _ in range(40):
                if free(bulkhead) > 1:
                    abandon()
                tickets = [bulkhead.enter(a_call(bulkhead), 0.0) for _ in range(6)]
                for ticket in reversed(tickets):
                    if isinstance(ticket, InLine):
                        ticket.abandon(0.0)
                    else:
                        bulkhead.leave(a_call(bulkhead), ticket, None, 0.0)
    finally:
        gc.set_threshold(*threshold)
    gc.collect()

    assert (free(bulkhead), len(bulkhead.waiters)) == (4, 0)


class Interfering(deque):  # type: ignore[type-arg]  # of nothing
    """Free places; while one is taken, the garbage collector does something else to the bulkhead."""

    meanwhile: Callable[[], object] = int

    def pop(self) -> None:  # type: ignore[override]  # nothing
        done, self.meanwhile = self.meanwhile, int
        done()
        super().pop()


def test_t2_what_the_collector_does_while_places_are_given_out_is_not_lost() -> None:
    """SPEC T2: a call that is closed in the middle of a hand-out changes neither the order nor the number of places."""
    bulkhead = Bulkhead(2, max_queue=4)
    bulkhead.free = places = Interfering([None, None])
    permits = [bulkhead.enter(a_call(bulkhead), 0.0) for _ in range(2)]
    first, second, third = (queued(bulkhead) for _ in range(3))
    woken = counting(first)
    places.meanwhile = bulkhead.pass_on

    bulkhead.leave(a_call(bulkhead), permits[0], None, 1.0)

    assert first.resolve(1.0) is places
    assert len(woken) == 1
    assert [second.resolve(1.0), third.resolve(1.0)] == [float("inf")] * 2
    places.meanwhile = lambda: third.abandon(1.0)
    bulkhead.leave(a_call(bulkhead), permits[1], None, 2.0)
    assert second.resolve(2.0) is places
    assert (free(bulkhead), len(bulkhead.waiters)) == (0, 0)

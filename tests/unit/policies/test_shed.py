"""SPEC T4: load shedding by priority."""

from __future__ import annotations

import asyncio
import os
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.policies.by_hand import a_call, forked
from yaoki.core.faults.errors import ConfigurationError, OverloadedError
from yaoki.core.pipeline.pipeline import Pipeline
from yaoki.core.policies.policy import NEUTRAL
from yaoki.core.policies.priority import Priority, current_priority, priority
from yaoki.core.policies.shed import LoadShedder
from yaoki.testing import run


def refuses(shedder: LoadShedder, rank: Priority) -> bool:
    """Whether a call of this priority would be refused now; it is not made."""
    with priority(rank):
        permit = shedder.enter(a_call(shedder), 0.0)
    if isinstance(permit, OverloadedError):
        return True
    shedder.leave(a_call(shedder), permit, NEUTRAL, 0.0)
    return False


def fill(shedder: LoadShedder, calls: int) -> None:
    with priority(Priority.CORE):
        for _ in range(calls):
            assert not isinstance(shedder.enter(a_call(shedder), 0.0), OverloadedError)


# Who is refused when


def test_t4_as_load_grows_the_ranks_are_refused_one_after_another() -> None:
    """SPEC T4: auxiliary calls from half of the limit on, core calls only at the limit, the others between."""
    refused_from = {}
    shedder = LoadShedder(80)
    for load in range(81):
        for rank in Priority:
            if refuses(shedder, rank):
                refused_from.setdefault(rank.name, load)
        if load < 80:
            fill(shedder, 1)

    assert refused_from == {"AUXILIARY": 40, "LOW": 50, "NORMAL": 60, "HIGH": 70, "CORE": 80}


@settings(deadline=None)
@given(
    limit=st.integers(1, 40),
    shed_from=st.floats(0.01, 1.0),
    events=st.lists(st.one_of(st.sampled_from(Priority), st.integers(0, 50)), max_size=200),
)
def test_t4_whenever_a_core_call_is_refused_so_are_all_below(limit: int, shed_from: float, events: list[int]) -> None:
    """SPEC T4: in every state: who is refused makes all of lower rank be refused too; an idle service refuses nobody."""
    shedder = LoadShedder(limit, shed_from=shed_from)
    running: list[object] = []
    for event in events:
        if isinstance(event, Priority):
            with priority(event):
                permit = shedder.enter(a_call(shedder), 0.0)
            if not isinstance(permit, OverloadedError):
                running.append(permit)
        elif running:
            shedder.leave(a_call(shedder), running.pop(event % len(running)), None, 0.0)

        refused = [refuses(shedder, rank) for rank in Priority]
        assert all(lower or not higher for lower, higher in pairwise(refused))
        assert refused[-1] == (len(running) >= limit)
        assert running or not any(refused)


@settings(deadline=None)
@given(load=st.floats(0.0, 3.0), shed_from=st.floats(0.01, 1.0))
def test_t4_the_same_holds_for_a_load_of_the_users_own(load: float, shed_from: float) -> None:
    """SPEC T4: with a load function, core calls are refused at 1.0, and everybody below whom somebody is refused."""
    shedder = LoadShedder(load=lambda: load, shed_from=shed_from)

    refused = [refuses(shedder, rank) for rank in Priority]

    assert all(lower or not higher for lower, higher in pairwise(refused))
    assert refused[0] == (load >= shed_from)
    assert refused[-1] == (load >= 1.0)


def test_t4_a_refusal_says_who_and_is_not_made() -> None:
    """SPEC T4: policy and key are told, no time; the function is not called."""
    shedder = LoadShedder(1, name="page").fresh("tenant")
    fill(shedder, 1)
    made: list[int] = []

    with pytest.raises(OverloadedError) as caught:
        Pipeline(shedder).call(made.append, 1)

    assert (caught.value.policy, caught.value.key, caught.value.retry_after) == (shedder, "tenant", None)
    assert made == []


def test_t4_places_come_back_however_calls_end() -> None:
    """SPEC T4: after values, failures and cancellations nobody is counted as running."""
    shedder = LoadShedder(10)

    async def main() -> None:
        async def fail() -> None:
            raise ConnectionError

        pipeline = Pipeline(shedder)
        tasks = [asyncio.create_task(pipeline.acall(fn)) for fn in (asyncio.Event().wait, fail, asyncio.Event().wait)]
        await asyncio.sleep(0.01)
        assert shedder.running.count == 2
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run(main())

    assert shedder.running.count == 0


# Where the priority comes from


def test_t4_a_block_sets_the_priority_and_the_outer_one_comes_back() -> None:
    """SPEC T4: blocks nest; outside of them a call is NORMAL; one object may serve many blocks."""
    auxiliary = priority(Priority.AUXILIARY)
    seen = [current_priority()]
    with auxiliary:
        seen.append(current_priority())
        with priority(Priority.CORE):
            seen.append(current_priority())
            with auxiliary:
                seen.append(current_priority())
            seen.append(current_priority())
        seen.append(current_priority())
    seen.append(current_priority())

    assert [rank.name for rank in seen] == ["NORMAL", "AUXILIARY", "CORE", "AUXILIARY", "CORE", "AUXILIARY", "NORMAL"]


def test_t4_tasks_inherit_the_priority_and_do_not_disturb_each_other() -> None:
    """SPEC T4: a task has the priority of the block it was started in; interleaved blocks of one object stay apart."""
    auxiliary = priority(Priority.AUXILIARY)
    seen: dict[str, list[Priority]] = {"a": [], "b": []}

    async def work(name: str, pause: float) -> None:
        await asyncio.sleep(pause)
        with auxiliary:
            await asyncio.sleep(1.0)
            seen[name].append(current_priority())
        seen[name].append(current_priority())

    async def main() -> None:
        with priority(Priority.CORE):
            tasks = [asyncio.create_task(work("a", 0.0)), asyncio.create_task(work("b", 0.5))]
        await asyncio.gather(*tasks)
        assert current_priority() is Priority.NORMAL

    run(main())

    assert seen == {"a": [Priority.AUXILIARY, Priority.CORE], "b": [Priority.AUXILIARY, Priority.CORE]}


def test_t4_a_function_may_say_the_priority() -> None:
    """SPEC T4: given to the shedder, it is asked for every call, and the block is not."""
    ranks = iter([Priority.AUXILIARY, Priority.CORE])
    shedder = LoadShedder(2, priority=lambda: next(ranks))
    shedder.running.enter(9)

    with priority(Priority.NORMAL):
        assert isinstance(shedder.enter(a_call(shedder), 0.0), OverloadedError)
        assert not isinstance(shedder.enter(a_call(shedder), 0.0), OverloadedError)


def test_t4_what_is_no_priority_is_named() -> None:
    """SPEC T4: a block or a function that gives something else is told so."""
    with pytest.raises(ConfigurationError, match="priority must be a Priority, not 5"):
        priority(5)  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(ConfigurationError, match="priority must give a Priority, not 'core'"):
        Pipeline(LoadShedder(1, priority=lambda: "core")).call(int)  # type: ignore[arg-type,return-value]  # the point


# Forks, reading, configuration


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork")
def test_t4_a_forked_child_counts_anew() -> None:
    """SPEC T4: in the child nobody runs, and a call from before the fork that ends there is counted nowhere."""
    shedder = LoadShedder(1)
    permit = shedder.enter(a_call(shedder), 0.0)

    def in_child() -> object:
        before = shedder.running.count
        shedder.leave(a_call(shedder), permit, None, 0.0)
        return [before, shedder.running.count]

    assert forked(in_child) == [0, 0]
    assert shedder.running.count == 1


def test_t4_a_shedder_shows_itself() -> None:
    """SPEC T4: who runs, who was refused by rank, the parameters; one that is in use is not forgotten."""
    shedder = LoadShedder(1, name="page")
    fill(shedder, 1)
    refuses(shedder, Priority.AUXILIARY)

    assert shedder.snapshot(0.0) == {
        "kind": "load_shedder",
        "name": "page",
        "in_use": 1,
        "rejected": {"auxiliary": 1, "low": 0, "normal": 0, "high": 0, "core": 0},
    }
    assert not shedder.evictable(0.0)
    assert shedder.configuration() == {"limit": 1, "shed_from": 0.5}
    assert LoadShedder(load=current_priority).configuration() == {"load": "current_priority", "shed_from": 0.5}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "a LoadShedder goes either by limit, a number of calls, or by load, a function"),
        ({"limit": 1, "load": float}, "a LoadShedder goes either by limit, a number of calls, or by load, a function"),
        ({"limit": 0}, "limit must be at least 1, not 0"),
        ({"load": 0.5}, "load must be a function without parameters, not 0.5"),
        ({"limit": 1, "priority": 5}, "priority must be a function without parameters, not 5"),
        ({"limit": 1, "shed_from": 0}, "shed_from must be above 0 and at most 1, not 0"),
        ({"limit": 1, "shed_from": 1.1}, "shed_from must be above 0 and at most 1, not 1.1"),
    ],
)
def test_t4_refuses_a_parameter_out_of_range(parameters: dict[str, object], message: str) -> None:
    """SPEC T4: the error names the parameter and its range."""
    with pytest.raises(ConfigurationError) as caught:
        LoadShedder(**parameters)  # type: ignore[arg-type]  # the point of the test

    assert str(caught.value) == message

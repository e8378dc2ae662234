"""SPEC T2: at most so many calls at once, and so many waiting."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.policies.by_hand import a_call
from tests.unit.policies.in_line import counting, free, queued
from yaoki.core import deadline
from yaoki.core.faults.errors import BulkheadFullError, ConfigurationError, DeadlineExceededError
from yaoki.core.pipeline.pipeline import Pipeline
from yaoki.core.policies.bulkhead import Bulkhead, InLine
from yaoki.core.policies.policy import NEUTRAL
from yaoki.core.policies.timeout import Timeout
from yaoki.testing import VirtualClock, run

# Places


def test_t2_refuses_the_call_above_the_limit() -> None:
    """SPEC T2: with all places taken and no queue a call is refused, and says by whom; no time can be told."""
    bulkhead = Bulkhead(2, name="db").fresh("tenant")
    for _ in range(2):
        bulkhead.enter(a_call(bulkhead), 0.0)

    refusal = bulkhead.enter(a_call(bulkhead), 0.0)

    assert isinstance(refusal, BulkheadFullError)
    assert (refusal.policy, refusal.key, refusal.retry_after) == (bulkhead, "tenant", None)
    assert str(refusal) == "Bulkhead 'db' ['tenant'] has no free place"


@pytest.mark.usefixtures("either_path")
def test_t2_a_refused_call_is_not_made() -> None:
    """SPEC T2: the function of a refused call does not run."""
    made: list[int] = []
    pipeline = Pipeline(Bulkhead(1))

    @pipeline
    def outer() -> None:
        pipeline.call(made.append, 1)

    with pytest.raises(BulkheadFullError):
        outer()

    assert made == []


@pytest.mark.usefixtures("either_path")
@pytest.mark.parametrize("end", [None, ValueError(), KeyboardInterrupt(), SystemExit(), GeneratorExit()], ids=repr)
def test_t2_a_place_comes_back_however_the_call_ends(end: BaseException | None) -> None:
    """SPEC T2: a value, a failure and an interrupt all give the place back, once."""
    bulkhead = Bulkhead(2)
    seen: list[int] = []

    @Pipeline(bulkhead)
    def guarded() -> str:
        seen.append(free(bulkhead))
        if end is not None:
            raise end
        return "value"

    if end is None:
        assert guarded() == "value"
    else:
        with pytest.raises(type(end)):
            guarded()

    assert (seen, free(bulkhead)) == ([1], 2)


@pytest.mark.usefixtures("either_path")
@pytest.mark.parametrize("bulkhead_queue", [0, 8])
def test_t2_cancelled_tasks_give_their_places_back(bulkhead_queue: int) -> None:
    """SPEC T2: of cancelled tasks, running ones give their places back and waiting ones leave the line."""
    bulkhead = Bulkhead(3, bulkhead_queue)

    @Pipeline(bulkhead)
    async def guarded() -> None:
        await asyncio.sleep(60)

    async def main() -> None:
        tasks = [asyncio.create_task(guarded()) for _ in range(3 + bulkhead_queue)]
        await asyncio.sleep(1)
        assert (free(bulkhead), len(bulkhead.waiters)) == (0, bulkhead_queue)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run(main())

    assert (free(bulkhead), len(bulkhead.waiters)) == (3, 0)


def test_t2_a_generator_holds_its_place_until_it_is_closed() -> None:
    """SPEC T2: a guarded generator runs as long as its consumer takes items, and is done when it is closed."""
    bulkhead = Bulkhead(1)

    @Pipeline(bulkhead)
    def items() -> object:
        yield from range(3)

    generator = items()
    assert next(generator) == 0  # type: ignore[call-overload]  # a generator
    assert free(bulkhead) == 0
    generator.close()  # type: ignore[attr-defined]  # a generator

    assert free(bulkhead) == 1


# The queue


def test_t2_the_first_in_line_gets_the_place_that_comes_back() -> None:
    """SPEC T2: first come, first served; the place goes to him directly, and he alone is woken."""
    bulkhead = Bulkhead(1, max_queue=2)
    permit = bulkhead.enter(a_call(bulkhead), 0.0)
    first, second = queued(bulkhead), queued(bulkhead)
    wakes = counting(first), counting(second)

    bulkhead.leave(a_call(bulkhead), permit, None, 1.0)

    assert (len(wakes[0]), len(wakes[1])) == (1, 0)
    assert first.resolve(1.0) is permit
    assert second.resolve(1.0) == float("inf")


def test_t2_newcomers_do_not_overtake() -> None:
    """SPEC T2: who comes while somebody waits stands behind him, even if a place is just free."""
    bulkhead = Bulkhead(1, max_queue=2)
    places = bulkhead.enter(a_call(bulkhead), 0.0)
    assert isinstance(places, type(bulkhead.free))
    first = queued(bulkhead)
    places.append(None)  # the step of `leave` before it looks who waits

    newcomer = queued(bulkhead)

    assert first.resolve(0.0) is places
    assert newcomer.resolve(0.0) == float("inf")


@pytest.mark.usefixtures("either_path")
def test_t2_a_healthy_call_does_not_overtake_either() -> None:
    """SPEC T2: nor does the generated path take a place that somebody waits for."""
    bulkhead = Bulkhead(1, max_queue=1)
    bulkhead.enter(a_call(bulkhead), 0.0)
    first = queued(bulkhead)
    bulkhead.free.append(None)

    with pytest.raises(BulkheadFullError):
        Pipeline(bulkhead).call(int)

    assert first.resolve(0.0) is bulkhead.free


def test_t2_a_full_queue_refuses() -> None:
    """SPEC T2: at most `max_queue` calls wait."""
    bulkhead = Bulkhead(1, max_queue=1)
    bulkhead.enter(a_call(bulkhead), 0.0)
    queued(bulkhead)

    assert isinstance(bulkhead.enter(a_call(bulkhead), 0.0), BulkheadFullError)


def test_t2_a_wait_ends_after_max_wait() -> None:
    """SPEC T2: who has waited `max_wait` seconds is refused, and is not in line any more."""
    bulkhead = Bulkhead(1, max_queue=1, max_wait=2.0)
    bulkhead.enter(a_call(bulkhead), 0.0)
    ticket = queued(bulkhead, now=1.0)

    assert ticket.resolve(2.5) == 3.0
    assert isinstance(ticket.resolve(3.0), BulkheadFullError)
    assert not bulkhead.waiters


def test_t2_a_place_that_came_in_time_is_taken_late() -> None:
    """SPEC T2: whoever was given a place before his wait ended has it, though he looks later."""
    bulkhead = Bulkhead(1, max_queue=1, max_wait=2.0)
    permit = bulkhead.enter(a_call(bulkhead), 0.0)
    ticket = queued(bulkhead)
    bulkhead.leave(a_call(bulkhead), permit, None, 1.9)

    assert ticket.resolve(2.1) is permit


def test_t2_who_is_cancelled_passes_his_place_on() -> None:
    """SPEC T2: a place that was given to a waiter who was cancelled meanwhile goes to the next in line."""
    bulkhead = Bulkhead(1, max_queue=2)
    permit = bulkhead.enter(a_call(bulkhead), 0.0)
    first, second = queued(bulkhead), queued(bulkhead)
    wakes = counting(second)
    bulkhead.leave(a_call(bulkhead), permit, None, 1.0)

    first.abandon(1.0)
    first.abandon(1.0)

    assert len(wakes) == 1
    assert second.resolve(1.0) is permit
    assert free(bulkhead) == 0


def test_t2_who_is_cancelled_in_line_leaves_it() -> None:
    """SPEC T2: the place goes past him to who stood behind."""
    bulkhead = Bulkhead(1, max_queue=2)
    permit = bulkhead.enter(a_call(bulkhead), 0.0)
    first, second = queued(bulkhead), queued(bulkhead)
    first.abandon(0.5)

    bulkhead.leave(a_call(bulkhead), permit, NEUTRAL, 1.0)

    assert second.resolve(1.0) is permit


def test_t2_ten_thousand_waiters_are_woken_once_each() -> None:
    """SPEC T2: as many wake-ups as places given: nobody is woken to find nothing."""
    bulkhead = Bulkhead(2, max_queue=10_000)
    order: list[int] = []

    async def main() -> None:
        pipeline = Pipeline(bulkhead)

        async def work(number: int) -> None:
            order.append(number)
            await asyncio.sleep(0)

        tickets = [asyncio.create_task(pipeline.acall(work, number)) for number in range(10_002)]
        await asyncio.gather(*tickets)

    looks = 0
    resolve = InLine.resolve

    def counted(self: InLine, now: float) -> object:
        nonlocal looks
        looks += 1
        return resolve(self, now)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(InLine, "resolve", counted)
        run(main())

    assert order == list(range(10_002))
    assert looks == 2 * 10_000, "each looks when it is parked and when it is woken"


# Deadlines


def test_t2_nobody_waits_past_his_deadline() -> None:
    """SPEC T1, T2: the deadline of a Timeout further out ends the wait, and the line moves on."""
    bulkhead = Bulkhead(1, max_queue=5)
    outcomes: list[object] = []

    async def main() -> None:
        async def hold() -> None:
            await asyncio.sleep(10)

        async def wait(seconds: float) -> None:
            try:
                outcomes.append(await Pipeline(Timeout(seconds), bulkhead).acall(asyncio.sleep, 0, seconds))
            except DeadlineExceededError as error:
                outcomes.append(error)

        await asyncio.gather(Pipeline(bulkhead).acall(hold), wait(3.0), wait(20.0))

    with VirtualClock() as clock:
        run(main(), clock=clock)

    assert [type(outcome) for outcome in outcomes] == [DeadlineExceededError, float]
    assert (free(bulkhead), len(bulkhead.waiters)) == (1, 0)


def test_t2_a_thread_waits_until_the_callers_deadline() -> None:
    """SPEC T1, T2: a synchronous call in line is refused when the deadline that it came with has passed."""
    bulkhead = Bulkhead(1, max_queue=1)
    bulkhead.enter(a_call(bulkhead), 0.0)

    with VirtualClock(grace=0.01) as clock, deadline.within(2.0), pytest.raises(DeadlineExceededError):
        Pipeline(bulkhead).call(int)

    assert clock.time == 2.0
    assert not bulkhead.waiters


# Reading, configuration


def test_t2_a_snapshot_says_who_runs_and_who_waits() -> None:
    """SPEC T2: places in use, calls in line, refusals; JSON-ready."""
    bulkhead = Bulkhead(1, max_queue=1, name="db")
    bulkhead.enter(a_call(bulkhead), 0.0)
    queued(bulkhead)
    bulkhead.enter(a_call(bulkhead), 0.0)

    assert bulkhead.snapshot(0.0) == {"kind": "bulkhead", "name": "db", "in_use": 1, "waiting": 1, "rejected": 1}


def test_t2_each_key_has_its_own_places() -> None:
    """SPEC B7, T2: the bulkhead of one key is not filled by another's calls, and may be dropped only when nobody runs."""
    bulkhead = Bulkhead(1)
    first, second = bulkhead.fresh("a"), bulkhead.fresh("b")

    permit = first.enter(a_call(first), 0.0)

    assert not isinstance(second.enter(a_call(second), 0.0), Exception)
    assert not first.evictable(0.0)
    first.leave(a_call(first), permit, None, 1.0)
    assert first.evictable(1.0)


@settings(deadline=None)
@given(
    max_concurrent=st.one_of(st.integers(max_value=0), st.floats(), st.booleans(), st.none()),
)
def test_t2_refuses_a_size_that_is_none(max_concurrent: object) -> None:
    """SPEC T2: the error names the parameter."""
    with pytest.raises(ConfigurationError, match=r"^max_concurrent must be"):
        Bulkhead(max_concurrent)  # type: ignore[arg-type]  # the point of the test


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"max_queue": -1}, "max_queue must be at least 0, not -1"),
        ({"max_queue": 1.5}, "max_queue must be a whole number, not 1.5"),
        ({"max_wait": -0.1}, "max_wait must be at least 0 seconds, not -0.1"),
        ({"max_wait": float("nan")}, "max_wait must be a number, not NaN"),
    ],
)
def test_t2_refuses_a_parameter_out_of_range(parameters: dict[str, object], message: str) -> None:
    """SPEC T2: the error names the parameter and its range."""
    with pytest.raises(ConfigurationError) as caught:
        Bulkhead(1, **parameters)  # type: ignore[arg-type]  # the point of the test

    assert str(caught.value) == message


def test_t2_describes_what_is_set() -> None:
    """SPEC T2: `describe()` shows the size, and queue and wait if there are any."""
    assert Bulkhead(4).configuration() == {"max_concurrent": 4}
    assert Bulkhead(4, 2, 0.5).configuration() == {"max_concurrent": 4, "max_queue": 2, "max_wait": 0.5}

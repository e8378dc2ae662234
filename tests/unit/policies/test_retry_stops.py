"""SPEC R4: when a Retry stops: attempts, elapsed time, the caller's deadline, the budget, an open circuit."""

from __future__ import annotations

import pytest

from tests.conftest import World
from yaoki import UNLIMITED, Budget, CircuitBreaker, Pipeline, RateLimitedError, RateLimiter, Retry, Timeout, constant, deadline
from yaoki.core.events import RetryGivenUp
from yaoki.testing import Script, VirtualClock, record_events, takes

NOW = constant(0.0)


def fails(world: World, guard: object, script: Script, error: type[BaseException] = ConnectionError) -> BaseException:
    """The error that comes out of a call."""
    with pytest.raises(error) as raised:
        world.guard(guard, script)()
    return raised.value


def note_of(error: BaseException) -> str:
    (note,) = error.__notes__
    return str(note)


# Attempts


@pytest.mark.parametrize("most", [1, 2, 3, 7])
def test_r2_max_attempts_counts_every_try(world: World, most: int) -> None:
    """SPEC R2: the first one included."""
    script = Script(then=ConnectionError)
    fails(world, Retry(most, NOW), script)

    assert script.count == most


def test_r4_an_explicit_word_retries_for_ever(world: World) -> None:
    """SPEC R4: UNLIMITED retries until it works."""
    script = Script(*[ConnectionError] * 500, "at last")

    assert world.guard(Retry(UNLIMITED, NOW, budget=None), script)() == "at last"


# Elapsed time


def test_r4_no_attempt_starts_after_max_elapsed(world: World, virtual_clock: VirtualClock) -> None:
    """SPEC R4: total elapsed time, from the start of the first attempt; an attempt at its very end still starts."""
    script = Script(takes(1.0, ConnectionError), then=takes(1.0, ConnectionError))
    error = fails(world, Retry(UNLIMITED, constant(2.0), max_elapsed=6.0, budget=None), script)

    assert [call.at for call in script.calls] == [0.0, 3.0, 6.0]
    assert virtual_clock.time == 7.0
    assert "max_elapsed" in note_of(error)


def test_r4_nothing_is_slept_when_max_elapsed_would_pass_meanwhile(world: World, virtual_clock: VirtualClock) -> None:
    """SPEC R4: the wait is refused before it begins, not cut."""
    fails(world, Retry(UNLIMITED, constant(10.0), max_elapsed=5.0), Script(then=ConnectionError))

    assert virtual_clock.sleeps == []


# The deadline


def test_r4_never_sleeps_past_the_callers_deadline(world: World, virtual_clock: VirtualClock) -> None:
    """SPEC R4: the deadline of the caller."""
    script = Script(then=ConnectionError)
    with deadline.within(5.0):
        error = fails(world, Retry(UNLIMITED, constant(2.0), budget=None), script)

    assert [call.at for call in script.calls] == [0.0, 2.0, 4.0]
    assert virtual_clock.time == 4.0
    assert "deadline" in note_of(error)


def test_r4_a_wait_that_ends_at_the_deadline_is_too_long(world: World, virtual_clock: VirtualClock) -> None:
    """SPEC R4, T1: at its deadline a call is not started."""
    script = Script(then=ConnectionError)
    with deadline.within(2.0):
        fails(world, Retry(5, constant(2.0)), script)

    assert (script.count, virtual_clock.sleeps) == (1, [])


def test_r4_never_sleeps_past_the_timeout_around_it(world: World, virtual_clock: VirtualClock) -> None:
    """SPEC R4, T1: a Timeout outside the Retry bounds its waits."""
    script = Script(then=takes(0.5, ConnectionError))
    error = fails(world, Pipeline(Timeout(3.0), Retry(UNLIMITED, constant(1.0), budget=None)), script)

    assert [call.at for call in script.calls] == [0.0, 1.5]
    assert virtual_clock.time == 2.0
    assert "deadline" in note_of(error)


def test_r4_an_attempts_own_deadline_does_not_stop_the_retry(world: World, virtual_clock: VirtualClock) -> None:
    """SPEC R4, T1: a Timeout inside the Retry ends one attempt; the wait lies outside of it."""
    script = Script(then=takes(0.5, ConnectionError))
    fails(world, Pipeline(Retry(3, constant(2.0)), Timeout(1.0)), script)

    assert script.count == 3
    assert virtual_clock.sleeps == [2.0, 2.0]


# The budget


def test_r4_the_budget_is_asked_before_the_wait(world: World, virtual_clock: VirtualClock) -> None:
    """SPEC R4: a refused retry costs no time, and the caller gets the real error."""
    retry = Retry(9, constant(5.0), budget=Budget(2, retry_cost=1, throttled_cost=1))
    error = fails(world, retry, Script(then=ConnectionError))

    assert virtual_clock.sleeps == [5.0, 5.0]
    assert "budget" in note_of(error)

    error = fails(world, retry, Script(then=ConnectionError))

    assert virtual_clock.sleeps == [5.0, 5.0]
    assert note_of(error).startswith("gave up after 1 attempt in")


def test_r4_the_budget_is_asked_last(world: World) -> None:
    """SPEC R4: what another reason refuses takes nothing."""
    budget = Budget(10, retry_cost=1, throttled_cost=1)
    with deadline.within(1.0):
        fails(world, Retry(9, constant(2.0), budget=budget), Script(then=ConnectionError))

    assert budget.tokens == 10


def test_r4_a_budget_is_shared_by_all_that_call_a_dependency(world: World) -> None:
    """SPEC R4: no retry storms, whoever retries."""
    budget = Budget(3, retry_cost=1, throttled_cost=1)
    reads, writes = Script(then=ConnectionError), Script(then=ConnectionError)
    fails(world, Retry(3, NOW, budget=budget), reads)
    fails(world, Retry(3, NOW, budget=budget), writes)

    assert (reads.count, writes.count) == (3, 2)


def test_r4_each_retry_has_a_budget_by_default(world: World) -> None:
    """SPEC R4: on by default, and large enough for a blip: in an outage retries all but stop."""
    retry = Retry(3, NOW)
    script = Script(then=ConnectionError)
    guarded = world.guard(retry, script)
    for _ in range(100):
        with pytest.raises(ConnectionError):
            guarded()

    assert script.count == 100 + 500 // 14


def test_r4_a_success_puts_tokens_back(world: World) -> None:
    """SPEC R4: what succeeds at once earns 1, what succeeds after retries earns what its last retry took."""
    retry = Retry(4, NOW, budget=Budget(100))
    budget = retry.budget
    fails(world, retry, Script(then=ConnectionError))
    assert budget.tokens == 100 - 3 * 14

    world.guard(retry, Script("at once"))()
    assert budget.tokens == 100 - 3 * 14 + 1

    world.guard(retry, Script(ConnectionError, ConnectionError, "well"))()
    assert budget.tokens == 100 - 3 * 14 + 1 - 2 * 14 + 14


def test_r4_a_budget_can_be_switched_off(world: World) -> None:
    """SPEC R4: None says so explicitly."""
    retry = Retry(3, NOW, budget=None)
    script = Script(then=ConnectionError)
    guarded = world.guard(retry, script)
    for _ in range(100):
        with pytest.raises(ConnectionError):
            guarded()

    assert script.count == 300


# What is shut further in


def test_r4_an_open_breaker_is_not_hammered(world: World, virtual_clock: VirtualClock) -> None:
    """SPEC R4, B5: one refusal, no wait, no retry."""
    breaker = CircuitBreaker(failure_threshold=1, open_timeout=30.0)
    script = Script(ConnectionError, "unreached")
    guarded = world.guard(Pipeline(Retry(5, constant(1.0)), breaker), script)
    with pytest.raises(ConnectionError):
        guarded()
    refused_before = breaker.snapshot()["rejected"]
    with pytest.raises(Exception, match="is open since 0 s"):
        guarded()

    assert script.count == 1
    assert virtual_clock.sleeps == []
    assert breaker.snapshot()["rejected"] == refused_before + 1


def test_r4_the_failure_that_opens_the_breaker_comes_out_itself(world: World, virtual_clock: VirtualClock) -> None:
    """SPEC R4, R5: not the refusal that a further attempt would meet."""
    script = Script(then=ConnectionError("the real one"))
    breaker = CircuitBreaker(failure_threshold=2, open_timeout=30.0)
    error = fails(world, Pipeline(Retry(5, constant(1.0)), breaker), script)

    assert str(error) == "the real one"
    assert "gave up after 2 attempts" in note_of(error)
    assert "the circuit has opened" in note_of(error)
    assert virtual_clock.sleeps == [1.0]


def test_r4_a_breaker_that_will_be_back_in_time_is_tried_again(world: World) -> None:
    """SPEC R4: a wait that is longer than the circuit stays open is worth it."""
    script = Script(ConnectionError, "well again")
    breaker = CircuitBreaker(failure_threshold=1, open_timeout=2.0)

    assert world.guard(Pipeline(Retry(5, constant(2.0)), breaker), script)() == "well again"


def test_r4_an_exhausted_rate_limiter_is_not_hammered_either(world: World) -> None:
    """SPEC R4: whatever further in will refuse the next attempt."""
    script = Script(then=ConnectionError("the real one"))
    guard = Pipeline(Retry(5, constant(0.1)), RateLimiter(2, per=60.0, burst=2))
    error = fails(world, guard, script)

    assert script.count == 2
    assert "gave up after 2 attempts" in note_of(error)


def test_r4_a_refusal_is_retried_only_if_named(world: World) -> None:
    """SPEC R4: by default a refusal by one of our own policies comes out at once."""
    script = Script(then="let in")

    def limited() -> RateLimiter:
        limiter = RateLimiter(1, per=10.0)
        world.call(limiter, Script("takes the only token"))
        return limiter

    with pytest.raises(RateLimitedError):
        world.guard(Pipeline(Retry(5, constant(10.0)), limited()), script)()
    assert world.guard(Pipeline(Retry(5, constant(10.0), retry_on=RateLimitedError), limited()), script)() == "let in"


# What is told


@pytest.mark.parametrize(
    ("parameters", "within", "reason"),
    [
        ({"max_attempts": 2}, None, "attempts"),
        ({"max_attempts": 9, "max_elapsed": 1.5}, None, "elapsed"),
        ({"max_attempts": 9}, 1.5, "deadline"),
        ({"max_attempts": 9, "budget": Budget(1, retry_cost=1, throttled_cost=1)}, None, "budget"),
    ],
    ids=["attempts", "elapsed", "deadline", "budget"],
)
def test_r5_the_event_says_why(
    either_path: str, virtual_clock: VirtualClock, parameters: dict[str, object], within: float | None, reason: str
) -> None:
    """SPEC R5: one event for a call that is given up, with the reason."""
    budget = parameters.get("budget")
    fresh = {**parameters, "budget": Budget(1, retry_cost=1, throttled_cost=1)} if budget else parameters
    guarded = Retry(backoff=constant(1.0), **fresh)(Script(then=ConnectionError).sync)
    with record_events() as events, deadline.within(within or deadline.NEVER), pytest.raises(ConnectionError):
        guarded()

    assert [(event.reason, event.attempts) for event in events.of(RetryGivenUp)] == [(reason, 2)]

"""SPEC T3: when a hedge starts a further call. The rule alone, driven by hand."""

from __future__ import annotations

import json

import pytest

from yaoki import Budget, ConfigurationError, Hedge, Pipeline, Retry, constant
from yaoki.core import events
from yaoki.core.pipeline.call import Call, begin
from yaoki.core.pipeline.plan import Plan
from yaoki.core.policies.hedge import Race
from yaoki.core.policies.policy import NEUTRAL, Policy
from yaoki.testing import VirtualClock, record_events

NEVER = float("inf")


def call_through(*policies: Policy) -> Call:
    """A call that has entered nothing; time is virtual, so it has no deadline."""
    return begin(Plan(policies, "search", is_async=True))


def entered(hedge: Hedge, now: float = 0.0) -> tuple[Call, Race]:
    call = call_through(hedge)
    return call, hedge.enter(call, now)


def answered(hedge: Hedge, seconds: float, *, by: int = 0) -> None:
    """A whole call that took `seconds`, answered by the call number `by`."""
    call, race = entered(hedge)
    race.ended(by, None, seconds)
    hedge.leave(call, race, None, seconds)


def test_t3_a_fixed_delay_starts_a_further_call_at_its_end() -> None:
    """SPEC T3: hedged requests after a delay."""
    hedge = Hedge(0.5)
    call, race = entered(hedge, 10.0)

    assert [hedge.another(call, race, now) for now in (10.0, 10.49, 10.5)] == [False, False, True]
    assert hedge.snapshot(10.5)["started"] == 1


def test_t3_max_extra_bounds_the_further_calls_and_each_waits_the_delay() -> None:
    """SPEC T3: with max_extra=2 a third call starts a delay after the second, and no fourth."""
    hedge = Hedge(1.0, max_extra=2, budget=None)
    call, race = entered(hedge)
    started = [tenth / 10 for tenth in range(100) if hedge.another(call, race, tenth / 10)]

    assert started == [1.0, 2.0]
    assert race.next_at == NEVER


def test_t3_no_further_call_starts_at_or_after_the_deadline() -> None:
    """SPEC T1, T3: a call whose deadline has passed is not started."""
    hedge = Hedge(1.0)
    call, race = entered(hedge)
    call.deadline = 1.0

    assert not hedge.another(call, race, 1.0)
    assert race.next_at == NEVER


def test_t3_without_a_delay_nothing_is_hedged_before_there_are_samples() -> None:
    """SPEC T3: the percentile means nothing before minimum_samples calls."""
    hedge = Hedge(minimum_samples=3)
    delays = []
    for _ in range(4):
        delays.append(hedge.delay())
        answered(hedge, 0.2)

    assert delays == [NEVER, NEVER, NEVER, 0.2]


def test_t3_the_delay_is_the_moving_quantile_but_at_least_the_floor() -> None:
    """SPEC T3: fast calls are not hedged after microseconds."""
    low, high = Hedge(minimum_samples=1, floor=0.5), Hedge(minimum_samples=1, floor=0.01)
    for hedge in (low, high):
        answered(hedge, 0.1)

    assert (low.delay(), high.delay()) == (0.5, 0.1)


def test_t3_a_first_call_that_lost_counts_as_long_as_it_ran() -> None:
    """SPEC T3: else the quantile would sink with every hedge that wins."""
    hedge = Hedge(minimum_samples=1)
    answered(hedge, 1.0)
    call, race = entered(hedge)
    assert hedge.another(call, race, 1.0)
    race.ended(1, None, 4.0)
    hedge.leave(call, race, None, 4.0)

    assert hedge.delay() > 1.0
    assert hedge.snapshot(4.0)["samples"] == 2


@pytest.mark.parametrize("error", [ConnectionError(), NEUTRAL])
def test_t3_what_was_cut_off_before_it_was_slow_is_no_sample(error: BaseException) -> None:
    """SPEC T3: a call that failed or was cancelled early says nothing about latency."""
    hedge = Hedge(minimum_samples=1)
    answered(hedge, 1.0)
    call, race = entered(hedge)
    if isinstance(error, Exception):
        race.ended(0, error, 0.01)
    hedge.leave(call, race, error, 0.01)

    assert hedge.snapshot(1.0)["samples"] == 1


def test_t3_an_exhausted_budget_suppresses_the_hedge_and_says_so() -> None:
    """SPEC T3, R4: hedges draw on a budget; what it refuses is counted, not retried a moment later."""
    hedge = Hedge(1.0, budget=Budget(14))
    granted = []
    for _ in range(3):
        call, race = entered(hedge)
        granted.append(hedge.another(call, race, 1.0))
        granted.append(hedge.another(call, race, 1.5))

    snapshot = hedge.snapshot(2.0)
    assert granted == [True, False, False, False, False, False]
    assert (snapshot["started"], snapshot["suppressed"]) == (1, 2)


def test_t3_the_budget_of_a_hedge_fills_by_successes_only() -> None:
    """SPEC T3, R4: at 14 tokens a hedge and 1 for each success, about 7 % of the calls are hedged in the long run."""
    hedge = Hedge(1.0, budget=Budget(14))
    hedged = 0
    for _ in range(1400):
        call, race = entered(hedge)
        won = hedge.another(call, race, 1.0)
        hedged += won
        race.ended(int(won), None, 1.1)
        hedge.leave(call, race, None, 1.1)

    assert hedged == pytest.approx(100, abs=2)


def test_t3_a_budget_shared_with_the_retry_of_the_call_is_filled_once() -> None:
    """SPEC T3, R4: one success puts in one token, whoever shares the budget."""
    budget = Budget(500)
    budget.take(throttled=False)
    pipeline = Pipeline(Retry(backoff=constant(0), budget=budget), Hedge(1.0, budget=budget))
    for _ in range(10):
        assert pipeline.call(int) == 0

    assert budget.tokens == 496


def test_t3_without_a_budget_every_slow_call_is_hedged() -> None:
    """SPEC T3: budget=None is the word for it."""
    hedge = Hedge(1.0, budget=None)
    granted = []
    for _ in range(200):
        call, race = entered(hedge)
        granted.append(hedge.another(call, race, 1.0))

    assert all(granted)


def test_t3_a_further_call_is_told_to_listeners() -> None:
    """SPEC T3: the event says which further call it is and when it was started."""
    hedge = Hedge(0.5)
    call, race = entered(hedge, 2.0)
    with record_events() as recorded:
        hedge.another(call, race, 2.5)

    (event,) = recorded.of(events.HedgeStarted)
    assert (event.pipeline, event.number, event.delay) == ("search", 1, 0.5)


def test_t3_a_win_is_counted_when_a_further_call_answers() -> None:
    """SPEC T3: started and won say whether hedging is worth it."""
    hedge = Hedge(0.5)
    answered(hedge, 0.1)
    answered(hedge, 0.9, by=1)

    assert hedge.won == 1


def test_b7_each_key_has_latencies_of_its_own() -> None:
    """SPEC B7: one slow peer does not set the delay of another."""
    hedge = Hedge(minimum_samples=1)
    slow, fast = hedge.fresh("slow"), hedge.fresh("fast")
    answered(slow, 9.0)
    answered(fast, 0.1)

    assert (slow.delay(), fast.delay(), hedge.delay()) == (9.0, 0.1, NEVER)
    assert (slow.key, slow.config) == ("slow", hedge.config)


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"delay": -1.0}, "delay"),
        ({"delay": NEVER}, "delay"),
        ({"quantile": 0.0}, "quantile"),
        ({"quantile": 1.0}, "quantile"),
        ({"max_extra": 0}, "max_extra"),
        ({"max_extra": 1.5}, "max_extra"),
        ({"minimum_samples": 0}, "minimum_samples"),
        ({"floor": -0.1}, "floor"),
        ({"budget": 5}, "budget"),
    ],
)
def test_t3_a_parameter_out_of_range_is_refused_by_name(parameters: dict[str, object], named: str) -> None:
    """SPEC T3: bad configuration is refused at construction."""
    with pytest.raises(ConfigurationError, match=named):
        Hedge(**parameters)  # type: ignore[arg-type]  # wrong on purpose


def test_t3_state_and_configuration_are_json_ready() -> None:
    """SPEC T3: what describe() and snapshot() show."""
    with VirtualClock():
        by_quantile, fixed = Pipeline(Hedge(quantile=0.9, budget=None)), Pipeline(Hedge(0.2, max_extra=2, name="twice"))

        assert json.loads(json.dumps(by_quantile.describe().to_dict()["layers"])) == [
            {
                "kind": "hedge",
                "name": None,
                "quantile": 0.9,
                "minimum_samples": 100,
                "floor": 0.001,
                "max_extra": 1,
                "budget": "none",
            }
        ]
        assert json.loads(json.dumps(fixed.describe().to_dict()["layers"])) == [
            {"kind": "hedge", "name": "twice", "delay": 0.2, "max_extra": 2, "budget": "own"}
        ]
        assert json.loads(json.dumps(by_quantile.snapshot()))["policies"][0]["delay"] is None


def test_t3_the_docstring_warns_that_calls_run_twice() -> None:
    """SPEC T3: hedging is for what may be done twice."""
    assert "idempotent" in (Hedge.__doc__ or "")

"""SPEC B1 to B6: the breaker against a model that is a list, driven by hand through every order of admissions and outcomes."""

from __future__ import annotations

from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.unit.policies.by_hand import a_call
from yaoki import CircuitBreaker, CircuitOpenError, calls
from yaoki.core.policies.breaker_states import Lease, Timed
from yaoki.core.policies.policy import NEUTRAL
from yaoki.testing import VirtualClock

NEVER = float("inf")

FAILED, SUCCEEDED, IGNORED, BROKEN_OFF = "failed", "succeeded", "ignored", "broken off"
ERRORS = {FAILED: ConnectionResetError(), SUCCEEDED: None, IGNORED: ValueError(), BROKEN_OFF: NEUTRAL}


class Era:
    """One state, from one transition to the next. `made`: the outcomes of a closed era; `live`: the trials of a half-open one."""

    def __init__(self, state: str, until: float = 0.0, *, held: bool = False) -> None:
        self.state = state
        self.until = until
        self.held = held
        self.made: list[tuple[bool, float]] = []
        self.live: dict[Admitted, float] = {}
        self.ok = self.failed = 0


class Admitted:
    """A call that is under way: what the breaker gave it, and which era of the model admitted it."""

    def __init__(self, permit: object, era: Era) -> None:
        self.permit = permit
        self.era = era


class BreakerModel(RuleBasedStateMachine):
    """`era`: the state as the model has it. `under_way`: the calls that were admitted and have not ended."""

    parameters: ClassVar[dict[str, object]]

    def __init__(self) -> None:
        super().__init__()
        self.clock = VirtualClock()
        self.clock.__enter__()
        self.era = Era("closed")
        self.under_way: list[Admitted] = []
        self.counts = {"successes": 0, "failures": 0, "ignored": 0, "rejected": 0}
        self.opened_in_a_row = 0
        self.states = ["closed"]

    def teardown(self) -> None:
        self.clock.__exit__(None, None, None)

    @initialize(
        most=st.integers(1, 4),
        successes=st.integers(1, 3),
        growth=st.sampled_from([1.0, 2.0]),
        open_timeout=st.sampled_from([0.0, 10.0]),
    )
    def build(self, most: int, successes: int, growth: float, open_timeout: float) -> None:
        self.breaker = CircuitBreaker(
            **self.parameters,  # type: ignore[arg-type]  # a test's own
            half_open_max_calls=most,
            success_threshold=successes,
            open_timeout=open_timeout,
            open_timeout_multiplier=growth,
            open_timeout_cap=60.0,
            half_open_timeout=7.0,
        )
        self.config = self.breaker.config

    # The model

    def becomes(self, era: Era) -> None:
        if era.state != self.era.state:
            self.states.append(era.state)
        if era.state == "closed":
            self.opened_in_a_row = 0
        self.era = era

    def opens(self) -> None:
        self.opened_in_a_row += 1
        length = min(60.0, self.config.open_timeout * self.config.open_timeout_multiplier ** (self.opened_in_a_row - 1))
        self.becomes(Era("open", self.clock.time + length))

    def decides(self) -> None:
        """The verdict about the trials so far."""
        rate, settled = self.config.half_open_success_rate, self.era.ok + self.era.failed
        if rate is None:
            opens, closes = self.era.failed > 0, self.era.ok >= self.config.success_threshold
        else:
            all_settled = settled >= self.config.half_open_max_calls
            closes = all_settled and self.era.ok / settled >= rate
            opens = all_settled and not closes
        if opens:
            self.opens()
        elif closes:
            self.becomes(Era("closed"))

    def trips(self) -> bool:
        """Whether the failure that was just counted opens the circuit."""
        config, made = self.config, self.era.made
        if config.failure_rate is not None:
            latest = made[-config.window.count :]  # type: ignore[union-attr]  # calls(n)
            failures = sum(failed for failed, _ in latest)
            return len(latest) >= config.minimum_calls and failures / len(latest) >= config.failure_rate
        threshold = config.failure_threshold or 0
        latest = made[-threshold:]
        young = config.failure_window is None or self.clock.time - latest[0][1] < config.failure_window
        return len(latest) == threshold and all(failed for failed, _ in latest) and young

    def admits(self) -> bool:
        """Whether a call that comes now is admitted; makes the transitions that this brings about."""
        while True:
            if self.era.state == "closed":
                return True
            if self.era.state == "open":
                if self.clock.time < self.era.until:
                    return False
                self.becomes(Era("half_open"))
            hanging = [trial for trial, until in self.era.live.items() if until <= self.clock.time]
            if not hanging:
                taken = len(self.era.live)
                if self.config.half_open_success_rate is not None:
                    taken += self.era.ok + self.era.failed
                return taken < self.config.half_open_max_calls
            for trial in hanging:
                del self.era.live[trial]
                self.era.failed += 1
                self.counts["failures"] += 1
            self.decides()

    # What may happen

    @rule()
    def a_call_comes(self) -> None:
        expected = self.admits()
        permit = self.breaker.enter(a_call(self.breaker), self.clock.time)

        assert isinstance(permit, CircuitOpenError) != expected
        if isinstance(permit, CircuitOpenError):
            self.counts["rejected"] += 1
            assert permit.policy is self.breaker
            if self.era.state == "open":
                assert permit.args[1] == self.era.until
            elif self.era.live:
                assert permit.args[1] == min(self.era.live.values())
        else:
            admitted = Admitted(permit, self.era)
            self.under_way.append(admitted)
            if self.era.state == "half_open":
                self.era.live[admitted] = self.clock.time + 7.0

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), outcome=st.sampled_from([FAILED, FAILED, SUCCEEDED, SUCCEEDED, IGNORED, BROKEN_OFF]))
    def a_call_ends(self, data: st.DataObject, outcome: str) -> None:
        call = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
        self.breaker.leave(a_call(self.breaker), call.permit, ERRORS[outcome], self.clock.time)

        if outcome == IGNORED:
            self.counts["ignored"] += 1
        if outcome in (IGNORED, BROKEN_OFF):
            call.era.live.pop(call, None)
        elif call.era is self.era and self.era.state == "closed":
            self.era.made.append((outcome == FAILED, self.clock.time))
            self.counts["failures" if outcome == FAILED else "successes"] += 1
            if outcome == FAILED and not self.era.held and self.trips():
                self.opens()
        elif call.era is self.era and call in self.era.live:
            in_time = self.clock.time < self.era.live.pop(call)
            good = outcome == SUCCEEDED and in_time
            self.era.ok += good
            self.era.failed += not good
            self.counts["successes" if good else "failures"] += 1
            self.decides()

    @rule(seconds=st.sampled_from([0.0, 0.1, 1.0, 3.0, 7.0, 10.0, 60.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def a_person_resets(self) -> None:
        self.breaker.reset()
        self.becomes(Era("closed"))

    @rule()
    def a_person_isolates(self) -> None:
        self.breaker.isolate()
        self.becomes(Era("open", NEVER))

    @rule()
    def a_person_forces_it_closed(self) -> None:
        self.breaker.force_close()
        self.becomes(Era("closed", held=True))

    @precondition(lambda self: self.era.until < NEVER)
    @rule()
    def somebody_waits_long_enough(self) -> None:
        """Never stuck: after the open time and the time of a hanging trial, and once more, some call is admitted."""
        for _ in range(3):
            self.clock.advance(60.0)
            before = len(self.under_way)
            self.a_call_comes()
            if len(self.under_way) > before:
                return
        raise AssertionError(f"stuck: {self.breaker.snapshot()}")

    # What always holds

    @invariant()
    def the_state_is_the_models(self) -> None:
        if not hasattr(self, "breaker"):
            return
        snapshot = self.breaker.snapshot()
        assert snapshot["state"] == self.era.state
        assert snapshot["forced"] == (self.era.held or self.era.until == NEVER)
        assert {name: snapshot[name] for name in self.counts} == self.counts
        assert snapshot["opened_in_a_row"] == self.opened_in_a_row
        assert [each["state"] for each in snapshot["transitions"]] == self.states[1:][-16:]  # type: ignore[attr-defined]

    @invariant()
    def there_are_never_too_many_trials(self) -> None:
        if not hasattr(self, "breaker"):
            return
        permits = [call.permit.permit if isinstance(call.permit, Timed) else call.permit for call in self.under_way]
        trials = [permit for permit in permits if isinstance(permit, Lease) and permit.era is self.breaker.shut]
        live = [trial for trial in trials if not trial.done]
        assert len(live) <= self.config.half_open_max_calls


class Consecutive(BreakerModel):
    """Three failures in a row open; the first failed trial re-opens."""

    parameters: ClassVar[dict[str, object]] = {"failure_threshold": 3}


class WithinATime(BreakerModel):
    """Two failures in a row within five seconds open."""

    parameters: ClassVar[dict[str, object]] = {"failure_threshold": 2, "failure_window": 5.0}


class RateOverCalls(BreakerModel):
    """Half of the last five calls open, from three on."""

    parameters: ClassVar[dict[str, object]] = {"failure_rate": 0.5, "window": calls(5), "minimum_calls": 3}


class TrialRate(BreakerModel):
    """Two failures open, and a rate of trials decides."""

    parameters: ClassVar[dict[str, object]] = {"failure_threshold": 2, "half_open_success_rate": 0.6}


@pytest.mark.parametrize("model", [Consecutive, WithinATime, RateOverCalls, TrialRate])
def test_b2_the_breaker_does_what_the_model_does(model: type[BreakerModel]) -> None:
    """SPEC B1 to B6: bounded trials, late results inert, ignored judges nothing, never stuck, legal transitions, counts add up."""
    case = model.TestCase
    case.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
    case("runTest").runTest()

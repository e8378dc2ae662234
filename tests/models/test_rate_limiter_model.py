"""SPEC T3: the rate limiter against a token bucket in fractions, driven by hand through every order of events."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.unit.policies.by_hand import a_call
from yaoki.core.faults.errors import RateLimitedError
from yaoki.core.policies.rate_limit import InLine, RateLimiter

NANOSECOND = Fraction(1, 1_000_000_000)


class Caller:
    """Somebody who waits: his ticket, until when, how often he was woken."""

    def __init__(self, ticket: InLine, until: float) -> None:
        self.ticket = ticket
        self.until = until
        self.wakes = 0
        ticket.wake_with(self.wake)

    def wake(self) -> None:
        self.wakes += 1


class RateLimiterModel(RuleBasedStateMachine):
    """A bucket of fractions of tokens, filled as time passes; a list of who waits; a list of when calls started."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.line: list[Caller] = []
        self.started: list[int] = []
        self.refused = 0

    @initialize(
        rate=st.sampled_from([0.3, 1.0, 3.0, 7.0, 10.0, 333.0]),
        per=st.sampled_from([0.7, 1.0, 60.0]),
        burst=st.integers(1, 4),
        wait=st.sampled_from([0.0, 0.1, 1.0, 30.0]),
    )
    def build(self, rate: float, per: float, burst: int, wait: float) -> None:
        self.limiter = RateLimiter(rate, per, burst, wait)
        self.rate = Fraction(rate) / Fraction(per)
        self.interval = self.limiter.interval
        self.tokens = Fraction(burst)
        self.wait = wait

    @property
    def seconds(self) -> float:
        return self.now / 1e9

    def missing(self, tokens: int) -> Fraction:
        """Nanoseconds until so many tokens are there."""
        return max(Fraction(0), (tokens - self.tokens) * self.interval)

    def starts(self) -> None:
        assert self.tokens >= 1
        self.tokens -= 1
        self.started.append(self.now)

    @rule()
    def comes(self) -> None:
        answer = self.limiter.enter(a_call(self.limiter), self.seconds)

        ahead = len(self.line)
        wait = self.missing(ahead + 1)
        if not ahead and self.tokens >= 1:
            assert answer is None
            self.starts()
        elif wait <= round((self.seconds + self.wait) * 1e9) - self.now:
            assert isinstance(answer, InLine)
            self.line.append(Caller(answer, self.seconds + self.wait))
        else:
            assert isinstance(answer, RateLimitedError)
            self.refused += 1
            turn = answer.args[1]
            assert abs(Fraction(turn) - (self.now + wait) * NANOSECOND) < NANOSECOND, "exact"
            assert round(turn * 1e9) >= self.now + wait, "never too early"

    @precondition(lambda self: self.line)
    @rule(data=st.data())
    def looks(self, data: st.DataObject) -> None:
        caller = data.draw(st.sampled_from(self.line))
        self.look(caller)

    @precondition(lambda self: self.line)
    @rule()
    def the_first_looks(self) -> None:
        self.look(self.line[0])

    def look(self, caller: Caller) -> None:
        first = caller is self.line[0]
        answer = caller.ticket.resolve(self.seconds)
        if first and self.tokens >= 1:
            assert answer is None
            self.starts()
            self.moves_up(caller)
        elif self.seconds >= caller.until:
            assert isinstance(answer, RateLimitedError)
            self.refused += 1
            self.moves_up(caller)
        elif first:
            assert isinstance(answer, float)
            assert answer <= caller.until
            assert round(answer * 1e9) in (self.now + self.missing(1), round(caller.until * 1e9))
        else:
            assert answer == caller.until

    @precondition(lambda self: self.line)
    @rule(data=st.data())
    def is_cancelled(self, data: st.DataObject) -> None:
        caller = data.draw(st.sampled_from(self.line))
        caller.ticket.abandon(self.seconds)
        self.moves_up(caller)

    def moves_up(self, caller: Caller) -> None:
        first = caller is self.line[0]
        wakes = [other.wakes for other in self.line if other is not caller]
        self.line.remove(caller)
        if first and self.line:
            assert self.line[0].wakes >= 1, "who is first now knows it"
        behind = 1 if first else 0
        assert wakes[behind:] == [other.wakes for other in self.line[behind:]], "nobody else is woken"

    @rule(nanoseconds=st.one_of(st.integers(0, 3_000_000_000), st.integers(0, 10**12)))
    def time_passes(self, nanoseconds: int) -> None:
        # Only to moments that a float of seconds tells apart.
        before, self.now = self.now, round((self.now + nanoseconds) / 1e9 * 1e9)
        self.tokens = min(Fraction(self.limiter.burst), self.tokens + Fraction(self.now - before, self.interval))

    @precondition(lambda self: self.tokens < 1)
    @rule()
    def time_passes_to_the_next_token(self) -> None:
        self.time_passes(-(-self.missing(1) // 1))

    @rule()
    def is_forked(self) -> None:
        self.limiter.renew()
        self.line = []

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "limiter"):
            return
        assert [caller.ticket for caller in self.line] == list(self.limiter.waiters)
        assert all(caller.wakes <= 1 for caller in self.line), "woken once, to be the first"
        assert (self.limiter.admitted, self.limiter.refused) == (len(self.started), self.refused)
        assert self.limiter.snapshot(self.seconds)["tokens"] == self.tokens // 1
        assert self.limiter.evictable(self.seconds) == (self.tokens == self.limiter.burst and not self.line)

    @invariant()
    def keeps_the_rate_in_every_window(self) -> None:
        for first, start in enumerate(self.started):
            last = len(self.started) - 1
            window = (self.started[last] - start) * NANOSECOND
            assert last - first + 1 <= self.limiter.burst + self.rate * window


RateLimiterModel.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestRateLimiterModel = pytest.mark.timeout(60)(RateLimiterModel.TestCase)

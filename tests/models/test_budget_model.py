"""SPEC R4: the retry budget against a model that puts every token back at once."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from yaoki import Budget


class BudgetModel(RuleBasedStateMachine):
    """`tokens`: what is in the bucket. `out`: what retries under way have taken last."""

    def __init__(self) -> None:
        super().__init__()
        self.out: list[int] = []
        self.refused = 0

    @initialize(capacity=st.integers(14, 60), retry=st.integers(1, 14), throttled=st.integers(1, 14))
    def build(self, capacity: int, retry: int, throttled: int) -> None:
        self.budget = Budget(capacity, retry_cost=retry, throttled_cost=throttled)
        self.tokens = self.capacity = capacity
        self.costs = {False: retry, True: throttled}

    def put_back(self, tokens: int) -> None:
        self.tokens = min(self.capacity, self.tokens + tokens)

    @rule(throttled=st.booleans())
    def a_retry_is_asked_for(self, throttled: bool) -> None:
        cost = self.costs[throttled]
        expected = cost if self.tokens >= cost else 0
        assert self.budget.take(throttled=throttled) == expected
        self.tokens -= expected
        if expected:
            self.out.append(expected)
        else:
            self.refused += 1

    @rule(times=st.integers(1, 20), counted=st.booleans())
    def calls_succeed_at_once(self, times: int, counted: bool) -> None:
        for _ in range(times):
            if counted:
                self.budget.succeeded()
            else:
                self.budget.ok += 1
            self.put_back(1)

    @precondition(lambda self: self.out)
    @rule()
    def a_retried_call_succeeds(self) -> None:
        tokens = self.out.pop()
        self.budget.refund(tokens)
        self.put_back(tokens)

    @precondition(lambda self: self.out)
    @rule()
    def a_retried_call_is_given_up(self) -> None:
        self.out.pop()

    @rule()
    def somebody_looks(self) -> None:
        assert self.budget.tokens == self.tokens

    @invariant()
    def what_is_told_is_true(self) -> None:
        if hasattr(self, "budget"):
            assert self.budget.refused == self.refused
            assert 0 <= self.tokens <= self.capacity


def test_r4_the_budget_does_what_the_model_does() -> None:
    """SPEC R4: lazily put back or at once, the tokens are the same at every moment at which somebody asks."""
    case = BudgetModel.TestCase
    case.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
    case("runTest").runTest()

"""SPEC B7: keyed states against what may be dropped and what may not, through every order of uses and times."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from yaoki import CircuitBreaker, CircuitOpenError, Pipeline
from yaoki.core.pipeline.keyed import KeyState
from yaoki.testing import Script, VirtualClock

TTL = 10.0
KEYS = st.sampled_from("abcdef")


class KeyedModel(RuleBasedStateMachine):
    """`used`: when each key was used last. `open_until`: until when the circuit of a kept key is open."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = VirtualClock()
        self.clock.__enter__()
        self.used: dict[str, float] = {}
        self.open_until: dict[str, float] = {}
        self.fresh_names = 0

    def teardown(self) -> None:
        self.clock.__exit__(None, None, None)

    @initialize(most=st.integers(1, 6), open_timeout=st.sampled_from([3.0, 25.0, 60.0]))
    def build(self, most: int, open_timeout: float) -> None:
        self.most, self.open_timeout = most, open_timeout
        self.keyed = Pipeline(CircuitBreaker(failure_threshold=2, open_timeout=open_timeout)).keyed(max_keys=most, idle_ttl=TTL)

    def use(self, key: str, outcome: object) -> None:
        before: dict[object, KeyState] = dict(self.keyed)
        room = len(before) < self.most
        state = self.keyed[key]
        reached = Script(outcome)
        try:
            state.call(reached)
        except (ConnectionResetError, CircuitOpenError):
            pass
        self.used[key] = self.clock.time
        if key in self.keyed and state.policies[0].state == "open":  # type: ignore[attr-defined]  # the breaker
            if reached.count:
                self.open_until[key] = self.clock.time + self.open_timeout
        else:
            self.open_until.pop(key, None)
        assert key not in before or state is before[key], "a kept state was not served"
        for other, kept in before.items():
            if self.keyed.get(other) is kept:
                continue
            idle = self.clock.time - self.used[str(other)]
            assert self.open_until.get(str(other), 0.0) <= self.clock.time, "an open circuit was forgotten"
            assert idle >= TTL or not room, "a key in use was dropped although there was room"

    @rule(key=KEYS, good=st.booleans())
    def a_key_is_used(self, key: str, good: bool) -> None:
        self.use(key, "found" if good else ConnectionResetError)

    @rule(key=KEYS)
    def a_circuit_opens(self, key: str) -> None:
        for _ in range(2):
            self.use(key, ConnectionResetError)

    @rule(seconds=st.sampled_from([0.5, 1.25, 5.0, 9.9, 10.0, 30.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @precondition(lambda self: self.used)
    @rule(data=st.data())
    def a_key_is_deleted(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.used)))
        self.keyed.pop(key, None)
        self.open_until.pop(key, None)

    @rule()
    def new_keys_come_while_the_others_rest(self) -> None:
        """Three new keys, each after the idle time: whoever was not used since then, and may be dropped, is gone."""
        resting = [key for key in self.keyed if self.open_until.get(str(key), 0.0) <= self.clock.time]
        for _ in range(3):
            self.clock.advance(TTL)
            self.fresh_names += 1
            self.use(f"new {self.fresh_names}", "found")
        assert not [key for key in resting if key in self.keyed]

    @rule()
    def somebody_only_looks(self) -> None:
        before = len(self.keyed)
        assert "nobody" not in self.keyed
        assert self.keyed.get("nobody") is None
        assert len(list(self.keyed)) == before == len(self.keyed)

    @invariant()
    def there_are_never_too_many_keys(self) -> None:
        if hasattr(self, "keyed"):
            assert len(self.keyed) <= self.most
            # Nor does the queue behind them grow: what was deleted by hand does not stay in it.
            assert len(self.keyed._order) <= 2 * self.most + len(self.keyed._marks) + 65
            assert len(self.keyed._marks) <= 32


def test_b7_the_keys_do_what_the_model_allows() -> None:
    """SPEC B7: bounded; an open circuit never dropped before its time; idle keys dropped; states kept while they are used."""
    case = KeyedModel.TestCase
    case.settings = settings(max_examples=80, stateful_step_count=50, deadline=None)
    case("runTest").runTest()

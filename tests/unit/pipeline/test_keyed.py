"""SPEC B7: one state for each key, made on demand, bounded by number and by idle time."""

from __future__ import annotations

import copy
import pickle

import pytest

from yaoki import (
    Bulkhead,
    CircuitBreaker,
    CircuitOpenError,
    ConfigurationError,
    Hedge,
    Pipeline,
    Retry,
    Timeout,
    constant,
    deadline,
    events,
)
from yaoki.core.pipeline.keyed import Keyed
from yaoki.core.policies.policy import Policy
from yaoki.testing import Recorded, Script, VirtualClock, run, takes


@pytest.fixture(params=["generated", "driver"], autouse=True)
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs on the generated path, and with the driver alone."""
    monkeypatch.setenv("YAOKI_COMPILE", "1" if request.param == "generated" else "0")


pytestmark = pytest.mark.usefixtures("virtual_clock")


def circuits(*, max_keys: int = 100, idle_ttl: float = 600.0, open_timeout: float = 30.0) -> Keyed:
    return Pipeline(CircuitBreaker(failure_threshold=1, open_timeout=open_timeout), name="peers").keyed(
        max_keys=max_keys, idle_ttl=idle_ttl
    )


def opened(keyed: Keyed, *keys: object) -> None:
    for key in keys:
        with pytest.raises(ConnectionResetError):
            keyed[key].call(Script(ConnectionResetError))


def use(keyed: Keyed, *keys: object) -> None:
    for key in keys:
        assert keyed[key].call(Script("found")) == "found"


# --- a state for each key -----------------------------------------------------------------------------------------------------


def test_b7_each_key_has_a_circuit_of_its_own() -> None:
    """SPEC B7: one peer is down, and the others are served."""
    peers = circuits()

    opened(peers, "p1")

    with pytest.raises(CircuitOpenError):
        peers["p1"].call(Script())
    use(peers, "p2", ("host", 80), 3, None)


def test_b7_a_key_keeps_its_state() -> None:
    """SPEC B7: made at the first use, and the same ever after; equal keys are one key."""
    peers = circuits()

    first = peers["p1"]

    assert peers["p1"] is first
    assert peers["p" + str(1)] is first
    assert first.policies[0].key == "p1"


def test_b7_looking_makes_nothing() -> None:
    """SPEC B7: `in`, `get`, `len` and iteration only look."""
    peers = circuits()
    use(peers, "p1")

    assert ("p1" in peers, "p2" in peers, peers.get("p2"), len(peers), list(peers)) == (True, False, None, 1, ["p1"])


def test_b7_the_configuration_is_shared_and_a_timeout_is_one_for_all() -> None:
    """SPEC B7: only state is made for a key."""
    pipeline = Pipeline(Timeout(5.0), Retry(2), CircuitBreaker(name="peer"))
    peers = pipeline.keyed()

    (timeout, retry, breaker), prototype = peers["p1"].policies, pipeline.policies

    assert timeout is prototype[0]
    assert retry is not prototype[1]
    assert retry.config is prototype[1].config  # type: ignore[attr-defined]  # a Retry
    assert breaker is not prototype[2]
    assert breaker.config is prototype[2].config  # type: ignore[attr-defined]  # a CircuitBreaker


def test_b7_a_single_policy_is_keyed_as_well() -> None:
    """SPEC B7: `CircuitBreaker(...).keyed()`; the prototype itself is not used."""
    breaker = CircuitBreaker(failure_threshold=1)
    peers = breaker.keyed()

    opened(peers, "p1")

    assert breaker.state == "closed"
    assert peers["p1"].snapshot()["policies"][0]["state"] == "open"  # type: ignore[index]


def test_b7_a_key_does_all_that_a_pipeline_does() -> None:
    """SPEC B7, K1, R6: call, acall, execute, aexecute, attempts, snapshot; the attempt's number is readable."""
    peers = Pipeline(Retry(2, constant(0.0)), CircuitBreaker(failure_threshold=9)).keyed()
    peer = peers["p1"]
    seen: list[int] = []

    def second_time_lucky() -> str:
        seen.append(peer.current_attempt())
        if len(seen) % 2:
            raise ConnectionResetError
        return "found"

    async def later() -> str:
        return second_time_lucky()

    assert peer.call(second_time_lucky) == "found"
    assert run(peer.acall(later)) == "found"
    outcome = peer.execute(second_time_lucky)
    assert (outcome.value, outcome.attempts) == ("found", 2)
    assert run(peer.aexecute(later)).attempts == 2
    for attempt in peer.attempts():
        with attempt:
            second_time_lucky()
    assert seen == [1, 2] * 5
    snapshot = peer.snapshot()["policies"][1]  # type: ignore[index]
    assert (snapshot["key"], snapshot["failures"], snapshot["successes"]) == ("p1", 5, 5)


def test_b7_a_deadline_and_a_boundary_work_for_a_key(virtual_clock: VirtualClock) -> None:
    """SPEC B7, T1: a Timeout publishes its deadline; a Hedge runs what is below it with the key's own state."""
    timed = Pipeline(Timeout(5.0), CircuitBreaker()).keyed()
    assert timed["p1"].call(deadline.remaining) == 5.0

    hedged = Pipeline(CircuitBreaker(failure_threshold=1), Hedge(1.0)).keyed()
    assert run(hedged["p1"].acall(Script(takes(0.5, "found")).asynchronous)) == "found"  # type: ignore[arg-type]  # a coroutine function
    with pytest.raises(ConnectionResetError):
        run(hedged["p1"].acall(Script(then=ConnectionResetError).asynchronous))  # type: ignore[arg-type]  # a coroutine function
    assert [hedged[key].policies[0].state for key in ("p1", "p2")] == ["open", "closed"]  # type: ignore[attr-defined]  # breakers


def test_b7_events_and_refusals_name_the_key(yaoki_events: Recorded) -> None:
    """SPEC B7: whose circuit it is."""
    peers = circuits()
    opened(peers, "p1")

    with pytest.raises(CircuitOpenError) as refused:
        peers["p1"].call(Script())

    assert refused.value.key == "p1"
    assert [event.key for event in yaoki_events.of(events.CircuitChanged)] == ["p1"]
    assert [event.key for event in yaoki_events.of(events.CallFailed)] == ["p1"]
    assert [event.key for event in yaoki_events.of(events.CallRefused)] == ["p1"]


# --- bounded by number --------------------------------------------------------------------------------------------------------


def test_b7_there_are_never_more_than_max_keys() -> None:
    """SPEC B7: a key that was not used makes room for a new one."""
    peers = circuits(max_keys=3)
    for key in range(10):
        assert peers[key].touched is False

    assert sorted(peers) == [7, 8, 9]


def test_b7_a_key_in_use_stays_when_room_is_made() -> None:
    """SPEC B7: whoever was used since the last look gets a second chance."""
    peers = circuits(max_keys=3)
    kept = peers["kept"]

    for number in range(50):
        use(peers, "kept", number)

    assert peers.get("kept") is kept
    assert len(peers) == 3


def test_b7_where_all_are_in_use_a_new_key_is_served_without_being_kept() -> None:
    """SPEC B7: a hundred peers in steady use are not forgotten, one after the other, for the hundred and first."""
    peers = circuits(max_keys=100)
    kept = {key: peers[key] for key in range(100)}

    for number in range(20):
        use(peers, *range(100), f"stranger {number}")

    assert dict(peers) == kept


def test_b7_an_open_circuit_is_never_dropped_before_its_time(virtual_clock: VirtualClock) -> None:
    """SPEC B7: dropping it would be a silent reset; afterwards it may go."""
    peers = circuits(max_keys=3, open_timeout=30.0)
    opened(peers, "down", "down too")

    virtual_clock.advance(29.9)
    use(peers, *range(50))
    assert "down" in peers
    assert "down too" in peers
    virtual_clock.advance(0.1)
    use(peers, *range(50))

    assert "down" not in peers
    assert len(peers) == 3


def test_b7_where_nothing_may_be_dropped_a_new_key_is_served_without_being_kept() -> None:
    """SPEC B7: never more than max_keys, never a refusal for want of room."""
    peers = circuits(max_keys=2)
    opened(peers, "a", "b")

    use(peers, "c", "c", "d")

    assert sorted(peers) == ["a", "b"]


def test_b7_what_a_person_holds_is_never_dropped() -> None:
    """SPEC B6, B7: isolated and forced closed stay until they are reset."""
    peers = circuits(max_keys=3)
    held: dict[str, CircuitBreaker] = {key: peers[key].policies[0] for key in ("isolated", "forced")}  # type: ignore[misc]  # breakers
    held["isolated"].isolate()
    held["forced"].force_close()

    use(peers, *range(20))
    assert "isolated" in peers
    assert "forced" in peers
    for breaker in held.values():
        breaker.reset()
    use(peers, *range(20))

    assert "isolated" not in peers
    assert "forced" not in peers


def test_b7_a_circuit_on_trial_is_not_dropped(virtual_clock: VirtualClock) -> None:
    """SPEC B7: half-open with a trial under way, until that would hang."""
    peers = circuits(max_keys=2, open_timeout=10.0)
    opened(peers, "down")
    virtual_clock.advance(10.0)

    def trial() -> None:
        use(peers, *range(20))
        assert "down" in peers
        virtual_clock.advance(30.0)
        use(peers, *range(20))
        assert "down" not in peers

    peers["down"].call(trial)


def test_b7_a_key_with_a_call_in_its_bulkhead_is_not_dropped() -> None:
    """SPEC B7, T2: its places are counted in its state."""
    peers = Pipeline(Bulkhead(1)).keyed(max_keys=2)

    def inside() -> None:
        use(peers, *range(20))
        assert "busy" in peers

    peers["busy"].call(inside)
    use(peers, *range(20))

    assert "busy" not in peers


class Immovable(Policy):
    """A policy whose state may never be dropped, and which counts how often it was asked."""

    __slots__ = ("asked", "key")

    def __init__(self) -> None:
        self.asked: list[None] = []
        self.key = None

    def fresh(self, key: object) -> Immovable:
        policy = Immovable()
        policy.asked = self.asked
        return policy

    def evictable(self, now: float) -> bool:
        self.asked.append(None)
        return False


def test_b7_one_addition_looks_at_a_bounded_number_of_keys() -> None:
    """SPEC B7: a caller who brings a new key when nothing may be dropped does not pay for all the others."""
    prototype = Immovable()
    peers = Pipeline(prototype).keyed(max_keys=5000)
    for number in range(5000):
        peers[number].touched = False
    prototype.asked.clear()

    assert peers["new"].touched is False

    assert 0 < len(prototype.asked) <= 1000
    assert "new" not in peers


# --- bounded by time ----------------------------------------------------------------------------------------------------------


def test_b7_idle_keys_are_dropped_when_a_new_one_comes(virtual_clock: VirtualClock) -> None:
    """SPEC B7: unused for idle_ttl seconds; at the first new key after that, and not before."""
    peers = circuits(idle_ttl=600.0)
    for key in ("a", "b"):
        assert peers[key].touched is False

    virtual_clock.advance(599.0)
    assert peers["c"].touched is False
    assert sorted(peers) == ["a", "b", "c"]
    virtual_clock.advance(1.0)
    assert peers["d"].touched is False

    assert sorted(peers) == ["c", "d"]


def test_b7_after_a_long_silence_the_first_new_key_finds_all_others_idle(virtual_clock: VirtualClock) -> None:
    """SPEC B7: keys that were made in one burst long ago and never used again go at once, those that were used at the second look."""
    peers = circuits(idle_ttl=600.0)
    for key in range(50):
        assert peers[key].touched is False
    use(peers, "used")

    virtual_clock.advance(86_400.0)
    use(peers, "first")
    assert sorted(map(str, peers)) == ["first", "used"]
    virtual_clock.advance(86_400.0)
    use(peers, "second")

    assert "used" not in peers


def test_b7_a_key_in_use_is_never_idle(virtual_clock: VirtualClock) -> None:
    """SPEC B7: as long as less than idle_ttl passes between two uses, its state stays, for a day."""
    peers = circuits(idle_ttl=600.0, max_keys=10_000)
    kept = peers["kept"]

    for number in range(200):
        use(peers, "kept")
        virtual_clock.advance(432.0)
        use(peers, number)

    assert peers["kept"] is kept
    assert len(peers) <= 8


def test_b7_an_open_circuit_is_not_idle(virtual_clock: VirtualClock) -> None:
    """SPEC B7: an open time longer than idle_ttl is kept to the end."""
    peers = circuits(idle_ttl=60.0, open_timeout=3600.0)
    opened(peers, "down")

    for number in range(59):
        virtual_clock.advance(60.0)
        use(peers, number)
    with pytest.raises(CircuitOpenError):
        peers["down"].call(Script())


def test_b7_without_an_idle_time_keys_stay(virtual_clock: VirtualClock) -> None:
    """SPEC B7: idle_ttl may be infinite; then only max_keys bounds them."""
    peers = circuits(idle_ttl=float("inf"), max_keys=10)
    use(peers, "a")

    virtual_clock.advance(1e9)
    use(peers, "b")

    assert sorted(peers) == ["a", "b"]


# --- by hand ------------------------------------------------------------------------------------------------------------------


def test_b7_a_deleted_key_starts_anew() -> None:
    """SPEC B7, H1: forgetting one key resets it, whatever its state."""
    peers = circuits()
    opened(peers, "p1")

    del peers["p1"]

    use(peers, "p1")


def test_b7_deleting_and_coming_again_leaves_nothing_behind() -> None:
    """SPEC B7: ten thousand times, with no idle time and room enough; and the others stay."""
    peers = circuits(idle_ttl=float("inf"))
    use(peers, "other")
    for _ in range(10_000):
        use(peers, "p1")
        del peers["p1"]

    assert len(peers._order) < 100
    assert list(peers) == ["other"]


def test_b7_keyed_states_cannot_be_copied_or_pickled() -> None:
    """SPEC B7: they belong to this process."""
    for carry in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot be copied or pickled"):
            carry(circuits())  # type: ignore[operator]  # three functions


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        *(({"max_keys": value}, "max_keys") for value in (0, -1, 1.5, True)),
        *(({"idle_ttl": value}, "idle_ttl") for value in (0.0, -1.0, float("nan"), "600")),
    ],
)
def test_b7_a_value_out_of_range_is_refused_by_name(parameters: dict[str, object], named: str) -> None:
    """SPEC B7: at construction, with the parameter's name."""
    with pytest.raises(ConfigurationError, match=named):
        CircuitBreaker().keyed(**parameters)  # type: ignore[arg-type]  # wrong on purpose


def test_b7_a_key_must_be_hashable() -> None:
    """SPEC B7: as in any dictionary."""
    with pytest.raises(TypeError, match="unhashable"):
        circuits()[["p1"]]

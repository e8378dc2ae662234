"""SPEC H3, W3: who is isolated, for how long, by whom, and how often it is tried again."""

from __future__ import annotations

import pytest

from tests.unit.recovery.workbench import Workbench
from yaoki import constant
from yaoki.core.recovery import LONG_ALLOCATED, RecoveryLoop, RepairLadder, Result
from yaoki.testing import Recorded, VirtualClock

pytestmark = pytest.mark.virtual_time(grace=0.4)

MINUTE = 60.0


def one_result(loop: RecoveryLoop) -> Result | None:
    handled = loop.run_once_threads().handled
    return handled[0].result if handled else None


def test_an_isolated_subject_is_tried_again_three_times_with_growing_waits(virtual_clock: VirtualClock) -> None:
    """SPEC W3: recovery's own isolation is tried again up to 3 times with growing waits, then waits for a person."""
    bench = Workbench("mend")
    bench.break_("a")
    loop = bench.loop()
    tried: list[float] = []

    for _ in range(0, 24 * 60, 5):
        before = len(bench.done)
        loop.run_once_threads()
        if len(bench.done) > before:
            tried.append(virtual_clock.time / MINUTE)
        virtual_clock.advance(5 * MINUTE)

    assert tried == [0, 5, 35, 215]
    isolation = loop.isolations()["a"]
    assert isolation.attempts == 4
    assert isolation.next_at is None
    assert "waits for a person" in loop.run_once_threads().handled[0].detail


def test_an_isolated_subject_is_counted_once(virtual_clock: VirtualClock) -> None:
    """SPEC W3: an isolated slot is counted once, not at every run."""
    bench = Workbench("mend")
    bench.break_("a")
    loop = bench.loop(backoff=constant(10.0))
    isolated = 0

    for _ in range(8):
        isolated += loop.run_once_threads().count(Result.ISOLATED)
        virtual_clock.advance(6.0)

    assert isolated == 1


def test_the_time_of_an_isolation_stays_while_it_is_tried_again(virtual_clock: VirtualClock) -> None:
    """SPEC H3: isolated since when."""
    bench = Workbench("mend")
    bench.break_("a")
    loop = bench.loop(backoff=constant(10.0))
    loop.run_once_threads()
    since = virtual_clock.wall()
    virtual_clock.advance(20.0)

    assert one_result(loop) is Result.STILL_ISOLATED
    assert loop.isolations()["a"].at == since


def test_a_later_try_that_helps_ends_the_isolation(virtual_clock: VirtualClock, yaoki_events: Recorded) -> None:
    """SPEC H3: back into use, once it is verified."""
    bench = Workbench("mend")
    bench.break_("a")
    loop = bench.loop()
    loop.run_once_threads()
    bench.mends.add("mend")
    virtual_clock.advance(5 * MINUTE)

    assert one_result(loop) is Result.REPAIRED
    assert loop.isolations() == {}
    assert [each.subject for each in bench.released] == ["a"]
    assert next(event.to_dict()["was_isolated"] for event in yaoki_events if "Recovered" in type(event).__name__) is True


def test_a_subject_that_was_mended_by_hand_comes_back_without_a_repair(virtual_clock: VirtualClock) -> None:
    """SPEC H3: it is verified when its turn comes, although no detector names it any more."""
    bench = Workbench("mend")
    bench.break_("a")
    loop = bench.loop()
    loop.run_once_threads()
    bench.broken.clear()
    bench.done.clear()

    assert one_result(loop) is None
    virtual_clock.advance(5 * MINUTE)

    assert one_result(loop) is Result.REPAIRED
    assert bench.done == []
    assert loop.isolations() == {}


def test_a_subject_that_cannot_be_put_back_stays_isolated(virtual_clock: VirtualClock) -> None:
    """SPEC H3: the system says when it is in use again."""

    def refuse(_: object) -> None:
        raise RuntimeError("not yet")

    bench = Workbench("mend")
    bench.break_("a")
    loop = bench.loop(release=refuse)
    loop.run_once_threads()
    bench.mends.add("mend")
    virtual_clock.advance(5 * MINUTE)

    report = loop.run_once_threads()

    assert report.handled[0].result is Result.STILL_ISOLATED
    assert report.errors == ["a: release: RuntimeError: not yet"]
    assert "a" in loop.isolations()


# --- the operator ---------------------------------------------------------------------------------------------------------------


def test_an_operators_isolation_ends_only_by_the_operator(virtual_clock: VirtualClock) -> None:
    """SPEC W3: an operator's isolation ends only by recover_slot."""
    bench = Workbench("mend", mends="mend")
    bench.break_("a")
    loop = bench.loop()
    loop.isolate("a", "I want to look at it")

    for _ in range(3):
        assert one_result(loop) is Result.STILL_ISOLATED
        virtual_clock.advance(100 * 3600.0)
    bench.broken.clear()
    assert one_result(loop) is None

    assert bench.done == []
    assert loop.isolations()["a"].by_operator
    assert loop.isolations()["a"].reason == "I want to look at it"


def test_the_operators_reason_has_a_default() -> None:
    """SPEC W3: default 'isolated by operator'."""
    assert Workbench().loop().isolate("a").reason == "isolated by operator"


def test_recover_ends_an_operators_isolation_if_it_works() -> None:
    """SPEC W3: repairs it, and returns it to use only if it is well."""
    bench = Workbench("mend")
    bench.break_("a")
    loop = bench.loop()
    loop.isolate("a")

    failed = loop.recover_threads("a")
    assert failed.handled[0].result is Result.STILL_ISOLATED
    assert loop.isolations()["a"].by_operator
    bench.mends.add("mend")
    report = loop.recover_threads("a")

    assert report.handled[0].result is Result.REPAIRED
    assert loop.isolations() == {}


def test_recover_ends_the_isolation_of_a_subject_that_nothing_is_wrong_with() -> None:
    """SPEC W3: isolate and recover are a whole life cycle."""
    bench = Workbench()
    loop = bench.loop()
    loop.isolate("a")

    report = loop.recover_threads("a")

    assert report.handled[0].result is Result.REPAIRED
    assert [each.subject for each in bench.released] == ["a"]
    assert loop.isolations() == {}


def test_recover_touches_its_subject_alone_and_does_not_wait() -> None:
    """SPEC W3: recover_slot, at once."""
    bench = Workbench("mend")
    bench.break_("a")
    bench.break_("b")
    loop = bench.loop()
    loop.run_once_threads()
    bench.mends.add("mend")

    report = loop.recover_threads("a")

    assert [each.anomaly.subject for each in report.handled] == ["a"]
    assert set(loop.isolations()) == {"b"}


def test_only_force_goes_beyond_the_last_attempt(virtual_clock: VirtualClock) -> None:
    """SPEC W3: force=True skips the attempt limit."""
    bench = Workbench("mend")
    bench.break_("a")
    loop = bench.loop(max_retries=0)
    loop.run_once_threads()
    bench.mends.add("mend")

    assert "waits for a person" in loop.recover_threads("a").handled[0].detail
    assert loop.recover_threads("a", force=True).count(Result.REPAIRED) == 1


def test_release_ends_an_isolation_unseen() -> None:
    """SPEC H3: the operator's word."""
    loop = Workbench().loop()
    loop.isolate("a")

    assert loop.release("a")
    assert not loop.release("a")


def test_an_isolation_that_comes_during_the_repair_stands() -> None:
    """SPEC W3: an operator who is faster than the repair."""
    bench = Workbench("mend")
    bench.break_("a")
    loop = bench.loop()

    def mend(_: object) -> bool:
        loop.isolate("a", "hands off")
        bench.broken.clear()
        return True

    bench.actions["mend"] = mend

    assert one_result(loop) is Result.STILL_ISOLATED
    assert loop.isolations()["a"].reason == "hands off"


def test_the_systems_own_word_counts_too() -> None:
    """SPEC W3: a system that keeps operators' isolations itself says so in the anomaly."""
    bench = Workbench("mend", mends="mend")
    bench.break_("a", held=True)

    assert one_result(bench.loop()) is Result.STILL_ISOLATED
    assert bench.done == []


def test_a_forced_release_that_failed_is_not_forced_by_a_conservative_run(virtual_clock: VirtualClock) -> None:
    """SPEC H3: what an aggressive run could not finish, a conservative one does not force."""
    bench = Workbench("mend")
    bench.break_("held", LONG_ALLOCATED, age=72 * 3600.0)
    loop = bench.loop()
    loop.run_once_threads("aggressive")
    bench.done.clear()
    virtual_clock.advance(3600.0)

    assert one_result(loop) is Result.REPORTED
    assert bench.done == []


def test_the_command_may_be_a_function() -> None:
    """SPEC H3: what a person may try depends on the anomaly."""
    bench = Workbench("mend")
    bench.break_("a", facts={"path": "slots/a"})
    ladder = bench.ladder(command=lambda anomaly: f"look {anomaly.facts['path']}")
    assert isinstance(ladder, RepairLadder)

    assert ladder.command(bench.broken["a"]) == "look slots/a"

"""SPEC H3: detect, repair from the cheapest rung on, verify, isolate, report."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.unit.recovery.workbench import Workbench
from yaoki import ConfigurationError
from yaoki.core.recovery import (
    AGGRESSIVE,
    CONSERVATIVE,
    CORRUPTED,
    LONG_ALLOCATED,
    MAINTENANCE,
    Anomaly,
    Attempt,
    Detector,
    RecoveryLoop,
    Repair,
    RepairLadder,
    Result,
    Verdict,
)
from yaoki.testing import Recorded, VirtualClock

pytestmark = pytest.mark.virtual_time(grace=0.4)


def results(loop: RecoveryLoop, strategy: str = "conservative") -> dict[str, Result]:
    return {each.anomaly.subject: each.result for each in loop.run_once_threads(strategy).handled}


# --- repair ---------------------------------------------------------------------------------------------------------------------


def test_the_cheapest_rung_that_helps_is_the_last() -> None:
    """SPEC H3: a ladder of repairs, cheapest first."""
    bench = Workbench("dust", "mend", "replace", mends="mend")
    bench.break_("a")

    report = bench.loop().run_once_threads()

    assert bench.done == ["dust a", "mend a"]
    assert [(each.result, each.steps) for each in report.handled] == [(Result.REPAIRED, ("dust", "mend"))]


def test_a_rung_that_says_it_helped_is_verified() -> None:
    """SPEC H3: repair, then verify: a repair is not believed."""
    bench = Workbench("boast", "mend", mends="mend")
    bench.actions["boast"] = lambda attempt: True
    bench.break_("a")

    assert results(bench.loop()) == {"a": Result.REPAIRED}
    assert bench.done == ["boast a", "mend a"]


@pytest.mark.parametrize("verdict", [None, 1, "fine", False, Verdict(False, "still wrong")])
def test_only_a_clear_yes_says_that_a_subject_is_well(verdict: object) -> None:
    """SPEC H3: what verify returns by mistake is no yes."""
    bench = Workbench("mend", mends="mend")
    bench.break_("a")
    ladder = bench.ladder(verify=lambda anomaly: verdict)

    loop = RecoveryLoop("bench", [Detector("broken", bench.find)], [ladder])

    assert results(loop) == {"a": Result.ISOLATED}


def test_what_cannot_be_repaired_is_isolated_with_reason_class_time_and_command(virtual_clock: VirtualClock) -> None:
    """SPEC H3: isolate what cannot be repaired, with reason and time."""
    bench = Workbench("mend")
    bench.break_("a")

    def no_space(attempt: Attempt) -> None:
        raise OSError(28, "No space left on device")

    bench.actions["mend"] = no_space
    loop = bench.loop()

    report = loop.run_once_threads()

    isolation = loop.isolations()["a"]
    assert report.count(Result.ISOLATED, CORRUPTED) == 1
    assert "No space left" in isolation.reason
    assert isolation.category == "capacity"
    assert isolation.at == virtual_clock.wall()
    assert isolation.command == "bench mend a --force"
    assert isolation.fault is not None
    assert isolation.fault["error_type"] == "OSError"
    assert [each.subject for each in bench.isolated] == ["a"]


def test_a_ladder_without_rungs_isolates_at_once() -> None:
    """SPEC H3: there are things that only a person may mend."""
    bench = Workbench()
    bench.break_("a")
    loop = RecoveryLoop("bench", [Detector("broken", bench.find)], [RepairLadder(CORRUPTED, verify=bench.verify)])

    assert results(loop) == {"a": Result.ISOLATED}
    assert loop.isolations()["a"].reason == "a is broken"


def test_a_kind_that_no_ladder_knows_is_reported() -> None:
    """SPEC H3: nothing is hidden."""
    bench = Workbench()
    bench.break_("a", "unheard-of")

    assert results(bench.loop()) == {"a": Result.REPORTED}


def test_two_detectors_that_find_the_same_count_once() -> None:
    """SPEC H3: counts are true."""
    bench = Workbench("mend", mends="mend")
    bench.break_("a")

    report = bench.loop(Detector("another", bench.find)).run_once_threads()

    assert report.counts()["repaired"] == 1
    assert bench.done == ["mend a"]


# --- what raises or hangs -------------------------------------------------------------------------------------------------------


def test_a_detector_that_raises_stops_nothing() -> None:
    """SPEC H3: an error in the report; what the others find is repaired."""
    bench = Workbench("mend", mends="mend")
    bench.break_("a")

    def fail() -> list[Anomaly]:
        raise PermissionError("not for you")

    report = bench.loop(Detector("blind", fail)).run_once_threads()

    assert report.count(Result.REPAIRED) == 1
    assert report.errors == ["detector blind: PermissionError: not for you"]


def test_a_detector_that_fails_in_the_middle_of_its_generator_stops_nothing() -> None:
    """SPEC H3: a generator is read inside of the step."""
    bench = Workbench("mend", mends="mend")
    bench.break_("a")

    def fail() -> Iterator[Anomaly]:
        yield Anomaly(CORRUPTED, "b")
        raise PermissionError("not for you")

    report = bench.loop(Detector("blind", fail)).run_once_threads()

    assert len(report.errors) == 1
    assert report.count(Result.REPAIRED) == 1


def test_a_detector_that_returns_nonsense_is_an_error() -> None:
    """SPEC H3: a list of texts is no list of anomalies."""
    report = Workbench().loop(Detector("odd", lambda: ["slot1"])).run_once_threads()  # type: ignore[arg-type,return-value]  # on purpose

    assert "no Anomaly" in report.errors[0]


def test_a_detector_that_hangs_is_left_and_not_started_again() -> None:
    """SPEC H3: a deadline for each step."""
    bench = Workbench("mend", mends="mend")
    bench.break_("a")
    gate = threading.Event()
    started = []

    def hang() -> list[Anomaly]:
        started.append(1)
        gate.wait(20.0)
        return []

    loop = bench.loop(Detector("slow", hang, timeout=5.0))
    first, second = loop.run_once_threads(), loop.run_once_threads()
    gate.set()

    assert first.count(Result.REPAIRED) == 1
    assert "5 s" in first.errors[0]
    assert "has not ended yet" in second.errors[0]
    assert len(started) == 1


def test_a_repair_that_hangs_isolates_its_subject_and_the_next_one_goes_on() -> None:
    """SPEC H3: whatever still runs on a subject does not meet the next rung."""
    bench = Workbench("mend", "replace", mends="mend")
    bench.break_("a")
    bench.break_("b")
    gate = threading.Event()

    def mend(attempt: Attempt) -> bool:
        if attempt.subject == "a":
            gate.wait(20.0)
            return False
        del bench.broken[attempt.subject]
        return True

    bench.actions["mend"] = mend
    bench.settings["mend"] = {"timeout": 7.0}
    loop = bench.loop()

    report = loop.run_once_threads()
    again = loop.recover_threads("a", force=True)
    gate.set()

    assert {each.anomaly.subject: each.result for each in report.handled} == {"a": Result.ISOLATED, "b": Result.REPAIRED}
    assert bench.done == ["mend a", "mend b"]
    assert "may still run" in loop.isolations()["a"].reason
    assert loop.isolations()["a"].category == "timeout"
    assert "still runs on it" in again.handled[0].detail


def test_a_subject_that_raises_from_every_side_does_not_stop_the_next() -> None:
    """SPEC H3: quarantine, repair, verify, command, isolate: each may fail."""

    def fail(*_: object) -> str:
        raise RuntimeError("no")

    bench = Workbench("mend")
    bench.break_("a")
    bench.break_("b")
    bench.actions["mend"] = fail
    ladder = bench.ladder(command=fail, verify=fail)
    loop = RecoveryLoop("bench", [Detector("broken", bench.find)], [ladder], isolate=fail)

    report = loop.run_once_threads()

    assert {each.anomaly.subject for each in report.handled} == {"a", "b"}
    assert report.count(Result.ISOLATED) == 2
    assert len(report.errors) == 6


def test_an_exit_inside_of_a_repair_is_an_error_of_the_repair() -> None:
    """SPEC H3: a library that calls sys.exit ends nothing."""
    bench = Workbench("mend")
    bench.break_("a")

    def leave(attempt: Attempt) -> None:
        raise SystemExit(3)

    bench.actions["mend"] = leave

    assert results(bench.loop()) == {"a": Result.ISOLATED}


# --- quarantine -----------------------------------------------------------------------------------------------------------------


def test_what_is_replaced_goes_to_quarantine_first() -> None:
    """SPEC H3: nothing is destroyed that cannot be got back."""
    bench = Workbench("mend", "replace", mends="replace")
    bench.settings["replace"] = {"destructive": True}
    bench.break_("a")

    report = bench.loop().run_once_threads()

    assert bench.done == ["mend a", "keep a", "replace a"]
    assert bench.attempts[-1].tickets == ("ticket 1",)
    assert report.handled[0].tickets == ("ticket 1",)


def test_a_destructive_repair_without_quarantine_is_refused() -> None:
    """SPEC H3: the loop does not even come into being."""
    bench = Workbench("replace")
    bench.settings["replace"] = {"destructive": True}

    with pytest.raises(ConfigurationError, match="quarantine"):
        bench.loop(quarantine=None)


@pytest.mark.parametrize("answer", [None, 3, OSError(28, "No space left on device")])
def test_without_a_ticket_nothing_is_replaced(answer: object) -> None:
    """SPEC H3: a quarantine that fails, or answers nonsense, keeps nothing."""

    class Full:
        def keep(self, attempt: Attempt) -> str:
            if isinstance(answer, Exception):
                raise answer
            return answer  # type: ignore[return-value]  # on purpose

    bench = Workbench("replace", mends="replace")
    bench.settings["replace"] = {"destructive": True}
    bench.break_("a")

    loop = bench.loop(quarantine=Full())

    assert results(loop) == {"a": Result.ISOLATED}
    assert bench.done == []
    assert "quarantine" in loop.isolations()["a"].reason


def test_an_empty_ticket_says_that_there_is_nothing_to_keep() -> None:
    """SPEC H3: a directory that is missing need not be kept."""

    class Empty:
        def keep(self, attempt: Attempt) -> str:
            return ""

    bench = Workbench("replace", mends="replace")
    bench.settings["replace"] = {"destructive": True}
    bench.break_("a")

    report = bench.loop(quarantine=Empty()).run_once_threads()

    assert report.count(Result.REPAIRED) == 1
    assert report.handled[0].tickets == ()


# --- strategies, stages, dry run ------------------------------------------------------------------------------------------------


def test_forced_release_only_where_the_strategy_forces() -> None:
    """SPEC H3: reported, released, not looked at."""
    bench = Workbench("mend", mends="mend")
    loop = bench.loop()
    bench.break_("held", LONG_ALLOCATED, age=72 * 3600.0)

    seen = {strategy: results(loop, strategy) for strategy in ("maintenance", "conservative", "aggressive")}

    assert seen == {
        "maintenance": {},
        "conservative": {"held": Result.REPORTED},
        "aggressive": {"held": Result.REPAIRED},
    }
    assert bench.done == ["mend held"]


def test_a_forced_rung_runs_only_if_the_strategy_forces() -> None:
    """SPEC H3, W3: what interrupts somebody's work needs an explicit word."""
    bench = Workbench("mend", "seize", mends="seize")
    bench.settings["seize"] = {"forced": True}
    bench.break_("a")
    loop = bench.loop()

    assert results(loop) == {"a": Result.ISOLATED}
    assert loop.recover_threads("a", force=True).count(Result.REPAIRED) == 1


def test_staged_forces_in_the_second_pass_only(virtual_clock: VirtualClock) -> None:
    """SPEC H3: first pass without forced release, 60 s, detect again, then the second pass."""
    bench = Workbench("mend", mends="mend")
    bench.break_("held", LONG_ALLOCATED, age=72 * 3600.0)
    bench.break_("damaged")
    times: dict[str, float] = {}

    def mend(attempt: Attempt) -> bool:
        times[attempt.subject] = virtual_clock.time
        del bench.broken[attempt.subject]
        return True

    bench.actions["mend"] = mend

    report = bench.loop().run_once_threads(AGGRESSIVE, staged=True)

    assert times == {"damaged": 0.0, "held": 60.0}
    assert report.counts()["repaired"] == 2
    assert report.counts()["reported"] == 0


def test_staged_with_a_strategy_that_does_not_force_reports_what_is_left(virtual_clock: VirtualClock) -> None:
    """SPEC H3: ... or a report."""
    bench = Workbench("mend", mends="mend")
    bench.break_("held", LONG_ALLOCATED, age=72 * 3600.0)
    bench.break_("hopeless")
    bench.mends.clear()

    report = bench.loop().run_once_threads(CONSERVATIVE, staged=True)

    assert virtual_clock.time == 60.0
    assert {each.anomaly.subject: each.result for each in report.handled} == {
        "held": Result.REPORTED,
        "hopeless": Result.ISOLATED,
    }


def test_staged_does_not_wait_where_nothing_was_found(virtual_clock: VirtualClock) -> None:
    """SPEC H3: there is nothing to look at again."""
    assert Workbench().loop().run_once_threads(AGGRESSIVE, staged=True).healthy
    assert virtual_clock.time == 0.0


def test_a_dry_run_says_what_would_be_done_and_changes_nothing(tmp_path: object) -> None:
    """SPEC H3: dry run."""
    from pathlib import Path

    journal = Path(str(tmp_path)) / "recovery.db"
    bench = Workbench("mend", "replace", mends="mend")
    bench.break_("a")
    bench.break_("held", LONG_ALLOCATED, age=72 * 3600.0)
    loop = bench.loop(journal=journal)

    report = loop.run_once_threads(dry_run=True)

    assert [(each.anomaly.subject, each.result, each.steps) for each in report.handled] == [
        ("a", Result.WOULD_REPAIR, ("mend", "replace")),
        ("held", Result.REPORTED, ()),
    ]
    assert bench.done == []
    assert bench.isolated == []
    assert list(Path(str(tmp_path)).iterdir()) == []
    assert loop.last_check is report
    assert loop.last_report is None


def test_maintenance_repairs_what_is_damaged() -> None:
    """SPEC H3: all three recover what is corrupted."""
    bench = Workbench("mend", mends="mend")
    bench.break_("a")

    assert bench.loop().run_once_threads(MAINTENANCE).count(Result.REPAIRED) == 1


# --- what is told ---------------------------------------------------------------------------------------------------------------


def test_the_story_of_a_recovery_can_be_followed_by_one_id(yaoki_events: Recorded) -> None:
    """SPEC O3: opened, trial, healed, isolated: one id."""
    bench = Workbench("mend")
    bench.break_("a")
    bench.break_("b")

    def mend(attempt: Attempt) -> bool:
        return attempt.subject == "a" and bench.broken.pop("a") is not None

    bench.actions["mend"] = mend

    report = bench.loop().run_once_threads()

    assert yaoki_events.names() == [
        "RecoveryStarted",
        "AnomalyFound",
        "RepairEnded",
        "SubjectRecovered",
        "AnomalyFound",
        "RepairEnded",
        "SubjectIsolated",
        "RecoveryEnded",
    ]
    assert {event.to_dict()["run"] for event in yaoki_events} == {report.run}


def test_the_report_is_for_people_and_programs() -> None:
    """SPEC H3: report with counts and errors."""
    import json

    bench = Workbench("mend")
    bench.break_("a")

    report = bench.loop().run_once_threads()

    assert report.text().splitlines() == [
        f"recovery {report.run} (conservative): 1 isolated",
        "  a (corrupted): isolated [mend]: mend could not help",
    ]
    assert json.loads(json.dumps(report.to_dict()))["counts"]["isolated"] == 1
    assert report.problems == 1
    assert not report.healthy


@pytest.mark.parametrize(
    ("build", "named"),
    [
        (lambda: Detector("", list), "name"),
        (lambda: Detector("a", list, timeout=0.0), "timeout"),
        (lambda: Repair("a", None), "action"),  # type: ignore[arg-type]  # on purpose
        (lambda: RepairLadder([], verify=bool), "kinds"),
        (lambda: RepairLadder("a", Repair("x", bool), Repair("x", bool), verify=bool), "names"),
        (lambda: RecoveryLoop("a", [], [RepairLadder("x", verify=bool), RepairLadder("x", verify=bool)]), "ladders"),
        (lambda: RecoveryLoop("a", [Detector("x", list), Detector("x", list)], []), "detectors"),
        (lambda: RecoveryLoop("a", [], [], max_retries=-1), "max_retries"),
        (lambda: Workbench().loop().run_once_threads("bold"), "strategy"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(build: object, named: str) -> None:
    """A wrong value is refused with the parameter's name."""
    assert callable(build)
    with pytest.raises(ConfigurationError, match=named):
        build()

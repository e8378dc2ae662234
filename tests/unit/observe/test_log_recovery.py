"""The story of a recovery in the log and in the metrics: found, repaired, isolated, healed, reported (SPEC H3, O3)."""

from __future__ import annotations

import pytest

from tests.unit.observe.conftest import Log
from tests.unit.observe.scraping import of, scrape
from tests.unit.recovery.workbench import Workbench
from yaoki import Severity, classify, events
from yaoki.core.recovery.report import RecoveryReport
from yaoki.observe.prometheus import YaokiCollector
from yaoki.testing import VirtualClock

pytestmark = pytest.mark.virtual_time(grace=0.4)


def test_o3_a_recovery_is_followed_by_the_id_of_its_run(virtual_clock: VirtualClock, log: Log) -> None:
    """SPEC O3: what was found, that its repair failed, that it was isolated, and the report with its counts."""
    bench = Workbench("mend")
    bench.break_("a")
    report = bench.loop().run_once_threads()

    told = [record for record in log.records if record.name == "yaoki.recovery"]

    assert [(record.levelname, record.getMessage()) for record in told] == [
        ("INFO", "recovery started"),
        ("WARNING", "anomaly found"),
        ("WARNING", "repair failed"),
        ("WARNING", "subject isolated"),
        ("INFO", "recovery ended"),
    ]
    assert {record.recovery for record in told} == {report.run}  # type: ignore[attr-defined]  # an extra
    assert {record.subject for record in told[1:4]} == {"a"}  # type: ignore[attr-defined]  # an extra
    assert (told[-1].isolated, told[-1].repaired, told[-1].errors) == (1, 0, 0)  # type: ignore[attr-defined]  # extras


def test_o3_what_is_healed_is_told(virtual_clock: VirtualClock, log: Log) -> None:
    """SPEC O3: after the repair that succeeded."""
    bench = Workbench("mend", mends="mend")
    bench.break_("a")
    bench.loop().run_once_threads()

    messages = [record.getMessage() for record in log.records if record.name == "yaoki.recovery"]

    assert messages == ["recovery started", "anomaly found", "repair succeeded", "subject healed", "recovery ended"]


def test_o3_each_error_of_a_recovery_is_an_error(log: Log) -> None:
    """SPEC O3: the report itself stays INFO."""
    report = RecoveryReport("run-1", "pool", "conservative", started_at=0.0, dry_run=False)
    report.errors += ["the detector locks took too long", "the journal is full"]

    events.emit(events.RecoveryEnded(recovery="pool", run="run-1", report=report))

    assert log.told("error", "errors", "loop") == [
        ("ERROR", "recovery error", "the detector locks took too long", None, "pool"),
        ("ERROR", "recovery error", "the journal is full", None, "pool"),
        ("INFO", "recovery ended", None, 2, "pool"),
    ]


@pytest.mark.parametrize("severity", list(Severity))
def test_o3_an_anomaly_is_told_at_its_severity(log: Log, severity: Severity) -> None:
    """SPEC O3: a critical one is critical."""
    events.emit(
        events.AnomalyFound(
            recovery="pool",
            run="run-1",
            subject="slot-1",
            kind="corrupted",
            severity=severity.name.lower(),
            detail="no HEAD",
            decision="repair",
            resumed=False,
        )
    )

    assert log.told("subject", "kind", "detail") == [(severity.name, "anomaly found", "slot-1", "corrupted", "no HEAD")]


def test_o3_a_failed_repair_has_its_classification(log: Log) -> None:
    """SPEC O3: every failure is told once, with what it was classified as."""
    fault = classify(PermissionError())
    events.emit(
        events.RepairEnded(
            recovery="pool", run="run-1", subject="slot-1", step="unlock", attempt=2, ok=False, detail="no", fault=fault
        )
    )

    assert log.told("step", "attempt", "error") == [("WARNING", "repair failed", "unlock", 2, "PermissionError")]


def test_o1_recoveries_are_counted(virtual_clock: VirtualClock) -> None:
    """SPEC O1: runs, anomalies by what came of them, errors of the recovery itself."""
    collector = YaokiCollector()
    bench = Workbench("mend")
    bench.break_("a")
    bench.loop().run_once_threads()

    found = scrape(collector)
    collector.close()

    assert of(found, "yaoki_recoveries_total") == {("bench",): 1.0}
    assert of(found, "yaoki_recovery_anomalies_total") == {("corrupted", "bench", "isolated"): 1.0}
    assert of(found, "yaoki_recovery_errors_total") == {("bench",): 0.0}

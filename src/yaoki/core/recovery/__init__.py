"""Recovery: detect what is wrong, repair it, verify, isolate what cannot be repaired, report (SPEC H3).

loop = RecoveryLoop("pool", [Detector("slots", find_damaged)], [ladder], journal=folder / "recovery.db", quarantine=attic)
report = loop.run_once_threads(CONSERVATIVE)
"""

from __future__ import annotations

from yaoki.core.recovery.anomaly import CORRUPTED, LONG_ALLOCATED, ORPHANED_LOCK, Anomaly, Detector, Verdict
from yaoki.core.recovery.journal import RecoveryBusyError
from yaoki.core.recovery.ladder import Attempt, Quarantine, Repair, RepairLadder
from yaoki.core.recovery.report import Handled, Isolation, RecoveryReport, Result
from yaoki.core.recovery.schedule import Daily, Every
from yaoki.core.recovery.strategy import AGGRESSIVE, CONSERVATIVE, MAINTENANCE, Decision, Strategy
from yaoki.core.recovery.supervisor import RecoveryLoop

__all__ = [
    "AGGRESSIVE",
    "CONSERVATIVE",
    "CORRUPTED",
    "LONG_ALLOCATED",
    "MAINTENANCE",
    "ORPHANED_LOCK",
    "Anomaly",
    "Attempt",
    "Daily",
    "Decision",
    "Detector",
    "Every",
    "Handled",
    "Isolation",
    "Quarantine",
    "RecoveryBusyError",
    "RecoveryLoop",
    "RecoveryReport",
    "Repair",
    "RepairLadder",
    "Result",
    "Strategy",
    "Verdict",
]

"""SPEC H3: what each strategy repairs, reports and does not look at."""

from __future__ import annotations

import pytest

from yaoki import ConfigurationError
from yaoki.core.recovery import (
    AGGRESSIVE,
    CONSERVATIVE,
    CORRUPTED,
    LONG_ALLOCATED,
    MAINTENANCE,
    ORPHANED_LOCK,
    Anomaly,
    Decision,
    Strategy,
)

HOUR = 3600.0
REPAIR, REPORT, LEAVE = Decision.REPAIR, Decision.REPORT, Decision.LEAVE


@pytest.mark.parametrize(
    ("strategy", "hours", "decision"),
    [
        (CONSERVATIVE, 47.99, LEAVE),
        (CONSERVATIVE, 48.0, REPORT),
        (CONSERVATIVE, 4800.0, REPORT),
        (AGGRESSIVE, 23.99, LEAVE),
        (AGGRESSIVE, 24.0, REPAIR),
        (MAINTENANCE, 4800.0, LEAVE),
    ],
)
def test_long_allocated(strategy: Strategy, hours: float, decision: Decision) -> None:
    """SPEC H3: from 48 h reported only; from 24 h released by force; not looked at."""
    assert strategy.decide(Anomaly(LONG_ALLOCATED, "slot1", age=hours * HOUR)) is decision


@pytest.mark.parametrize("strategy", [CONSERVATIVE, AGGRESSIVE, MAINTENANCE])
@pytest.mark.parametrize("kind", [CORRUPTED, ORPHANED_LOCK, "leaking"])
def test_all_three_recover_what_is_corrupted_and_clean_locks(strategy: Strategy, kind: str) -> None:
    """SPEC H3: all three recover what is corrupted and clean orphaned locks."""
    assert strategy.decide(Anomaly(kind, "slot1")) is REPAIR


def test_an_allocation_of_unknown_age_is_old_enough() -> None:
    """SPEC H3: a detector that has its own threshold gives no age."""
    assert AGGRESSIVE.decide(Anomaly(LONG_ALLOCATED, "slot1")) is REPAIR


def test_a_strategy_of_ones_own() -> None:
    """SPEC H3, W3: the parameters of auto_recover make a strategy."""
    own = CONSERVATIVE.replace(long_allocated_after=HOUR, recover_corrupted=False, clean_orphaned_locks=False)

    assert own.decide(Anomaly(LONG_ALLOCATED, "slot1", age=HOUR)) is REPORT
    assert own.decide(Anomaly(CORRUPTED, "slot1")) is REPORT
    assert own.decide(Anomaly(ORPHANED_LOCK, "slot1")) is REPORT


def test_a_strategy_cannot_be_changed() -> None:
    """The three are shared by the whole program."""
    with pytest.raises(AttributeError, match="replace"):
        AGGRESSIVE.force_release = False


def test_a_negative_age_is_refused() -> None:
    """A wrong figure is refused with the parameter's name."""
    with pytest.raises(ConfigurationError, match="long_allocated_after"):
        Strategy("odd", long_allocated_after=-1.0)


def test_an_anomaly_survives_being_written_down() -> None:
    """SPEC H3: the journal gives back the very anomaly."""
    anomaly = Anomaly("odd", "slot1", "detail", age=3.0, facts={"path": ["a", 1]})

    assert Anomaly.from_dict(anomaly.to_dict()).to_dict() == anomaly.to_dict()


def test_facts_must_be_json_ready() -> None:
    """What cannot be written down is refused where it comes from."""
    with pytest.raises(ConfigurationError, match="facts"):
        Anomaly("odd", "slot1", facts={"object": object()})

"""SPEC H3: a rung that has nothing to mend is passed over before it is begun."""

from __future__ import annotations

import pytest

from tests.unit.recovery.workbench import Workbench
from yaoki import ConfigurationError
from yaoki.core.recovery import Anomaly, Repair, Result

pytestmark = pytest.mark.virtual_time(grace=0.4)


def test_a_rung_that_does_not_apply_leaves_no_trace() -> None:
    """SPEC H3: it is in no report, and its quarantine is not asked."""
    bench = Workbench("dust", "mend", mends="mend")
    bench.settings["dust"] = {"applies": lambda anomaly: False, "destructive": True}
    bench.break_("a")

    report = bench.loop().run_once_threads()

    assert bench.done == ["mend a"]
    assert [(each.result, each.steps) for each in report.handled] == [(Result.REPAIRED, ("mend",))]


@pytest.mark.parametrize("answer", [True, None, 0, "no"])
def test_only_a_clear_no_passes_a_rung_over(answer: object) -> None:
    """SPEC H3: a rung too many does less harm than one too few."""
    bench = Workbench("mend", mends="mend")
    bench.settings["mend"] = {"applies": lambda anomaly: answer}
    bench.break_("a")

    bench.loop().run_once_threads()

    assert bench.done == ["mend a"]


async def test_the_question_may_be_a_coroutine_function() -> None:
    """SPEC H3: as repairs and verifications may."""
    bench = Workbench("dust", "mend", mends="mend")

    async def applies(anomaly: Anomaly) -> bool:
        return anomaly.subject != "a"

    bench.settings["dust"] = {"applies": applies}
    bench.break_("a")

    await bench.loop().run_once()

    assert bench.done == ["mend a"]


def test_a_question_that_raises_is_an_error_and_the_next_rung_is_tried() -> None:
    """SPEC H3: whoever cannot tell whether it applies does not begin."""
    bench = Workbench("dust", "mend", mends="mend")

    def applies(anomaly: Anomaly) -> bool:
        raise OSError("unreadable")

    bench.settings["dust"] = {"applies": applies}
    bench.break_("a")

    report = bench.loop().run_once_threads()

    assert bench.done == ["mend a"]
    assert "whether dust applies" in report.errors[0]
    assert report.count(Result.REPAIRED) == 1


def test_where_no_rung_applies_the_subject_is_isolated() -> None:
    """SPEC H3: with what was found wrong as the reason."""
    bench = Workbench("dust", mends="dust")
    bench.settings["dust"] = {"applies": lambda anomaly: False}
    bench.break_("a")
    loop = bench.loop()

    assert loop.run_once_threads().count(Result.ISOLATED) == 1
    assert (bench.done, loop.isolations()["a"].reason) == ([], "a is broken")


def test_what_cannot_be_called_is_refused() -> None:
    """A wrong value is refused with the parameter's name."""
    with pytest.raises(ConfigurationError, match="applies"):
        Repair("mend", bool, applies=True)  # type: ignore[arg-type]  # on purpose

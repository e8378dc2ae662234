"""The table that users read is the table that the code has (SPEC F5, F6)."""

from __future__ import annotations

from pathlib import Path

import pytest

from yaoki.core.faults.kinds import KINDS, Kind, by_name

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "kinds.md"
EMPTY = "-"


def rows() -> list[list[str]]:
    """The rows of the tables whose first column is a code."""
    cells = [
        [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        for line in PAGE.read_text("utf-8").splitlines()
        if line.startswith("| ")
    ]
    return [row for row in cells if row[0].isdigit()]


def numbers(values: tuple[int, ...]) -> str:
    return " / ".join(map(str, values)) or EMPTY


def as_row(kind: Kind) -> list[str]:
    """A kind as the page shows it."""
    recoverability = kind.recoverability.name.lower()
    if kind.recoverability_when is not None:
        recoverability += f"; {kind.when}: {kind.recoverability_when.name.lower()}"
    rfc = numbers(kind.rfc6733)
    if kind.reasons:
        rfc = " / ".join(f"{code} {reason}" for code, reason in zip(kind.rfc6733, kind.reasons, strict=True))
    foreign = EMPTY if kind.foreign is None else str(kind.foreign)
    axes = [kind.category.value, kind.severity.name.lower(), recoverability, kind.origin.value]
    return [str(kind.code), kind.name, *axes, kind.error or EMPTY, numbers(kind.cdde), rfc, foreign]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[1])
def test_a_row_of_the_page_is_a_kind(row: list[str]) -> None:
    """SPEC F6: row by row, column by column."""
    assert row == as_row(by_name[row[1]])


def test_the_page_has_all_kinds_in_order() -> None:
    """SPEC F6: none is missing."""
    assert [row[1] for row in rows()] == [kind.name for kind in KINDS]

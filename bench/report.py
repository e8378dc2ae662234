"""The report: every figure with its target, as text, as JSON, and as a page of the documentation.

It names the command, the interpreter and the number of cores, and nothing else about the machine.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Measure = Literal["ratio", "value"]


@dataclass
class Figure:
    """One figure. `ratio` is to the hand-written wrapper, or to what `title` says; the limit is for `measure`."""

    row: str
    title: str
    library: str
    version: str | None = None
    installed: bool = True
    value: float | None = None
    unit: str = "ns"
    ratio: float | None = None
    spread: tuple[float, float] | None = None
    """The middle half of the rounds' ratios."""
    limit: float | None = None
    measure: Measure = "ratio"
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None if there is none, or nothing was measured."""
        figure = self.ratio if self.measure == "ratio" else self.value
        if self.limit is None or figure is None:
            return None
        return figure >= self.limit if self.at_least else figure <= self.limit

    @property
    def target(self) -> str:
        """The target as text, or an empty text."""
        if self.limit is None:
            return ""
        unit = f" {self.unit}" if self.measure == "value" else ""
        return f"{'>=' if self.at_least else '<='} {self.limit:.{0 if self.measure == 'value' else 2}f}{unit}"

    @property
    def verdict(self) -> str:
        """The verdict as text, or an empty text."""
        if self.limit is None:
            return ""
        return {True: "met", False: "MISSED", None: "not measured"}[self.met]

    @property
    def shown_value(self) -> str:
        """The value with its unit."""
        if not self.installed:
            return "not installed"
        return "" if self.value is None else f"{self.value:.{1 if self.unit == 'ms' else 0}f} {self.unit}"

    @property
    def shown_ratio(self) -> str:
        """The ratio, with a third decimal where two would hide that the target is missed."""
        if self.ratio is None:
            return ""
        close = self.met is False and self.measure == "ratio" and round(self.ratio, 2) == self.limit
        return f"{self.ratio:.{3 if close else 2 if self.ratio < 10 else 1}f}"


@dataclass
class Report:
    """All figures of one run, and how they were made."""

    command: str
    python: str
    cores: int
    rounds: int
    figures: list[Figure]

    @property
    def missed(self) -> list[Figure]:
        """The figures that miss their target."""
        return [figure for figure in self.figures if figure.met is False]

    def of_row(self, row: str) -> list[Figure]:
        """The figures of one row, in order."""
        return [figure for figure in self.figures if figure.row == row]

    def rows(self) -> list[str]:
        """The rows in order."""
        return list(dict.fromkeys(figure.row for figure in self.figures))


def as_text(report: Report) -> str:
    """A table for a terminal, row by row."""
    lines = [f"{report.command}: {report.python}, {report.cores} cores, {report.rounds} rounds", ""]
    for row in report.rows():
        figures = report.of_row(row)
        lines.append(f"{figures[0].title}  [{row}]")
        for figure in figures:
            line = f"  {figure.library:<18}{figure.shown_value:>16}{figure.shown_ratio:>9}  {figure.target:<12}{figure.verdict}"
            lines.append(line.rstrip())
        lines.append("")
    with_target = [figure for figure in report.figures if figure.limit is not None]
    met = sum(1 for figure in with_target if figure.met)
    lines.append(f"{met} of {len(with_target)} targets met")
    lines.extend(
        f"MISSED {figure.row}: {figure.shown_ratio if figure.measure == 'ratio' else figure.shown_value}, target {figure.target}"
        for figure in report.missed
    )
    return "\n".join(lines) + "\n"


def as_json(report: Report) -> str:
    """Everything, for programs."""
    content = dataclasses.asdict(report)
    for figure, entry in zip(report.figures, content["figures"], strict=True):
        entry["met"] = figure.met
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


_INTRODUCTION = """# Benchmark

<!-- Written by the command below; do not edit. -->

Made by `{command}` with {python} on {cores} cores, {rounds} rounds. In every round each cell is measured once, in rotated order,
as the best of three slices; a ratio is the median over the rounds of the cell's time divided by that of a hand-written wrapper
of the same kind (`try`, `except` and a counter, with `*args, **kwargs`) in the same round. The guarded function returns its
argument. The loop around the call is in every figure. Times are those of one machine and one hour; the ratios travel.

A retry waits for zero seconds here. tenacity, stamina, backoff, interlock-cb, pyresilience and redress call `time.sleep(0)` for it,
which is most of what one retry costs them.
"""

_SYNC_COLUMNS = ("breaker", "breaker_rate", "breaker_time", "retry", "stack", "reject", "one_retry")
_ASYNC_COLUMNS = ("async_breaker", "async_retry", "async_stack", "async_timeout", "async_reject", "async_one_retry")
_OTHER_COLUMNS = ("breaker_bytes", "imports", "threads_wait", "threads_scale")


def as_markdown(report: Report, *, ours: str, order: Sequence[str]) -> str:
    """A page for the documentation; `ours` is the library that the targets are for, `order` that of the libraries."""
    parts = [
        _INTRODUCTION.format(command=report.command, python=report.python, cores=report.cores, rounds=report.rounds),
        "## Targets\n\n" + _targets(report, ours),
    ]
    comparisons = (
        ("Beside its peers: synchronous", _SYNC_COLUMNS),
        ("Beside its peers: asynchronous", _ASYNC_COLUMNS),
        ("Beside its peers: memory, import, threads", _OTHER_COLUMNS),
    )
    for heading, columns in comparisons:
        table = _comparison(report, columns, order)
        if table:
            parts.append(f"## {heading}\n\n{table}")
    return "\n".join(parts)


def _targets(report: Report, ours: str) -> str:
    rows = []
    for figure in report.figures:
        if figure.library != ours:
            continue
        ratio = figure.shown_ratio
        if figure.spread is not None:
            ratio += f" ({figure.spread[0]:.2f} to {figure.spread[1]:.2f})"
        target = figure.target.replace("<=", "≤").replace(">=", "≥")
        verdict = "**missed**" if figure.met is False else figure.verdict
        rows.append((figure.title, figure.shown_value, ratio, target, verdict))
    note = "In brackets the middle half of the rounds.\n"
    return _table(("what", "figure", "ratio", "target", ""), rows) + "\n" + note


def _comparison(report: Report, columns: Sequence[str], order: Sequence[str]) -> str:
    present = [column for column in columns if report.of_row(column)]
    if not present:
        return ""
    found = {(figure.row, figure.library): figure for column in present for figure in report.of_row(column)}
    versions = {figure.library: figure.version for figure in found.values()}
    lines = []
    for library in sorted(versions, key=order.index):
        name = library if versions[library] is None else f"{library} {versions[library]}"
        lines.append((name, *(_shown(found.get((column, library))) for column in present)))
    titles = "\n".join(f"- `{column}`: {report.of_row(column)[0].title}" for column in present)
    return f"{titles}\n\n{_table(('library', *(f'`{column}`' for column in present)), lines)}"


def _shown(figure: Figure | None) -> str:
    if figure is None:
        return "-"
    if figure.value is None or figure.ratio is None:
        return figure.shown_value or figure.shown_ratio or "-"
    return f"{figure.shown_value} ({figure.shown_ratio})"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)

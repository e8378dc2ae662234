"""Interleaved rounds: how cells are compared on a machine that is never quiet.

In every round each cell is measured once, in an order that is rotated from round to round; a measurement is the best of three
slices. A cell's ratio is the median, over the rounds, of its time divided by the yardstick's in the same round, so a slow
minute hits both. The garbage collector runs between measurements and never within.
"""

from __future__ import annotations

import gc
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.cells import HAND, Cell

SLICES = 3


@dataclass
class Timing:
    """The rounds of one cell: nanoseconds per call, and times the yardstick."""

    row: str
    library: str
    nanoseconds: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)

    @property
    def ns(self) -> float:
        """The median time of a call."""
        return statistics.median(self.nanoseconds)

    @property
    def ratio(self) -> float | None:
        """The median ratio to the yardstick of the row, or None where that was not measured."""
        return statistics.median(self.ratios) if self.ratios else None


def calls_in(measure: Callable[[int], int], slice_ns: int) -> int:
    """How many calls take about `slice_ns`; warms the cell up on the way."""
    calls = 1
    while (elapsed := measure(calls)) < slice_ns // 4:
        calls *= 2
    return max(1, calls * slice_ns // max(1, elapsed))


def measure(cells: Sequence[Cell], *, rounds: int, slice_ns: int) -> list[Timing]:
    """Measure all cells in interleaved rounds."""
    timings = [Timing(cell.row.name, cell.library.name) for cell in cells]
    yardsticks = {cell.row.name: index for index, cell in enumerate(cells) if cell.library is HAND}
    calls = [calls_in(cell.measure, slice_ns) for cell in cells]
    gc.collect()
    gc.freeze()
    try:
        for number in range(rounds):
            _show_progress(number, rounds)
            first = number * len(cells) // rounds
            for index in (*range(first, len(cells)), *range(first)):
                timings[index].nanoseconds.append(_best(cells[index].measure, calls[index]))
            for cell, timing in zip(cells, timings, strict=True):
                if cell.row.name in yardsticks:
                    yardstick = timings[yardsticks[cell.row.name]]
                    timing.ratios.append(timing.nanoseconds[-1] / yardstick.nanoseconds[-1])
    finally:
        gc.unfreeze()
    return timings


def _best(measure: Callable[[int], int], calls: int) -> float:
    gc.collect()
    gc.disable()
    try:
        return min(measure(calls) for _ in range(SLICES)) / calls
    finally:
        gc.enable()


def _show_progress(number: int, rounds: int) -> None:
    if sys.stderr.isatty():
        print(f"\rround {number + 1} of {rounds} ", end="\n" if number + 1 == rounds else "", file=sys.stderr, flush=True)

"""`python -m bench`: measure, print, write. Exit status 1 with `--check` if Yaoki misses a target, else 0."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import cells, imports, memory, threads
from bench.library import Library
from bench.report import Figure, Report, as_json, as_markdown, as_text
from bench.rounds import Timing, measure

_OTHER_ROWS = ("breaker_bytes", "key_bytes", "imports", "threads_wait", "threads_scale")


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    rounds: int
    slice_ns: int
    breakers: int
    keys: int
    import_rounds: int
    thread_rounds: int
    waiting_calls: int
    computing_seconds: float


FULL = Extent(
    rounds=31,
    slice_ns=4_000_000,
    breakers=20_000,
    keys=1_000_000,
    import_rounds=7,
    thread_rounds=9,
    waiting_calls=50,
    computing_seconds=0.04,
)
QUICK = Extent(
    rounds=3,
    slice_ns=200_000,
    breakers=1_000,
    keys=5_000,
    import_rounds=1,
    thread_rounds=1,
    waiting_calls=5,
    computing_seconds=0.002,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run with command-line arguments and return the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = _parser()
    options = parser.parse_args(given)
    libraries = cells.LIBRARIES[:3] if options.quick else cells.LIBRARIES
    wanted = set(options.cells or ())
    if options.list:
        print("\n".join(_names(libraries)))
        return 0
    unknown = wanted - set(_names(libraries))
    if unknown:
        parser.error(f"no such cell: {', '.join(sorted(unknown))}; --list shows them")
    extent = QUICK if options.quick else FULL
    rounds = options.rounds or extent.rounds
    report = Report(
        command=_command(given),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        cores=os.cpu_count() or 1,
        rounds=rounds,
        figures=[*_timings(wanted, libraries, extent, rounds), *_others(wanted, libraries, extent)],
    )
    print(as_text(report), end="")
    if options.json:
        options.json.write_text(as_json(report), encoding="utf-8")
    if options.markdown:
        options.markdown.write_text(
            as_markdown(report, ours=cells.YAOKI.name, order=[library.name for library in cells.LIBRARIES]), encoding="utf-8"
        )
    return 1 if options.check and report.missed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="What a guarded call costs, in ratios of one run.")
    parser.add_argument("--quick", action="store_true", help="few rounds and no peers: shows that it works, not how fast")
    parser.add_argument("--cells", nargs="+", metavar="NAME", help="only these: a row, a library, or row/library")
    parser.add_argument("--list", action="store_true", help="print the names that --cells takes")
    parser.add_argument("--rounds", type=int, metavar="N", help=f"rounds of measuring (default {FULL.rounds})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the page for the documentation")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a target is missed")
    return parser


def _names(libraries: Sequence[Library]) -> list[str]:
    pairs = cells.select((), libraries)
    rows = list(dict.fromkeys(row.name for row, _ in pairs))
    return [*rows, *_OTHER_ROWS, *(library.name for library in libraries), *(f"{row.name}/{each.name}" for row, each in pairs)]


def _command(given: Sequence[str]) -> str:
    # A path may say where somebody works.
    shown = [Path(each).name if Path(each).is_absolute() else each for each in given]
    return " ".join(["python -m bench", *shown])


def _timings(wanted: set[str], libraries: Sequence[Library], extent: Extent, rounds: int) -> list[Figure]:
    timed = wanted - set(_OTHER_ROWS)
    pairs = cells.select(timed, libraries) if timed or not wanted else []
    with asyncio.Runner() as runner:
        made = [cells.build(row, library, runner) for row, library in pairs if library.installed()]
        timings = measure(made, rounds=rounds, slice_ns=extent.slice_ns)
    found = {(timing.row, timing.library): timing for timing in timings}
    return [_timing_figure(row, library, found.get((row.name, library.name))) for row, library in pairs]


def _timing_figure(row: cells.Row, library: Library, timing: Timing | None) -> Figure:
    figure = Figure(row.name, row.title, library.name, version=library.version(), installed=timing is not None)
    if library is cells.YAOKI:
        figure.limit = row.limit
    if timing is not None:
        figure.value = timing.ns
        figure.ratio = timing.ratio
        if len(timing.ratios) > 1:
            low, _, high = statistics.quantiles(timing.ratios, n=4)
            figure.spread = (low, high)
    return figure


def _others(wanted: set[str], libraries: Sequence[Library], extent: Extent) -> list[Figure]:
    def asked(row: str) -> bool:
        return not wanted or row in wanted

    everyone = tuple(libraries)
    figures: list[Figure] = []
    if asked("breaker_bytes"):
        figures += memory.breakers(everyone, count=extent.breakers)
    if asked("key_bytes"):
        figures += memory.keys(count=extent.keys)
    if asked("imports"):
        figures += imports.imports(everyone, rounds=extent.import_rounds)
    if asked("threads_wait"):
        figures += threads.waiting(everyone, rounds=extent.thread_rounds, calls=extent.waiting_calls)
    if asked("threads_scale"):
        figures += threads.scaling(everyone, rounds=extent.thread_rounds, seconds=extent.computing_seconds)
    return figures


if __name__ == "__main__":
    sys.exit(main())

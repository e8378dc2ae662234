"""Bytes per breaker and per key, as tracemalloc counts them: what the interpreter's allocator handed out, list of keys excluded.

The keys are measured in a process of their own, `python -m bench.memory`, since a million of them leave traces in the allocator;
once more without tracemalloc, by the growth of the resident set, where the platform tells it.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from bench.cells import YAOKI
from bench.library import Library
from bench.report import Figure
from bench.targets import works

BREAKER_LIMIT = 160.0
KEY_LIMIT = 300.0


def breakers(libraries: tuple[Library, ...], *, count: int) -> list[Figure]:
    """Bytes per breaker of each library that has one to show; for Yaoki also after a call through each."""
    figures = []
    for library in libraries:
        make = library.maker()
        if make is None:
            continue
        figure = Figure(
            "breaker_bytes",
            "bytes per breaker (Yaoki: with a rate window)",
            library.name,
            version=library.version(),
            installed=library.installed(),
            unit="B",
            measure="value",
            limit=BREAKER_LIMIT if library is YAOKI else None,
        )
        if figure.installed:
            figure.value = bytes_each(make, count)
        figures.append(figure)
    if YAOKI in libraries:
        figure = Figure(
            "breaker_bytes_called", "the same after one explicit call", YAOKI.name, unit="B", installed=YAOKI.installed()
        )
        if figure.installed:
            figure.value = bytes_each(_called, count)
        figures.append(figure)
    return figures


def _called() -> object:
    breaker = YAOKI.breaker_object()
    breaker.call(works, 1)
    return breaker


def bytes_each(make: Callable[[], object], count: int) -> float:
    """Bytes that each of `count` objects holds."""
    make()
    kept: list[object] = [None] * count
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for index in range(count):
            kept[index] = make()
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return (after - before) / count


def keys(*, count: int) -> list[Figure]:
    """Bytes per key of a keyed breaker + retry after a call with each, by tracemalloc and by the resident set."""
    traced = Figure(
        "key_bytes",
        f"bytes per key of a keyed breaker + retry, {count} keys (tracemalloc)",
        YAOKI.name,
        installed=YAOKI.installed(),
        unit="B",
        measure="value",
        limit=KEY_LIMIT,
    )
    resident = Figure(
        "key_resident", "the same by the growth of the resident set", YAOKI.name, installed=YAOKI.installed(), unit="B"
    )
    if YAOKI.installed():
        traced.value = _in_a_new_process("traced", count)
        resident.value = _in_a_new_process("resident", count)
    return [traced, resident] if resident.value is not None or not resident.installed else [traced]


def _in_a_new_process(how: str, count: int) -> float | None:
    answer = subprocess.run(
        [sys.executable, "-m", "bench.memory", how, str(count)],
        cwd=Path(__file__).resolve().parent.parent,
        check=True,
        capture_output=True,
        text=True,
    )
    value: float | None = json.loads(answer.stdout)
    return value


def _resident() -> int | None:
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else None


def _fill(how: str, count: int) -> float | None:
    # Plain integers, made before: the keys are the caller's, and nothing is said of their size.
    numbers = list(range(count))
    pipelines = YAOKI.pipeline().keyed(max_keys=count, idle_ttl=3600.0)
    YAOKI.pipeline().keyed(max_keys=10, idle_ttl=3600.0)[0].call(works, 1)
    gc.collect()
    if how == "traced":
        tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0] if how == "traced" else _resident()
    for number in numbers:
        pipelines[number].call(works, 1)
    gc.collect()
    after = tracemalloc.get_traced_memory()[0] if how == "traced" else _resident()
    tracemalloc.stop()
    return None if before is None or after is None else (after - before) / count


if __name__ == "__main__":
    print(json.dumps(_fill(sys.argv[1], int(sys.argv[2]))))

"""What an import costs: fresh interpreters in interleaved rounds, the best of three, the start of a bare interpreter subtracted.

Of Yaoki five names are imported and each is used: a pipeline is built of them, decorates a function, and that is called.
Of a peer the package is imported and nothing is done with it. All have their compiled files, made by one start before the first
that counts and kept in a directory of their own: the environment may forbid to write them, and then sources are compiled anew.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from time import perf_counter

from bench.cells import YAOKI
from bench.library import Library
from bench.report import Figure
from bench.rounds import SLICES

LIMIT = 0.4
YARDSTICK = "tenacity"

_USED = """
from yaoki import Pipeline, Retry, CircuitBreaker, Timeout, Fallback
def answer(): return 1
guarded = Pipeline(Fallback(value=None), Timeout(3.0), Retry(), CircuitBreaker(), Timeout(1.0))(answer)
assert guarded() == 1
"""


def imports(libraries: tuple[Library, ...], *, rounds: int) -> list[Figure]:
    """Milliseconds per import, and times the import of tenacity."""
    modules = [library for library in libraries if library.module is not None]
    snippets = {"": "pass"}
    for library in modules:
        if library.installed():
            snippets[library.name] = _USED if library is YAOKI else f"import {library.imported or library.module}"
    times = _times(snippets, rounds)
    costs = {name: [each - start for each, start in zip(times[name], times[""], strict=True)] for name in snippets if name}
    figures = []
    for library in modules:
        figure = Figure(
            "imports",
            "import (Yaoki: five names, each used), against `import tenacity`",
            library.name,
            version=library.version(),
            installed=library.installed(),
            unit="ms",
            limit=LIMIT if library is YAOKI else None,
        )
        if library.name in costs:
            figure.value = 1000 * statistics.median(costs[library.name])
            if YARDSTICK in costs:
                figure.ratio = statistics.median(costs[library.name]) / statistics.median(costs[YARDSTICK])
        figures.append(figure)
    return figures


def _times(snippets: dict[str, str], rounds: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in snippets}
    names = list(snippets)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as compiled:
        environment["PYTHONPYCACHEPREFIX"] = compiled
        for name in names:
            _start(snippets[name], environment)
        for number in range(rounds):
            first = number % len(names)
            for name in names[first:] + names[:first]:
                times[name].append(min(_start(snippets[name], environment) for _ in range(SLICES)))
    return times


def _start(snippet: str, environment: dict[str, str]) -> float:
    started = perf_counter()
    subprocess.run([sys.executable, "-P", "-c", snippet], env=environment, check=True)
    return perf_counter() - started

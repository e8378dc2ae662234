"""Eight threads through one closed breaker: does the breaker let them work side by side?

Two questions. A body that waits 2 ms: throughput against the bare function, which falls to an eighth where a lock is held over
the call. A body that computes for about a microsecond: throughput of eight threads against that of one, both protected. The
bare call in the same table says how much of a loss is the interpreter's own; it is a loss on a machine that is busy.
"""

from __future__ import annotations

import statistics
import threading
import time
from time import perf_counter

from bench.cells import YAOKI
from bench.library import Bare, Library
from bench.report import Figure
from bench.rounds import SLICES
from bench.targets import Guard

THREADS = 8
WAIT_SECONDS = 0.002
WAIT_LIMIT = 0.98
SCALE_LIMIT = 0.95

_BARE = Bare()


def waits(value: int) -> int:
    """A call that waits for somebody else."""
    time.sleep(WAIT_SECONDS)
    return value


def computes(value: int) -> int:
    """A call that computes a little."""
    return sum(range(value))


def waiting(libraries: tuple[Library, ...], *, rounds: int, calls: int) -> list[Figure]:
    """Throughput of eight protected threads against eight bare ones, the body waiting 2 ms."""
    guards = {library.name: _guarded(library, waits) for library in libraries if _takes_part(library)}
    ratios: dict[str, list[float]] = {name: [] for name in guards}
    names = list(guards)
    for number in range(rounds):
        first = number % len(names)
        seconds = {name: _seconds(guards[name], THREADS, calls) for name in names[first:] + names[:first]}
        for name in names:
            ratios[name].append(seconds[_BARE.name] / seconds[name])
    title = f"{THREADS} threads, one closed breaker, 2 ms body: throughput against bare"
    return [_figure("threads_wait", title, library, ratios, WAIT_LIMIT) for library in libraries if _has_breaker(library)]


def scaling(libraries: tuple[Library, ...], *, rounds: int, seconds: float) -> list[Figure]:
    """Throughput of eight protected threads against one, the body computing; a measurement takes about so many seconds."""
    guards = {library.name: _guarded(library, computes) for library in libraries if _takes_part(library)}
    ratios: dict[str, list[float]] = {name: [] for name in guards}
    calls = {name: max(1, int(seconds / _seconds(guard, 1, 400) * 400 / THREADS)) for name, guard in guards.items()}
    for _ in range(rounds):
        for name, guard in guards.items():
            # In turns, and the best of each: whatever else the machine does, it seldom helps.
            runs = [(_seconds(guard, 1, calls[name] * THREADS), _seconds(guard, THREADS, calls[name])) for _ in range(SLICES)]
            ratios[name].append(min(one for one, _ in runs) / min(many for _, many in runs))
    title = f"{THREADS} threads, one closed breaker, small body: throughput against 1 thread"
    return [_figure("threads_scale", title, library, ratios, SCALE_LIMIT) for library in libraries if _has_breaker(library)]


def _has_breaker(library: Library) -> bool:
    return library.guard("breaker") is not None


def _takes_part(library: Library) -> bool:
    return library.installed() and _has_breaker(library)


def _guarded(library: Library, body: Guard) -> Guard:
    decorate = library.guard("breaker")
    assert decorate is not None
    return decorate(body)


def _seconds(guard: Guard, threads: int, calls: int) -> float:
    # From before the start signal to the end of the last worker: this thread itself may get its turn late.
    barrier = threading.Barrier(threads + 1)
    ended: list[float] = []

    def work() -> None:
        barrier.wait()
        for _ in range(calls):
            guard(30)
        ended.append(perf_counter())

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    while barrier.n_waiting < threads:
        time.sleep(0.0001)
    started = perf_counter()
    barrier.wait()
    for worker in workers:
        worker.join()
    return max(ended) - started


def _figure(row: str, title: str, library: Library, ratios: dict[str, list[float]], limit: float) -> Figure:
    figure = Figure(row, title, library.name, version=library.version(), installed=library.installed(), at_least=True)
    if library.name in ratios:
        figure.ratio = statistics.median(ratios[library.name])
    if library is YAOKI:
        figure.limit = limit
    return figure

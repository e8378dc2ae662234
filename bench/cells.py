"""What is compared with what: the rows of the table, their targets, and the cells that fill them.

A row is one question ("what does a closed breaker cost?"), a cell the answer of one library. Every row says which hand-written
wrapper is its yardstick. The targets bind Yaoki only.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from bench import checks, loops, targets
from bench.handwritten import Handwritten
from bench.library import Bare, Library
from bench.ours import Yaoki
from bench.peers import PEERS
from bench.targets import Decorate, Target

KEYS = 10_000


@dataclass(frozen=True)
class Row:
    """One question.

    `kind` is the guard that answers it, `hand` that of its yardstick if another; `form` says how it is called. `limit` is the
    highest ratio that Yaoki may have, or None.
    """

    name: str
    title: str
    kind: str
    form: str = "one_argument"
    hand: str | None = None
    limit: float | None = None
    opens: bool = False
    retries: bool = False


ROWS = (
    Row("breaker", "breaker closed: consecutive failures", "breaker", limit=0.70, opens=True),
    Row("breaker_rate", "breaker closed: failure rate over calls", "breaker_rate", hand="breaker", limit=0.70, opens=True),
    Row("breaker_time", "breaker closed: over a time window", "breaker_time", hand="breaker", limit=1.15, opens=True),
    Row("breaker_histogram", "breaker with latency histogram", "breaker_histogram", hand="breaker", limit=2.0, opens=True),
    Row("no_argument", "breaker, function without arguments", "breaker", "no_argument"),
    Row("one_keyword", "breaker, one keyword argument", "breaker", "one_keyword"),
    Row("three_keywords", "breaker, three keyword arguments", "breaker", "three_keywords"),
    Row("any_arguments", "breaker, function of `*args`", "breaker", "three_arguments"),
    Row("retry", "retry, success at once, budget on", "retry", limit=0.55, retries=True),
    Row("stack", "breaker + retry, budget on", "breaker_retry", limit=0.70, opens=True, retries=True),
    Row(
        "stack_deadline",
        "the same with a propagating total deadline",
        "breaker_retry_deadline",
        hand="breaker_retry",
        limit=1.75,
        opens=True,
        retries=True,
    ),
    Row(
        "stack_overdue",
        "the same, late values counted",
        "breaker_retry_overdue",
        hand="breaker_retry",
        opens=True,
        retries=True,
    ),
    Row("standard", "five-policy standard pipeline", "standard", hand="breaker_retry", limit=2.0, opens=True, retries=True),
    Row("explicit", "breaker + retry, `p.call(fn, x)`", "breaker_retry", "explicit", limit=1.5),
    Row("keyed", f"breaker + retry, `keyed[k].call(fn, x)`, {KEYS} keys", "breaker_retry", "keyed", limit=2.1),
    Row("reject", "refusal by an open breaker", "breaker", "refused", limit=1.3),
    Row("one_retry", "one retry without delay, type given, no budget", "retry_by_type", "fails_first", hand="retry", limit=3.5),
    Row("one_retry_budget", "one retry without delay, classifier and budget", "retry", "fails_first", limit=5.0),
    Row("async_breaker", "async breaker", "async_breaker", "awaited", limit=0.90, opens=True),
    Row("async_retry", "async retry", "async_retry", "awaited", retries=True),
    Row("async_stack", "async breaker + retry", "async_breaker_retry", "awaited", limit=0.90, opens=True, retries=True),
    Row("async_timeout", "async timeout, against `asyncio.timeout`", "async_timeout", "awaited", limit=0.30),
    Row("async_reject", "async refusal by an open breaker", "async_breaker", "awaited_refused", limit=1.3),
    Row("async_one_retry", "async, one retry without delay", "async_retry", "awaited_fails_first"),
)

YAOKI = Yaoki()
HAND = Handwritten()
LIBRARIES: tuple[Library, ...] = (Bare(), HAND, YAOKI, *PEERS)

# The bare call is shown once for each way of calling.
_BARE = ("breaker", "no_argument", "one_keyword", "three_keywords", "any_arguments", "async_breaker")
# What is asked of Yaoki alone.
_OURS = ("no_argument", "one_keyword", "three_keywords", "any_arguments", "explicit", "keyed", "one_retry_budget")

_TARGETS: dict[str, Target] = {
    "no_argument": targets.no_arguments,
    "one_keyword": targets.one_keyword,
    "three_keywords": targets.three_keywords,
    "three_arguments": targets.any_arguments,
}


@dataclass
class Cell:
    """One library's answer to one row: a function that makes so many calls and returns the nanoseconds they took."""

    row: Row
    library: Library
    measure: Callable[[int], int]


def kind_of(row: Row, library: Library) -> str:
    """The guard by which this library answers the row: the yardstick and the bare call have fewer kinds than the rows."""
    if library is HAND or isinstance(library, Bare):
        return row.hand or row.kind
    if row.name == "one_retry" and library is not YAOKI:
        return "retry"
    return row.kind


def answers(row: Row, library: Library) -> bool:
    """Whether the library has an answer to the row, installed or not."""
    if isinstance(library, Bare):
        return row.name in _BARE
    if row.name in _OURS and library not in (HAND, YAOKI):
        return False
    return library.guard(kind_of(row, library)) is not None


def select(names: Iterable[str], libraries: Iterable[Library]) -> list[tuple[Row, Library]]:
    """The cells that `names` ask for: a row, a library, or `row/library`; all if there are none. Yardsticks come along."""
    wanted = set(names)
    pairs = [(row, library) for row in ROWS for library in libraries if answers(row, library)]
    if not wanted:
        return pairs
    chosen = [(row, library) for row, library in pairs if wanted & {row.name, library.name, f"{row.name}/{library.name}"}]
    rows = {row.name for row, _ in chosen}
    return [(row, library) for row, library in pairs if (row, library) in chosen or (row.name in rows and library is HAND)]


def build(row: Row, library: Library, runner: asyncio.Runner) -> Cell:
    """Make the guard, check that it does what the row compares, and bring it into the state that is measured."""
    decorate = library.guard(kind_of(row, library))
    assert decorate is not None
    try:
        measure = _measure(row, library, decorate, runner)
        if not isinstance(library, Bare):
            _check(row, library, decorate, runner)
    except checks.UnfitGuardError as error:
        raise checks.UnfitGuardError(f"{row.name}/{library.name}: {error}") from error
    return Cell(row, library, measure)


def _measure(row: Row, library: Library, decorate: Decorate, runner: asyncio.Runner) -> Callable[[int], int]:
    match row.form:
        case "explicit" if library is YAOKI:
            return functools.partial(loops.explicit, YAOKI.pipeline())
        case "keyed" if library is YAOKI:
            keys = [f"peer-{number}" for number in range(KEYS)]
            pipelines = YAOKI.pipeline().keyed(max_keys=2 * KEYS, idle_ttl=3600.0)
            for key in keys:
                pipelines[key].call(targets.works, 1)
            return functools.partial(loops.keyed, pipelines, itertools.cycle(keys))
        case "refused":
            return functools.partial(loops.refused, *checks.tripped(decorate))
        case "fails_first":
            return functools.partial(loops.one_argument, decorate(targets.failing_first(targets.Counted())))
        case "awaited":
            return _in_loop(runner, loops.awaited, decorate(targets.works_async))
        case "awaited_refused":
            return _in_loop(runner, loops.awaited_refused, *runner.run(checks.tripped_async(decorate)))
        case "awaited_fails_first":
            return _in_loop(runner, loops.awaited, decorate(targets.failing_first_async(targets.Counted())))
        case "no_argument" | "one_keyword" | "three_keywords" | "three_arguments":
            return functools.partial(getattr(loops, row.form), decorate(_TARGETS[row.form]))
        case _:
            return functools.partial(loops.one_argument, decorate(targets.works))


def _in_loop(runner: asyncio.Runner, loop: Callable[..., Any], *arguments: Any) -> Callable[[int], int]:
    def measure(calls: int) -> int:
        elapsed: int = runner.run(loop(*arguments, calls))
        return elapsed

    return measure


def _check(row: Row, library: Library, decorate: Decorate, runner: asyncio.Runner) -> None:
    is_async = row.form.startswith("awaited")
    if row.opens and is_async:
        runner.run(checks.tripped_async(decorate))
    elif row.opens:
        checks.tripped(decorate)
    if (row.retries or row.form == "awaited_fails_first") and is_async:
        runner.run(checks.retries_async(decorate))
    elif row.retries or row.form == "fails_first":
        checks.retries(decorate)
    if row.name == "async_timeout":
        runner.run(checks.times_out(lambda call: library.async_timeout(call, 0.02)))  # type: ignore[attr-defined]  # it answers the row

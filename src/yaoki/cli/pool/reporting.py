"""What a command of `yaoki pool` prints: one JSON document, or tables and lines; and how it tells that it failed."""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import typer

from yaoki.cli.pool.exit_codes import ExitCode, exit_code_of
from yaoki.cli.problems import plainly
from yaoki.core.faults.errors import YaokiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rich.text import Text

__all__ = ["JSON_VERSION", "printable", "reported", "show_json", "show_table", "working"]

JSON_VERSION = 1
"""The shape of what `--json` prints. It grows by new fields; a field that changes its meaning makes a new version."""

_WIDE = 240
"""Columns of a table that goes to a file or a pipe, where nothing is to be cut off."""


@contextmanager
def reported(command: str, *, as_json: bool = False) -> Iterator[ExitStack]:
    """A block whose known problems end the command with their exit code: lines on the standard error stream, and with `as_json` a
    document with an `error` on the standard output. What is opened in it is closed by the stack that it gives.
    """
    with plainly(extra="repopool"), ExitStack() as ends:
        try:
            yield ends
        except YaokiError as error:
            _tell(command, _said(error), getattr(error, "kind", None) or "failed", error, as_json=as_json)
            raise typer.Exit(exit_code_of(error)) from None
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            _tell(command, f"{where}{error.strerror or error}", "os_error", error, as_json=as_json)
            raise typer.Exit(ExitCode.FAILED) from None


_WAYS_OUT = {
    "no_available_slot": "wait with --wait, add one with `yaoki pool add`, or take back those of the dead with `yaoki pool recover`",
    "pool_not_found": "`yaoki pool list` names those that there are, `yaoki pool create` makes one",
    "slot_not_found": "`yaoki pool status` names those that there are",
    "slot_allocation_failed": "`yaoki pool doctor` says what is wrong with them",
}
"""What helps at the command line, by the kind of the error; the errors themselves name methods."""


def _way_out(error: Exception) -> str:
    return _WAYS_OUT.get(getattr(error, "kind", None) or "", getattr(error, "way_out", ""))


def _said(error: YaokiError) -> str:
    problem, way_out = getattr(error, "problem", None), _way_out(error)
    if problem is None or getattr(error, "kind", None) not in _WAYS_OUT:
        return str(error)
    return f"{problem}; {way_out}"


def _tell(command: str, message: str, kind: str, error: Exception, *, as_json: bool) -> None:
    if as_json:
        about = {name: getattr(error, name, None) for name in ("repo_name", "slot_id")}
        show_json(command, error={"kind": kind, "message": message, "way_out": _way_out(error), **about})
    typer.echo(message, err=True)


def show_json(command: str, **content: object) -> None:
    """Print the one document of a command."""
    typer.echo(json.dumps({"version": JSON_VERSION, "command": command, **content}, indent=2, default=str))


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under their heads. What others have written is shown as it is, without its control characters."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None) if _is_terminal() else Console(width=_WIDE)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(each) for each in row))
    console.print(table)


def _is_terminal() -> bool:
    import sys

    return sys.stdout.isatty()


def _cell(value: object) -> Text:
    from rich.text import Text

    return Text("" if value is None else printable(str(value)))


def printable(text: str) -> str:
    """The text in one line, without characters that would speak to the terminal."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


@contextmanager
def working(what: str, progress: Callable[[], str] = str, *, quiet: bool = False) -> Iterator[None]:
    """A block of long work: on a terminal a line that moves, with what `progress` says; elsewhere one line. `quiet`: none."""
    from rich.console import Console

    console = Console(stderr=True)
    if quiet:
        yield
    elif not console.is_terminal:
        typer.echo(f"{what} …", err=True)
        yield
    else:
        with console.status(_Moving(what, progress), refresh_per_second=4):
            yield


class _Moving:
    """A line that is read anew at every look."""

    def __init__(self, what: str, progress: Callable[[], str]) -> None:
        self._what = what
        self._progress = progress

    def __rich__(self) -> Text:
        from rich.text import Text

        try:
            said = self._progress()
        except YaokiError:
            # The work itself tells what is wrong.
            said = ""
        return Text(f"{self._what} … {said}".rstrip())

"""How the command line tells what went wrong: one or two plain lines with a way out, never a traceback for a known problem.

| exit status | |
| --- | --- |
| 0 | done |
| 1 | it could not be done; the lines say why, and what helps |
| 2 | the command was written wrong |
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from yaoki.core.faults.errors import YaokiError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ProblemError", "plainly"]


class ProblemError(YaokiError):
    """A problem that its message tells completely."""


@contextmanager
def plainly(*, extra: str = "chat") -> Iterator[None]:
    """A block whose known problems end the command with status 1 and plain lines on the standard error stream.

    `extra`: what to install where a package is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "yaoki":
            raise
        typer.echo(
            f"This command needs {error.name}, which is not installed.\nInstall it with: pip install 'yaoki[{extra}]'", err=True
        )
        raise typer.Exit(1) from None
    except YaokiError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None

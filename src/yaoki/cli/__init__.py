"""The command line: `yaoki …`, one file for each group of commands. Heavy imports stand inside the commands."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; ends with SystemExit."""
    try:
        import typer  # noqa: F401  # is it there?
    except ModuleNotFoundError as error:
        sys.stderr.write(
            f"The command line needs {error.name}, which is not installed.\nInstall it with: pip install 'yaoki[chat]'\n"
        )
        raise SystemExit(1) from None
    from yaoki.cli.commands import app

    app(prog_name="yaoki")

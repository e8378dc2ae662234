"""`yaoki`: the groups of commands, and what all of them have."""

from __future__ import annotations

from typing import Annotated

import typer

import yaoki
from yaoki.cli import chat, pool, up

__all__ = ["app"]

app = typer.Typer(
    name="yaoki",
    help="Yaoki keeps services answering while what they depend on fails. Fall seven times, rise eight.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("up")(up.up)
app.add_typer(chat.app, name="chat")
app.add_typer(pool.app, name="pool")


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"yaoki {yaoki.__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """What stands before a command."""

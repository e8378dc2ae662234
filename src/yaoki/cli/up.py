"""`yaoki up`: the chat, all in one process, with its page."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  # typer reads the annotations
from typing import Annotated

import typer

from yaoki.cli.problems import plainly

__all__ = ["up"]


def up(
    port: Annotated[
        int | None, typer.Option("--port", help="The port to listen on; 0 takes a free one.", show_default="8700")
    ] = None,
    host: Annotated[str | None, typer.Option("--host", help="The address to listen on.", show_default="127.0.0.1")] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Where the index and the token are kept.", show_default="the user's data directory"),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="The configuration file.", show_default="yaoki.toml, if it is there")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser, where there is one.")] = True,
) -> None:
    """Start the chat: it answers questions about Python on a page, and goes on answering while parts of it are broken.

    The first start reads the documentation of this Python. Ctrl-C stops it; questions in flight are still answered.
    """
    with plainly():
        from yaoki.cli.chat_process import run_chat

        run_chat({"port": port, "host": host, "data_dir": data}, config, at_a_terminal=True, browser=browser)

"""`yaoki chat vector`: the search as a service of its own."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  # typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from yaoki.cli.problems import plainly

if TYPE_CHECKING:
    from yaoki.service.data_directory import Instance
    from yaoki.service.tokens import Token
    from yaoki.systems.chat.vector.preparation import Preparation

__all__ = ["vector"]


def vector(
    port: Annotated[
        int | None, typer.Option("--port", help="The port to listen on; 0 takes a free one.", show_default="8701")
    ] = None,
    host: Annotated[str | None, typer.Option("--host", help="The address to listen on.", show_default="127.0.0.1")] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", "--data-dir", help="Where the index and the token are kept.", show_default="the user's data directory"
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="The configuration file.", show_default="yaoki.toml, if it is there")
    ] = None,
) -> None:
    """Serve the search over HTTP: POST /search, and POST /documents with the token. Ctrl-C stops it."""
    with plainly():
        from yaoki.systems.chat.embeddings.threads import one_thread_each

        # Before anything imports numpy.
        one_thread_each()
        from yaoki.service.configuration import load
        from yaoki.service.data_directory import Instance, data_directory
        from yaoki.service.logs import setup_logs
        from yaoki.service.serving import leave
        from yaoki.service.tokens import Token
        from yaoki.systems.chat.configuration import ChatConfiguration
        from yaoki.systems.chat.vector.process import run

        settings = load(
            ChatConfiguration, section="chat", config=config, options={"vector_port": port, "host": host, "data_dir": data}
        )
        folder = data_directory("chat", settings.data_dir)
        # The chat may use the same folder: its index is changed in transactions.
        with Instance("chat vector", folder, lock_file="vector.lock") as instance:
            token = Token.load("chat", folder)
            setup_logs(level="warning")
            code = run(settings, folder, token, _Teller(instance, token))
        if code == 0:
            typer.echo("Stopped.")
        leave(code)


class _Teller:
    """Prints where the service is, and how far."""

    def __init__(self, instance: Instance, token: Token) -> None:
        self._instance = instance
        self._token = token
        self._told = -1
        self._ready = False

    def listening(self, address: str) -> None:
        self._instance.address = address
        typer.echo(f"The search is at  {address}")
        typer.echo(f"Adding documents needs the token ({self._token.source}).")

    def preparing(self, preparation: Preparation) -> None:
        index = preparation.index
        if index is None:
            step = preparation.percent // 25
            if step > self._told:
                self._told = step
                typer.echo(f"Preparing the index, {preparation.percent} %: {preparation.stage}", err=True)
        elif not self._ready:
            self._ready = True
            for notice in index.notices:
                typer.echo(notice, err=True)
            typer.echo(
                f"{len(index)} passages {'indexed' if index.built else 'in the index'}, {preparation.took or 0.0:.1f} s."
            )

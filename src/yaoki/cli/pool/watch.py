"""`yaoki pool watch`: the recovery of the pools as a service."""

from __future__ import annotations

from typing import Annotated

import typer

from yaoki.cli.pool.options import Config, Workspaces
from yaoki.cli.pool.recovery import StrategyName
from yaoki.cli.pool.reporting import reported

__all__ = ["watch"]


def watch(
    port: Annotated[
        int | None, typer.Option("--port", help="The port to listen on; 0 takes a free one.", show_default="8705")
    ] = None,
    host: Annotated[str | None, typer.Option("--host", help="The address to listen on.", show_default="127.0.0.1")] = None,
    strategy: Annotated[
        StrategyName | None, typer.Option("--strategy", help="How far a recovery goes.", show_default="conservative")
    ] = None,
    check_every: Annotated[
        float | None, typer.Option("--check-every", help="Seconds between two looks.", show_default="3600")
    ] = None,
    recover_at: Annotated[
        str | None, typer.Option("--recover-at", help="The time of day of the recovery.", show_default="02:00")
    ] = None,
    recover_every: Annotated[
        float | None,
        typer.Option("--recover-every", help="Seconds between two recoveries, instead of a time of day.", show_default=False),
    ] = None,
    staged: Annotated[
        bool | None,
        typer.Option("--staged/--at-once", help="Whether to recover first without forced release.", show_default="--at-once"),
    ] = None,
    settings: Annotated[
        str | None,
        typer.Option("--settings", help="The file with the table [repopool].", show_default="$YAOKI_CONFIG or ./yaoki.toml"),
    ] = None,
    workspaces: Workspaces = None,
    config: Config = None,
) -> None:
    """Look at the pools every hour and recover them every night, with probes and metrics, until SIGTERM or Ctrl-C."""
    options = {
        "port": port,
        "host": host,
        "strategy": None if strategy is None else strategy.value,
        "check_every": check_every,
        "recover_at": recover_at,
        "recover_every": recover_every,
        "staged": staged,
    }
    with reported("pool watch") as ends:
        from yaoki.cli.pool.opening import manager_of
        from yaoki.service.configuration import load
        from yaoki.service.data_directory import Instance, data_directory
        from yaoki.service.logs import setup_logs
        from yaoki.service.serving import leave
        from yaoki.systems.repopool.watch.configuration import WatchConfiguration
        from yaoki.systems.repopool.watch.process import run

        chosen = load(WatchConfiguration, section="repopool", config=settings, options=options)
        manager = manager_of(workspaces, config, ends)
        folder = data_directory("repopool", manager.config.workspaces_dir)
        with Instance("yaoki pool watch", folder, option="--workspaces") as instance:
            setup_logs(level=chosen.log_level)

            def listening(address: str) -> None:
                instance.address = address
                typer.echo(f"The watch over {folder} is at  {address}")

            code = run(manager, chosen, listening)
        if code == 0:
            typer.echo("Stopped.")
        leave(code)

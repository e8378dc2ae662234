"""The commands of `yaoki pool`, in the order in which they are needed."""

from __future__ import annotations

import typer

from yaoki.cli.pool import doctor, leases, pools, quarantine, recovery, run, slots, watch

__all__ = ["app"]

app = typer.Typer(help="Ready git workspaces for agents and jobs, in which nobody's work is lost.", no_args_is_help=True)
app.command("init")(pools.init)
app.command("create")(pools.create)
app.command("list")(pools.list_)
app.command("status")(pools.status)
app.command("run")(run.run)
app.command("allocate")(leases.allocate)
app.command("release")(leases.release)
app.command("heartbeat")(leases.heartbeat)
app.command("add")(slots.add)
app.command("remove")(slots.remove)
app.command("detect")(recovery.detect)
app.command("recover")(recovery.recover)
app.command("isolate")(slots.isolate)
app.command("doctor")(doctor.doctor)
app.add_typer(quarantine.app, name="quarantine")
app.command("unlock")(slots.unlock)
app.command("watch")(watch.watch)
app.command("config")(pools.config)

"""`yaoki pool quarantine list`, `restore`, `drop`: work of former tenants."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  # typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from yaoki.cli.pool.options import Config, DryRun, Json, PoolName, Workspaces
from yaoki.cli.pool.reporting import reported, show_json, show_table, working

if TYPE_CHECKING:
    from yaoki.systems.repopool.quarantine.entry import Entry

__all__ = ["app"]

app = typer.Typer(help="Work of former tenants: what there is, have it back, forget it.", no_args_is_help=True)

Ticket = Annotated[str, typer.Argument(metavar="TICKET", help="As `list` names it: slotN/NUMBER.")]
_DAY = 86400.0


@app.command("list")
def list_(
    pool: Annotated[
        str | None, typer.Argument(metavar="POOL", help="One pool; all of them if none is named.", show_default=False)
    ] = None,
    workspaces: Workspaces = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """What is kept, the oldest first."""
    with reported("pool quarantine list", as_json=as_json) as ends:
        from yaoki.cli.pool.opening import manager_of
        from yaoki.cli.pool.slot_view import size

        manager = manager_of(workspaces, config, ends)
        names = manager.list_pools() if pool is None else [pool]
        entries = [entry for name in names for entry in manager.quarantine(name).entries()]
        if as_json:
            show_json("pool quarantine list", entries=[_fields(entry) for entry in entries])
        elif not entries:
            typer.echo("Nothing is in quarantine.")
        else:
            columns = ("pool", "ticket", "kept at", "of", "size", "why", "what")
            rows = (
                (each.repo_name, each.ticket, each.kept_at[:19], each.holder, size(each.size), each.reason, _what(each))
                for each in entries
            )
            show_table(columns, rows)


def _fields(entry: Entry) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(entry)


def _what(entry: Entry) -> str:
    parts = [f"{len(entry.refs)} commits"] if entry.refs else []
    parts += [f"{len(entry.folders)} folders"] if entry.folders else []
    return ", ".join(parts)


@app.command()
def restore(
    pool: PoolName,
    ticket: Ticket,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="An empty folder, or one that is not there yet.")],
    workspaces: Workspaces = None,
    config: Config = None,
    as_json: Json = False,
    dry_run: DryRun = False,
) -> None:
    """Write kept work into a folder: the files as they were, and a repository with all kept commits. It stays in quarantine."""
    with reported("pool quarantine restore", as_json=as_json) as ends:
        from yaoki.cli.pool.opening import manager_of

        quarantine = manager_of(workspaces, config, ends).quarantine(pool)
        entry = quarantine.entry(ticket)
        target = folder.absolute()
        if not dry_run:
            with working(f"Restoring {ticket}", quiet=as_json):
                quarantine.restore(ticket, target)
        if as_json:
            show_json("pool quarantine restore", dry_run=dry_run, entry=_fields(entry), folder=target)
        else:
            typer.echo(f"{'Would be restored' if dry_run else 'Restored'}: {ticket}, {_what(entry)}, to {target}")


@app.command()
def drop(
    pool: PoolName,
    ticket: Annotated[
        str | None, typer.Argument(metavar="TICKET", help="One entry, as `list` names it.", show_default=False)
    ] = None,
    older_than: Annotated[
        float | None,
        typer.Option("--older-than", metavar="DAYS", min=0.0, help="All that is older.", show_default=False),
    ] = None,
    keep_bytes: Annotated[
        int | None,
        typer.Option("--keep-bytes", metavar="BYTES", min=0, help="The oldest until so much is left.", show_default=False),
    ] = None,
    workspaces: Workspaces = None,
    config: Config = None,
    as_json: Json = False,
    dry_run: DryRun = False,
) -> None:
    """Forget kept work for good: one entry, or by age and size."""
    by_rule = older_than is not None or keep_bytes is not None
    if (ticket is None) is not by_rule:
        raise typer.BadParameter("name either TICKET, or --older-than and --keep-bytes")
    with reported("pool quarantine drop", as_json=as_json) as ends:
        from yaoki.cli.pool.opening import manager_of
        from yaoki.cli.pool.slot_view import size

        quarantine = manager_of(workspaces, config, ends).quarantine(pool)
        if ticket is None:
            age = None if older_than is None else older_than * _DAY
            doomed = quarantine.expire(older_than=age, keep_bytes=keep_bytes, dry_run=dry_run)
        else:
            doomed = [quarantine.entry(ticket)]
            if not dry_run:
                quarantine.drop(ticket)
        if as_json:
            show_json("pool quarantine drop", dry_run=dry_run, dropped=[_fields(entry) for entry in doomed])
        else:
            total = size(sum(entry.size for entry in doomed))
            names = ", ".join(entry.ticket for entry in doomed) or "nothing"
            typer.echo(f"{'Would be dropped' if dry_run else 'Dropped'}: {names} ({total})")

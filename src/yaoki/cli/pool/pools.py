"""`yaoki pool init`, `create`, `list`, `status`, `config`: the pools as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from yaoki.cli.pool.options import Config, DryRun, Json, PoolName, Workspaces
from yaoki.cli.pool.reporting import reported, show_json, show_table, working

if TYPE_CHECKING:
    from collections.abc import Callable

    from yaoki.systems.repopool import PoolManager

__all__ = ["config", "create", "init", "list_", "status"]

Slots = Annotated[
    int | None, typer.Option("--slots", min=1, help="How many slots it has.", show_default="as the configuration says, else 2")
]


def init(workspaces: Workspaces = None, config: Config = None, as_json: Json = False, dry_run: DryRun = False) -> None:
    """Make the folder of the pools, and the pools that the configuration asks for; those that are half built are completed.

    Where there is no configuration, ./pools.toml is written, to begin with.
    """
    with reported("pool init", as_json=as_json) as ends:
        from yaoki.cli.pool.opening import configuration
        from yaoki.systems.repopool import PoolManager
        from yaoki.systems.repopool.configuration_files import found_file

        settings = configuration(workspaces, config)
        file = config or found_file()
        fresh = None if file is not None else Path.cwd() / "pools.toml"
        wanted = list(settings.pools)
        there: list[str] = []
        if not dry_run:
            manager = PoolManager(settings)
            ends.callback(manager.close)
            if fresh is not None:
                settings.save_to_file(fresh)
            with working(f"Making {len(wanted)} pools", quiet=as_json or not wanted):
                manager.initialize_pools_from_config()
            there = manager.list_pools()
        if as_json:
            facts = {"workspaces_dir": settings.workspaces_dir, "written": fresh, "pools": wanted, "dry_run": dry_run}
            show_json("pool init", **facts)
            return
        if dry_run:
            typer.echo(f"Would be made in {settings.workspaces_dir}: {', '.join(wanted) or 'nothing'}.")
        else:
            typer.echo(f"The pools are in {settings.workspaces_dir}: {', '.join(there) or 'none yet'}.")
        if fresh is not None:
            typer.echo(f"{'Would be written' if dry_run else 'Written'}: {fresh}")
        if not wanted and not there:
            typer.echo("Make one with: yaoki pool create NAME ADDRESS --slots 4")


def create(
    name: PoolName,
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="The repository: https, ssh, git or file address, or an absolute path.")
    ],
    slots: Slots = None,
    workspaces: Workspaces = None,
    config: Config = None,
    as_json: Json = False,
    dry_run: DryRun = False,
) -> None:
    """Make a pool of a repository; one that is half built is completed."""
    with reported("pool create", as_json=as_json) as ends:
        from yaoki.cli.pool.opening import manager_of
        from yaoki.cli.pool.slot_view import pool_fields
        from yaoki.systems.repopool.names import checked_address, checked_repo_name

        manager = manager_of(workspaces, config, ends)
        number = slots or manager.config.default_num_slots
        if dry_run:
            checked_repo_name(name)
            shown = checked_address(address).shown
            exists = name in manager.list_pools()
            if as_json:
                show_json("pool create", dry_run=True, repo_name=name, repo_url=shown, num_slots=number, exists=exists)
            else:
                typer.echo(f"There is a pool {name}." if exists else f"Would be made: {name}, {number} slots of {shown}.")
            return
        with working(f"Making the pool {name}", _built(manager, name, number), quiet=as_json):
            pool = manager.create_pool(name, address, number)
        if as_json:
            show_json("pool create", dry_run=False, pool=pool_fields(pool))
        else:
            typer.echo(f"{name} has {len(pool.slots)} slots. Take one with: yaoki pool run {name} -- COMMAND")


def _built(manager: PoolManager, name: str, number: int) -> Callable[[], str]:
    def said() -> str:
        if name not in manager.list_pools():
            return "reading the repository"
        ready = len(manager.get_pool(name).get_available_slots())
        return f"{ready} of {number} slots" if ready else "reading the repository"

    return said


def list_(workspaces: Workspaces = None, config: Config = None, as_json: Json = False) -> None:
    """All pools, with their slots by state."""
    with reported("pool list", as_json=as_json) as ends:
        from yaoki.cli.pool.opening import manager_of

        manager = manager_of(workspaces, config, ends)
        pools = [_in_numbers(manager, name) for name in manager.list_pools()]
        if as_json:
            show_json("pool list", workspaces_dir=manager.config.workspaces_dir, pools=pools)
        elif not pools:
            typer.echo(f"There are no pools in {manager.config.workspaces_dir}. Make one with: yaoki pool create NAME ADDRESS")
        else:
            columns = ("pool", "slots", "available", "allocated", "cleaning", "error", "allocations", "repository")
            names = ("repo_name", "total", "available", "allocated", "cleaning", "error", "total_allocations", "repo_url")
            show_table(columns, ([pool[each] for each in names] for pool in pools))


def _in_numbers(manager: PoolManager, name: str) -> dict[str, Any]:
    from yaoki.systems.repopool.names import checked_address

    summary = manager.get_pool_summary()[name]
    return {
        "repo_name": name,
        "repo_url": checked_address(manager.get_pool(name).repo_url).shown,
        "total": summary.total_slots,
        "available": summary.available_slots,
        "allocated": summary.allocated_slots,
        "cleaning": summary.cleaning_slots,
        "error": summary.error_slots,
        "total_allocations": summary.total_allocations,
        "average_allocation_time_seconds": summary.average_allocation_time_seconds,
    }


def status(
    name: Annotated[
        str | None,
        typer.Argument(metavar="POOL|SLOT", help="A pool or a slot; all pools if none is named.", show_default=False),
    ] = None,
    workspaces: Workspaces = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """The slots of the pools: who has them, for how long, and why some are out of use."""
    with reported("pool status", as_json=as_json) as ends:
        from yaoki.cli.pool.opening import manager_of, named_slot
        from yaoki.cli.pool.slot_view import SLOT_COLUMNS, slot_fields, slot_row

        manager = manager_of(workspaces, config, ends)
        pools = manager.list_pools()
        if name is None or name in pools:
            slots = [slot for pool in ([name] if name else pools) for slot in manager.get_pool(pool).slots]
        elif "-slot" in name or "/" in name or name == ".":
            slots = [named_slot(manager, name)]
        else:
            slots = manager.get_pool(name).slots
        if as_json:
            show_json("pool status", slots=[slot_fields(slot) for slot in slots])
        elif not slots:
            typer.echo(f"There are no slots in {manager.config.workspaces_dir}.")
        else:
            show_table(SLOT_COLUMNS, (slot_row(slot) for slot in slots))


def config(
    defaults: Annotated[bool, typer.Option("--defaults", help="Show the defaults, not the settings in force.")] = False,
    workspaces: Workspaces = None,
    file: Config = None,
    as_json: Json = False,
) -> None:
    """Print the settings as a TOML file."""
    with reported("pool config", as_json=as_json):
        from yaoki.cli.pool.opening import configuration
        from yaoki.systems.repopool import PoolConfig
        from yaoki.systems.repopool.configuration_files import as_toml

        settings = (PoolConfig() if defaults else configuration(workspaces, file)).to_dict()
        if as_json:
            show_json("pool config", settings=settings)
        else:
            typer.echo(as_toml(settings), nl=False)

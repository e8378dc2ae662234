"""`yaoki pool add`, `remove`, `isolate`, `unlock`: single slots."""

from __future__ import annotations

from typing import Annotated

import typer

from yaoki.cli.pool.options import Config, DryRun, Json, PoolName, SlotName, Workspaces
from yaoki.cli.pool.reporting import printable, reported, show_json, working

__all__ = ["add", "isolate", "remove", "unlock"]


def add(
    pool: PoolName,
    count: Annotated[int, typer.Option("--count", min=1, help="How many.")] = 1,
    workspaces: Workspaces = None,
    config: Config = None,
    as_json: Json = False,
    dry_run: DryRun = False,
) -> None:
    """Add slots to a pool, as many as the disk has room for."""
    with reported("pool add", as_json=as_json) as ends:
        from yaoki.cli.pool.opening import manager_of
        from yaoki.cli.pool.slot_view import slot_fields

        manager = manager_of(workspaces, config, ends)
        before = len(manager.get_pool(pool).slots)
        if dry_run:
            if as_json:
                show_json("pool add", dry_run=True, repo_name=pool, slots_now=before, slots_then=before + count)
            else:
                typer.echo(f"{pool} has {before} slots, and would have {before + count}.")
            return
        with working(f"Adding {count} slots", lambda: f"{len(manager.get_pool(pool).slots) - before}", quiet=as_json):
            added = [manager.add_slot(pool) for _ in range(count)]
        if as_json:
            show_json("pool add", dry_run=False, slots=[slot_fields(slot) for slot in added])
        else:
            typer.echo(f"Added: {', '.join(slot.slot_id for slot in added)}")


def remove(
    slot: SlotName,
    force: Annotated[bool, typer.Option("--force", help="Also from a holder who lives; the work goes to quarantine.")] = False,
    workspaces: Workspaces = None,
    config: Config = None,
    as_json: Json = False,
    dry_run: DryRun = False,
) -> None:
    """Remove a slot; work in it goes to quarantine."""
    with reported("pool remove", as_json=as_json) as ends:
        from yaoki.cli.pool.leases import kept_of, say_kept
        from yaoki.cli.pool.opening import manager_of, named_slot

        manager = manager_of(workspaces, config, ends)
        found = named_slot(manager, slot)
        if dry_run:
            work = manager.work_in(found.slot_id)
            if as_json:
                show_json("pool remove", dry_run=True, slot_id=found.slot_id, state=found.state.value, would_keep=work)
                return
            typer.echo(f"{found.slot_id}, which is {found.state.value}, would be removed; kept would be {len(work)} things.")
            for line in work:
                typer.echo(f"  {printable(line)}")
            return
        with working(f"Removing {found.slot_id}", quiet=as_json):
            manager.remove_slot(found.slot_id, force)
        kept = kept_of(manager, found)
        if as_json:
            show_json("pool remove", dry_run=False, slot_id=found.slot_id, kept=kept)
            return
        typer.echo(f"{found.slot_id} is gone.")
        say_kept(found.repo_name, kept)


def isolate(
    slot: SlotName,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is told wherever the slot is.")] = "isolated by operator",
    workspaces: Workspaces = None,
    config: Config = None,
    as_json: Json = False,
    dry_run: DryRun = False,
) -> None:
    """Keep a slot out of use until `yaoki pool recover SLOT`; one that somebody has, from its release on."""
    with reported("pool isolate", as_json=as_json) as ends:
        from yaoki.cli.pool.opening import manager_of, named_slot
        from yaoki.cli.pool.slot_view import slot_fields

        manager = manager_of(workspaces, config, ends)
        slot_id = named_slot(manager, slot).slot_id
        if not dry_run:
            manager.isolate_slot(slot_id, reason)
        now = manager.get_slot(slot_id)
        if as_json:
            show_json("pool isolate", dry_run=dry_run, slot=slot_fields(now))
        elif dry_run:
            typer.echo(f"{slot_id}, which is {now.state.value}, would be isolated.")
        else:
            later = "" if now.state.value == "error" else " when it is released"
            typer.echo(f"{slot_id} is isolated{later}. Bring it back with: yaoki pool recover {slot_id}")


def unlock(
    slot: Annotated[str, typer.Argument(metavar="SLOT", help="The id of a slot, which need not exist any more.")],
    workspaces: Workspaces = None,
    config: Config = None,
    as_json: Json = False,
    dry_run: DryRun = False,
) -> None:
    """Clean up a lock that was left behind. One that somebody holds is never taken: it says who."""
    with reported("pool unlock", as_json=as_json) as ends:
        from yaoki.cli.pool.opening import manager_of

        locks = manager_of(workspaces, config, ends).lock_manager
        held = locks.is_locked(slot)
        cleaned = False if dry_run else locks.force_unlock(slot)
        if as_json:
            show_json("pool unlock", dry_run=dry_run, slot_id=slot, held=held, cleaned=cleaned)
        elif dry_run:
            typer.echo(f"The lock of {slot} is {'held, and would stay' if held else 'free, and would be cleaned up'}.")
        else:
            typer.echo(f"The lock of {slot} {'was cleaned up' if cleaned else 'had nothing to clean up'}.")

"""`yaoki pool allocate`, `release`, `heartbeat`: a slot for a shell, which outlives the command that took it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from yaoki.cli.pool.exit_codes import ExitCode
from yaoki.cli.pool.options import Config, DryRun, Fence, Holder, Json, PoolName, SlotName, Ttl, Wait, Workspaces
from yaoki.cli.pool.reporting import printable, reported, show_json, working

if TYPE_CHECKING:
    from yaoki.systems.repopool import PoolManager
    from yaoki.systems.repopool.models import Slot

__all__ = ["allocate", "heartbeat", "release", "say_whether_free"]


def allocate(
    pool: PoolName,
    wait: Wait = None,
    holder: Holder = None,
    ttl: Ttl = None,
    note: Annotated[
        list[str] | None,
        typer.Option("--note", metavar="NAME=TEXT", help="A fact that stands in the slot's metadata; may be repeated."),
    ] = None,
    workspaces: Workspaces = None,
    config: Config = None,
    as_json: Json = False,
    dry_run: DryRun = False,
) -> None:
    """Take a slot, and print its path. It stays yours until you release it, also when this shell ends.

    The fence, which a release needs, is told on the standard error stream, and in the document of --json too.
    """
    facts = _facts(note or [])
    with reported("pool allocate", as_json=as_json) as ends:
        from yaoki.cli.pool.opening import default_holder, manager_of
        from yaoki.cli.pool.slot_view import slot_fields

        manager = manager_of(workspaces, config, ends)
        if dry_run:
            say_whether_free(manager, pool, "pool allocate", as_json=as_json)
            return
        with working("Waiting for a slot", quiet=as_json or wait is None):
            slot = manager.allocate_slot(pool, facts, timeout=wait, holder=holder or default_holder(), ttl=ttl, durable=True)
        if as_json:
            show_json("pool allocate", path=str(slot.slot_path), fence=slot.fence, slot=slot_fields(slot))
            return
        typer.echo(f"Release it with: yaoki pool release {slot.slot_id} --fence {slot.fence}", err=True)
        typer.echo(slot.slot_path)


def _facts(notes: list[str]) -> dict[str, object]:
    facts: dict[str, object] = {}
    for each in notes:
        name, sign, text = each.partition("=")
        if not name or not sign:
            raise typer.BadParameter(f"must be NAME=TEXT, not {each!r}", param_hint="--note")
        facts[name] = text
    return facts


def say_whether_free(manager: PoolManager, pool: str, command: str, *, as_json: bool) -> None:
    """What a dry run of an allocation says; ends the command with its exit code if no slot is free."""
    free = [slot.slot_id for slot in manager.get_pool(pool).get_available_slots()]
    if as_json:
        show_json(command, dry_run=True, available=free)
    else:
        typer.echo(f"{len(free)} slots of {pool} are free.")
    if not free:
        raise typer.Exit(ExitCode.NO_SLOT)


def release(
    slot: SlotName,
    fence: Fence = None,
    holder: Annotated[
        str | None, typer.Option("--holder", help="Only if it is held under this label.", show_default=False)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Take it from whoever has it; the work goes to quarantine.")] = False,
    workspaces: Workspaces = None,
    config: Config = None,
    as_json: Json = False,
    dry_run: DryRun = False,
) -> None:
    """Give a slot back: work in it goes to quarantine, and it is on offer again when this returns.

    --fence or --holder says that it is yours; --force is an operator's word.
    """
    with reported("pool release", as_json=as_json) as ends:
        from yaoki.cli.pool.opening import manager_of, named_slot

        manager = manager_of(workspaces, config, ends)
        found = named_slot(manager, slot)
        if fence is None and not force:
            fence = _fence_of(found, holder)
        if dry_run:
            _rehearse(manager, found, as_json=as_json)
            return
        with working(f"Cleaning {found.slot_id}", quiet=as_json):
            manager.release_slot(found.slot_id, force=force, fence=fence)
        kept = kept_of(manager, found)
        if as_json:
            show_json("pool release", dry_run=False, slot_id=found.slot_id, kept=kept)
            return
        typer.echo(f"{found.slot_id} is free.")
        say_kept(found.repo_name, kept)


def _fence_of(slot: Slot, holder: str | None) -> int:
    """The fence of a lease that the caller has named by its label. Raises StaleLeaseError."""
    from yaoki.systems.repopool.errors import StaleLeaseError
    from yaoki.systems.repopool.leases.lease import said
    from yaoki.systems.repopool.models import SlotState

    if slot.state is not SlotState.ALLOCATED or slot.lease is None:
        problem, way_out = f"nobody holds {slot.slot_id}: it is {slot.state.value}", ""
    elif holder is None:
        problem = f"{slot.slot_id} is held by {said(slot.lease)}"
        way_out = "if that is you, say so with --fence or --holder; to take it from him, --force"
    elif slot.lease.holder == holder:
        return slot.fence
    else:
        problem, way_out = f"{slot.slot_id} is held by {said(slot.lease)}, not by {holder}", "to take it from him, --force"
    raise StaleLeaseError(problem, repo_name=slot.repo_name, slot_id=slot.slot_id, way_out=way_out)


def _rehearse(manager: PoolManager, slot: Slot, *, as_json: bool) -> None:
    work = manager.work_in(slot.slot_id)
    if as_json:
        show_json("pool release", dry_run=True, slot_id=slot.slot_id, state=slot.state.value, would_keep=work)
        return
    typer.echo(f"{slot.slot_id} is {slot.state.value}. A release would keep: {'' if work else 'nothing, it is unchanged.'}")
    for line in work:
        typer.echo(f"  {printable(line)}")


def kept_of(manager: PoolManager, slot: Slot) -> list[str]:
    """The tickets of what was kept of the tenancy that the slot tells of."""
    number = slot.slot_id.rpartition("-")[2]
    return manager.quarantine(slot.repo_name).tickets_like(f"{number}/{slot.fence}")


def say_kept(pool: str, tickets: list[str]) -> None:
    """Tell a person where the work is."""
    for ticket in tickets:
        typer.echo(f"Work was kept. Have it back with: yaoki pool quarantine restore {pool} {ticket} FOLDER", err=True)


def heartbeat(
    slot: SlotName,
    fence: Annotated[int, typer.Option("--fence", help="The fence of the lease, as `allocate` told it.")],
    workspaces: Workspaces = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Say that a lease is in use: one with a --ttl is prolonged by it."""
    with reported("pool heartbeat", as_json=as_json) as ends:
        from yaoki.cli.pool.opening import manager_of, named_slot
        from yaoki.cli.pool.slot_view import slot_fields

        manager = manager_of(workspaces, config, ends)
        slot_id = named_slot(manager, slot).slot_id
        manager.heartbeat(slot_id, fence)
        if as_json:
            show_json("pool heartbeat", slot=slot_fields(manager.get_slot(slot_id)))

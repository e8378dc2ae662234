"""`yaoki pool detect` and `recover`: what is wrong, and bringing it back."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from yaoki.cli.pool.exit_codes import ExitCode
from yaoki.cli.pool.options import Config, DryRun, Json, Workspaces
from yaoki.cli.pool.reporting import printable, reported, show_json, show_table, working

if TYPE_CHECKING:
    from yaoki.core.recovery import RecoveryReport
    from yaoki.systems.repopool import PoolManager

__all__ = ["StrategyName", "detect", "recover"]

Hours = Annotated[float, typer.Option("--hours", min=0.0, help="From how many hours on an allocation is long.")]


class StrategyName(StrEnum):
    """How far a recovery goes."""

    conservative = "conservative"
    aggressive = "aggressive"
    maintenance = "maintenance"


def detect(hours: Hours = 24.0, workspaces: Workspaces = None, config: Config = None, as_json: Json = False) -> None:
    """Say what is wrong, without mending it. Exit code 14 if anything is."""
    with reported("pool detect", as_json=as_json) as ends:
        from yaoki.cli.pool.opening import manager_of
        from yaoki.cli.pool.slot_view import SLOT_COLUMNS, slot_fields, slot_row
        from yaoki.systems.repopool.recovery.health import PoolHealth

        manager = manager_of(workspaces, config, ends)
        with working("Looking at all slots", quiet=as_json):
            found = manager.detect_anomalies(hours)
        health = PoolHealth.of(found)
        if as_json:
            anomalies = {
                kind: [each if isinstance(each, str) else slot_fields(each) for each in some] for kind, some in found.items()
            }
            show_json("pool detect", healthy=health.healthy, problems=health.problems, anomalies=anomalies)
        else:
            rows = [(kind, *slot_row(slot)) for kind in ("long_allocated_slots", "corrupted_slots") for slot in found[kind]]
            rows += [("orphaned_locks", lock) for lock in found["orphaned_locks"]]
            if rows:
                show_table(("what", *SLOT_COLUMNS), rows)
            typer.echo(f"{health}.")
    if not health:
        raise typer.Exit(ExitCode.PROBLEMS)


def recover(
    slot: Annotated[
        str | None, typer.Argument(metavar="SLOT", help="One slot; everything if none is named.", show_default=False)
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="With SLOT: also one that somebody has, and beyond the last automatic attempt."),
    ] = False,
    strategy: Annotated[
        StrategyName,
        typer.Option(
            "--strategy",
            help="conservative: long allocations are reported from 48 h on; aggressive: released by force from 24 h on; "
            "maintenance: not looked at.",
        ),
    ] = StrategyName.conservative,
    staged: Annotated[
        bool, typer.Option("--staged", help="First without forced release, then wait, look again, and go on.")
    ] = False,
    stage_wait: Annotated[float, typer.Option("--stage-wait", min=0.0, help="Seconds to wait between the stages.")] = 60.0,
    mirror: Annotated[
        str | None,
        typer.Option(
            "--mirror",
            metavar="POOL",
            help="Only mend the mirror of a pool: make it anew if it is damaged, join its packs if they are many.",
            show_default=False,
        ),
    ] = None,
    workspaces: Workspaces = None,
    config: Config = None,
    as_json: Json = False,
    dry_run: DryRun = False,
) -> None:
    """Recover what is damaged or was left behind by the dead. Work goes to quarantine before anything is touched.

    Exit code 13 if something is still isolated afterwards.
    """
    if slot is not None and mirror is not None:
        raise typer.BadParameter("name either SLOT or --mirror POOL")
    if slot is None and force:
        raise typer.BadParameter("--force needs SLOT; to release long allocations by force: --strategy aggressive")
    with reported("pool recover", as_json=as_json) as ends:
        from yaoki.cli.pool.opening import manager_of, named_slot

        manager = manager_of(workspaces, config, ends)
        if mirror is not None:
            _recover_mirror(manager, mirror, as_json=as_json, dry_run=dry_run)
            return
        with working("Recovering", quiet=as_json):
            if slot is None:
                counts = manager.auto_recover(strategy=strategy.value, dry_run=dry_run, staged=staged, stage_wait=stage_wait)
                done = not counts["errors"]
            else:
                slot_id = named_slot(manager, slot).slot_id
                done = manager.recover_slot(slot_id, force, dry_run=dry_run)
                counts = {}
        report = manager.last_recovery
        _show(report, counts, done=done, as_json=as_json, dry_run=dry_run)
        code = _came_to(manager, report, slot, done=done, dry_run=dry_run)
    raise typer.Exit(code)


def _recover_mirror(manager: PoolManager, pool: str, *, as_json: bool, dry_run: bool) -> None:
    if dry_run:
        found = [str(damage) for damage in manager.check_mirror(pool)]
        if as_json:
            show_json("pool recover", dry_run=True, mirror=pool, damage=found)
        else:
            typer.echo(f"The mirror of {pool}: {'; '.join(found) or 'nothing is damaged'}.")
        return
    with working(f"Looking at the mirror of {pool}", quiet=as_json):
        source = manager.recover_mirror(pool)
    if as_json:
        show_json("pool recover", dry_run=False, mirror=pool, made_from=source or None)
    else:
        made = {"remote": "was made anew from the remote", "local": "was made anew from what this disk has"}
        typer.echo(f"The mirror of {pool} {made.get(source, 'is not damaged')}.")


def _show(report: RecoveryReport | None, counts: dict[str, object], *, done: bool, as_json: bool, dry_run: bool) -> None:
    if as_json:
        told = None if report is None else report.to_dict()
        show_json("pool recover", dry_run=dry_run, recovered=done, counts=counts, report=told)
        return
    if report is not None:
        for line in report.text().splitlines():
            typer.echo(printable(line))
    elif not done:
        for error in counts.get("errors", []):  # type: ignore[attr-defined]  # the fifth key is a list
            typer.echo(printable(str(error)), err=True)


def _came_to(manager: PoolManager, report: RecoveryReport | None, slot: str | None, *, done: bool, dry_run: bool) -> ExitCode:
    from yaoki.systems.repopool.models import SlotState

    if dry_run:
        return ExitCode.DONE
    names = manager.list_pools()
    states = {each.slot_id: each.state for name in names for each in manager.get_pool(name).slots}
    seen = {each.anomaly.subject for each in report.handled} if slot is not None and report is not None else set(states)
    if any(states.get(slot_id) is SlotState.ERROR for slot_id in seen):
        return ExitCode.ISOLATED
    return ExitCode.DONE if done else ExitCode.FAILED

"""`yaoki pool doctor`: everything looked at, with the command that mends what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from yaoki.cli.pool.exit_codes import ExitCode
from yaoki.cli.pool.options import Config, Json, Workspaces
from yaoki.cli.pool.reporting import reported, show_json, show_table, working

if TYPE_CHECKING:
    from yaoki.systems.repopool.recovery.doctor import Diagnosis

__all__ = ["doctor"]


def doctor(
    pool: Annotated[
        str | None, typer.Argument(metavar="POOL", help="One pool; all of them if none is named.", show_default=False)
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Without git fsck, which reads every object.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Without asking the remotes.")] = False,
    workspaces: Workspaces = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Check disk, permissions, repositories, holders, mirrors, remotes, journal and state. Exit code 14 if something is wrong.

    Nothing is changed; what is wrong is told with the command that mends it.
    """
    with reported("pool doctor", as_json=as_json) as ends:
        from yaoki.cli.pool.opening import manager_of

        manager = manager_of(workspaces, config, ends)
        found: list[Diagnosis] = []
        with working("Looking", lambda: found[-1].subject if found else "", quiet=as_json):
            for diagnosis in manager.doctor(thorough=not quick, ask_remotes=not offline).examine(pool):
                found.append(diagnosis)  # noqa: PERF402  # shown while it grows
        wrong = [each for each in found if not each.ok]
        if as_json:
            show_json("pool doctor", healthy=not wrong, diagnoses=[each.to_dict() for each in found])
        else:
            _show(found, wrong)
    if wrong:
        raise typer.Exit(ExitCode.PROBLEMS)


def _show(found: list[Diagnosis], wrong: list[Diagnosis]) -> None:
    show_table(
        ("", "check", "about", "what"),
        (("ok" if each.ok else "WRONG", each.check, each.subject, each.detail) for each in found),
    )
    typer.echo("")
    if not wrong:
        typer.echo(f"All {len(found)} checks are well.")
        return
    typer.echo(f"{len(wrong)} of {len(found)} checks have found something. What mends it:")
    for command in dict.fromkeys(each.command for each in wrong if each.command):
        typer.echo(f"  {command}")

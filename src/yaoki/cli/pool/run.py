"""`yaoki pool run POOL -- COMMAND`: a command in a slot, which is given back whatever becomes of the command."""

from __future__ import annotations

import os
import shlex
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from yaoki.cli.pool.exit_codes import ExitCode
from yaoki.cli.pool.leases import kept_of, say_kept, say_whether_free
from yaoki.cli.pool.options import Config, DryRun, Holder, PoolName, Wait, Workspaces
from yaoki.cli.pool.reporting import reported, working
from yaoki.cli.pool.signals import Signals

if TYPE_CHECKING:
    from yaoki.systems.repopool import PoolManager
    from yaoki.systems.repopool.models import Slot

__all__ = ["run"]


def run(
    pool: PoolName,
    command: Annotated[list[str], typer.Argument(metavar="COMMAND", help="The command and its arguments, after two dashes.")],
    wait: Wait = None,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", min=0.0, help="Seconds after which the command is ended.", show_default="none"),
    ] = None,
    grace: Annotated[float, typer.Option("--grace", min=0.0, help="Seconds between SIGTERM and SIGKILL.")] = 10.0,
    holder: Holder = None,
    workspaces: Workspaces = None,
    config: Config = None,
    dry_run: DryRun = False,
) -> None:
    """Run a command in a slot of its own, and pass its exit code on. The slot is given back; work that it left is kept.

    The command finds YAOKI_POOL_SLOT, YAOKI_POOL_NAME, YAOKI_POOL_FENCE and YAOKI_POOL_PATH in its environment. Everything that it has
    started is ended with it.
    """
    with reported("pool run") as ends:
        from yaoki.cli.pool.opening import default_holder, manager_of

        manager = manager_of(workspaces, config, ends)
        if dry_run:
            say_whether_free(manager, pool, "pool run", as_json=False)
            return
        label = holder or f"{default_holder()}: {shlex.join(command)[:80]}"
        with ExitStack() as stack:
            signals = stack.enter_context(Signals())
            with working("Waiting for a slot", quiet=wait is None):
                about = {"command": shlex.join(command)[:1000]}
                slot = stack.enter_context(manager.lease(pool, about, timeout=wait, holder=label))
            signals.only_note = True
            code = _run(slot, command, signals, timeout, grace, _Lookout(manager, slot))
        say_kept(pool, kept_of(manager, slot))
    raise typer.Exit(code)


def _run(slot: Slot, command: list[str], signals: Signals, timeout: float | None, grace: float, lookout: _Lookout) -> int:
    from yaoki.cli.pool.child import Child

    environment = {
        **os.environ,
        "YAOKI_POOL_SLOT": slot.slot_id,
        "YAOKI_POOL_NAME": slot.repo_name,
        "YAOKI_POOL_FENCE": str(slot.fence),
        "YAOKI_POOL_PATH": str(slot.slot_path),
        "PWD": str(slot.slot_path),
    }
    try:
        child = Child(command, slot.slot_path, environment, signals, grace=grace)
    except FileNotFoundError:
        typer.echo(f"there is no command {command[0]}", err=True)
        return ExitCode.NO_COMMAND
    except OSError as error:
        typer.echo(f"{command[0]} cannot be started: {error.strerror}", err=True)
        return ExitCode.NOT_EXECUTABLE
    code = child.wait(timeout, lookout)
    if code is None:
        typer.echo(f"{command[0]} was ended: it took longer than {timeout:g} s", err=True)
        return ExitCode.TIMED_OUT
    return code


class _Lookout:
    """Tells once that the slot was taken by force while the command works in it."""

    def __init__(self, manager: PoolManager, slot: Slot) -> None:
        self._manager = manager
        self._slot = slot
        self._told = False

    def __call__(self) -> None:
        from yaoki.systems.repopool.errors import PoolManagerError, SlotNotFoundError

        if self._told:
            return
        try:
            taken = self._manager.get_slot(self._slot.slot_id).fence != self._slot.fence
        except SlotNotFoundError:
            taken = True
        except PoolManagerError:
            # The state cannot be read this moment.
            return
        if taken:
            self._told = True
            typer.echo(
                f"{self._slot.slot_id} was taken from this command by force; its work up to then is in quarantine, and what it writes "
                "from now on is there too, where its files were moved to",
                err=True,
            )

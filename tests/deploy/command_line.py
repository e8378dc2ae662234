"""Whether what a unit or a manifest starts is a command of `yaoki`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer.main
from typer.core import TyperGroup

from yaoki.cli.commands import app


def parse(arguments: Sequence[str]) -> dict[str, Any]:
    """The parameters of the command that these arguments name. Raises a usage error where `yaoki` would refuse them."""
    command: Any = typer.main.get_command(app)
    context = None
    rest = list(arguments)
    while isinstance(command, TyperGroup):
        context = command.make_context(command.name, rest, parent=context)
        # What the group itself did not take: the next command, and what is for that.
        _, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
    return dict(command.make_context(command.name, rest, parent=context).params)

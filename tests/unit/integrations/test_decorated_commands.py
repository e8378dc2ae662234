"""A guarded function is a command: Typer still sees its parameters, types and help."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest
from typer.testing import CliRunner

COMMANDS = """
import enum
from pathlib import Path
from typing import Annotated

import typer

from yaoki import Pipeline, Retry, Timeout, constant


class Colour(str, enum.Enum):
    RED = "red"
    BLUE = "blue"


app = typer.Typer()
failures = [ConnectionError("once")]


@app.command()
@Pipeline(Timeout(5.0), Retry(max_attempts=3, backoff=constant(0.0)))
def paint(
    file: Path,
    colour: Annotated[Colour, typer.Option(help="What to paint it with.")] = Colour.RED,
    coats: int = 1,
    dry: bool = False,
) -> None:
    \"\"\"Paint a file.\"\"\"
    if failures:
        raise failures.pop()
    typer.echo(f"{file.name} {colour.value} {coats + 1} {dry}")
"""


@pytest.fixture
def commands(user_module: Callable[[str], ModuleType]) -> ModuleType:
    return user_module(COMMANDS)


def test_arguments_and_options_arrive_with_their_types_and_a_failure_is_retried(commands: ModuleType) -> None:
    """The command gets a path, an enum, a number and a flag; its first failure is not seen by the caller."""
    done = CliRunner().invoke(commands.app, ["wall.txt", "--colour", "blue", "--coats", "2", "--dry"])

    assert done.exit_code == 0, done.output
    assert done.output == "wall.txt blue 3 True\n"


def test_bad_input_is_refused_by_the_command_line(commands: ModuleType) -> None:
    """Options still know their types."""
    assert CliRunner().invoke(commands.app, ["wall.txt", "--coats", "many"]).exit_code == 2
    assert CliRunner().invoke(commands.app, ["wall.txt", "--colour", "green"]).exit_code == 2


def test_the_help_is_that_of_the_unguarded_command(commands: ModuleType) -> None:
    """Docstring and options are shown."""
    shown = CliRunner().invoke(commands.app, ["--help"], env={"COLUMNS": "120", "TERM": "dumb"}).output

    assert "Paint a file." in shown
    assert "What to paint it with." in shown

"""What the command line says without a service: help, settings, and what is wrong with them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import typer

import yaoki
from tests.systems.chat.running import in_process
from yaoki.cli.commands import app
from yaoki.service.configuration import load
from yaoki.systems.chat.configuration import ChatConfiguration

PAGE = Path(__file__).parents[3] / "docs" / "guide" / "command-line.md"


def commands(group: typer.Typer = app, name: str = "yaoki") -> list[str]:
    """Every command, by its whole name."""
    found = []
    for each in group.registered_commands:
        assert each.callback is not None
        found.append(f"{name} {each.name or each.callback.__name__}")
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        found.extend(commands(inner.typer_instance, f"{name} {inner.name}"))
    return found


@pytest.mark.parametrize("command", commands())
def test_every_command_is_documented_with_its_options(command: str) -> None:
    """SPEC X4: a section for each command, which names everything that its help names."""
    page = PAGE.read_text("utf-8")
    _, heading, section = page.partition(f"\n## `{command}")
    section = section.partition("\n## ")[0]
    shown = in_process(*command.split()[1:], "--help", TERM="dumb", COLUMNS="200").output
    options = {each for word in shown.split() for each in word.strip("│").split(",") if each.startswith("--")} - {"--help"}

    assert heading
    assert {option for option in options if option not in section} == set()


def test_the_version() -> None:
    """`yaoki --version`."""
    assert in_process("--version").output == f"yaoki {yaoki.__version__}\n"


def test_help_is_shown_for_nothing() -> None:
    """Without a command, what there is."""
    shown = in_process().output

    assert "up" in shown
    assert "chat" in shown


def test_the_defaults_are_a_configuration_file(tmp_path: Path) -> None:
    """What `config --defaults` prints can be used as it is, and says nothing else than the defaults."""
    text = in_process("chat", "config", "--defaults").output
    file = tmp_path / "yaoki.toml"
    file.write_text(text, "utf-8")

    assert tomllib.loads(text)["chat"]["port"] == 8700
    assert load(ChatConfiguration, section="chat", config=file, environ={}) == ChatConfiguration()


def test_the_settings_in_force(tmp_path: Path) -> None:
    """`config` shows what file and environment make of it."""
    file = tmp_path / "yaoki.toml"
    file.write_text("[chat]\nport = 8701\n", "utf-8")
    text = in_process("chat", "config", "--config", file, YAOKI_CHAT_LLM_TIMEOUT="7.5").output

    assert (tomllib.loads(text)["chat"]["port"], tomllib.loads(text)["chat"]["llm_timeout"]) == (8701, 7.5)


@pytest.mark.parametrize(
    ("arguments", "settings", "said"),
    [
        (["--port", "99999"], {}, "chat.port"),
        ([], {"YAOKI_CHAT_VECTOR_TIMEOUT": "soon"}, "YAOKI_CHAT_VECTOR_TIMEOUT"),
        ([], {"YAOKI_CHAT_VECTOR_TIMEOUT": "2", "YAOKI_CHAT_VECTOR_ATTEMPT_TIMEOUT": "2"}, "must be shorter than"),
        ([], {"YAOKI_CHAT_PROT": "1"}, "did you mean 'port'"),
        (["--config", "missing.toml"], {}, "missing.toml"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, arguments: list[str], settings: dict[str, str], said: str) -> None:
    """The field, and where its value came from."""
    done = in_process("up", "--data", tmp_path / "data", *arguments, **settings)

    assert done.exit_code == 1
    assert said in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_folder_that_cannot_be_written_has_a_way_out(tmp_path: Path) -> None:
    """An unusable data folder is said with what helps."""
    (tmp_path / "file").write_text("")
    done = in_process("up", "--data", tmp_path / "file" / "data")

    assert done.exit_code == 1
    assert "--data" in done.stderr
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize(
    "arguments", [["break", "vector", "hang"], ["heal"], ["ask", "a question"]], ids=lambda value: value[0]
)
def test_without_a_service_it_is_said_how_to_start_one(tmp_path: Path, arguments: list[str]) -> None:
    """Nobody answers: one line why, one line what helps; and nothing is left behind."""
    done = in_process("chat", *arguments, "--data", tmp_path / "data", "--url", "http://127.0.0.1:9")

    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1] == "Start it with: yaoki up"
    assert not (tmp_path / "data" / "token").exists()


@pytest.mark.parametrize(
    "arguments", [["break", "disk", "hang"], ["break", "vector", "explode"], ["heal", "disk"], ["nonsense"]]
)
def test_what_there_is_not_is_a_mistake_in_the_command(arguments: list[str]) -> None:
    """Exit status 2: the command was written wrong."""
    assert in_process("chat", *arguments).exit_code == 2

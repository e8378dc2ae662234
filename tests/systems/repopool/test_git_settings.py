"""Git configuration of the operator's for the way to the remotes (SPEC W1, W5)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.systems.repopool.conftest import git
from yaoki.systems.repopool import PoolConfig, PoolManager
from yaoki.systems.repopool.errors import ConfigValidationError
from yaoki.systems.repopool.git.command import Git

Make = Callable[..., PoolManager]
ELSEWHERE = "https://git.invalid/web.git"

HELPER = "!echo username=operator; echo password=secret; :"
ASKED = b"protocol=https\nhost=git.invalid\n\n"

TOML = """\
[git]
"http.proxy" = "http://proxy.invalid:3128"
core.sshCommand = "ssh -i /srv/key"
http."https://git.invalid/".proxy = ""
"""
YAML = """\
git:
  http.proxy: http://proxy.invalid:3128
  core.sshCommand: ssh -i /srv/key
  http.https://git.invalid/.proxy: ''
"""
READ = {
    "http.proxy": "http://proxy.invalid:3128",
    "core.sshCommand": "ssh -i /srv/key",
    "http.https://git.invalid/.proxy": "",
}


def test_a_pool_is_made_from_where_the_settings_lead(make_manager: Make, pool_origin: Path) -> None:
    """SPEC W5: an operator's mirror of the remote, for the manager's own git alone; the slot's is the tenant's."""
    manager = make_manager(slots=0, git_settings={f"url.file://{pool_origin}.insteadOf": ELSEWHERE})

    manager.create_pool("web", ELSEWHERE, 1)

    with manager.lease("web") as slot:
        assert (slot.slot_path / "file0.txt").is_file()
        assert git(slot.slot_path, "config", "remote.origin.url").strip() == ELSEWHERE


def test_settings_that_are_assigned_later_hold_from_then_on(make_manager: Make, pool_origin: Path) -> None:
    """SPEC W5: a manager that runs is told other settings by its configuration."""
    manager = make_manager(slots=0)
    manager.config.git_settings = {f"url.file://{pool_origin}.insteadOf": ELSEWHERE}

    assert len(manager.create_pool("web", ELSEWHERE, 1).slots) == 1


def test_a_credential_helper_is_asked_by_commands_that_talk_to_a_remote() -> None:
    """SPEC W1: by them alone; without one nobody is asked, whatever the user of this process has set up."""
    settings = PoolConfig("/srv/ws", git_settings={"credential.helper": HELPER}).git_settings
    operators = Git(settings=lambda: settings)

    assert b"username=operator" in operators.run(None, ["credential", "fill"], stdin=ASKED, remote=True).stdout
    assert operators.run(None, ["credential", "fill"], stdin=ASKED, allowed=(128,)).exit_code == 128
    assert Git().run(None, ["credential", "fill"], stdin=ASKED, remote=True, allowed=(128,)).exit_code == 128


def test_a_setting_stands_in_no_list_of_processes_and_outranks_nothing_of_ours(tmp_path: Path) -> None:
    """SPEC W1: it comes by the environment, which is the user's alone; what is ours is an argument, and has the last word."""
    program = tmp_path / "program"
    program.write_text('#!/bin/sh\ncase "$*" in *secret*) exit 1;; esac\nexec git "$@"\n')
    program.chmod(0o755)
    secret = Git(program=str(program), settings=lambda: {"http.extraHeader": "X: secret", "core.hooksPath": "/srv/hooks"})

    def value(name: str) -> str:
        return secret.run(None, ["config", "--get", name], remote=True).stdout.decode().strip()

    assert value("http.extraHeader") == "X: secret"
    assert value("core.hooksPath") == "/dev/null"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("protocol.ext.allow", "always"),
        ("protocol.allow", "always"),
        ("core.hooksPath", "/srv/hooks"),
        ("CORE.HOOKSPATH", "/srv/hooks"),
        ("core.fsmonitor", "/srv/monitor"),
        ("alias.fetch", "!sh"),
        ("include.path", "/srv/config"),
        ("remote.origin.uploadpack", "/srv/program"),
        ("url.file:///srv.pushInsteadOf", "/"),
        ("filter.lfs.process", "/srv/program"),
        ("gc.auto", "1"),
        ("http", "x"),
        ("http.", "x"),
        ("", "x"),
        ("http.a\nb.proxy", "x"),
        ("http.proxy", 3),
        ("http.extraHeader", "X: 1\r\nY: 2"),
    ],
)
def test_what_is_not_about_the_way_to_a_remote_is_refused(name: str, value: object) -> None:
    """SPEC W1: nothing that would undo our own settings; the error names the setting, and never shows its value."""
    config = PoolConfig("/srv/ws")

    with pytest.raises(ConfigValidationError) as caught:
        config.git_settings = {name: value}  # type: ignore[dict-item]  # the mistake
    assert caught.value.field == f"git_settings.{name}"
    assert config.git_settings == {}


def test_settings_are_a_table_that_nobody_changes_behind_the_checks() -> None:
    """SPEC W5: a list is refused, and so is an assignment to one setting."""
    config = PoolConfig("/srv/ws", git_settings={"http.proxy": "http://proxy.invalid"})

    with pytest.raises(ConfigValidationError, match="git_settings must be a table"):
        config.git_settings = ["http.proxy"]  # type: ignore[assignment]  # the mistake
    with pytest.raises(TypeError):
        config.git_settings["alias.fetch"] = "!sh"  # type: ignore[index]  # the mistake


@pytest.mark.parametrize(("file", "text"), [("pools.toml", TOML), ("pools.yaml", YAML)])
def test_a_file_has_them_in_its_table_git(tmp_path: Path, file: str, text: str) -> None:
    """SPEC W5: read, written, and read again the same; with or without quotation marks around the names in TOML."""
    (tmp_path / file).write_text(text)
    config = PoolConfig.load_from_file(tmp_path / file)

    assert config.git_settings == READ
    assert PoolConfig.load_from_file(config.save_to_file(tmp_path / f"saved-{file}")).git_settings == READ


def test_a_mistake_in_a_file_is_told_with_its_field(tmp_path: Path) -> None:
    """SPEC W5: as in the other tables."""
    file = tmp_path / "pools.toml"
    for text, field in (
        ('[git]\nalias.fetch = "!sh"\n', "git.alias.fetch"),
        ("git = 3\n", "git"),
        ("git.http.sslVerify = false", "git.http.sslVerify"),
    ):
        file.write_text(text)
        with pytest.raises(ConfigValidationError) as caught:
            PoolConfig.load_from_file(file)
        assert caught.value.field == field

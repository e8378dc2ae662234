"""`yaoki pool init`, `create`, `list`, `status`, `config`, `add`, `remove` (SPEC W1, W5)."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.systems.repopool.cli.running import Commands

SLOT = "workspace-web-slot1"


def test_the_first_command_says_what_comes_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC W5: in an empty home there are no pools, and the line says how to make one."""
    monkeypatch.chdir(tmp_path)
    done = Commands(tmp_path)("list")

    assert done.exit_code == 0
    assert "yaoki pool create NAME ADDRESS" in done.stdout


def test_init_writes_a_configuration_to_begin_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC W5: it is read back, and stays as it is."""
    monkeypatch.chdir(tmp_path)
    commands = Commands(tmp_path)
    commands("init")
    text = (tmp_path / "pools.toml").read_text("utf-8")
    commands("init")

    assert tomllib.loads(text)["defaults"]["num_slots"] == 2
    assert (tmp_path / "pools.toml").read_text("utf-8") == text
    assert commands("config").stdout == text


def test_init_makes_what_the_configuration_asks_for(tmp_path: Path, pool_origin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC W5: and may be run again."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pools.toml").write_text(f'[pools.web]\nrepo_url = "{pool_origin}"\nnum_slots = 1\n', "utf-8")
    commands = Commands(tmp_path)
    assert commands.json("init", "--dry-run")["pools"] == ["web"]
    assert commands.json("list")["pools"] == []
    commands.json("init")
    commands.json("init")

    assert commands.states() == {"slot1": "available"}


def test_init_names_the_pools_that_there_are(pool: Commands) -> None:
    """SPEC W5: also those that no configuration asks for."""
    assert ": web." in pool("init").stdout


def test_list_and_status_tell_programs_everything(pool: Commands, pool_origin: Path) -> None:
    """SPEC W5: the shape that scripts rely on."""
    (listed,) = pool.json("list")["pools"]
    slots = pool.json("status")["slots"]
    (one,) = pool.json("status", SLOT)["slots"]

    assert (listed["repo_name"], listed["repo_url"], listed["total"], listed["available"]) == ("web", str(pool_origin), 2, 2)
    assert [slot["slot_id"] for slot in slots] == [SLOT, "workspace-web-slot2"]
    assert one == slots[0]
    assert set(one) >= {"slot_id", "slot_path", "state", "fence", "lease", "owner", "current_commit", "metadata"}


def test_a_slot_is_named_by_a_path_in_it(pool: Commands) -> None:
    """SPEC W5: an agent knows where it is, and need not know the id."""
    (slot,) = pool.json("status", pool.workspaces / "web" / "slot2" / "file1.txt")["slots"]

    assert slot["slot_id"] == "workspace-web-slot2"


def test_people_get_tables(pool: Commands) -> None:
    """SPEC W5: whole, also where no terminal is."""
    shown = pool("status").stdout

    assert str(pool.workspaces / "web" / "slot1") in shown
    assert "available" in shown


def test_slots_are_added_and_removed(pool: Commands) -> None:
    """SPEC W1."""
    (added,) = pool.json("add", "web")["slots"]
    assert added["slot_id"] == "workspace-web-slot3"
    pool.json("remove", "workspace-web-slot3")

    assert pool.states() == {"slot1": "available", "slot2": "available"}


def test_the_work_in_a_removed_slot_is_kept(pool: Commands) -> None:
    """SPEC W3: and the command says where."""
    path = Path(pool.json("allocate", "web")["path"])
    (path / "work.txt").write_text("mine")
    slot_id = pool.json("status", path)["slots"][0]["slot_id"]

    assert pool("remove", slot_id).exit_code == 1
    (ticket,) = pool.json("remove", slot_id, "--force")["kept"]
    pool.json("quarantine", "restore", "web", ticket, pool.home / "rescued")
    assert (pool.home / "rescued" / "work.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "command",
    [
        ["create", "other", "/somewhere"],
        ["add", "web", "--count", "3"],
        ["remove", SLOT, "--force"],
        ["isolate", SLOT],
        ["release", SLOT, "--force"],
        ["allocate", "web"],
        ["recover"],
        ["recover", SLOT, "--force"],
        ["recover", "--mirror", "web"],
        ["unlock", SLOT],
    ],
    ids=" ".join,
)
def test_a_dry_run_changes_nothing(pool: Commands, command: list[str]) -> None:
    """SPEC W5: it says so, and every slot has the fence that it had."""
    before = pool.json("status")["slots"]
    document = pool.json(*command, "--dry-run")

    assert document["dry_run"] is True
    assert pool.json("status")["slots"] == before
    assert [each["repo_name"] for each in pool.json("list")["pools"]] == ["web"]


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (["status", "nope"], 11, "yaoki pool create"),
        (["status", "workspace-web-slot9"], 11, "yaoki pool status"),
        (["status", "/tmp"], 11, "is in no slot"),
        (["create", "../x", "/tmp"], 1, "repo_name"),
        (["create", "x", "ext::sh -c id"], 1, "repo_url"),
        (["create", "web", "/tmp"], 1, "another repository"),
        (["add", "nope"], 11, "nope"),
        (["remove", "nonsense"], 1, "slot_id"),
        (["unlock", "../../etc"], 1, "slot_id"),
        (["isolate", SLOT, "--reason", " "], 1, "reason"),
        (["add", "web", "--count", "0"], 2, "--count"),
        (["list", "--config", "/nowhere.toml"], 1, "/nowhere.toml"),
        (["list", "--workspaces", "/dev/null"], 1, "/dev/null"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_rubbish_is_told_in_a_line(pool: Commands, command: list[str], code: int, said: str) -> None:
    """SPEC W5: with its exit code, and without a traceback."""
    done = pool(*command)

    assert done.exit_code == code, done.output
    assert said in done.output
    assert "Traceback" not in done.output


def test_a_failure_is_a_document_too(pool: Commands) -> None:
    """SPEC W5: programs read what went wrong by its kind."""
    error = pool.json("allocate", "nope", code=11)["error"]

    assert (error["kind"], error["repo_name"]) == ("pool_not_found", "nope")
    assert "yaoki pool create" in error["way_out"]


def test_what_others_wrote_does_not_speak_to_the_terminal(pool: Commands) -> None:
    """SPEC X5: a label with control characters and markup is shown as text."""
    pool.json("allocate", "web", "--holder", "\x1b[2J[red]evil")
    shown = pool("status").stdout

    assert "\x1b" not in shown
    assert "[red]evil" in shown

"""`yaoki pool doctor`: what is wrong, and what mends it (SPEC W5)."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.systems.repopool.cli.running import Commands
from tests.systems.repopool.disk.packs import add_pack
from yaoki.systems.repopool.disk_guard import DiskGuard
from yaoki.systems.repopool.recovery.doctor import MANY_PACKS

SLOT = "workspace-web-slot1"


def wrong(pool: Commands, *arguments: str) -> list[dict[str, Any]]:
    """What the doctor does not like."""
    return [each for each in pool.json("doctor", *arguments, code=14)["diagnoses"] if not each["ok"]]


def test_a_healthy_pool_is_told_to_be(pool: Commands) -> None:
    """SPEC W5: everything that there is was looked at."""
    diagnoses = pool.json("doctor")["diagnoses"]

    assert {each["check"] for each in diagnoses} == {
        *("git", "state", "permissions", "inodes", "disk", "mirror", "packs", "remote", "slot", "quarantine", "lock"),
    }
    assert all(each["ok"] and not each["command"] for each in diagnoses)
    assert "checks are well" in pool("doctor", "--quick", "--offline").stdout


def test_the_command_that_it_names_mends_a_slot(pool: Commands) -> None:
    """SPEC W5: the printed command, as it is, then all is well."""
    (pool.workspaces / "web" / "slot1" / ".git" / "HEAD").write_text("nonsense")
    (found,) = wrong(pool)

    assert (found["check"], found["subject"]) == ("slot", SLOT)
    assert f"\n  {found['command']}\n" in pool("doctor").stdout
    pool.json(*found["command"].split()[2:])
    pool.json("doctor")


def test_a_mirror_of_many_packs_is_told_and_they_are_joined(pool: Commands) -> None:
    """SPEC W5: where nobody joins the packs that fetches have brought, the printed command does."""
    for number in range(MANY_PACKS + 1):
        add_pack(pool.workspaces / "web" / "mirror.git", f"blob {number}", b"x" * number)
    (found,) = wrong(pool)

    assert (found["check"], found["command"]) == ("packs", "yaoki pool recover --mirror web")
    pool.json(*found["command"].split()[2:])
    assert pool.json("doctor")["healthy"]


def test_a_flipped_bit_deep_in_the_mirror_is_found_and_mended(pool: Commands) -> None:
    """SPEC W2: `git fsck --full` reads every object; the mirror is made anew from the remote."""
    (pack,) = (pool.workspaces / "web" / "mirror.git" / "objects" / "pack").glob("*.pack")
    content = bytearray(pack.read_bytes())
    content[len(content) // 2] ^= 0xFF
    pack.chmod(0o644)
    pack.write_bytes(bytes(content))
    found = {each["check"]: each for each in wrong(pool)}

    assert found["mirror"]["command"] == "yaoki pool recover --mirror web"
    pool.json(*found["mirror"]["command"].split()[2:])
    pool("recover")
    pool.json("doctor")


def test_a_remote_that_does_not_answer(pool: Commands, pool_origin: Path) -> None:
    """SPEC W5: told, unless it is not to be asked."""
    hidden = pool_origin.rename(pool_origin.with_name("hidden"))
    try:
        (found,) = wrong(pool)
        pool.json("doctor", "--offline")
    finally:
        hidden.rename(pool_origin)

    assert found["check"] == "remote"
    assert found["command"].startswith("git ls-remote")


def test_a_slot_that_somebody_else_owns(pool: Commands) -> None:
    """SPEC W5: permissions of slots and locks."""
    place = pool.workspaces / "web" / "slot1"
    if os.getuid() == 0:
        os.chown(place, 12345, -1)
    else:
        place.chmod(0o000)
    try:
        found = [each for each in wrong(pool) if each["check"] == "permissions"]
    finally:
        if os.getuid() == 0:
            os.chown(place, 0, -1)
        else:
            place.chmod(0o755)

    assert [each["subject"] for each in found] == [str(place)]
    assert "chown" in found[0]["command"]


def test_a_full_disk(pool: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC W5: no room for one more slot."""
    monkeypatch.setattr(DiskGuard, "free", lambda self: 0)
    (found,) = wrong(pool)

    assert (found["check"], found["command"]) == ("disk", "yaoki pool quarantine drop web --older-than 30")


def test_a_damaged_journal(pool: Commands) -> None:
    """SPEC W5: named, with a way out."""
    pool.json("recover")
    (pool.workspaces / "recovery.db").write_bytes(b"no database, but long enough to be read as a header" * 40)
    found = [each for each in wrong(pool) if each["check"] == "journal"]

    assert found
    assert str(pool.workspaces / "recovery.db") in found[0]["command"]


def test_a_state_that_is_lost_can_be_made_anew(pool: Commands, pool_origin: Path) -> None:
    """SPEC W2: every command says so in a line; the doctor's commands bring the slots back, and no work in them is lost."""
    (pool.workspaces / "web" / "slot1" / "work.txt").write_text("mine")
    for file in pool.workspaces.glob("pool.db-*"):
        file.unlink()
    (pool.workspaces / "pool.db").write_bytes(b"no database" * 1000)
    for command in (["list"], ["status"], ["detect"], ["recover"], ["allocate", "web"]):
        done = pool(*command)
        assert done.exit_code == 1
        assert "pool.db" in done.output
    (found,) = wrong(pool)
    *shell, create = found["command"].split("; ")
    subprocess.run("; ".join(shell), shell=True, check=True, stderr=subprocess.DEVNULL)
    pool.json(*create.replace("ADDRESS", str(pool_origin)).split()[2:])
    pool.json("recover")

    assert pool.states() == {"slot1": "available", "slot2": "available"}
    (entry,) = pool.json("quarantine", "list")["entries"]
    pool.json("quarantine", "restore", "web", entry["ticket"], pool.home / "rescued")
    assert (pool.home / "rescued" / "work.txt").read_text() == "mine"


def test_a_dead_holder_and_an_orphaned_lock(pool: Commands) -> None:
    """SPEC W3, W4: each with its command."""
    process = pool.start("run", "web", "--", "sh", "-c", "cd /; echo $$; exec sleep 60")
    assert process.stdout is not None
    command = int(process.stdout.readline())
    process.kill()
    os.kill(command, signal.SIGKILL)
    process.communicate(timeout=20)
    (pool.workspaces / "locks" / "workspace-gone-slot7.lock").touch()
    found = {each["check"]: each["command"] for each in wrong(pool)}

    assert found == {"holder": "yaoki pool recover", "lock": "yaoki pool unlock workspace-gone-slot7"}


def test_a_pool_that_is_not_there(pool: Commands) -> None:
    """SPEC W5: exit code 11."""
    assert pool("doctor", "nope").exit_code == 11

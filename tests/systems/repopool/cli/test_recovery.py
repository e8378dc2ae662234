"""`yaoki pool detect`, `recover`, `isolate`, `unlock` (SPEC W2, W3, H3)."""

from __future__ import annotations

from pathlib import Path

from tests.systems.repopool.cli.running import Commands

SLOT = "workspace-web-slot1"


def damage(pool: Commands, number: int = 1) -> None:
    """Break the `.git` of a free slot."""
    (pool.workspaces / "web" / f"slot{number}" / ".git" / "HEAD").write_text("nonsense")


def test_a_healthy_pool(pool: Commands) -> None:
    """SPEC W2: nothing is found, exit code 0."""
    document = pool.json("detect")

    assert (document["healthy"], document["problems"]) == (True, 0)
    assert document["anomalies"] == {"long_allocated_slots": [], "corrupted_slots": [], "orphaned_locks": []}
    assert pool("detect").stdout == "0 problems found.\n"


def test_damage_is_found_and_mended(pool: Commands) -> None:
    """SPEC W2, W3: exit code 14, then a recovery, then nothing is found."""
    damage(pool)
    found = pool.json("detect", code=14)
    would = pool.json("recover", "--dry-run")
    done = pool.json("recover")

    assert [slot["slot_id"] for slot in found["anomalies"]["corrupted_slots"]] == [SLOT]
    assert would["report"]["counts"]["would_repair"] == 1
    assert (done["recovered"], done["counts"]["corrupted_recovered"]) == (True, 1)
    pool.json("detect")


def test_long_allocations_are_found_and_left(pool: Commands) -> None:
    """SPEC W3: reported, never touched by the default strategy."""
    taken = pool.json("allocate", "web")
    found = pool.json("detect", "--hours", 0, code=14)
    pool.json("recover", "--strategy", "conservative")

    assert [slot["slot_id"] for slot in found["anomalies"]["long_allocated_slots"]] == [taken["slot"]["slot_id"]]
    assert sorted(pool.states().values()) == ["allocated", "available"]


def test_an_isolated_slot_waits_for_the_operator(pool: Commands) -> None:
    """SPEC W3: recovery leaves it alone and says so with exit code 13; `recover SLOT` brings it back."""
    pool.json("isolate", SLOT, "--reason", "look at it")
    everything = pool("recover")
    status = pool.json("status", SLOT)["slots"][0]

    assert everything.exit_code == 13, everything.output
    assert (status["state"], status["metadata"]["isolation_reason"]) == ("error", "look at it")
    assert "look at it" in pool("status").stdout
    assert pool.json("recover", SLOT)["recovered"] is True
    assert pool.states() == {"slot1": "available", "slot2": "available"}


def test_what_cannot_be_mended_stays_isolated(pool: Commands, pool_origin: Path) -> None:
    """SPEC H3: with the mirror gone, and the remote too, nothing helps: exit code 13, a reason and a command."""
    (pool.workspaces / "web" / "mirror.git" / "HEAD").unlink()
    for pack in (pool.workspaces / "web" / "mirror.git" / "objects" / "pack").glob("*"):
        pack.unlink()
    hidden = pool_origin.rename(pool_origin.with_name("hidden"))
    try:
        done = pool.json("recover", code=13)
        slot = pool.json("status", SLOT)["slots"][0]
    finally:
        hidden.rename(pool_origin)

    assert done["counts"]["corrupted_isolated"] == 2
    assert slot["metadata"]["isolation_reason"]
    assert slot["metadata"]["suggested_command"].startswith("yaoki pool recover")
    assert pool.json("recover", "--mirror", "web")["made_from"] == "remote"
    assert pool.json("recover", SLOT, "--force")["recovered"] is True


def test_one_slot_is_taken_by_force(pool: Commands) -> None:
    """SPEC W3: `recover SLOT --force` takes it from its holder, whose work is kept."""
    taken = pool.json("allocate", "web")
    slot_id = taken["slot"]["slot_id"]
    (Path(taken["path"]) / "work.txt").write_text("mine")
    pool("recover", slot_id)
    assert sorted(pool.states().values()) == ["allocated", "available"]
    pool.json("recover", slot_id, "--force")

    assert set(pool.states().values()) == {"available"}
    assert len(pool.json("quarantine", "list")["entries"]) == 1


def test_an_orphaned_lock_is_cleaned(pool: Commands) -> None:
    """SPEC W2, W4: found, unlocked, and not found again."""
    (pool.workspaces / "locks" / "workspace-gone-slot7.lock").touch()
    found = pool.json("detect", code=14)
    unlocked = pool.json("unlock", "workspace-gone-slot7")

    assert found["anomalies"]["orphaned_locks"] == ["workspace-gone-slot7"]
    assert unlocked["cleaned"] is True
    assert pool.json("unlock", "workspace-gone-slot7")["cleaned"] is False
    pool.json("detect")


def test_two_words_at_once_are_refused(pool: Commands) -> None:
    """SPEC W5: exit code 2 for what contradicts itself."""
    assert pool("recover", "--force").exit_code == 2
    assert pool("recover", SLOT, "--mirror", "web").exit_code == 2


def test_a_broken_git_folder_can_be_had_back(pool: Commands) -> None:
    """SPEC W3: what a repair has set aside is restored too, under a name by which git does not take it for a repository."""
    damage(pool)
    pool.json("recover")
    (entry,) = pool.json("quarantine", "list")["entries"]
    pool.json("quarantine", "restore", "web", entry["ticket"], pool.home / "rescued")

    assert (pool.home / "rescued" / "former.git" / "HEAD").read_text() == "nonsense"


def test_quarantine_is_listed_restored_and_dropped(pool: Commands) -> None:
    """SPEC W3: what was kept comes back as it was, into an empty folder only; it goes when somebody says so."""
    for number in range(2):
        path = Path(pool.json("allocate", "web", "--holder", "me")["path"])
        (path / "work.txt").write_text(f"work {number}")
        pool.json("release", path, "--holder", "me")
    first, second = pool.json("quarantine", "list", "web")["entries"]
    target = pool.home / "rescued"
    pool.json("quarantine", "restore", "web", first["ticket"], target)

    assert (target / "work.txt").read_text() == "work 0"
    assert pool("quarantine", "restore", "web", first["ticket"], target).exit_code == 1
    assert pool("quarantine", "restore", "web", "slot9/9", pool.home / "other").exit_code == 1
    assert pool("quarantine", "drop", "web").exit_code == 2
    pool.json("quarantine", "drop", "web", first["ticket"])
    assert [entry["ticket"] for entry in pool.json("quarantine", "list")["entries"]] == [second["ticket"]]
    would = pool.json("quarantine", "drop", "web", "--older-than", 0, "--dry-run")
    assert [entry["ticket"] for entry in would["dropped"]] == [second["ticket"]]
    pool.json("quarantine", "drop", "web", "--keep-bytes", 0)
    assert pool("quarantine", "list").stdout == "Nothing is in quarantine.\n"

"""`yaoki pool allocate`, `release`, `heartbeat` (SPEC W1, W4, W5)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.systems.repopool.cli.running import Commands


def test_allocate_prints_the_path_alone(pool: Commands) -> None:
    """SPEC W5: `cd "$(yaoki pool allocate web)"`; how to give it back is told on the other stream."""
    done = pool("allocate", "web")

    assert Path(done.stdout.strip()).is_dir()
    assert "yaoki pool release workspace-web-slot" in done.stderr


def test_a_lease_outlives_its_command(pool: Commands) -> None:
    """SPEC W4: it is durable, and no recovery takes it."""
    process = pool.start("allocate", "web", "--json")
    process.communicate(timeout=30)
    pool.json("recover")

    assert sorted(pool.states().values()) == ["allocated", "available"]


def test_the_fence_gives_it_back(pool: Commands) -> None:
    """SPEC W1."""
    taken = pool.json("allocate", "web", "--note", "task=42")
    slot_id = taken["slot"]["slot_id"]
    assert taken["slot"]["metadata"] == {"task": "42"}
    pool.json("release", slot_id, "--fence", taken["fence"])

    assert set(pool.states().values()) == {"available"}
    assert pool.json("release", slot_id, "--fence", taken["fence"], code=12)["error"]["kind"] == "stale_lease"


def test_the_label_gives_it_back(pool: Commands) -> None:
    """SPEC W1: a shell needs no number; another label is refused, and so is none."""
    path = pool.json("allocate", "web", "--holder", "job 1")["path"]

    assert pool("release", path).exit_code == 12
    assert pool("release", path, "--holder", "job 2").exit_code == 12
    assert pool("release", path, "--holder", "job 1").exit_code == 0
    assert pool("release", path, "--holder", "job 1").exit_code == 12


def test_an_operator_takes_it(pool: Commands) -> None:
    """SPEC W3: the work is kept, and the holder's late release changes nothing."""
    taken = pool.json("allocate", "web")
    (Path(taken["path"]) / "work.txt").write_text("mine")
    slot_id = taken["slot"]["slot_id"]
    would = pool.json("release", slot_id, "--force", "--dry-run")["would_keep"]
    (ticket,) = pool.json("release", slot_id, "--force")["kept"]

    assert would == ["new: work.txt"]
    assert [entry["ticket"] for entry in pool.json("quarantine", "list")["entries"]] == [ticket]
    assert pool("release", slot_id, "--fence", taken["fence"]).exit_code == 12
    assert set(pool.states().values()) == {"available"}


def test_a_full_pool_is_told_at_once(pool: Commands) -> None:
    """SPEC W1: exit code 10, also for a dry run."""
    pool.json("allocate", "web")
    pool.json("allocate", "web")

    assert pool.json("allocate", "web", code=10)["error"]["kind"] == "no_available_slot"
    assert pool("allocate", "web", "--dry-run").exit_code == 10
    assert pool("allocate", "web", "--wait", "0.05").exit_code == 10


def test_who_waits_gets_the_next_free_slot(pool: Commands) -> None:
    """SPEC W1: in the queue."""
    pool.json("allocate", "web")
    taken = pool.json("allocate", "web")
    waiting = pool.start("allocate", "web", "--wait", 30)
    pool.json("release", taken["slot"]["slot_id"], "--fence", taken["fence"])
    out, _ = waiting.communicate(timeout=40)

    assert (waiting.returncode, out.strip()) == (0, taken["path"])


def test_a_heartbeat_prolongs_a_lease(pool: Commands) -> None:
    """SPEC W4."""
    taken = pool.json("allocate", "web", "--ttl", 3600)
    slot_id, fence = taken["slot"]["slot_id"], taken["fence"]
    later = pool.json("heartbeat", slot_id, "--fence", fence)["slot"]["lease"]

    assert later["until"] > taken["slot"]["lease"]["until"]
    assert pool("heartbeat", slot_id, "--fence", fence + 1).exit_code == 12


@pytest.mark.parametrize("arguments", [["--note", "nonsense"], ["--wait", "-1"]])
def test_a_command_that_is_written_wrong(pool: Commands, arguments: list[str]) -> None:
    """SPEC W5: exit code 2, and nothing is taken."""
    assert pool("allocate", "web", *arguments).exit_code == 2
    assert set(pool.states().values()) == {"available"}

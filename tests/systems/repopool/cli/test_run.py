"""`yaoki pool run`, with real processes and signals (SPEC W1, W5)."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.systems.repopool.cli.running import Commands, until

pytestmark = pytest.mark.pool

FREE = {"slot1": "available", "slot2": "available"}


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code and what was printed."""
    out, error = process.communicate(timeout=40)
    return process.returncode, out, error


def lives(pid: int) -> bool:
    """Whether there is such a process that is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_exit_code_is_passed_on_and_the_slot_is_free(pool: Commands) -> None:
    """SPEC W5: the command runs in the slot, and knows which it is."""
    script = 'pwd; echo "$YAOKI_POOL_SLOT $YAOKI_POOL_NAME $YAOKI_POOL_FENCE $YAOKI_POOL_PATH"; exit 7'
    code, out, _ = ended(pool.start("run", "web", "--", "sh", "-c", script))
    place, facts = out.splitlines()

    assert code == 7
    assert facts.split() == [f"workspace-web-{Path(place).name}", "web", facts.split()[2], place]
    assert Path(place).parent == pool.workspaces / "web"
    assert pool.states() == FREE


def test_work_that_is_left_is_kept(pool: Commands) -> None:
    """SPEC W3: and the command says how to have it back."""
    code, _, error = ended(pool.start("run", "web", "--", "sh", "-c", "echo mine > work.txt"))
    (entry,) = pool.json("quarantine", "list")["entries"]

    assert code == 0
    assert f"yaoki pool quarantine restore web {entry['ticket']} FOLDER" in error


def test_a_command_that_takes_too_long_is_ended_with_all_that_it_started(pool: Commands) -> None:
    """SPEC W5: SIGTERM, then SIGKILL; the slot is released, and the work is kept."""
    script = "trap '' TERM; sh -c 'trap \"\" TERM; echo $$ > child.pid; while :; do sleep 0.1; done' & wait; wait"
    process = pool.start("run", "web", "--timeout", 2, "--grace", 0.3, "--", "sh", "-c", script)
    code, _, error = ended(process)
    (entry,) = pool.json("quarantine", "list")["entries"]
    pool.json("quarantine", "restore", "web", entry["ticket"], pool.home / "rescued")
    child = int((pool.home / "rescued" / "child.pid").read_text())

    assert code == 124
    assert "took longer than 2 s" in error
    assert not lives(child)
    assert pool.states() == FREE


def test_what_a_command_has_left_running_is_ended(pool: Commands) -> None:
    """SPEC W1: nobody works in a slot that is on offer."""
    code, out, _ = ended(pool.start("run", "web", "--", "sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $!"))

    assert code == 0
    assert not lives(int(out))
    assert pool.states() == FREE


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_command_and_frees_the_slot(pool: Commands, number: signal.Signals) -> None:
    """SPEC W5: exit code 128 + N, and the work is kept."""
    process = pool.start("run", "web", "--", "sh", "-c", "echo mine > work.txt; echo ready; sleep 60")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    code, _, _ = ended(process)

    assert code == 128 + number
    assert len(pool.json("quarantine", "list")["entries"]) == 1
    assert pool.states() == FREE


def test_a_command_that_a_signal_ended(pool: Commands) -> None:
    """SPEC W5: 128 + N, as a shell tells it."""
    assert ended(pool.start("run", "web", "--", "sh", "-c", "kill -9 $$"))[0] == 137


@pytest.mark.parametrize(("command", "code"), [("no-such-command", 127), ("./file1.txt", 126)])
def test_a_command_that_cannot_be_started(pool: Commands, command: str, code: int) -> None:
    """SPEC W5: as env(1) tells it; the slot is free again."""
    assert ended(pool.start("run", "web", "--", command))[0] == code
    assert pool.states() == FREE


def test_a_full_pool_and_a_signal_while_waiting(pool: Commands) -> None:
    """SPEC W1: exit code 10 at once; who waits can be stopped, and leaves the queue."""
    pool.json("allocate", "web")
    pool.json("allocate", "web")
    assert ended(pool.start("run", "web", "--", "true"))[0] == 10
    waiting = pool.start("run", "web", "--wait", 60, "--", "true")
    assert waiting.stderr is not None
    assert "Waiting" in waiting.stderr.readline()
    waiting.terminate()

    assert ended(waiting)[0] == 128 + signal.SIGTERM


def test_a_killed_run_is_recovered_when_nobody_works_in_its_slot_any_more(pool: Commands) -> None:
    """SPEC W3: kill -9 leaves the command; while it lives the slot is its, then its work is kept and the slot is free."""
    process = pool.start("run", "web", "--", "sh", "-c", "echo mine > work.txt; echo $$; exec sleep 60")
    assert process.stdout is not None
    command = int(process.stdout.readline())
    process.kill()
    process.wait()
    try:
        pool.json("recover")
        assert sorted(pool.states().values()) == ["allocated", "available"]
    finally:
        os.kill(command, signal.SIGKILL)
    ended(process)
    until(lambda: not lives(command))
    report = pool.json("recover")["report"]

    assert report["counts"]["repaired"] == 1
    assert pool.states() == FREE
    (entry,) = pool.json("quarantine", "list")["entries"]
    pool.json("quarantine", "restore", "web", entry["ticket"], pool.home / "rescued")
    assert (pool.home / "rescued" / "work.txt").read_text() == "mine\n"


def test_a_release_that_came_too_late_is_told(pool: Commands) -> None:
    """SPEC W3: an operator took the slot meanwhile; the command learns it, and ends with exit code 12; nobody else's slot was freed."""
    end = pool.home / "end"
    process = pool.start("run", "web", "--", "sh", "-c", f"echo ready; while [ ! -e {end} ]; do sleep 0.05; done")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    (slot_id,) = [slot["slot_id"] for slot in pool.json("status")["slots"] if slot["state"] == "allocated"]
    pool.json("release", slot_id, "--force")
    assert process.stderr is not None
    told = process.stderr.readline()
    end.touch()

    assert f"{slot_id} was taken from this command by force" in told
    assert ended(process)[0] == 12
    assert pool.states() == FREE

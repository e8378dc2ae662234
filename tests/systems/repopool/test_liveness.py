"""Whether the owner of a lease lives: dead, live, unknown (SPEC W3, W4)."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.systems.repopool.states import dead_process
from yaoki.core.clock import clock
from yaoki.systems.repopool.leases import liveness
from yaoki.systems.repopool.leases.lease import held_for, new_lease
from yaoki.systems.repopool.leases.liveness import Liveness, lease_liveness, occupants, process_liveness
from yaoki.systems.repopool.leases.process import ProcessIdentity, process_state, this_process


def test_this_process_lives() -> None:
    """SPEC W4: it is named by host, boot, namespace, number and start."""
    mine = this_process()

    assert (mine.pid, mine.started) == (os.getpid(), (process_state(os.getpid()) or ("", ""))[1])
    assert process_liveness(mine).verdict is Liveness.LIVE
    assert ProcessIdentity.from_dict(mine.to_dict()) == mine


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({"started": "1"}, Liveness.DEAD),
        ({"started": ""}, Liveness.UNKNOWN),
        ({"boot": "another"}, Liveness.DEAD),
        ({"boot": ""}, Liveness.UNKNOWN),
        ({"host": "elsewhere"}, Liveness.UNKNOWN),
        ({"host": "elsewhere", "boot": "another"}, Liveness.UNKNOWN),
        ({"namespace": "pid:[1]"}, Liveness.UNKNOWN),
    ],
)
def test_a_process_with_our_number_is_not_taken_for_us(change: dict[str, str], verdict: Liveness) -> None:
    """SPEC W4: a reused number, a reboot, another host, another container; what cannot be told is unknown."""
    assert process_liveness(replace(this_process(), **change)).verdict is verdict  # type: ignore[arg-type]


def test_a_process_that_has_ended_is_dead() -> None:
    """SPEC W4: no such number."""
    assert process_liveness(dead_process()).dead


def test_a_process_that_nobody_has_collected_is_dead() -> None:
    """SPEC W4: a zombie works no more."""
    child = os.fork()
    if child == 0:
        os._exit(0)
    while (process_state(child) or ("", ""))[0] != "Z":
        pass
    zombie = replace(this_process(), pid=child, started=(process_state(child) or ("", ""))[1])

    assert process_liveness(zombie).dead
    os.waitpid(child, 0)


def test_a_child_is_another_process() -> None:
    """SPEC W1: a lease is not inherited by fork."""
    mine = this_process()
    child = os.fork()
    if child == 0:
        os._exit(0 if this_process().pid == os.getpid() != mine.pid else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_process_that_cannot_be_looked_at_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC W3: unreadable counts as alive."""

    def refuse(pid: int) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(liveness, "process_state", refuse)

    assert process_liveness(dead_process()).verdict is Liveness.UNKNOWN


def test_without_proc_only_the_end_of_a_process_is_proven(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """SPEC X: platforms that have no /proc."""
    other = replace(this_process(), started="1")
    monkeypatch.setattr(liveness, "PROC", tmp_path / "none")

    assert process_liveness(dead_process()).dead
    assert process_liveness(other).verdict is Liveness.UNKNOWN
    assert occupants(tmp_path) == []


@pytest.mark.parametrize("how", ["works in", "has a file open in"])
def test_who_is_in_the_slot_vetoes(tmp_path: Path, how: str) -> None:
    """SPEC W3: a working directory or an open file."""
    (tmp_path / "slot").mkdir()
    (tmp_path / "slot" / "file").write_text("")
    program = "import sys; sys.stdout.write('.'); sys.stdout.flush(); sys.stdin.read()"
    where = tmp_path / "slot" if how == "works in" else tmp_path
    with (tmp_path / "slot" / "file").open() as file:
        child = subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=where,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=file if how != "works in" else None,
        )
    with child:
        assert child.stdout is not None
        child.stdout.read(1)
        assert occupants(tmp_path / "slot") == [child.pid]
        lease = replace(new_lease(), process=dead_process())
        assert lease_liveness(lease, tmp_path / "slot").verdict is Liveness.UNKNOWN
        child.kill()
    assert lease_liveness(lease, tmp_path / "slot").dead
    assert occupants(tmp_path / "slo") == []


def test_a_lease_ages_by_the_monotonic_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Defect 18 of the original: daylight saving and steps of the clock released early or never."""
    lease = new_lease()
    monkeypatch.setattr(clock, "wall", lambda: 0.0)

    assert 0.0 <= held_for(lease) < 60.0
    assert lease.process is not None
    other_boot = replace(lease, process=replace(lease.process, boot="another"))
    assert held_for(other_boot) == 0.0

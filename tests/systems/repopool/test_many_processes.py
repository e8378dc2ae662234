"""SPEC W1: 16 processes on 4 slots, that die, are late, and are forced out: no slot has two holders, and no work is lost."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.systems.repopool.conftest import git
from yaoki.core.clock import clock
from yaoki.systems.repopool import PoolManager, SlotState
from yaoki.systems.repopool.errors import LockTimeoutError

pytestmark = [pytest.mark.pool, pytest.mark.timeout(600)]

AGENTS, SLOTS, SECONDS, KILLED = 16, 4, 20.0, 20
AGENT = Path(__file__).with_name("agent.py")


class Crowd:
    """The agents, of which there are always so many."""

    def __init__(self, manager: PoolManager, log: Path) -> None:
        self.manager = manager
        self.log = log
        self.chance = random.Random(7)
        self.running: dict[int, subprocess.Popen[bytes]] = {}
        self.killed = 0
        log.touch()

    def fill(self) -> None:
        for number in range(AGENTS):
            process = self.running.get(number)
            if process is None or process.poll() is not None:
                self.close(number)
                self.running[number] = subprocess.Popen(
                    [sys.executable, str(AGENT), str(self.manager.config.workspaces_dir), str(number), str(self.log)],
                    stdin=subprocess.PIPE,
                )

    def close(self, number: int) -> None:
        process = self.running.pop(number, None)
        if process is not None:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(120.0)

    def kill_one(self) -> None:
        number = self.chance.choice(sorted(self.running))
        self.running[number].kill()
        self.killed += 1

    def force_one(self) -> None:
        held = self.manager.get_pool("web").get_allocated_slots()
        if held:
            # Its holder may be at work on it for longer than the operator waits.
            with suppress(LockTimeoutError):
                self.manager.release_slot(self.chance.choice(held).slot_id, force=True)

    def end(self, meanwhile: Callable[[], None]) -> list[int]:
        """End all; returns how they ended. `meanwhile`: what is done while they come to their ends."""
        processes = list(self.running.values())
        for process in processes:
            assert process.stdin is not None
            process.stdin.close()
        while any(process.poll() is None for process in processes):
            meanwhile()
            clock.sleep(0.1)
        return [process.returncode for process in processes]

    def facts(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


def test_sixteen_processes_on_four_slots(make_manager: Callable[..., PoolManager], tmp_path: Path) -> None:
    """SPEC W1: random kill -9, late, forced and forgotten releases; every process makes progress."""
    manager = make_manager(slots=SLOTS)
    crowd = Crowd(manager, tmp_path / "log")
    errors: list[str] = []

    def recover() -> None:
        errors.extend(manager.auto_recover()["errors"])

    until = clock.now() + SECONDS
    while clock.now() < until or crowd.killed < KILLED:
        crowd.fill()
        clock.sleep(0.4)
        crowd.kill_one()
        if crowd.chance.random() < 0.6:
            crowd.force_one()
        if crowd.chance.random() < 0.3:
            recover()
    # From here on nobody is killed: everybody must get a turn, however the others have ended.
    crowd.fill()
    already = len(crowd.facts())
    patience = clock.now() + 240.0
    while {fact["agent"] for fact in crowd.facts()[already:] if fact["event"] == "got"} < set(range(AGENTS)):
        assert clock.now() < patience, "an agent makes no progress"
        crowd.fill()
        recover()
        clock.sleep(0.1)
    assert set(crowd.end(recover)) <= {0, -9}
    facts = crowd.facts()

    for _ in range(50):
        recover()
        if len(manager.get_pool("web").get_available_slots()) == SLOTS:
            break
        # A child of a killed one may still be in its slot for a moment.
        clock.sleep(0.1)
    assert [slot.state for slot in manager.get_pool("web").slots] == [SlotState.AVAILABLE] * SLOTS
    assert manager.detect_anomalies() == {"long_allocated_slots": [], "corrupted_slots": [], "orphaned_locks": []}
    assert errors == []
    assert {"got", "wrote", "released", "late", "ends"} <= {fact["event"] for fact in facts}

    check_holders(facts)
    check_work(manager, facts, tmp_path)


def check_holders(facts: list[dict[str, object]]) -> None:
    """No slot had two holders: what a holder had written was there, alone, until he gave the slot back."""
    for fact in facts:
        assert fact["event"] != "released twice"
        if fact["event"] == "got":
            assert fact["clean"], fact
        if fact["event"] == "released":
            assert fact["intact"], fact
            assert fact["alone"], fact
    leases = [(fact["slot"], fact["fence"]) for fact in facts if fact["event"] == "got"]
    assert len(set(leases)) == len(leases)


def check_work(manager: PoolManager, facts: list[dict[str, object]], folder: Path) -> None:
    """Every file that somebody wrote is in quarantine: he was killed, forced out, or just went."""
    tokens = [str(fact["token"]) for fact in facts if fact["event"] == "wrote"]
    place = folder / "tokens"
    place.mkdir()
    for token in tokens:
        (place / token).write_text(token)
    names = git(place, "hash-object", "--no-filters", *tokens).split()
    layout = manager.quarantine("web").layout
    asked = subprocess.run(
        ["git", f"--git-dir={layout.quarantine}", "cat-file", "--batch-check"],
        input="\n".join(names),
        capture_output=True,
        text=True,
        check=True,
    )
    aside = {file.name for file in layout.set_aside.rglob("token-*")} if layout.set_aside.exists() else set()
    lost = [
        token
        for token, line in zip(tokens, asked.stdout.splitlines(), strict=True)
        if line.endswith("missing") and f"token-{token}.txt" not in aside
    ]
    assert lost == []

"""Packs are joined while others fetch, take slots, leave work behind, and look for damage (SPEC W1, W3)."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.systems.repopool.disk.packs import objects_of
from tests.systems.repopool.disk.world import World, tenant
from yaoki.systems.repopool.errors import LockTimeoutError
from yaoki.systems.repopool.git.packs import packs_in
from yaoki.systems.repopool.mirror.joining import join

pytestmark = [pytest.mark.pool, pytest.mark.timeout(600)]

ROUNDS, TENANTS = 25, 2


def _work(world: World, number: int, stop: Any, told: Any) -> None:
    """A tenant after the other in one slot, each of whom leaves a file and a commit."""
    done = 0
    workspace = world.slot(number)
    while not stop.is_set():
        workspace.prepare()
        tree = world.tree(number)
        (tree / "mine.txt").write_text(f"slot {number}, tenant {done}")
        tenant(tree, "add", "--all")
        tenant(tree, "commit", "--quiet", f"--message=tenant {done}")
        (tree / "a.txt").write_text(f"changed by {done}")
        entry = workspace.clean(ticket=str(done)).entry
        assert entry is not None
        told.put((entry.ticket, (tree.name, done)))
        done += 1


def _look(world: World, _: int, stop: Any, told: Any) -> None:
    """The checks, deep enough to remember what they have read, and another user of the quarantine."""
    looks = 0
    while not stop.is_set():
        assert world.mirror.check(tier=2) == []
        world.quarantine.open()
        looks += 1
    told.put(("looks", looks))


def _join(world: World, _: int, stop: Any, told: Any) -> None:
    """Whoever joins besides the one who fetches."""
    joined = 0
    while not stop.is_set():
        try:
            joined += join(world.mirror, world.quarantine, timeout=1.0)
        except LockTimeoutError:
            continue
    told.put(("joined", joined))


def _doing(part: Callable[..., None], folder: Path, origin: Path, number: int, stop: Any, told: Any) -> None:
    try:
        part(World(folder, origin), number, stop, told)
    except BaseException as error:
        told.put(("failed", f"{part.__name__}: {error!r}"))
        raise
    finally:
        told.put(("ended", part.__name__))


def test_w1_nobody_notices_that_packs_are_joined(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC W1, W3: no check finds damage, no release fails, every object stays, and every tenant's work comes back."""
    monkeypatch.setattr("yaoki.systems.repopool.mirror.joining.MOST_PACKS", 2)
    world.mirror.create()
    for number in range(1, TENANTS + 1):
        world.slot(number).build()
    context = multiprocessing.get_context("fork")
    stop, told = context.Event(), context.Queue()
    parts = [(_work, number) for number in range(1, TENANTS + 1)] + [(_look, 0), (_join, 0)]
    processes = [
        context.Process(target=_doing, args=(part, world.folder, world.origin, number, stop, told)) for part, number in parts
    ]
    for process in processes:
        process.start()
    seen = set(objects_of(world.layout.mirror))
    for number in range(ROUNDS):
        world.push(f"pushed-{number}.txt")
        assert world.mirror.refresh(older_than=0.0).fetched
        seen |= set(objects_of(world.layout.mirror))
    stop.set()
    answers: list[tuple[str, Any]] = []
    while sum(name == "ended" for name, _ in answers) < len(processes):
        answers.append(told.get(timeout=120.0))
    for process in processes:
        process.join(60.0)

    assert [each for each in answers if each[0] == "failed"] == []
    assert all(process.exitcode == 0 for process in processes)
    assert dict(answers)["looks"] > 0
    assert dict(answers)["joined"] > ROUNDS
    join(world.mirror, world.quarantine)
    assert len(packs_in(world.mirror.objects)) <= ROUNDS / 2
    assert set(objects_of(world.layout.mirror)) == seen
    assert world.mirror.check(tier=3) == []
    kept = {ticket: of for ticket, of in answers if ticket.startswith("slot")}
    assert {entry.ticket for entry in world.quarantine.entries()} == set(kept)
    for ticket, (slot, done) in list(kept.items())[-10:]:
        restored = world.restored(world.quarantine.entry(ticket))
        assert (restored / "mine.txt").read_text() == f"slot {slot.removeprefix('slot')}, tenant {done}"
        assert (restored / "a.txt").read_text() == f"changed by {done}"

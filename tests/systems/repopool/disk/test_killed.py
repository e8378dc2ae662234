"""A process that is killed anywhere leaves work that the next one completes, and loses nothing (SPEC W1, W3; defect 12)."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from tests.systems.repopool.disk.killer import WORKS, dies_at, dies_in_renames
from tests.systems.repopool.disk.world import World, files_in, tenant
from yaoki.systems.repopool.repair.ladder import damages_of

pytestmark = [pytest.mark.pool, pytest.mark.timeout(600)]

# More than any of these operations needs.
_MOST = 400


def deaths(world: World, work: str, prepare: Callable[[], None], settled: Callable[[], None], *, step: int) -> int:
    """Die at every place in turn, each time from the same beginning, and look what the next process makes of it."""
    places = 0
    for die in (
        lambda at: dies_at(world, work, at, after=False),
        lambda at: dies_at(world, work, at, after=True),
        lambda at: dies_in_renames(world, work, at * step),
    ):
        for at in range(_MOST):
            prepare()
            died = die(at)
            WORKS[work](world)
            settled()
            if not died:
                break
            places += 1
    return places


def fresh(world: World) -> None:
    for path in (world.layout.workspaces_dir,):
        shutil.rmtree(path, ignore_errors=True)


def test_w1_defect_12_a_mirror_half_created_is_completed(world: World) -> None:
    """SPEC W1, defect 12: the next call creates it."""

    def settled() -> None:
        assert world.mirror.check(tier=1) == []

    assert deaths(world, "create", lambda: fresh(world), settled, step=3) > 3


def test_w1_defect_12_a_slot_half_built_is_completed(world: World) -> None:
    """SPEC W1, defect 12: the next call builds it."""
    world.mirror.create()

    def prepare() -> None:
        for number in (world.layout.slot(1).tree, world.layout.control):
            shutil.rmtree(number, ignore_errors=True)

    def settled() -> None:
        world.slot().prepare()
        assert damages_of(world.slot()) == []

    assert deaths(world, "build", prepare, settled, step=5) > 5


def work(world: World) -> None:
    """A tenant's work of many kinds."""
    workspace = world.built()
    tree = world.tree()
    tenant(tree, "checkout", "--quiet", "-b", "mine")
    (tree / "committed.txt").write_text("committed")
    tenant(tree, "add", "--all")
    tenant(tree, "commit", "--quiet", "--message=mine")
    (tree / "a.txt").write_text("changed")
    (tree / "new.txt").write_text("new")
    (tree / "x.log").write_text("ignored")
    inner = tree / "inner"
    inner.mkdir()
    tenant(inner, "init", "--quiet")
    (inner / "deep.txt").write_text("deep")
    assert workspace.head().branch == "mine"


EXPECTED = {"committed.txt": "committed", "a.txt": "changed", "new.txt": "new", "x.log": "ignored", "inner/deep.txt": "deep"}


@pytest.mark.parametrize(("name", "step"), [("clean", 4), ("renew", 4)])
def test_w3_work_survives_a_death_at_any_moment(world: World, name: str, step: int) -> None:
    """SPEC W3: everything is in the quarantine in the end, whenever the process died that put it there; the slot works."""

    def prepare() -> None:
        fresh(world)
        work(world)

    def settled() -> None:
        found: dict[str, str] = {}
        for entry in world.quarantine.entries():
            target = world.folder / "found"
            shutil.rmtree(target, ignore_errors=True)
            world.quarantine.restore(entry.ticket, target)
            found.update({path: text for path, text in files_in(target).items() if EXPECTED.get(path) == text})
        assert found == EXPECTED
        world.slot().prepare()
        assert damages_of(world.slot()) == []
        assert tenant(world.tree(), "status", "--porcelain", "--ignored") == ""

    assert deaths(world, name, prepare, settled, step=step) > 5


def test_w1_a_slot_half_brought_to_a_new_base_is_completed(world: World) -> None:
    """SPEC W1: whoever was given it next finds the new base, whole."""
    world.mirror.create()
    bases = [world.mirror.base("main"), world.mirror.base("other")]

    def prepare() -> None:
        world.slot().build()
        world.slot().prepare(bases[1])

    def settled() -> None:
        assert world.slot().head().branch == "main"
        assert damages_of(world.slot()) == []
        assert files_in(world.tree())["a.txt"] == "a.txt, second\n"

    assert deaths(world, "prepare", prepare, settled, step=4) > 5

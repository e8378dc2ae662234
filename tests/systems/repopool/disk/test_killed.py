"""A process that is killed anywhere leaves work that the next one completes, and loses nothing (SPEC W1, W3; defect 12)."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from tests.systems.repopool.disk.killer import WORKS, dies_at, dies_in_renames
from tests.systems.repopool.disk.packs import grow, names_of, objects_of
from tests.systems.repopool.disk.world import World, files_in, tenant
from yaoki.systems.repopool.git.packs import packs_in
from yaoki.systems.repopool.mirror.state import MirrorState
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


@pytest.mark.parametrize("kept", [True, False], ids=["with a quarantine", "without one"])
def test_w1_a_join_that_is_killed_anywhere_leaves_a_whole_mirror(
    world: World, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    """SPEC W1: at every command and every rename and removal, mirror and quarantine have all objects; the next join leaves one pack."""
    monkeypatch.setattr("yaoki.systems.repopool.mirror.joining.MOST_PACKS", 3)
    workspace = world.built()
    (world.tree() / "mine.txt").write_text("mine")
    if kept:
        workspace.clean(ticket="1")
    grow(world, 4)
    places = [world.layout.mirror, *([world.layout.quarantine] if kept else [])]
    if kept:
        world.quarantine.open()
    before = [objects_of(place) for place in places]
    template = world.folder / "template"
    shutil.copytree(world.layout.workspaces_dir, template)
    dead = 0
    for die in (
        lambda at: dies_at(world, "join", at, after=False),
        lambda at: dies_at(world, "join", at, after=True),
        lambda at: dies_in_renames(world, "join", at),
    ):
        for at in range(_MOST):
            fresh(world)
            shutil.copytree(template, world.layout.workspaces_dir)
            died = die(at)

            assert world.mirror.check(tier=2) == []
            assert [objects_of(place) for place in places] == before
            WORKS["join"](world)

            (joined,) = packs_in(world.mirror.objects)
            assert {name for name in names_of(world.mirror.objects) if not name.endswith(".rev")} == {
                joined.name,
                f"{joined.stem}.idx",
            }
            assert MirrorState.read(world.mirror.state_file).superseded == {}
            assert [objects_of(place) for place in places] == before
            if kept:
                assert (world.restored() / "mine.txt").read_text() == "mine"
                assert len(packs_in(world.quarantine.objects)) == 2
            if not died:
                break
            dead += 1
    assert dead > 12
    assert world.mirror.check(tier=3) == []

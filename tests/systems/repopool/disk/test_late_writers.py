"""What a program of a former tenant writes while we make his slot clean is not believed to be ours (SPEC W1, W3).

Each test has it write at the worst moment: between what we do, and our look at how the slot stands then.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.systems.repopool.disk.world import World, files_in, tenant
from yaoki.systems.repopool.slot.building import Building
from yaoki.systems.repopool.slot.index import SlotIndex, seen_by_git
from yaoki.systems.repopool.slot.workspace import Workspace


def after(monkeypatch: pytest.MonkeyPatch, where: type, name: str, write: Callable[[], object]) -> None:
    """Have somebody write once, right after the step `name`."""
    step, wrote = getattr(where, name), list[bool]()

    def stepped(*given: object) -> object:
        told = step(*given)
        if not wrote:
            wrote.append(True)
            write()
        return told

    monkeypatch.setattr(where, name, stepped)


@pytest.fixture
def dirty(world: World) -> Workspace:
    """A slot in which one file of the root is changed."""
    workspace = world.built()
    (world.tree() / "a.txt").write_text("work\n")
    return workspace


@pytest.mark.parametrize("name", ["a.txt", ".gitignore", "src/b.txt"])
def test_w1_a_file_that_is_written_while_the_slot_is_cleaned_is_found_at_hand_out(
    world: World, dirty: Workspace, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """SPEC W1: one that we have just checked out, one beside it, and one elsewhere."""
    before = (world.tree() / name).read_text() if name != "a.txt" else "a.txt, second\n"
    after(monkeypatch, SlotIndex, "check_out", lambda: (world.tree() / name).write_text("late\n"))

    dirty.clean(ticket="1")
    dirty.prepare()

    assert (world.tree() / name).read_text() == before
    late = next(entry for entry in world.quarantine.entries() if entry.ticket == "slot1/found")
    assert (world.restored(late) / name).read_text() == "late\n"


@pytest.mark.parametrize("name", ["config", "hooks/post-checkout", "refs/heads/late"])
@pytest.mark.parametrize("worked", [True, False])
def test_w3_what_is_written_into_a_git_folder_as_it_gets_its_place_is_not_the_next_tenants(
    world: World, dirty: Workspace, monkeypatch: pytest.MonkeyPatch, name: str, worked: bool
) -> None:
    """SPEC W3: into a new one, and into one that stays since nobody had touched it."""
    fresh = (world.tree() / ".git" / "config").read_text()

    def write() -> None:
        place = world.tree() / ".git" / name
        place.parent.mkdir(exist_ok=True)
        place.write_text("late\n")

    if worked:
        tenant(world.tree(), "add", "a.txt")
    after(monkeypatch, Building, "_renew_git" if worked else "_doubted", write)

    dirty.clean(ticket="1")
    dirty.prepare()

    assert (world.tree() / ".git" / "config").read_text() == fresh
    assert "late\n" not in files_in(world.tree() / ".git" / "hooks").values()
    assert not (world.tree() / ".git" / "refs" / "heads" / "late").exists()


def test_w3_what_is_written_into_a_git_folder_while_the_files_are_looked_into_is_found(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SPEC W3: git takes its time to tell that a file that was only touched is unchanged."""
    workspace = world.built()
    (world.tree() / "a.txt").touch()
    after(monkeypatch, SlotIndex, "changed", lambda: (world.tree() / ".git" / "description").write_text("late\n"))

    workspace.prepare()
    workspace.prepare()

    assert not (world.tree() / ".git" / "description").exists()


def test_w1_an_index_becomes_younger_only_if_we_looked_when_its_second_was_over(world: World) -> None:
    """SPEC W1: what is written later in the same second, with the same size, would look unchanged to git."""
    world.built()
    slot = world.layout.slot(1)
    second = 1_700_000_000
    os.utime(slot.index, (second, second))

    SlotIndex(world.git, slot).settle(second * 10**9 + 5, second * 10**9 + 900_000_000)
    assert slot.index.stat().st_mtime == second

    SlotIndex(world.git, slot).settle(second * 10**9 + 5, (second + 1) * 10**9)
    assert slot.index.stat().st_mtime > second


@pytest.mark.parametrize("version", ["2", "3", "4"])
def test_w1_an_index_is_read_as_git_writes_it(world: World, version: str) -> None:
    """SPEC W1: each file as it stood when git saw it, in every version of the format."""
    world.built()
    slot, tree = world.layout.slot(1), world.tree()
    names = ["long/" * 60 + "name", "long/" * 60 + "other", "x" * 7, "y" * 8, "new\\nline", "七転び"]
    for name in names:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(name)
    tenant(tree, "add", "--all")
    if version == "3":
        (tree / "later").write_text("x")
        tenant(tree, "add", "--intent-to-add", "later")
    tenant(tree, "update-index", "--index-version", version)
    slot.index.write_bytes((tree / ".git" / "index").read_bytes())

    seen = seen_by_git(slot, digest_size=20)

    assert [os.fsdecode(path) for path in seen] == [path for path in tenant(tree, "ls-files", "-z").split("\0") if path]
    for name in names:
        status = (tree / name).stat()
        assert seen[os.fsencode(name)] == (status.st_ctime_ns, status.st_ino & 0xFFFFFFFF)


def test_w1_an_index_that_ends_early_tells_nothing(world: World) -> None:
    """SPEC W1: then every file is looked into."""
    world.built()
    slot = world.layout.slot(1)
    slot.index.write_bytes(slot.index.read_bytes()[:90])
    assert seen_by_git(slot, digest_size=20) == {}

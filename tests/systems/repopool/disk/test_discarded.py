"""What nobody needs any more is out of the way at once, and off the disk soon (SPEC W1)."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from tests.systems.repopool.disk.world import World, tenant
from yaoki.systems.repopool import discarded
from yaoki.systems.repopool.discarded import Discarded, Emptying


def ended() -> None:
    """Wait until nothing is being deleted any more."""
    for thread in threading.enumerate():
        if thread.name == "yaoki-pool-discard":
            thread.join()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    (folder / "inside").mkdir(parents=True)
    (folder / "inside" / "file").write_text("x")
    return folder


def test_w1_it_is_out_of_the_way_before_it_is_deleted(tmp_path: Path, tree: Path) -> None:
    """SPEC W1: a rename, however much there is; the deletion comes later."""
    place = tmp_path / "discarded"
    Discarded(place).take(tree)
    assert not tree.exists()
    assert [path.read_text() for path in place.rglob("file")] == ["x"]

    Emptying().begin(place)
    ended()

    assert list(place.iterdir()) == []


def test_w1_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    """SPEC W1: and no folder is made for it."""
    Discarded(tmp_path / "discarded").take(tmp_path / "nothing")
    assert not (tmp_path / "discarded").exists()


def test_w1_on_a_disk_that_is_nearly_full_it_is_deleted_at_once(
    tmp_path: Path, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SPEC W1, defect 15 of the original: the space is needed now."""
    monkeypatch.setattr(discarded, "SPARE", 1 << 62)
    Discarded(tmp_path / "discarded").take(tree)
    assert not tree.exists()
    assert not (tmp_path / "discarded").exists()


def test_w1_where_nothing_can_be_renamed_to_it_is_deleted(tmp_path: Path, tree: Path) -> None:
    """SPEC W1: somebody's file stands where the folder should."""
    (tmp_path / "discarded").write_text("in the way")
    Discarded(tmp_path / "discarded").take(tree)
    assert not tree.exists()


def test_w1_a_link_goes_and_what_it_leads_to_stays(tmp_path: Path, tree: Path) -> None:
    """SPEC W1: links are never followed."""
    link = tmp_path / "link"
    link.symlink_to(tree)
    place = tmp_path / "discarded"
    Discarded(place).take(link)
    Emptying().begin(place)
    ended()
    assert (tree / "inside" / "file").read_text() == "x"
    assert not link.is_symlink()


def test_w1_folders_that_lie_deeper_than_python_can_call_itself_are_deleted(tmp_path: Path) -> None:
    """SPEC W1: a tenant may make as many as his disk has space for, and no path leads to the last of them."""
    place = tmp_path / "discarded"
    (place / "1").mkdir(parents=True)
    folder = os.open(place / "1", os.O_RDONLY)
    for _ in range(2000):
        os.mkdir("a long name of a folder", dir_fd=folder)  # no path leads there
        inside = os.open("a long name of a folder", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inside
    os.close(folder)

    Emptying().begin(place)
    ended()

    assert list(place.iterdir()) == []


def test_w1_a_process_that_may_start_no_thread_leaves_it_to_the_next_one(
    tmp_path: Path, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SPEC W1: the slot is clean all the same, and later it is tried again."""
    place = tmp_path / "discarded"
    Discarded(place).take(tree)
    emptying = Emptying()

    def refused(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refused)
        emptying.begin(place)
    assert list(place.rglob("file"))

    emptying.begin(place)
    ended()

    assert list(place.iterdir()) == []


def test_w1_what_a_killed_process_left_is_deleted_by_the_next_one(world: World) -> None:
    """SPEC W1: it lies in a place that everybody empties."""
    workspace = world.built()
    (world.tree() / "build").mkdir()
    (world.tree() / "build" / "x.o").write_text("x")
    cleaned = workspace.clean(ticket="1")
    assert cleaned.removed == ("build/x.o",)
    assert list(world.layout.discarded.rglob("x.o"))

    Emptying().begin(world.layout.discarded)
    ended()

    assert list(world.layout.discarded.iterdir()) == []


@pytest.mark.parametrize("number", [3, 200])
def test_w3_what_is_ignored_is_told_from_work_however_much_there_is(world: World, number: int) -> None:
    """SPEC W3: in ignored folders, beside others, and inside of new folders that are not ignored."""
    workspace = world.built()
    (world.tree() / ".gitignore").write_text("*.log\nbuild/\n.cache/\nout/*\n!out/keep\n")
    for folder in ("build/deep", "new/build", "out", "src"):
        (world.tree() / folder).mkdir(parents=True, exist_ok=True)
        for each in range(number):
            (world.tree() / folder / f"{each}.txt").write_text(str(each))
    (world.tree() / "new" / "x.log").write_text("ignored")
    (world.tree() / "new" / "x.txt").write_text("work")
    (world.tree() / "out" / "keep").write_text("work")
    told = tenant(world.tree(), "ls-files", "--others", "--ignored", "--exclude-standard").splitlines()

    cleaned = workspace.clean(ticket="1")

    assert sorted(cleaned.removed) == sorted(told)
    restored = world.restored()
    assert (restored / "new" / "x.txt").read_text() == "work"
    assert (restored / "out" / "keep").read_text() == "work"
    assert sum(1 for _ in (restored / "src").glob("[0-9]*.txt")) == number

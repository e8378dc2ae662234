"""A slot is built, given out and taken back (SPEC W1)."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from tests.systems.repopool.disk.world import World, files_in, tenant
from yaoki.systems.repopool.errors import GitOperationError
from yaoki.systems.repopool.slot.cleaning import CleanPolicy
from yaoki.systems.repopool.slot.index import SlotIndex
from yaoki.systems.repopool.slot.workspace import Head


def settle() -> None:
    """Let a tick of the file system's clock pass."""
    time.sleep(0.05)


def test_w1_a_slot_is_a_usual_repository(world: World) -> None:
    """SPEC W1: a branch that follows the remote's, full history, tags, a remote to push to, and no difference."""
    world.built()
    tree = world.tree()

    assert tenant(tree, "status", "--porcelain=v2", "--branch", "--ignored").splitlines()[1:] == [
        "# branch.head main",
        "# branch.upstream origin/main",
        "# branch.ab +0 -0",
    ]
    assert tenant(tree, "log", "--format=%s").splitlines() == ["second", "first"]
    assert tenant(tree, "tag") == "v1"
    assert tenant(tree, "rev-parse", "--abbrev-ref", "origin/HEAD") == "origin/main"
    tenant(tree, "commit", "--quiet", "--allow-empty", "--message=mine")
    tenant(tree, "push", "--quiet", "origin", "HEAD:refs/heads/mine")
    assert tenant(world.origin, "log", "-1", "--format=%s", "mine") == "mine"
    assert tenant(tree, "reflog", "--format=%gs").splitlines() == ["commit: mine"]


def test_w1_a_slot_borrows_its_objects_by_one_absolute_path(world: World) -> None:
    """SPEC W1: no object is copied."""
    world.built()
    objects = world.tree() / ".git" / "objects"

    assert (objects / "info" / "alternates").read_text() == f"{world.mirror.objects}\n"
    assert [path for path in objects.rglob("*") if path.is_file()] == [objects / "info" / "alternates"]


def test_w1_building_twice_changes_nothing(world: World) -> None:
    """SPEC W1: a half-built pool is completed, a whole one left alone."""
    workspace = world.built()
    (world.tree() / "mine.txt").write_text("mine")

    assert workspace.build().proven
    assert (world.tree() / "mine.txt").read_text() == "mine"


def test_w1_a_clean_slot_costs_no_git_process(world: World) -> None:
    """SPEC W1: the marks of its files, all that git itself would look at, say that nothing has changed."""
    workspace = world.built()
    settle()
    workspace.prepare()
    before = world.git.commands

    assert workspace.prepare().proven
    assert workspace.clean(ticket="1").proven
    assert world.git.commands == before


def test_w1_a_file_that_was_only_touched_is_judged_by_git(world: World) -> None:
    """SPEC W1: its mark is another one, its content is not: there is nothing to keep, and the slot is ready as it is."""
    workspace = world.built()
    settle()
    workspace.prepare()
    (world.tree() / "a.txt").touch()

    assert workspace.clean(ticket="1").entry is None
    assert world.quarantine.entries() == []
    assert workspace.prepare().proven


def test_w1_the_next_tenant_starts_at_the_remotes_newest_commit(world: World) -> None:
    """SPEC W1, defect 6 of the original: at the base of the day, with the remote's references of the day."""
    workspace = world.built()
    commit = world.push()
    workspace.clean(ticket="1")
    assert world.mirror.refresh(older_than=0.0).fetched

    assert workspace.prepare().commit == commit
    assert (world.tree() / "pushed.txt").exists()
    assert tenant(world.tree(), "rev-parse", "HEAD", "origin/main").splitlines() == [commit, commit]
    assert tenant(world.tree(), "status", "--porcelain", "--ignored") == ""


def test_w1_a_slot_can_be_given_out_on_another_branch(world: World) -> None:
    """SPEC W1: any branch of the mirror is a base."""
    workspace = world.built()

    workspace.prepare(world.mirror.base("other"))

    assert workspace.head() == Head("other", tenant(world.origin, "rev-parse", "other"))
    assert (world.tree() / "a.txt").read_text() == "a.txt as it was\n"


def test_w1_a_file_that_changes_nothing_but_its_time_is_no_work(world: World) -> None:
    """SPEC W1: git looks at the content."""
    workspace = world.built()
    (world.tree() / "a.txt").write_text("a.txt, second\n")

    assert workspace.clean(ticket="1").entry is None


def test_w1_a_change_within_one_tick_of_the_clock_is_found(world: World) -> None:
    """SPEC W1: what was written right after the slot was given out, with the same size, is no clean slot."""
    workspace = world.built()
    workspace.prepare()
    (world.tree() / "src" / "b.txt").write_text("src/b.txt as it WAS\n")

    cleaned = workspace.clean(ticket="1")

    assert cleaned.entry is not None
    assert (world.restored() / "src" / "b.txt").read_text() == "src/b.txt as it WAS\n"


def test_w1_what_somebody_writes_into_a_free_slot_is_kept_before_it_is_given_out(world: World) -> None:
    """SPEC W1: a process of a former tenant that goes on writing meets nobody's work."""
    workspace = world.built()
    settle()
    workspace.clean(ticket="1")
    (world.tree() / "src" / "late.txt").write_text("late")

    workspace.prepare()

    assert not (world.tree() / "src" / "late.txt").exists()
    assert (world.restored() / "src" / "late.txt").read_text() == "late"


def test_w1_what_somebody_writes_into_a_file_of_a_free_slot_is_kept_before_it_is_given_out(world: World) -> None:
    """SPEC W1: the same for a file that the commit has, written in place, so that no name changes."""
    workspace = world.built()
    settle()
    workspace.clean(ticket="1")
    (world.tree() / "a.txt").write_text("late")

    assert not workspace.prepare().proven

    assert (world.tree() / "a.txt").read_text() == "a.txt, second\n"
    assert (world.restored() / "a.txt").read_text() == "late"


def test_w1_ignored_files_may_stay_where_the_policy_says_so(world: World) -> None:
    """SPEC W1: caches survive, everything else goes."""
    world.policy = CleanPolicy(keep_ignored=(".cache",))
    workspace = world.built()
    for name in (".cache/x/y", "src/.cache/z", "build/out", "x.log"):
        (world.tree() / name).parent.mkdir(parents=True, exist_ok=True)
        (world.tree() / name).write_text("made")

    cleaned = workspace.clean(ticket="1")

    assert cleaned.removed == ("build/out", "x.log")
    assert cleaned.entry is None
    assert (world.tree() / ".cache/x/y").exists()
    assert (world.tree() / "src/.cache/z").exists()
    assert not (world.tree() / "build").exists()
    settle()
    workspace.prepare()
    assert workspace.clean(ticket="2").proven


def test_w1_a_damaged_slot_is_not_given_out(world: World) -> None:
    """SPEC W1: a slot on offer always works."""
    workspace = world.built()
    (world.tree() / ".git" / "HEAD").write_text("ref: refs/heads/gone\n")

    with pytest.raises(GitOperationError, match="unborn_branch"):
        workspace.prepare()


def test_w1_a_removed_slot_leaves_its_work_and_nothing_else(world: World) -> None:
    """SPEC W1, defect 4 of the original: removing a slot keeps what was in it."""
    workspace = world.built()
    (world.tree() / "mine.txt").write_text("mine")

    entry = workspace.remove(ticket="7")

    assert not world.tree().exists()
    assert not world.layout.slot(1).control.exists()
    assert entry is not None
    assert (world.restored(entry) / "mine.txt").read_text() == "mine"
    assert workspace.remove(ticket="8") is None


def test_w1_an_extra_slot_takes_its_files_and_little_more(world: World) -> None:
    """SPEC W1: no history is copied; what is ours are two indexes, one list of references and a few small files."""
    world.built()
    own = sum(path.stat().st_size for path in (world.tree() / ".git").rglob("*") if path.is_file())

    assert own < 4096
    assert world.slot().disk_usage() > 0


def test_w1_the_remotes_files_come_with_their_kinds(world: World) -> None:
    """SPEC W1: links and executable files are what they were, also after a tenant has turned them around."""
    clone = world.folder / "elsewhere"
    tenant(world.folder, "clone", "--quiet", str(world.origin), str(clone))
    (clone / "run").write_text("#!/bin/sh\n")
    (clone / "run").chmod(0o755)
    (clone / "link").symlink_to("src/b.txt")
    tenant(clone, "add", "--all")
    tenant(clone, "commit", "--quiet", "--message=kinds")
    tenant(clone, "push", "--quiet")
    workspace = world.built()
    tree = world.tree()
    (tree / "link").unlink()
    (tree / "link").mkdir()
    (tree / "link" / "inside.txt").write_text("inside")
    shutil.rmtree(tree / "src")
    (tree / "src").symlink_to("/tmp")
    (tree / "run").chmod(0o644)

    workspace.clean(ticket="1")

    assert (tree / "link").is_symlink()
    assert files_in(tree)["src/b.txt"] == "src/b.txt as it was\n"
    assert (tree / "run").stat().st_mode & 0o100
    restored = world.restored()
    assert (restored / "link" / "inside.txt").read_text() == "inside"
    assert (restored / "src").is_symlink()
    assert not (restored / "run").stat().st_mode & 0o100


def test_w1_a_path_may_have_any_name(world: World) -> None:
    """SPEC W1: spaces, quotes, line ends, bytes that are no UTF-8."""
    workspace = world.built()
    names = [b"a b", b'q"uote', b"line\nend", b"-dash", b"\xff\xfe", "日本".encode(), b"*.glob", b":(top)x"]
    for name in names:
        Path(bytes(world.tree()).decode() + "/x").write_text("")
        with open(bytes(world.tree()) + b"/" + name, "w") as file:  # noqa: PTH123  # the names are bytes
            file.write("kept")

    workspace.clean(ticket="1")

    restored = world.restored()
    for name in names:
        with open(bytes(restored) + b"/" + name) as file:  # noqa: PTH123  # the names are bytes
            assert file.read() == "kept"
    assert tenant(world.tree(), "status", "--porcelain") == ""


def test_w1_a_dirty_slot_takes_three_git_processes(world: World) -> None:
    """SPEC W1: to tell work from ignored files, to keep it, and to bring the files back; all else is known from the proof."""
    workspace = world.built()
    (world.tree() / "a.txt").write_text("changed")
    (world.tree() / "new.txt").write_text("new")
    before = world.git.commands

    workspace.clean(ticket="1")

    assert world.git.commands - before == 3


@pytest.mark.parametrize(("looked_at", "settled"), [(100.9, False), (101.0, True)])
def test_w1_git_reads_no_file_again_once_the_second_of_the_index_is_over(world: World, looked_at: float, settled: bool) -> None:
    """SPEC W1: git tells times by the second, so before that what is written next might bear the same one."""
    world.built()
    slot = world.layout.slot(1)
    os.utime(slot.index, (100.0, 100.0))

    SlotIndex(world.git, slot).settle(newest=int(100.5 * 1e9), looked_at=int(looked_at * 1e9))

    assert (slot.index.stat().st_mtime > 100.0) is settled


def test_w1_a_git_folder_that_was_being_replaced_when_we_were_killed_gets_its_place(world: World) -> None:
    """SPEC W3: the new one was whole before the old one went."""
    workspace = world.built()
    control, git = world.layout.slot(1).control, world.tree() / ".git"
    shutil.copytree(git, control / "git.new")
    git.rename(control / "git.old")
    (control / "proof").unlink()

    assert workspace.prepare().branch == "main"

    assert tenant(world.tree(), "status", "--porcelain", "--branch") == "## main...origin/main"
    assert world.quarantine.entries() == []

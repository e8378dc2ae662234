"""No work of anybody is lost (SPEC W3; defects 1 and 4 of the original)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.systems.repopool.disk.world import World, files_in, tenant
from yaoki.core.clock import clock
from yaoki.systems.repopool.errors import GitOperationError, PoolManagerError
from yaoki.systems.repopool.mirror.rebuild import rebuild
from yaoki.systems.repopool.slot.cleaning import CleanPolicy


def commit(tree: Path, name: str) -> str:
    (tree / name).write_text(f"{name}\n")
    tenant(tree, "add", "--all")
    tenant(tree, "commit", "--quiet", f"--message={name}")
    return tenant(tree, "rev-parse", "HEAD")


def test_w3_defect_4_files_come_back_as_they_were(world: World) -> None:
    """SPEC W3, defect 4: changed, new, deleted, staged, binary, executable and with line ends of any kind."""
    workspace = world.built()
    tree = world.tree()
    (tree / "a.txt").write_bytes(b"changed\r\nwith\rline ends\n")
    (tree / "new.bin").write_bytes(bytes(range(256)))
    (tree / "run").write_text("#!/bin/sh\n")
    (tree / "run").chmod(0o755)
    (tree / "src" / "b.txt").unlink()
    (tree / ".gitattributes").write_text("* text=auto eol=lf\n")
    (tree / "staged.txt").write_text("staged")
    tenant(tree, "add", "staged.txt")
    (tree / "staged.txt").write_text("staged, then changed")

    workspace.clean(ticket="1", reason="released", holder="agent 7")

    entry = world.kept()
    assert (entry.ticket, entry.reason, entry.holder) == ("slot1/1", "released", "agent 7")
    restored = world.restored()
    assert (restored / "a.txt").read_bytes() == b"changed\r\nwith\rline ends\n"
    assert (restored / "new.bin").read_bytes() == bytes(range(256))
    assert os.access(restored / "run", os.X_OK)
    assert not (restored / "src" / "b.txt").exists()
    assert (restored / "staged.txt").read_text() == "staged, then changed"
    assert tenant(restored, "show", ":staged.txt") == "staged"


def _branch(tree: Path) -> str:
    tenant(tree, "checkout", "--quiet", "-b", "mine")
    return commit(tree, "mine")


def _other_branch(tree: Path) -> str:
    found = _branch(tree)
    tenant(tree, "checkout", "--quiet", "main")
    return found


def _on_main(tree: Path) -> str:
    return commit(tree, "on-main")


def _detached(tree: Path) -> str:
    tenant(tree, "checkout", "--quiet", "--detach")
    return commit(tree, "detached")


def _stash(tree: Path) -> str:
    (tree / "a.txt").write_text("stashed")
    (tree / "untracked").write_text("untracked")
    tenant(tree, "stash", "--include-untracked")
    return tenant(tree, "rev-parse", "stash^3")


def _second_stash(tree: Path) -> str:
    found = _stash(tree)
    (tree / "a.txt").write_text("stashed again")
    tenant(tree, "stash")
    return found


def _reset_away(tree: Path) -> str:
    found = commit(tree, "lost")
    tenant(tree, "reset", "--quiet", "--hard", "HEAD~1")
    tenant(tree, "commit", "--quiet", "--allow-empty", "--message=other")
    tenant(tree, "reset", "--quiet", "--hard", "HEAD~1")
    return found


def _amended(tree: Path) -> str:
    found = commit(tree, "first-try")
    tenant(tree, "commit", "--quiet", "--amend", "--message=second try")
    return found


def _deleted_branch(tree: Path) -> str:
    found = _branch(tree)
    tenant(tree, "checkout", "--quiet", "main")
    tenant(tree, "branch", "-D", "mine")
    return found


def _tag(tree: Path) -> str:
    tenant(tree, "checkout", "--quiet", "--detach")
    found = commit(tree, "tagged")
    tenant(tree, "tag", "-a", "-m", "x", "mine")
    tenant(tree, "checkout", "--quiet", "main")
    (tree / ".git" / "logs" / "HEAD").unlink()
    return found


def _merge_in_progress(tree: Path) -> str:
    tenant(tree, "checkout", "--quiet", "-b", "side", "HEAD~1")
    (tree / "a.txt").write_text("side\n")
    tenant(tree, "commit", "--quiet", "--all", "--message=side")
    found = tenant(tree, "rev-parse", "HEAD")
    tenant(tree, "checkout", "--quiet", "main")
    tenant(tree, "merge", "side", check=False)
    tenant(tree, "branch", "-D", "side")
    for name in ("HEAD", "refs/heads/side"):
        (tree / ".git" / "logs" / name).unlink(missing_ok=True)
    return found


def _rebase_in_progress(tree: Path) -> str:
    tenant(tree, "checkout", "--quiet", "-b", "side", "HEAD~1")
    (tree / "a.txt").write_text("side\n")
    tenant(tree, "commit", "--quiet", "--all", "--message=side")
    found = tenant(tree, "rev-parse", "HEAD")
    tenant(tree, "rebase", "main", check=False)
    return found


def _linked_worktree(tree: Path) -> str:
    tenant(tree, "worktree", "add", "--quiet", "-b", "linked", "../linked")
    found = commit(tree.parent / "linked", "linked")
    tenant(tree, "config", "gc.auto", "0")
    return found


def _packed(tree: Path) -> str:
    found = _branch(tree)
    tenant(tree, "gc", "--quiet")
    return found


def _odd_branch_name(tree: Path) -> str:
    tenant(tree, "checkout", "--quiet", "-b", "feature/日本#1@x")
    return commit(tree, "odd")


def _orphan(tree: Path) -> str:
    tenant(tree, "checkout", "--quiet", "--orphan", "fresh")
    return commit(tree, "orphan")


WORK = [
    *(_branch, _other_branch, _on_main, _detached, _stash, _second_stash, _reset_away, _amended, _deleted_branch, _tag),
    *(_merge_in_progress, _rebase_in_progress, _linked_worktree, _packed, _odd_branch_name, _orphan),
]


@pytest.mark.parametrize("work", WORK)
def test_w3_defect_1_every_commit_is_kept(world: World, work: Callable[[Path], str]) -> None:
    """SPEC W3, defect 1: wherever a commit is known from; and it outlives the mirror."""
    workspace = world.built()
    found = work(world.tree())

    workspace.clean(ticket="1")

    assert workspace.check(tier=1) == []
    world.layout.mirror.rename(world.folder / "lost")
    quarantine = world.layout.quarantine
    assert found in tenant(quarantine, "rev-list", "--all").splitlines()
    assert tenant(quarantine, "rev-list", "--objects", "--quiet", "--all") == ""
    restored = world.restored()
    assert tenant(restored, "log", "-1", "--format=%H", found) == found


@pytest.mark.parametrize("name", ["refs/mine/note", "refs/tags/note"])
def test_w3_a_reference_to_a_file_or_a_tree_is_kept(world: World, name: str) -> None:
    """SPEC W3: no walk over commits comes by what it names."""
    workspace = world.built()
    tree = world.tree()
    (tree / "draft").write_text("draft")
    blob = tenant(tree, "hash-object", "-w", "draft")
    tenant(tree, "update-ref", name, blob)
    tenant(tree, "add", "draft")
    tenant(tree, "update-ref", f"{name}s", tenant(tree, "write-tree"))
    tenant(tree, "rm", "--quiet", "--force", "draft")

    workspace.clean(ticket="1")

    kept = tenant(world.restored(), "for-each-ref", "--format=%(objecttype) %(objectname)").splitlines()
    assert f"blob {blob}" in kept
    assert any(line.startswith("tree ") for line in kept)


def test_w3_a_published_commit_is_no_work(world: World) -> None:
    """SPEC W3: what was pushed, and what came from the remote, is not kept again."""
    workspace = world.built()
    tree = world.tree()
    _branch(tree)
    tenant(tree, "push", "--quiet", "origin", "mine")
    tenant(tree, "checkout", "--quiet", "origin/other")

    assert workspace.clean(ticket="1").entry is None


def test_w3_a_conflict_is_kept_with_its_index(world: World) -> None:
    """SPEC W3: an index that is no tree keeps the whole `.git`, beside the files."""
    workspace = world.built()
    _merge_in_progress(world.tree())
    text = (world.tree() / "a.txt").read_text()

    workspace.clean(ticket="1")

    entry = world.kept()
    assert (world.restored() / "a.txt").read_text() == text
    assert (Path(entry.folders[".git"]) / "MERGE_HEAD").exists()


def test_w3_a_nested_repository_is_kept_whole(world: World) -> None:
    """SPEC W3: its history, its index, its files; also one inside of it."""
    workspace = world.built()
    inner = world.tree() / "vendor" / "inner"
    inner.mkdir(parents=True)
    tenant(inner, "init", "--quiet")
    first = commit(inner, "inside")
    (inner / "loose").write_text("loose")

    workspace.clean(ticket="1")

    restored = world.restored() / "vendor" / "inner"
    assert tenant(restored, "rev-parse", "HEAD") == first
    assert (restored / "loose").read_text() == "loose"


def test_w3_a_file_of_the_commit_is_work_also_where_a_pattern_spares_it(world: World) -> None:
    """SPEC W3: what is changed in a spared folder is kept, and what is not changed is not told as deleted."""
    world.policy = CleanPolicy(keep_ignored=("docs", "src/deep"))
    workspace = world.built()
    for ticket in ("1", "2"):
        (world.tree() / "docs" / "d.txt").write_text(f"mine {ticket}")

        entry = workspace.clean(ticket=ticket).entry

        restored = world.restored(entry)
        assert (restored / "docs" / "d.txt").read_text() == f"mine {ticket}"
        assert (restored / "src" / "deep" / "c.txt").is_file()
        assert (world.tree() / "docs" / "d.txt").read_text() == "docs/d.txt as it was\n"
        workspace.prepare()


def test_w3_a_spared_folder_that_is_a_link_is_not_followed(world: World, tmp_path: Path) -> None:
    """SPEC W3: what lies behind it is not the tenant's, so the file of the commit is gone."""
    world.policy = CleanPolicy(keep_ignored=("docs",))
    workspace = world.built()
    elsewhere = tmp_path / "elsewhere"
    (world.tree() / "docs").rename(elsewhere)
    (elsewhere / "d.txt").write_text("not his\n")
    (world.tree() / "docs").symlink_to(elsewhere)

    workspace.clean(ticket="1")

    assert not (world.restored() / "docs" / "d.txt").exists()
    assert (elsewhere / "d.txt").read_text() == "not his\n"
    assert (world.tree() / "docs" / "d.txt").read_text() == "docs/d.txt as it was\n"


@pytest.mark.parametrize("committed", [True, False])
def test_w3_an_ignored_file_that_the_tenant_has_added_is_work(world: World, committed: bool) -> None:
    """SPEC W3: to git it is no longer ignored; what he has written into it since is nowhere else."""
    workspace = world.built()
    (world.tree() / "x.log").write_text("added\n")
    (world.tree() / "y.log").write_text("only ignored\n")
    tenant(world.tree(), "add", "--force", "x.log")
    if committed:
        tenant(world.tree(), "commit", "--quiet", "--message=added")
    (world.tree() / "x.log").write_text("written since\n")
    assert "new: x.log" in workspace.has_work()

    cleaned = workspace.clean(ticket="1")

    assert (world.restored() / "x.log").read_text() == "written since\n"
    assert cleaned.removed == ("y.log",)
    assert not (world.tree() / "x.log").exists()


def test_w3_ignored_files_are_kept_of_a_tenant_who_did_not_give_back(world: World) -> None:
    """SPEC W3: who gives his slot back knows that ignored files go; from whom it is taken, does not."""
    workspace = world.built()
    (world.tree() / "build").mkdir()
    (world.tree() / "build" / "out").write_text("made")
    (world.tree() / "x.log").write_text("log")

    assert workspace.clean(ticket="1", taken=True).removed == ("build/out", "x.log")

    assert files_in(world.restored()) == {"build/out": "made", "x.log": "log"}


def test_w3_what_is_written_late_goes_where_the_tree_went(world: World) -> None:
    """SPEC W3: a holder who is still at work keeps writing into his own files."""
    workspace = world.built()
    inside = os.open(world.tree() / "src", os.O_RDONLY)

    entry = workspace.clean(ticket="1", taken=True, alive=True).entry

    late = os.open("late.txt", os.O_CREAT | os.O_WRONLY, dir_fd=inside)
    os.write(late, b"late")
    os.close(late)
    os.close(inside)
    assert entry is not None
    assert (world.restored(entry) / "src" / "late.txt").read_text() == "late"
    assert not (world.tree() / "src" / "late.txt").exists()
    assert workspace.check(tier=1) == []


def test_w3_what_is_too_large_for_a_commit_is_renamed_away(world: World) -> None:
    """SPEC W3: a gigabyte is not read while somebody waits for the slot."""
    world.policy = CleanPolicy(largest_commit=1000)
    workspace = world.built()
    (world.tree() / "large").write_bytes(bytes(2000))

    workspace.clean(ticket="1")

    assert list(world.kept().folders) == ["."]
    assert (world.restored() / "large").stat().st_size == 2000
    assert workspace.check(tier=1) == []


def test_w3_what_is_kept_outlives_a_new_mirror(world: World) -> None:
    """SPEC W3: the quarantine has objects of its own, renamed trees borrow from it."""
    workspace = world.built()
    _branch(world.tree())
    workspace.clean(ticket="1", taken=True, alive=True)
    workspace.prepare()
    _on_main(world.tree())
    workspace.clean(ticket="2")
    clone = world.folder / "rewriter"
    tenant(world.folder, "clone", "--quiet", str(world.origin), str(clone))
    tenant(clone, "checkout", "--quiet", "--orphan", "anew")
    tenant(clone, "commit", "--quiet", "--message=anew")
    tenant(clone, "push", "--quiet", "--force", "origin", "anew:main", ":other", ":v1")
    (world.layout.mirror / "HEAD").write_text("nonsense")
    rebuild(world.mirror, world.quarantine)

    first, second = world.quarantine.entries()

    assert tenant(Path(first.folders["."]), "log", "--format=%s").splitlines() == ["mine", "second", "first"]
    assert tenant(world.restored(second), "log", "--format=%s").splitlines() == ["on-main", "second", "first"]


def test_w3_tickets_are_never_used_twice(world: World) -> None:
    """SPEC W3: what is kept later stands beside what was kept before."""
    workspace = world.built()
    for text in ("one", "two"):
        (world.tree() / "x").write_text(text)
        workspace.clean(ticket="1")

    assert [entry.ticket for entry in world.quarantine.entries()] == ["slot1/1", "slot1/1.2"]
    assert [(world.restored(entry) / "x").read_text() for entry in world.quarantine.entries()] == ["one", "two"]


@pytest.mark.parametrize("name", [".git", "sub/GIT~1", "nested/pipe"])
def test_w3_what_is_kept_beside_a_pipe_comes_back(world: World, name: str) -> None:
    """SPEC W3: in place of `.git`, in a tree that is renamed away, and in a nested repository; the pipe itself holds nothing."""
    workspace = world.built()
    (world.tree() / "nested").mkdir()
    tenant(world.tree() / "nested", "init", "--quiet")
    (world.tree() / "nested" / "mine").write_text("mine")
    (world.tree() / "a.txt").write_text("mine")
    place = world.tree() / name
    if name == ".git":
        shutil.rmtree(place)
    place.parent.mkdir(exist_ok=True)
    os.mkfifo(place)
    if name.startswith("sub"):
        (world.tree() / "sub" / ".git\\x").write_text("so that the whole tree is renamed away")

    workspace.clean(ticket="1")

    restored = world.restored()
    assert (restored / "a.txt").read_text() == "mine"
    assert (restored / "nested" / "mine").read_text() == "mine"


def test_w3_restoring_refuses_a_folder_that_is_not_empty(world: World) -> None:
    """SPEC W3: nothing is overwritten; an entry that does not exist is named."""
    workspace = world.built()
    (world.tree() / "x").write_text("x")
    workspace.clean(ticket="1")
    target = world.folder / "target"
    target.mkdir()
    (target / "mine").write_text("mine")

    with pytest.raises(PoolManagerError, match="is not empty; name an empty folder"):
        world.quarantine.restore("slot1/1", target)
    with pytest.raises(PoolManagerError, match="there is no quarantine entry 'slot1/9'"):
        world.quarantine.restore("slot1/9", world.folder / "new")


def test_w3_dropping_forgets_one_entry_and_nothing_of_the_others(world: World) -> None:
    """SPEC W3: only a command drops, and it frees the space."""
    workspace = world.built()
    for number in (1, 2):
        _branch(world.tree())
        (world.tree() / "same").write_text("same")
        tenant(world.tree(), "add", "same")
        workspace.clean(ticket=str(number))

    assert world.quarantine.drop("slot1/1") > 0

    assert [entry.ticket for entry in world.quarantine.entries()] == ["slot1/2"]
    assert (world.restored() / "same").read_text() == "same"
    assert tenant(world.layout.quarantine, "fsck", "--full", "--no-dangling") == ""


def test_w3_old_and_large_entries_expire_on_demand(world: World) -> None:
    """SPEC W3: by age, then by bytes, the oldest first; a dry run only tells."""
    workspace = world.built()
    for number in (1, 2, 3):
        (world.tree() / "x").write_text(f"{number}")
        workspace.clean(ticket=str(number))
        clock.sleep(0.01)

    first, _, third = world.quarantine.entries()
    assert world.quarantine.expire(older_than=3600.0) == []
    assert world.quarantine.expire(keep_bytes=third.size, dry_run=True)[0] == first
    assert len(world.quarantine.expire(keep_bytes=third.size)) == 2
    assert [entry.ticket for entry in world.quarantine.entries()] == ["slot1/3"]
    assert len(world.quarantine.expire(older_than=0.0)) == 1


def test_w3_has_work_tells_and_changes_nothing(world: World) -> None:
    """SPEC H3: what a clean would keep, for a dry run."""
    workspace = world.built()
    assert workspace.has_work() == []
    _branch(world.tree())
    (world.tree() / "x").write_text("x")

    assert [line.split()[:2] for line in workspace.has_work()] == [
        ["new:", "mine"],
        ["new:", "x"],
        ["commit:", "head"],
        ["commit:", "heads/mine"],
    ]
    assert world.quarantine.entries() == []
    assert (world.tree() / "x").exists()


def test_w3_nothing_is_reset_when_nothing_can_be_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC W3, defect 15: a full disk while work is kept leaves the slot exactly as it was."""
    from yaoki.systems.repopool.errors import Failure
    from yaoki.systems.repopool.quarantine import keeping

    workspace = world.built()
    (world.tree() / "a.txt").write_text("mine")

    def full(*_: object, **__: object) -> str:
        raise GitOperationError("write error: No space left on device", failure=Failure.NO_SPACE)

    monkeypatch.setattr(keeping, "import_commit", full)
    with pytest.raises(GitOperationError, match="No space"):
        workspace.clean(ticket="1")
    assert (world.tree() / "a.txt").read_text() == "mine"

    monkeypatch.undo()
    workspace.clean(ticket="1")
    assert (world.restored() / "a.txt").read_text() == "mine"

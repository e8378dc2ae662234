"""Nothing of a tenant reaches the next one, or our git (SPEC W1, W3; defects 6 and 7 of the original)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.systems.repopool.disk.world import World, files_in, tenant
from yaoki.systems.repopool.repair.ladder import remove_stale_locks


def trap(tree: Path) -> tuple[Path, Path]:
    """A program that leaves a trace when somebody runs it, and the trace."""
    trace = tree.parent / "trace"
    program = tree.parent / "trap"
    program.write_text(f"#!/bin/sh\necho run >> {trace}\n")
    program.chmod(0o755)
    return program, trace


def _fsmonitor(tree: Path, program: Path) -> None:
    tenant(tree, "config", "core.fsmonitor", str(program))


def _hooks(tree: Path, program: Path) -> None:
    hooks = tree / ".git" / "hooks"
    hooks.mkdir()
    for name in ("post-checkout", "post-index-change", "reference-transaction", "pre-auto-gc", "post-commit"):
        (hooks / name).symlink_to(program)


def _hooks_path(tree: Path, program: Path) -> None:
    tenant(tree, "config", "core.hooksPath", str(tree / "myhooks"))
    (tree / "myhooks").mkdir()
    (tree / "myhooks" / "post-checkout").symlink_to(program)


def _filter(tree: Path, program: Path) -> None:
    for kind in ("clean", "smudge", "process"):
        tenant(tree, "config", f"filter.evil.{kind}", str(program))
    (tree / ".gitattributes").write_text("* filter=evil\n")
    (tree / ".git" / "info" / "attributes").write_text("* filter=evil\n")


def _include(tree: Path, program: Path) -> None:
    other = tree / "more.config"
    other.write_text(f"[core]\n\tfsmonitor = {program}\n\tsshCommand = {program}\n")
    tenant(tree, "config", "include.path", str(other))


def _programs(tree: Path, program: Path) -> None:
    for name in (
        "core.sshCommand",
        "core.editor",
        "core.pager",
        "core.askPass",
        "diff.external",
        "credential.helper",
        "gpg.program",
    ):
        tenant(tree, "config", name, str(program))
    tenant(tree, "config", "core.alternateRefsCommand", str(program))
    tenant(tree, "config", "uploadpack.packObjectsHook", str(program))


def _nested(tree: Path, program: Path) -> None:
    inside = tree / "src" / "inner"
    inside.mkdir()
    tenant(inside, "init", "--quiet")
    tenant(inside, "config", "core.fsmonitor", str(program))
    (inside / "file").write_text("x")


def _submodule(tree: Path, program: Path) -> None:
    _nested(tree, program)
    tenant(tree / "src" / "inner", "commit", "--quiet", "--allow-empty", "--message=inner")
    tenant(tree, "add", "src/inner")
    (tree / ".gitmodules").write_text('[submodule "inner"]\n\tpath = src/inner\n\turl = ./x\n\tupdate = !touch trace\n')


@pytest.mark.parametrize("set_trap", [_fsmonitor, _hooks, _hooks_path, _filter, _include, _programs, _nested, _submodule])
def test_w3_defect_7_no_program_of_a_tenant_is_run(world: World, set_trap: Callable[[Path, Path], None]) -> None:
    """SPEC W3, defect 7: whatever he configures, neither giving back, checking, repairing nor the next tenant runs it."""
    workspace = world.built()
    tree = world.tree()
    program, trace = trap(tree)
    set_trap(tree, program)
    (tree / "a.txt").write_text("changed")
    trace.unlink(missing_ok=True)

    workspace.check(tier=3, tenant=True)
    workspace.has_work()
    workspace.clean(ticket="1")
    workspace.prepare()
    tenant(tree, "status")
    tenant(tree, "checkout", "--quiet", "-b", "next")

    assert not trace.exists()


def _branch(tree: Path) -> None:
    tenant(tree, "checkout", "--quiet", "-b", "mine")
    tenant(tree, "commit", "--quiet", "--allow-empty", "--message=mine")


def _stash(tree: Path) -> None:
    (tree / "a.txt").write_text("stashed")
    tenant(tree, "stash")


def _config(tree: Path) -> None:
    tenant(tree, "config", "user.name", "Somebody")
    tenant(tree, "remote", "set-url", "origin", "https://elsewhere.example/x")
    tenant(tree, "config", "core.excludesFile", "/dev/null")


def _exclude(tree: Path) -> None:
    (tree / ".git" / "info" / "exclude").write_text("*.txt\n")
    (tree / "hidden.txt").write_text("hidden")


def _assume_unchanged(tree: Path) -> None:
    tenant(tree, "update-index", "--assume-unchanged", "a.txt")
    (tree / "a.txt").write_text("hidden change")


def _skip_worktree(tree: Path) -> None:
    tenant(tree, "update-index", "--skip-worktree", "src/b.txt")
    (tree / "src" / "b.txt").write_text("hidden change")


def _sparse(tree: Path) -> None:
    tenant(tree, "sparse-checkout", "set", "docs")


def _merging(tree: Path) -> None:
    tenant(tree, "checkout", "--quiet", "-b", "conflict", "origin/other")
    (tree / "a.txt").write_text("their way\n")
    tenant(tree, "commit", "--quiet", "--all", "--message=theirs")
    tenant(tree, "merge", "origin/main", check=False)


def _worktree(tree: Path) -> None:
    tenant(tree, "worktree", "add", "--quiet", "-b", "linked", "linked")


def _git_in_a_tracked_folder(tree: Path) -> None:
    tenant(tree / "src", "init", "--quiet")


def _empty_folders(tree: Path) -> None:
    (tree / "empty" / "deeper").mkdir(parents=True)


def _pipe(tree: Path) -> None:
    os.mkfifo(tree / "src" / "pipe")
    os.mkfifo(tree / ".git" / "FETCH_HEAD")


def _ignored(tree: Path) -> None:
    (tree / "build").mkdir()
    (tree / "build" / "x").write_text("x")


def _orphan(tree: Path) -> None:
    tenant(tree, "checkout", "--quiet", "--orphan", "fresh")


def _detached(tree: Path) -> None:
    tenant(tree, "checkout", "--quiet", "--detach", "HEAD~1")


def _locks(tree: Path) -> None:
    (tree / ".git" / "index.lock").write_text("")
    (tree / ".git" / "refs" / "heads" / "main.lock").write_text("")


def _rights(tree: Path) -> None:
    (tree / "closed" / "in").mkdir(parents=True)
    (tree / "closed" / "in" / "file").write_text("x")
    (tree / "closed" / "in").chmod(0)


def _deleted_git(tree: Path) -> None:
    subprocess.run(["rm", "-rf", str(tree / ".git")], check=True)


def _linked_git(tree: Path) -> None:
    (tree / ".git").rename(tree.parent / "elsewhere.git")
    (tree / ".git").symlink_to(tree.parent / "elsewhere.git")


def _linked_objects(tree: Path) -> None:
    (tree / ".git" / "objects").rename(tree.parent / "elsewhere")
    (tree / ".git" / "objects").symlink_to(tree.parent / "elsewhere")


def _grafted(tree: Path) -> None:
    tenant(tree, "replace", "--graft", "HEAD")


MESSES = [
    *(
        _branch,
        _stash,
        _config,
        _exclude,
        _assume_unchanged,
        _skip_worktree,
        _sparse,
        _merging,
        _worktree,
        _git_in_a_tracked_folder,
    ),
    *(
        _empty_folders,
        _pipe,
        _ignored,
        _orphan,
        _detached,
        _locks,
        _rights,
        _deleted_git,
        _linked_git,
        _linked_objects,
        _grafted,
    ),
]


@pytest.mark.parametrize("mess", MESSES)
def test_w3_defect_6_the_next_tenant_finds_a_slot_as_new(world: World, mess: Callable[[Path], None]) -> None:
    """SPEC W3, defect 6: the same files, configuration, references, index flags; nothing more."""
    world.built(2)
    workspace = world.built(1)
    mess(world.tree(1))

    workspace.clean(ticket="1", taken=True)
    workspace.prepare()

    assert picture(world, 1) == picture(world, 2)
    assert workspace.check(tier=3) == []


def picture(world: World, number: int) -> dict[str, object]:
    """Everything that a tenant could see."""
    tree = world.tree(number)
    git = {path.relative_to(tree).as_posix() for path in (tree / ".git").rglob("*")}
    return {
        "files": files_in(tree),
        "folders": {path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_dir()},
        "git": git,
        "config": (tree / ".git" / "config").read_text(),
        "refs": tenant(tree, "for-each-ref", "--format=%(refname) %(objectname) %(symref)"),
        "head": (tree / ".git" / "HEAD").read_text(),
        "index": tenant(tree, "ls-files", "--stage", "-v", "--debug").count("flags: 0"),
        "status": tenant(tree, "status", "--porcelain", "--ignored"),
        "stash": tenant(tree, "stash", "list"),
    }


def test_w3_a_tenant_cannot_make_us_delete_outside_of_his_slot(world: World) -> None:
    """SPEC W3: a link is removed, never what it leads to."""
    workspace = world.built()
    outside = world.folder / "outside"
    outside.mkdir()
    (outside / "precious").write_text("precious")
    (world.tree() / "way").symlink_to(outside)
    subprocess.run(["rm", "-r", str(world.tree() / "src")], check=True)
    (world.tree() / "src").symlink_to(outside)

    workspace.clean(ticket="1")

    assert (outside / "precious").read_text() == "precious"
    assert not (world.tree() / "src").is_symlink()


@pytest.mark.parametrize("part", ["objects", "refs", "logs", "objects/info", "."])
def test_w3_a_tenant_cannot_make_us_write_into_another_repository(world: World, part: str) -> None:
    """SPEC W3: a link in `.git` is never followed to write or to delete."""
    workspace = world.built()
    victim = world.folder / "victim"
    tenant(world.folder, "clone", "--quiet", str(world.origin), str(victim))
    (victim / ".git" / "refs" / "heads" / "busy.lock").write_text("")
    (victim / ".git" / "logs" / "busy.lock").write_text("")
    (victim / ".git" / "index.lock").write_text("")
    before = {path: path.read_bytes() for path in (victim / ".git").rglob("*") if path.is_file()}
    inside = world.tree() / ".git" / part
    subprocess.run(["rm", "-rf", str(world.tree() / ".git" if part == "." else inside)], check=True)
    (world.tree() / ".git" if part == "." else inside).symlink_to(victim / ".git" / part)

    remove_stale_locks(workspace)
    workspace.check(tier=1)
    workspace.clean(ticket="1", taken=True)

    assert {path: path.read_bytes() for path in (victim / ".git").rglob("*") if path.is_file()} == before
    assert workspace.check(tier=1) == []


def test_w3_what_another_slot_does_is_not_seen(world: World) -> None:
    """SPEC W3: slots share nothing that can be written."""
    world.built(1)
    world.built(2)
    _branch(world.tree(1))
    _stash(world.tree(1))
    _config(world.tree(1))
    (world.tree(1) / ".git" / "index.lock").write_text("")

    assert tenant(world.tree(2), "branch", "--format=%(refname)") == "refs/heads/main"
    assert tenant(world.tree(2), "stash", "list") == ""
    tenant(world.tree(2), "commit", "--quiet", "--allow-empty", "--message=free")


def test_w3_a_tenants_collection_of_garbage_takes_nothing_from_others(world: World) -> None:
    """SPEC W3: `git gc --prune=now` in one slot leaves mirror and slots whole."""
    world.built(1)
    workspace = world.built(2)
    _branch(world.tree(1))
    tenant(world.tree(1), "gc", "--quiet", "--prune=now")
    tenant(world.tree(1), "repack", "-a", "-d", "-q")

    assert workspace.check(tier=3) == []
    assert world.mirror.check(tier=3) == []

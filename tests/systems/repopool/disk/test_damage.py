"""Damage is seen, repaired, and costs nobody his work (SPEC W2, W3, H3; defects 1, 9 to 11 and 15 of the original)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.systems.repopool.disk.world import World, files_in, tenant
from yaoki.systems.repopool.git.packs import packs_in
from yaoki.systems.repopool.integrity import DamageClass
from yaoki.systems.repopool.repair.ladder import LADDER, KeptAs, damages_of, remove_stale_locks, repair


def flipped(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0x01
    path.chmod(0o644)
    path.write_bytes(bytes(content))


def _missing_folder(tree: Path) -> None:
    shutil.rmtree(tree)


def _file_in_its_place(tree: Path) -> None:
    shutil.rmtree(tree)
    tree.write_text("file")


def _link_in_its_place(tree: Path) -> None:
    tree.rename(tree.parent / "elsewhere")
    tree.symlink_to(tree.parent / "elsewhere")


def _deleted_git(tree: Path) -> None:
    shutil.rmtree(tree / ".git")


def _emptied_git(tree: Path) -> None:
    shutil.rmtree(tree / ".git")
    (tree / ".git").mkdir()


def _file_for_git(tree: Path) -> None:
    shutil.rmtree(tree / ".git")
    (tree / ".git").write_text("gitdir: /nowhere\n")


def _no_objects(tree: Path) -> None:
    shutil.rmtree(tree / ".git" / "objects")


def _bad_head(tree: Path) -> None:
    (tree / ".git" / "HEAD").write_text("garbage")


def _empty_head(tree: Path) -> None:
    (tree / ".git" / "HEAD").write_text("")


def _folder_for_head(tree: Path) -> None:
    (tree / ".git" / "HEAD").unlink()
    (tree / ".git" / "HEAD").mkdir()


def _unborn(tree: Path) -> None:
    tenant(tree, "checkout", "--quiet", "--orphan", "fresh")


def _missing_commit(tree: Path) -> None:
    (tree / ".git" / "refs" / "heads" / "main").write_text("1234567890" * 4 + "\n")


def _empty_ref(tree: Path) -> None:
    (tree / ".git" / "refs" / "heads" / "main").write_text("")


def _truncated_index(tree: Path) -> None:
    index = tree / ".git" / "index"
    index.write_bytes(index.read_bytes()[:-40])


def _flipped_index(tree: Path) -> None:
    flipped(tree / ".git" / "index", 60)


def _empty_index(tree: Path) -> None:
    (tree / ".git" / "index").write_bytes(b"")


def _missing_index(tree: Path) -> None:
    (tree / ".git" / "index").unlink()


def _no_alternates(tree: Path) -> None:
    (tree / ".git" / "objects" / "info" / "alternates").unlink()


def _other_alternates(tree: Path) -> None:
    (tree / ".git" / "objects" / "info" / "alternates").write_text("/nowhere\n")


def _index_lock(tree: Path) -> None:
    (tree / ".git" / "index.lock").write_text("")


def _ref_lock(tree: Path) -> None:
    (tree / ".git" / "refs" / "heads" / "main.lock").write_text("")


def _own_pack(tree: Path) -> Path:
    (tree / "b.txt").write_text("b")
    tenant(tree, "add", "--all")
    tenant(tree, "commit", "--quiet", "--message=own")
    tenant(tree, "repack", "-d", "-q", "-l")
    (pack,) = packs_in(tree / ".git" / "objects")
    pack.chmod(0o644)
    return pack


def _truncated_pack(tree: Path) -> None:
    pack = _own_pack(tree)
    pack.write_bytes(pack.read_bytes()[:-10])


def _pack_without_header(tree: Path) -> None:
    flipped(_own_pack(tree), 0)


def _deleted_own_object(tree: Path) -> None:
    (tree / "b.txt").write_text("b")
    tenant(tree, "add", "--all")
    blob = tenant(tree, "rev-parse", ":b.txt")
    tenant(tree, "commit", "--quiet", "--message=own")
    (tree / ".git" / "objects" / blob[:2] / blob[2:]).unlink()


def _changed_file(tree: Path) -> None:
    (tree / "a.txt").write_text("changed")


def _broken_config(tree: Path) -> None:
    (tree / ".git" / "config").write_text("[core")


def _broken_packed_refs(tree: Path) -> None:
    (tree / ".git" / "packed-refs").write_text("rubbish\n")


SEEN_BY_FILES: list[tuple[Callable[[Path], None], DamageClass]] = [
    (_missing_folder, DamageClass.MISSING_TREE),
    (_file_in_its_place, DamageClass.UNREADABLE),
    (_link_in_its_place, DamageClass.UNREADABLE),
    (_deleted_git, DamageClass.MISSING_GIT),
    (_emptied_git, DamageClass.BROKEN_GIT),
    (_file_for_git, DamageClass.BROKEN_GIT),
    (_no_objects, DamageClass.BROKEN_GIT),
    (_bad_head, DamageClass.BAD_HEAD),
    (_empty_head, DamageClass.BAD_HEAD),
    (_folder_for_head, DamageClass.BAD_HEAD),
    (_unborn, DamageClass.UNBORN_BRANCH),
    (_empty_ref, DamageClass.BAD_HEAD),
    (_truncated_index, DamageClass.BAD_INDEX),
    (_flipped_index, DamageClass.BAD_INDEX),
    (_empty_index, DamageClass.BAD_INDEX),
    (_missing_index, DamageClass.BAD_INDEX),
    (_no_alternates, DamageClass.BAD_ALTERNATES),
    (_other_alternates, DamageClass.BAD_ALTERNATES),
    (_index_lock, DamageClass.STALE_LOCK),
    (_ref_lock, DamageClass.STALE_LOCK),
    (_truncated_pack, DamageClass.BAD_PACK),
    (_pack_without_header, DamageClass.BAD_PACK),
]
SEEN_BY_GIT: list[tuple[Callable[[Path], None], DamageClass]] = [
    (_broken_config, DamageClass.BROKEN_GIT),
    (_broken_packed_refs, DamageClass.BROKEN_GIT),
    (_missing_commit, DamageClass.MISSING_OBJECT),
    (_deleted_own_object, DamageClass.MISSING_OBJECT),
    (_changed_file, DamageClass.CHANGED),
]


@pytest.mark.parametrize(("harm", "kind"), SEEN_BY_FILES)
def test_w2_defect_10_files_tell_damage_without_a_process(
    world: World, harm: Callable[[Path], None], kind: DamageClass
) -> None:
    """SPEC W2, defects 9 and 10: tier 0 sees it, names its class and the command that mends it."""
    workspace = world.built()
    harm(world.tree())
    before = world.git.commands

    found = workspace.check()

    assert kind in {damage.kind for damage in found}
    assert all("yaoki pool recover workspace-web-slot1" in damage.command for damage in found)
    assert world.git.commands == before


@pytest.mark.parametrize(("harm", "kind"), SEEN_BY_GIT)
def test_w2_git_tells_what_files_do_not(world: World, harm: Callable[[Path], None], kind: DamageClass) -> None:
    """SPEC W2: tier 1 follows HEAD, and compares the files."""
    workspace = world.built()
    harm(world.tree())

    assert workspace.check(tier=0) == []
    assert [damage.kind for damage in workspace.check(tier=1)] == [kind]


@pytest.mark.parametrize(("harm", "kind"), [*SEEN_BY_FILES, *SEEN_BY_GIT])
def test_w3_every_damage_is_repaired_without_the_remote(world: World, harm: Callable[[Path], None], kind: DamageClass) -> None:
    """SPEC W3: the ladder ends with a slot that can be given out, and its file that nobody has pushed is in quarantine."""
    workspace = world.built()
    harm(world.tree())
    mine = world.tree() / "mine.txt"
    if mine.parent.is_dir():
        mine.write_text("mine")
    world.origin.rename(world.origin.with_name("gone"))

    repaired = repair(workspace, KeptAs("7"))

    assert repaired.ok, repaired.reason
    assert repaired.rung in [rung.name for rung in LADDER]
    assert damages_of(workspace) == []
    assert workspace.prepare().branch == "main"
    assert tenant(world.tree(), "status", "--porcelain", "--ignored") == ""
    assert files_in(world.tree())["a.txt"] == "a.txt, second\n"
    if kind is not DamageClass.MISSING_TREE:
        found = [files_in(world.restored(entry)).get("mine.txt") for entry in world.quarantine.entries()]
        assert "mine" in found or kind is DamageClass.UNREADABLE


def test_w2_a_healthy_slot_needs_no_repair(world: World) -> None:
    """SPEC W3, defect 11: what is well is said to be well, and nothing is touched."""
    workspace = world.built()
    before = world.git.commands

    repaired = repair(workspace, KeptAs("7"))

    assert (repaired.ok, repaired.rung, repaired.kept) == (True, "", ())
    assert world.git.commands <= before + 3


@pytest.mark.parametrize("state", [_unborn, _index_lock, _missing_index, _changed_file])
def test_w2_defect_1_what_a_tenant_may_do_is_no_damage(world: World, state: Callable[[Path], None]) -> None:
    """SPEC W2, defect 1: an unborn branch, a lock of his running git, changed files belong to his work."""
    workspace = world.built()
    state(world.tree())

    assert workspace.check(tier=1, tenant=True) == []


def test_w3_a_lock_that_a_process_has_open_is_left(world: World) -> None:
    """SPEC W2: only a lock that is proven stale is removed."""
    world.built()
    git = world.tree() / ".git"
    (git / "refs" / "heads" / "x.lock").write_text("")
    with (git / "index.lock").open("w"):
        assert remove_stale_locks(world.slot()) == ["refs/heads/x.lock"]
        assert (git / "index.lock").exists()
    assert remove_stale_locks(world.slot()) == ["index.lock"]


@pytest.mark.parametrize("part", ["index", "base", "proof", "."])
def test_w3_our_own_folder_is_mended_around_the_same_files(world: World, part: str) -> None:
    """SPEC W3: whatever happens to it, the tenant's work is found and kept."""
    workspace = world.built()
    (world.tree() / "a.txt").write_text("mine")
    target = world.layout.slot(1).control / part
    if part == ".":
        shutil.rmtree(target)
    else:
        target.write_bytes(b"garbage")

    workspace.clean(ticket="1")

    assert (world.restored() / "a.txt").read_text() == "mine"
    assert workspace.check(tier=1) == []
    assert workspace.prepare().branch == "main"


def test_w3_a_damaged_mirror_is_mended_before_its_slots(world: World) -> None:
    """SPEC W3: the slot itself is not touched if it is well."""
    workspace = world.built()
    (pack,) = packs_in(world.mirror.objects)
    content = pack.read_bytes()
    pack.unlink()
    pack.write_bytes(content[:-30])

    repaired = repair(workspace, KeptAs("7"))

    assert (repaired.ok, repaired.rung, repaired.kept) == (True, "rebuild the mirror", ())
    assert workspace.prepare().branch == "main"


def test_w3_what_cannot_be_repaired_is_given_up_with_a_reason(world: World) -> None:
    """SPEC W3: no mirror, no remote: the slot stays as it is, and the reason names the way out."""
    workspace = world.built()
    (world.tree() / ".git" / "HEAD").write_text("garbage")
    shutil.rmtree(world.layout.mirror)
    world.origin.rename(world.origin.with_name("gone"))
    shutil.rmtree(world.layout.quarantine, ignore_errors=True)

    repaired = repair(workspace, KeptAs("7"))

    assert not repaired.ok
    assert "recover it when the remote answers again" in repaired.reason
    assert (world.tree() / "a.txt").exists()

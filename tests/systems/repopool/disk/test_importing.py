"""What a tenant wrote is kept byte by byte, whatever it is called, and however young it is (SPEC W3)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.systems.repopool.disk.world import World, tenant
from yaoki.systems.repopool.errors import CleanupError
from yaoki.systems.repopool.quarantine import importing


def target_of(link: Path) -> str:
    return os.readlink(link)  # noqa: PTH115  # a Path would tidy it up


def test_w3_files_of_any_name_are_kept(world: World) -> None:
    """SPEC W3: with line ends, quotes, backslashes and bytes that are no text in their names."""
    workspace = world.built()
    names = ["new\nline", '"quoted" ', "back\\slash\\n", os.fsdecode(b"bytes\xff\xfe"), " leading", "tab\there", "七転び"]
    for name in names:
        (world.tree() / name).write_bytes(os.fsencode(name))

    workspace.clean(ticket="1")

    restored = world.restored()
    assert [(restored / name).read_bytes() for name in names] == [os.fsencode(name) for name in names]


def test_w3_a_link_is_kept_as_it_is_written(world: World) -> None:
    """SPEC W3: where it leads is nobody's business, and its text is not tidied up."""
    workspace = world.built()
    (world.tree() / "odd").symlink_to("./src//b.txt")
    (world.tree() / "a.txt").unlink()
    (world.tree() / "a.txt").symlink_to("/nowhere")

    workspace.clean(ticket="1")

    restored = world.restored()
    assert target_of(restored / "odd") == "./src//b.txt"
    assert target_of(restored / "a.txt") == "/nowhere"
    assert not (world.tree() / "a.txt").is_symlink()


def test_w3_a_file_that_became_a_folder_and_a_folder_that_became_a_file_are_kept(world: World) -> None:
    """SPEC W3: also where they stand in each other's place."""
    workspace = world.built()
    tree = world.tree()
    (tree / "a.txt").unlink()
    (tree / "a.txt").mkdir()
    (tree / "a.txt" / "inside").write_text("mine")
    (tree / "src" / "deep" / "c.txt").unlink()
    (tree / "src" / "deep").rmdir()
    (tree / "src" / "deep").write_text("a file now")

    workspace.clean(ticket="1")

    restored = world.restored()
    assert (restored / "a.txt" / "inside").read_text() == "mine"
    assert (restored / "src" / "deep").read_text() == "a file now"
    assert (tree / "a.txt").read_text() == "a.txt, second\n"
    assert (tree / "src" / "deep" / "c.txt").is_file()


def test_w3_nothing_is_read_through_a_folder_that_became_a_link(world: World, tmp_path: Path) -> None:
    """SPEC W3: what lies behind it is not the tenant's, so it is neither kept nor changed."""
    workspace = world.built()
    elsewhere = tmp_path / "elsewhere"
    (world.tree() / "docs").rename(elsewhere)
    (elsewhere / "d.txt").write_text("not his\n")
    (world.tree() / "docs").symlink_to(elsewhere)

    workspace.clean(ticket="1")

    restored = world.restored()
    assert target_of(restored / "docs") == str(elsewhere)
    assert (elsewhere / "d.txt").read_text() == "not his\n"
    assert (world.tree() / "docs" / "d.txt").read_text() == "docs/d.txt as it was\n"


@pytest.mark.parametrize("size", [65535, 65536, 3 * 1024 * 1024 + 1])
def test_w3_a_file_that_is_larger_than_a_pipe_is_kept_whole(world: World, size: int) -> None:
    """SPEC W3: it is handed over piece by piece."""
    workspace = world.built()
    content = os.urandom(size)
    (world.tree() / "large").write_bytes(content)

    workspace.clean(ticket="1")

    assert (world.restored() / "large").read_bytes() == content


def test_w3_a_name_that_git_would_not_check_out_again_is_kept_with_the_whole_tree(world: World) -> None:
    """SPEC W3: what no commit could bring back is renamed away."""
    workspace = world.built()
    (world.tree() / "sub").mkdir()
    (world.tree() / "sub" / "GIT~1").write_text("mine")

    workspace.clean(ticket="1")

    assert (world.restored() / "sub" / "GIT~1").read_text() == "mine"
    assert not (world.tree() / "sub").exists()


@pytest.mark.parametrize("name", [".git\\inside", "git~1\\inside", ".git :stream"])
def test_w3_a_name_that_only_another_system_takes_for_the_git_folder_is_kept(world: World, name: str) -> None:
    """SPEC W3: git refuses it everywhere."""
    workspace = world.built()
    (world.tree() / name).write_text("mine")

    workspace.clean(ticket="1")

    assert (world.restored() / name).read_text() == "mine"
    assert not (world.tree() / name).exists()


@pytest.mark.parametrize("name", [".gitmodules", ".GITMODULES ", "GITMOD~1", "gi7eba~1"])
def test_w3_a_link_that_git_would_not_check_out_again_is_kept_with_the_whole_tree(world: World, name: str) -> None:
    """SPEC W3: git refuses a list of submodules that is a link."""
    workspace = world.built()
    (world.tree() / name).symlink_to("a.txt")

    workspace.clean(ticket="1")

    assert target_of(world.restored() / name) == "a.txt"
    assert not (world.tree() / name).is_symlink()


def test_w3_a_file_that_shrinks_while_it_is_kept_is_kept_with_the_whole_tree(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SPEC W3: half of it is not passed off as the whole."""
    workspace = world.built()
    large = world.tree() / "large"
    large.write_bytes(b"x" * 3_000_000)
    read, inode = os.read, large.stat().st_ino

    def shrinking(descriptor: int, size: int) -> bytes:
        if size == importing.CHUNK and os.fstat(descriptor).st_ino == inode:
            os.truncate(large, 10)
        return read(descriptor, size)

    monkeypatch.setattr(importing.os, "read", shrinking)
    cleaned = workspace.clean(ticket="1")
    monkeypatch.undo()

    assert cleaned.entry is not None
    assert "changes while it is kept" in cleaned.entry.notes[0]
    assert (world.restored() / "large").read_bytes() == b"x" * 10


def test_w3_a_file_that_grows_while_it_is_kept_is_kept_with_the_whole_tree(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SPEC W3: whoever writes still writes into the tree that was renamed away, and nothing of it is cut off."""
    workspace = world.built()
    growing = world.tree() / "growing"
    growing.write_bytes(b"first\n")
    read, inode = os.read, growing.stat().st_ino
    writer = growing.open("ab", buffering=0)

    def read_and_grow(descriptor: int, size: int) -> bytes:
        told = read(descriptor, size)
        if os.fstat(descriptor).st_ino == inode:
            writer.write(b"second\n")
        return told

    monkeypatch.setattr(importing.os, "read", read_and_grow)
    workspace.clean(ticket="1")
    monkeypatch.undo()
    with writer:
        writer.write(b"third\n")

    assert (world.restored() / "growing").read_bytes() == b"first\nsecond\nthird\n"
    assert not growing.exists()


def test_w3_line_ends_that_git_would_convert_are_kept_as_they_are(world: World) -> None:
    """SPEC W3: to git the file is unchanged; to whoever wrote it, it is not."""
    workspace = world.built()
    (world.tree() / ".gitattributes").write_text("* text=auto eol=lf\n")
    (world.tree() / "a.txt").write_bytes(b"a.txt, second\r\n")

    workspace.clean(ticket="1")

    assert (world.restored() / "a.txt").read_bytes() == b"a.txt, second\r\n"
    assert (world.tree() / "a.txt").read_bytes() == b"a.txt, second\n"


def test_w1_a_change_of_the_very_second_in_which_the_slot_was_built_is_found_without_a_proof(world: World) -> None:
    """SPEC W1: git tells times by the second: its index must not look older than what may be written next."""
    workspace = world.built()
    status = (world.tree() / "src" / "b.txt").stat()
    (world.layout.slot(1).control / "proof").unlink()
    (world.tree() / "src" / "b.txt").write_text("src/b.txt as it WAS\n")
    os.utime(world.tree() / "src" / "b.txt", ns=(status.st_atime_ns, status.st_mtime_ns))

    workspace.clean(ticket="1")

    assert (world.restored() / "src" / "b.txt").read_text() == "src/b.txt as it WAS\n"


def test_w3_the_import_refuses_what_it_cannot_keep(world: World, tmp_path: Path) -> None:
    """SPEC W3: before anything is read."""
    world.built()
    work = importing.WorkTree(world.tree(), "0" * 40, present=["sub/.git/config"], gone=[])
    with pytest.raises(CleanupError, match=r"sub/\.git/config"):
        importing.import_commit(world.git, tmp_path, [], work, parent="0" * 40, message="")
    assert tenant(world.tree(), "status", "--porcelain") == ""


def test_w3_what_also_lies_in_the_tenants_own_pack_is_kept(world: World) -> None:
    """SPEC W3: his pack goes with his `.git`."""
    workspace = world.built()
    (world.tree() / "mine.txt").write_text("mine, in a pack of his own\n")
    tenant(world.tree(), "add", "mine.txt")
    tenant(world.tree(), "gc", "--quiet")
    tenant(world.tree(), "reset", "--quiet")
    assert list((world.tree() / ".git" / "objects" / "pack").glob("*.pack"))

    workspace.clean(ticket="1")

    tenant(world.layout.quarantine, "fsck", "--full", "--strict")
    assert (world.restored() / "mine.txt").read_text() == "mine, in a pack of his own\n"


def test_w3_an_entry_does_not_need_another_one_of_the_same_content(world: World) -> None:
    """SPEC W3: whoever drops one loses nothing of the others."""
    workspace = world.built()
    for ticket in ("1", "2"):
        (world.tree() / "mine.txt").write_text("the same\n")
        workspace.clean(ticket=ticket)

    world.quarantine.drop("slot1/1")

    tenant(world.layout.quarantine, "fsck", "--full", "--strict")
    assert (world.restored() / "mine.txt").read_text() == "the same\n"

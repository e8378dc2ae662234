"""What tenants do in their slots, and what each leaves that must not be lost: contents of files, and commits."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.systems.repopool.disk.world import tenant

__all__ = ["DEEDS", "Left", "blob_id", "mess_up"]


def blob_id(content: bytes) -> str:
    """The name that git gives to a content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@dataclass
class Left:
    """What a tenant has left. `files`: ids of contents that stand in his tree. `stored`: ids of objects that only a `.git` of his has.
    `ignored`: ids of contents that git ignores: they are kept if the slot is taken from him. `nested`: ids of objects in repositories
    inside. `deeds`: what he has done.
    """

    files: set[str] = field(default_factory=set)
    stored: set[str] = field(default_factory=set)
    ignored: set[str] = field(default_factory=set)
    nested: set[str] = field(default_factory=set)
    deeds: list[str] = field(default_factory=list)

    def all(self, *, taken: bool) -> set[str]:
        """Everything that must be found again; ignored files if the slot was taken from its holder."""
        return self.files | self.stored | self.nested | (self.ignored if taken else set())


class Tenant:
    """Works in one tree, at random."""

    def __init__(self, tree: Path, chance: random.Random) -> None:
        self.tree = tree
        self.chance = chance
        self.left = Left()

    def text(self) -> str:
        return f"{self.chance.getrandbits(128):032x}\n"

    def write(self, path: Path) -> str:
        """New content for a file, which counts as work that stands in the tree."""
        path.parent.mkdir(parents=True, exist_ok=True)
        content = self.text()
        if path.is_file():
            self.left.files.discard(blob_id(path.read_bytes()))
        path.write_text(content)
        identity = blob_id(content.encode())
        self.left.files.add(identity)
        return identity

    def new_name(self) -> str:
        return self.chance.choice(["new", "with space", "日本", "line\nend", "-dash", "deep/er/new", 'quo"te', "HEAD"]) + str(
            self.chance.randrange(10**6)
        )

    def git(self, *words: str, check: bool = True, folder: Path | None = None) -> str:
        return tenant(folder or self.tree, *words, check=check)

    def committed(self, folder: Path | None = None) -> str:
        """A commit with a new file, or "" if the state of the repository forbids one."""
        where = folder or self.tree
        name = f"c{self.chance.randrange(10**9)}.txt"
        (where / name).write_text(self.text())
        before = self.git("rev-parse", "--quiet", "--verify", "HEAD", check=False, folder=where)
        self.git("add", "--force", "--", name, check=False, folder=where)
        self.git("commit", "--quiet", "--message=work", check=False, folder=where)
        after = self.git("rev-parse", "--quiet", "--verify", "HEAD", check=False, folder=where)
        if after == before:
            self.left.files.add(blob_id((where / name).read_bytes()))
            return ""
        return after


def _untracked(t: Tenant) -> None:
    t.write(t.tree / t.new_name())


def _tracked(t: Tenant) -> None:
    t.write(t.tree / t.chance.choice(["a.txt", "src/b.txt", "src/deep/c.txt"]))


def _staged(t: Tenant) -> None:
    identity = t.write(t.tree / t.new_name())
    t.git("add", "--all", check=False)
    if t.git("ls-files", "--stage").find(identity) >= 0:
        t.left.stored.add(identity)


def _staged_only(t: Tenant) -> None:
    """Staged, and gone from the tree."""
    path = t.tree / f"staged{t.chance.randrange(10**6)}"
    identity = t.write(path)
    t.git("add", "--", path.name, check=False)
    if identity in t.git("ls-files", "--stage"):
        path.unlink()
        t.left.files.discard(identity)
        t.left.stored.add(identity)


def _intent(t: Tenant) -> None:
    path = t.tree / f"intent{t.chance.randrange(10**6)}"
    t.write(path)
    t.git("add", "--intent-to-add", "--", path.name, check=False)


def _branch(t: Tenant) -> None:
    t.git("checkout", "--quiet", "-b", f"mine/{t.chance.randrange(10**6)}", check=False)
    t.left.stored.add(t.committed())


def _detached(t: Tenant) -> None:
    t.git("checkout", "--quiet", "--detach", check=False)
    t.left.stored.add(t.committed())


def _reset_away(t: Tenant) -> None:
    found = t.committed()
    t.left.stored.add(found)
    if found:
        t.git("reset", "--quiet", "--soft", "HEAD~1", check=False)


def _stash(t: Tenant) -> None:
    content = t.text()
    path = t.tree / f"stashed{t.chance.randrange(10**6)}"
    path.write_text(content)
    t.git("stash", "push", "--quiet", "--include-untracked", "--", path.name, check=False)
    (t.left.files if path.exists() else t.left.stored).add(blob_id(content.encode()))


def _tag_of_blob(t: Tenant) -> None:
    source = t.tree.parent / f"{t.tree.name}.source"
    source.write_text(t.text())
    identity = t.git("hash-object", "-w", "--no-filters", str(source))
    source.unlink()
    t.git("update-ref", t.chance.choice(["refs/tags/blob", "refs/mine/blob"]) + str(t.chance.randrange(10**6)), identity)
    t.left.stored.add(identity)


def _reference_of_tree(t: Tenant) -> None:
    path = t.tree / f"for-tree{t.chance.randrange(10**6)}"
    path.write_text(t.text())
    blob = t.git("hash-object", "-w", "--no-filters", "--", path.name)
    path.unlink()
    index = t.tree.parent / f"{t.tree.name}.index"
    t.git("-c", "core.bare=false", "update-index", "--add", "--cacheinfo", f"100644,{blob},only-in-tree", check=False)
    index.unlink(missing_ok=True)
    tree = t.git("write-tree", check=False)
    t.git("update-index", "--force-remove", "only-in-tree", check=False)
    if tree:
        t.git("update-ref", f"refs/mine/tree{t.chance.randrange(10**6)}", tree)
        t.left.stored.add(blob)


def _nested(t: Tenant) -> None:
    inner = t.tree / t.chance.choice(["inner", "src/inner", "build/inner"]) / str(t.chance.randrange(10**6))
    inner.mkdir(parents=True)
    t.git("init", "--quiet", folder=inner)
    t.left.nested.add(t.committed(inner))
    t.write(inner / "loose.txt")


def _bare_inside(t: Tenant) -> None:
    bare = t.tree / f"bare{t.chance.randrange(10**6)}"
    t.git("init", "--quiet", "--bare", bare.name)
    t.write(bare / "notes.txt")


def _hidden_change(t: Tenant) -> None:
    name = t.chance.choice(["a.txt", "src/b.txt"])
    t.git("update-index", t.chance.choice(["--assume-unchanged", "--skip-worktree"]), name, check=False)
    t.write(t.tree / name)


def _excluded(t: Tenant) -> None:
    info = t.tree / ".git" / "info"
    info.mkdir(exist_ok=True)
    (info / "exclude").write_text("*\n")
    t.write(t.tree / t.new_name())


def _merging(t: Tenant) -> None:
    t.git("checkout", "--quiet", "-b", f"side{t.chance.randrange(10**6)}", "HEAD~1", check=False)
    t.left.stored.add(t.committed())
    content = t.text()
    (t.tree / "a.txt").write_text(content)
    t.git("commit", "--quiet", "--message=side", "--", "a.txt", check=False)
    t.git("merge", "--quiet", "origin/main", check=False)
    if blob_id(content.encode()) in t.git("rev-list", "--objects", "--all", check=False):
        t.left.stored.add(blob_id(content.encode()))


def _rebasing(t: Tenant) -> None:
    t.git("checkout", "--quiet", "-b", f"re{t.chance.randrange(10**6)}", "HEAD~1", check=False)
    t.left.stored.add(t.committed())
    (t.tree / "a.txt").write_text(t.text())
    t.git("commit", "--quiet", "--message=conflicting", "--", "a.txt", check=False)
    t.left.stored.add(t.committed())
    t.git("rebase", "origin/main", check=False)


def _cherry_picking(t: Tenant) -> None:
    t.git("checkout", "--quiet", "-b", f"pick{t.chance.randrange(10**6)}", "HEAD~1", check=False)
    t.left.stored.add(t.committed())
    (t.tree / "a.txt").write_text(t.text())
    t.git("commit", "--quiet", "--message=conflicting", "--", "a.txt", check=False)
    t.git("cherry-pick", "origin/main", check=False)


def _worktree(t: Tenant) -> None:
    place = t.tree / f"linked{t.chance.randrange(10**6)}"
    t.git("worktree", "add", "--quiet", "--detach", str(place), check=False)
    if (place / ".git").exists():
        t.left.stored.add(t.committed(place))
        t.write(place / "loose.txt")


def _orphan(t: Tenant) -> None:
    t.git("checkout", "--quiet", "--orphan", f"orphan{t.chance.randrange(10**6)}", check=False)


def _packs(t: Tenant) -> None:
    t.git("gc", "--quiet", check=False)


def _split_index(t: Tenant) -> None:
    t.git("update-index", t.chance.choice(["--split-index", "--index-version=4", "--untracked-cache"]), check=False)


def _file_for_folder(t: Tenant) -> None:
    folder = t.tree / "docs"
    if folder.is_dir() and not folder.is_symlink():
        for path in sorted(folder.rglob("*"), reverse=True):
            if path.is_dir() and not path.is_symlink():
                return
            if blob_id(path.read_bytes()) in t.left.files:
                return
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        t.write(folder)


def _folder_for_file(t: Tenant) -> None:
    path = t.tree / "src" / "b.txt"
    if path.is_file() and blob_id(path.read_bytes()) not in t.left.files:
        path.unlink()
        t.write(path / "inside.txt")


def _attributes(t: Tenant) -> None:
    (t.tree / ".gitattributes").write_text("* text=auto eol=lf ident working-tree-encoding=UTF-16\n*.bin filter=x\n")
    (t.tree / f"crlf{t.chance.randrange(10**6)}").write_bytes(b"$Id$\r\n")
    content = f"{t.text()}\r\n$Id$\r\r\n".encode()
    (t.tree / f"odd{t.chance.randrange(10**6)}").write_bytes(content)
    t.left.files.add(blob_id(content))


def _ignored(t: Tenant) -> None:
    content = t.text()
    path = t.tree / "build" / f"{t.chance.randrange(10**6)}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    t.left.ignored.add(blob_id(content.encode()))


def _same_size_same_time(t: Tenant) -> None:
    """A change that neither size nor time of the file tells."""
    path = t.tree / "a.txt"
    if not path.is_file() or blob_id(path.read_bytes()) in t.left.files:
        return
    status, size = path.stat(), len(path.read_bytes())
    content = t.text().encode()[:size].ljust(size, b"x")
    with path.open("r+b") as file:
        file.write(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    t.left.files.add(blob_id(content))


def _settings(t: Tenant) -> None:
    t.git("config", "core.fileMode", "false")
    t.git("config", "core.worktree", "/nowhere") if t.chance.random() < 0.1 else None
    t.git("config", "core.excludesFile", "/dev/null", check=False)
    t.git("config", "extensions.worktreeConfig", "true", check=False)


def _sparse(t: Tenant) -> None:
    if not t.left.files:
        t.git("sparse-checkout", "set", "docs", check=False)


def _notes(t: Tenant) -> None:
    t.git("notes", "add", "--force", "--message", t.text(), check=False)
    found = t.git("rev-parse", "--quiet", "--verify", "refs/notes/commits", check=False)
    t.left.stored.add(found)


def _closed(t: Tenant) -> None:
    place = t.tree / f"closed{t.chance.randrange(10**6)}"
    t.write(place / "in.txt")
    place.chmod(0o500)


DEEDS: list[Callable[[Tenant], None]] = [
    *(_untracked, _tracked, _staged, _staged_only, _intent, _branch, _detached, _reset_away, _stash, _tag_of_blob),
    *(_reference_of_tree, _nested, _bare_inside, _hidden_change, _excluded, _merging, _rebasing, _cherry_picking, _worktree),
    *(_orphan, _packs, _split_index, _file_for_folder, _folder_for_file, _attributes, _ignored, _same_size_same_time),
    *(_settings, _sparse, _notes, _closed),
]


def mess_up(tree: Path, chance: random.Random, deeds: Sequence[Callable[[Tenant], None]]) -> Left:
    """Do these deeds one after the other; returns what is left of all of them."""
    tenant = Tenant(tree, chance)
    for deed in deeds:
        tenant.left.deeds.append(deed.__name__)
        deed(tenant)
    # What a later deed has taken out of the tree is no longer there to be lost.
    there = {blob_id(path.read_bytes()) for path in tree.rglob("*") if path.is_file() and not path.is_symlink()}
    tenant.left.files &= there
    tenant.left.ignored &= there
    asked = ["rev-list", "--objects", "--no-object-names", "--all", "--reflog", "--indexed-objects"]
    tenant.left.stored &= set(tenant.git(*asked, check=False).split())
    tenant.left.nested.discard("")
    return tenant.left

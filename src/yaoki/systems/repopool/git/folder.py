"""The git folder of a slot, the tenant's: made from a fixed template, and what may be wrong with it.

It is small: it borrows all objects from the mirror by one absolute path, and has the remote, its references and one branch. It has no
hooks.

Source: gitrepository-layout(5), git-config(1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from yaoki.systems.repopool.files import read_regular
from yaoki.systems.repopool.git.refs import head_of, references

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["alternates_problem", "digest_size_of", "make_git_folder", "make_scratch", "slot_references", "structure_problem"]

_LARGEST = 1024 * 1024


def make_scratch(folder: Path, *, digest_size: int = 20) -> None:
    """Make a bare repository for objects in the making in the new folder `folder`. Raises OSError."""
    (folder / "objects" / "pack").mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "config").write_text(_config(digest_size, bare=True), "utf-8")
    (folder / "HEAD").write_text("ref: refs/heads/none\n", "ascii")


def make_git_folder(
    folder: Path, objects: Path, url: str, branch: str, commit: str, *, packed_refs: str, index: bytes, digest_size: int = 20
) -> None:
    """Make a tenant's `.git` in the new folder `folder`: `branch` at `commit` is checked out; "" for a detached HEAD. Raises OSError."""
    (folder / "objects" / "info").mkdir(parents=True)
    (folder / "objects" / "pack").mkdir()
    (folder / "refs" / "heads").mkdir(parents=True)
    (folder / "refs" / "tags").mkdir()
    (folder / "info").mkdir()
    (folder / "objects" / "info" / "alternates").write_text(f"{objects}\n", "utf-8")
    config = _config(digest_size)
    config += f'[remote "origin"]\n\turl = {_quoted(url)}\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n'
    if branch:
        config += f'[branch "{_escaped(branch)}"]\n\tremote = origin\n\tmerge = {_quoted("refs/heads/" + branch)}\n'
        (folder / "refs" / "remotes" / "origin").mkdir(parents=True)
        (folder / "refs" / "remotes" / "origin" / "HEAD").write_text(f"ref: refs/remotes/origin/{branch}\n", "utf-8")
        own = folder / "refs" / "heads" / branch
        own.parent.mkdir(parents=True, exist_ok=True)
        own.write_text(f"{commit}\n", "ascii")
    (folder / "config").write_text(config, "utf-8")
    (folder / "packed-refs").write_text(packed_refs, "utf-8", "surrogateescape")
    (folder / "index").write_bytes(index)
    (folder / "HEAD").write_text(f"ref: refs/heads/{branch}\n" if branch else f"{commit}\n", "utf-8")


def slot_references(mirror: Path) -> str:
    """The `packed-refs` of a slot: the mirror's branches as those of `origin`, and its tags."""
    found = references(mirror)
    named: dict[str, str] = {}
    for name, identity in found.ids.items():
        if name.startswith("refs/heads/"):
            named[f"refs/remotes/origin/{name[11:]}"] = identity
        elif name.startswith("refs/tags/"):
            named[name] = identity
    lines = [
        f"{identity} {name}\n"
        for name, identity in sorted(named.items(), key=lambda item: item[0].encode("utf-8", "surrogateescape"))
    ]
    return "# pack-refs with: sorted \n" + "".join(lines)


def digest_size_of(git_dir: Path) -> int:
    """Bytes of an object id in a repository of ours: 20, or 32 with SHA-256. Raises OSError or ValueError if it is unreadable."""
    text = read_regular(git_dir / "config", _LARGEST).decode("utf-8", "replace").lower()
    return 32 if "objectformat" in text and "sha256" in text else 20


def structure_problem(folder: Path) -> str:
    """What is wrong with the structure of a git folder, or "": parts that are missing, or links that lead out of it."""
    for name in ("", "objects", "refs"):
        part = folder / name
        if part.is_symlink():
            return f"{part.name} is a link"
        if not part.is_dir():
            return f"{part.name} is no folder"
    try:
        head_of(folder)
    except (OSError, ValueError) as error:
        return f"HEAD: {error}"
    return ""


def alternates_problem(folder: Path, objects: Path) -> str:
    """What is wrong with the borrowed objects of a git folder, or "". `objects`: from where it should borrow."""
    try:
        text = read_regular(folder / "objects" / "info" / "alternates", _LARGEST).decode("utf-8", "replace")
    except FileNotFoundError:
        return "alternates is missing"
    except (OSError, ValueError) as error:
        return f"alternates: {error}"
    if str(objects) not in text.splitlines():
        return f"alternates does not name {objects}"
    return "" if objects.is_dir() else f"{objects} does not exist"


def _config(digest_size: int, *, bare: bool = False) -> str:
    text = f"[core]\n\trepositoryformatversion = {0 if digest_size == 20 else 1}\n\tfilemode = true\n\tbare = {str(bare).lower()}\n"
    text += f"\tlogallrefupdates = {str(not bare).lower()}\n"
    return text if digest_size == 20 else text + "[extensions]\n\tobjectformat = sha256\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'

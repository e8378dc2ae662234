"""Brings back what was kept of one tenancy, as a repository of its own (SPEC W3)."""

from __future__ import annotations

import os
import shutil
import stat
from typing import TYPE_CHECKING

from yaoki.systems.repopool.files import is_folder
from yaoki.systems.repopool.git.folder import digest_size_of
from yaoki.systems.repopool.quarantine.entry import PREFIX

if TYPE_CHECKING:
    from pathlib import Path

    from yaoki.systems.repopool.git.command import Git
    from yaoki.systems.repopool.quarantine.entry import Entry

__all__ = ["bring_back"]

# Bytes are kept as they are: no conversion of line ends, no filter, no keyword.
_ATTRIBUTES = "* -text -eol -filter -ident -working-tree-encoding\n"


def bring_back(git: Git, repository: Path, place: Path, entry: Entry, target: Path) -> None:
    """Write an entry into the folder `target`, which is empty or missing. `repository`: where its commits are. `place`: the folder with what
    was renamed away. Raises GitOperationError and OSError.
    """
    if (place / "tree").is_dir():
        _copy(place / "tree", target)
        return
    if "wip" in entry.refs:
        _check_out(git, repository, entry, target)
    for name in ("nested", "ignored"):
        if (place / name).is_dir():
            _copy(place / name, target)
    former = place / "git" / ".git"
    if os.path.lexists(former):
        _copy(former, target / ".git" / "former" if is_folder(target / ".git") else target / "former.git")


def _check_out(git: Git, repository: Path, entry: Entry, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    git_dir = target / ".git"
    kind = "sha256" if digest_size_of(repository) == 32 else "sha1"
    git.run(None, ["init", "--quiet", "--template=", f"--object-format={kind}", "--", str(target)])
    kept = f"{PREFIX}{entry.ticket}/"
    words = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--", str(repository)]
    specs = [f"+{kept}*:{PREFIX}*", f"+{kept}heads/*:refs/heads/quarantine/*", f"+{kept}tags/*:refs/tags/quarantine/*"]
    git.run(git_dir, [*words, *specs], remote=True)
    start = entry.refs.get("head", entry.base)
    branch = "refs/heads/restored"
    git.run(git_dir, ["update-ref", branch, start])
    git.run(git_dir, ["symbolic-ref", "HEAD", branch])
    (git_dir / "info").mkdir(exist_ok=True)
    (git_dir / "info" / "attributes").write_text(_ATTRIBUTES, "utf-8")
    git.run(git_dir, ["read-tree", "--reset", "-u", entry.refs["wip"]], tree=target)
    (git_dir / "info" / "attributes").unlink()
    # The files stay; what was staged is staged again, or nothing is.
    git.run(git_dir, ["read-tree", "--reset", entry.refs.get("index", start)], tree=target)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if is_folder(source):
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True, copy_function=_copy_file)
    else:
        _copy_file(source, target)


def _copy_file(source: str | Path, target: str | Path) -> None:
    """Copy a file or a link; pipes, sockets and devices hold nothing."""
    mode = os.lstat(source).st_mode
    if stat.S_ISREG(mode) or stat.S_ISLNK(mode):
        shutil.copy2(source, target, follow_symlinks=False)

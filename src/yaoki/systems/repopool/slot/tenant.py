"""What a tenant has in his `.git`, read from its files: everything that may lead to work of his (SPEC W3).

His folder is never opened as a repository: its configuration, hooks and links could make git do anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yaoki.systems.repopool.files import read_regular
from yaoki.systems.repopool.git.folder import structure_problem
from yaoki.systems.repopool.git.index_file import LARGEST, index_problem
from yaoki.systems.repopool.git.refs import checked_out, is_object_id, log_ids, references

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Survey", "survey"]

# Files that hold one or more commits while something is in progress: gitrepository-layout(5), git-rebase(1), git-am(1).
_PROGRESS = (
    *("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "REBASE_HEAD", "ORIG_HEAD", "BISECT_HEAD", "MERGE_AUTOSTASH"),
    *(f"rebase-merge/{name}" for name in ("orig-head", "onto", "stopped-sha", "autostash", "amend", "squash-onto")),
    *(f"rebase-apply/{name}" for name in ("orig-head", "onto", "original-commit", "autostash", "abort-safety")),
    *(f"sequencer/{name}" for name in ("head", "abort-safety")),
)
_LARGEST_PROGRESS = 65536


@dataclass(slots=True)
class Survey:
    """What `survey` has found.

    `head`: the commit that is checked out, or None if unborn or unreadable. `tips`:
    where work may end, by a short name: heads/…, tags/…, notes/…, stash/N, head, and what is in progress. `logged`: further ids that
    reference logs name. `published`: commits that the remote is known to have. `index`: its bytes, or None. `own_objects`: whether there
    are any that the mirror may not have. `whole`: why the folder must be kept as it is, besides; [] if the above says everything.
    """

    head: str | None = None
    tips: dict[str, str] = field(default_factory=dict)
    logged: list[str] = field(default_factory=list)
    published: set[str] = field(default_factory=set)
    index: bytes | None = None
    own_objects: bool = False
    whole: list[str] = field(default_factory=list)


def survey(git_dir: Path, *, digest_size: int = 20) -> Survey:
    """Look through a tenant's `.git`. Never raises for what it finds."""
    found = Survey()
    problem = structure_problem(git_dir)
    if problem:
        found.whole.append(problem)
        if not problem.startswith("HEAD"):
            return found
    _read_head(git_dir, found)
    _read_references(git_dir, found)
    for name in _PROGRESS:
        for number, identity in enumerate(_ids_in(git_dir / name)):
            found.tips[f"{name.lower().replace('_', '-')}{f'-{number}' if number else ''}"] = identity
    logs = log_ids(git_dir, found.whole)
    for number, identity in enumerate(logs.pop("refs/stash", ())):
        found.tips[f"stash/{number}"] = identity
    for name, ids in logs.items():
        if not name.startswith("refs/remotes/"):
            found.logged.extend(ids)
    found.own_objects = _has_own_objects(git_dir / "objects")
    problem = index_problem(git_dir / "index", digest_size=digest_size)
    if problem == "":
        found.index = read_regular(git_dir / "index", LARGEST)
    elif problem != "it is missing":
        found.whole.append(f"index: {problem}")
    for name in ("worktrees", "modules", "shallow", "info/grafts", "lost-found"):
        if (git_dir / name).is_symlink() or (git_dir / name).exists():
            found.whole.append(f"it has {name}")
    return found


def _read_head(git_dir: Path, found: Survey) -> None:
    try:
        _, found.head = checked_out(git_dir)
    except (OSError, ValueError):
        return
    if found.head is not None:
        found.tips["head"] = found.head


def _read_references(git_dir: Path, found: Survey) -> None:
    refs = references(git_dir)
    found.whole.extend(refs.problems)
    for name, identity in refs.ids.items():
        if name.startswith("refs/remotes/origin/"):
            found.published.add(identity)
        elif name == "refs/stash":
            found.tips["stash/0"] = identity
        else:
            found.tips[name.removeprefix("refs/")] = identity


def _ids_in(path: Path) -> list[str]:
    try:
        text = read_regular(path, _LARGEST_PROGRESS).decode("utf-8", "replace")
    except (OSError, ValueError):
        return []
    return [word for word in text.split() if is_object_id(word)]


def _has_own_objects(objects: Path) -> bool:
    try:
        for entry in objects.iterdir():
            if entry.name == "info":
                continue
            if entry.name != "pack" or any(entry.iterdir()):
                return True
    except OSError:
        return True
    return False

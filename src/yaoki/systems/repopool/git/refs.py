"""HEAD, references and reference logs, read from their files without a git process.

Source: gitrepository-layout(5), git-pack-refs(1). Reads the files format of references; of a tenant's folder it believes nothing: what
is no reference is a problem to be told, never an exception.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from yaoki.systems.repopool.files import read_regular

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["References", "checked_out", "head_of", "is_object_id", "log_ids", "packed", "references", "resolved"]

_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_LARGEST_REF = 4096
_LARGEST_PACKED = 64 * 1024 * 1024
_MOST_FILES = 100_000
_DEEPEST_SYMREF = 5


def is_object_id(text: str) -> bool:
    """Whether it is a full object id, and not the one that stands for nothing."""
    return _ID.fullmatch(text) is not None and text.strip("0") != ""


@dataclass(slots=True)
class References:
    """`ids`: full name to object id. `symbolic`: full name to full name. `problems`: what could not be read, in words."""

    ids: dict[str, str] = field(default_factory=dict)
    symbolic: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def head_of(git_dir: Path, name: str = "HEAD") -> tuple[str | None, str | None]:
    """What HEAD names: (full reference name, None), or (None, commit id). Raises OSError or ValueError if it is neither."""
    text = read_regular(git_dir / name, _LARGEST_REF).decode("utf-8", "replace").strip()
    if text.startswith("ref:"):
        target = text[4:].strip()
        if not target.startswith("refs/") or not _is_safe(target):
            raise ValueError(f"{name} names {target[:100]!r}")
        return target, None
    if is_object_id(text):
        return None, text
    raise ValueError(f"{name} holds {text[:60]!r}")


def resolved(git_dir: Path, name: str) -> str | None:
    """The object id of a reference, or None if it does not exist. Raises OSError or ValueError if it cannot be read."""
    for _ in range(_DEEPEST_SYMREF):
        try:
            target, found = head_of(git_dir, name)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return packed(git_dir).get(name)
        if found is not None:
            return found
        assert target is not None
        name = target
    raise ValueError(f"{name} leads to itself")


def checked_out(git_dir: Path) -> tuple[str | None, str | None]:
    """The full name of the branch, None for a detached HEAD, and its commit, None if it has none yet. Raises OSError or ValueError if
    that cannot be read.
    """
    branch, commit = head_of(git_dir)
    return branch, commit if branch is None else resolved(git_dir, branch)


def packed(git_dir: Path) -> dict[str, str]:
    """The references in `packed-refs`. Raises OSError or ValueError if it cannot be read."""
    try:
        text = read_regular(git_dir / "packed-refs", _LARGEST_PACKED).decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return {}
    found: dict[str, str] = {}
    for line in text.splitlines():
        if not line or line[0] in "#^":
            continue
        identity, _, name = line.partition(" ")
        if not is_object_id(identity) or not name.startswith("refs/") or not _is_safe(name):
            raise ValueError(f"packed-refs holds {line[:80]!r}")
        found[name] = identity
    return found


def references(git_dir: Path) -> References:
    """Every reference, loose ones before packed ones. Never raises for what it finds."""
    found = References()
    try:
        found.ids.update(packed(git_dir))
    except (OSError, ValueError) as error:
        found.problems.append(str(error))
    for file in _files_under(git_dir / "refs", found.problems):
        name = file.relative_to(git_dir).as_posix()
        if name.endswith(".lock"):
            continue
        try:
            target, identity = head_of(git_dir, name)
        except (OSError, ValueError) as error:
            found.problems.append(str(error))
            continue
        if target is not None:
            found.symbolic[name] = target
        elif identity is not None:
            found.ids[name] = identity
    return found


def log_ids(git_dir: Path, problems: list[str]) -> dict[str, list[str]]:
    """The ids that each reference log names, the newest first, by the name of its reference."""
    logs: dict[str, list[str]] = {}
    for file in _files_under(git_dir / "logs", problems):
        try:
            text = read_regular(file, _LARGEST_PACKED).decode("utf-8", "replace")
        except (OSError, ValueError) as error:
            problems.append(str(error))
            continue
        ids = [part for line in text.splitlines() for part in line.split(" ", 2)[:2] if is_object_id(part)]
        logs[file.relative_to(git_dir / "logs").as_posix()] = list(dict.fromkeys(reversed(ids)))
    return logs


def _files_under(folder: Path, problems: list[str]) -> Iterator[Path]:
    waiting, count = [str(folder)], 0
    while waiting:
        try:
            found = list(os.scandir(waiting.pop()))
        except FileNotFoundError:
            continue
        except OSError as error:
            problems.append(str(error))
            continue
        for entry in found:
            count += 1
            if count > _MOST_FILES:
                problems.append(f"more than {_MOST_FILES} files in {folder}")
                return
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
            else:
                yield Path(entry.path)


def _is_safe(name: str) -> bool:
    return not any(part in {"", ".", ".."} for part in name.split("/")) and "\0" not in name

"""The proof that a slot is as we have left it, and what belongs to it. Format 2.

It is written as the last step of making a slot clean, so where it stands, every step before is done.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

from yaoki.systems.repopool.files import read_regular, write_whole
from yaoki.systems.repopool.slot.snapshot import marks_of, snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from yaoki.systems.repopool.slot.layout import SlotLayout
    from yaoki.systems.repopool.slot.snapshot import Marks, Snapshot

__all__ = ["Proof"]

_VERSION = 2
_LARGEST = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Proof:
    """`branch`, `commit`: what is checked out. `references`: a digest of what the tenant is told of the remote.

    `folders`, `tree`: the folders of the work tree, and their marks. `files`, `written`: its files, and a digest of their marks. `parts`,
    `git`, `content`: everything in `.git`, its marks, and a digest of what the files hold. `tree_settled`, `git_settled`: whether the
    same marks prove that nothing changed; else it takes a look.
    """

    branch: str
    commit: str
    references: str
    folders: list[str]
    tree: str
    files: list[str]
    written: str
    tree_settled: bool
    parts: list[str]
    git: str
    git_settled: bool
    content: str

    @staticmethod
    def make(slot: SlotLayout, branch: str, commit: str, references: str, seen: Snapshot) -> Proof:
        """The proof of how the slot stands now. `seen`: its tree, in which everything is as it must be."""
        inside = snapshot(slot.git, skip="")
        parts = [*inside.folders, *inside.files]
        tree, git = seen.marks, marks_of(slot.git, parts)
        content = _content(slot.git, parts)
        return Proof(
            branch=branch,
            commit=commit,
            references=references,
            folders=seen.folders,
            tree=tree.text,
            files=seen.files,
            written=_digest(seen.file_marks),
            tree_settled=tree.settled and seen.file_marks.settled,
            parts=parts,
            git=git.text,
            git_settled=git.settled,
            content=content,
        )

    @staticmethod
    def read(slot: SlotLayout) -> Proof | None:
        """The proof that `write` wrote, or None: the slot is not clean, or not ours."""
        try:
            stored = json.loads(read_regular(_file(slot), _LARGEST))
            if stored.pop("version") == _VERSION:
                return Proof(**stored)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass
        return None

    def write(self, slot: SlotLayout) -> None:
        """Put it in place. Raises OSError."""
        write_whole(_file(slot), json.dumps({"version": _VERSION, **asdict(self)}, separators=(",", ":")).encode())

    @staticmethod
    def withdraw(slot: SlotLayout) -> None:
        """From now on the slot is not clean. Raises OSError."""
        _file(slot).unlink(missing_ok=True)

    def holds(self, slot: SlotLayout) -> bool:
        """Whether the slot is as the proof says, told by times alone."""
        return self.git_holds(slot) and self.tree_holds(slot)

    def names_hold(self, slot: SlotLayout) -> bool:
        """Whether no name in the tree has changed; what the files hold is git's to judge."""
        return self.tree_settled and self.names_look(slot)

    def names_look(self, slot: SlotLayout) -> bool:
        """Whether the marks of the folders are the same, settled or not."""
        return marks_of(slot.tree, self.folders).text == self.tree

    def tree_holds(self, slot: SlotLayout) -> bool:
        """Whether nothing in the tree has changed."""
        return self.names_hold(slot) and _digest(marks_of(slot.tree, self.files)) == self.written

    def git_holds(self, slot: SlotLayout) -> bool:
        """Whether nothing in `.git` has changed."""
        if marks_of(slot.git, self.parts).text != self.git:
            return False
        return self.git_settled or _content(slot.git, self.parts) == self.content


def _digest(marks: Marks) -> str:
    return blake2b(marks.text.encode(), digest_size=20).hexdigest()


def _content(git_dir: Path, parts: list[str]) -> str:
    digest = blake2b(digest_size=20)
    for part in parts:
        try:
            content = read_regular(git_dir / part, _LARGEST)
        except (OSError, ValueError):
            continue
        digest.update(f"{part}\0{len(content)}\0".encode("utf-8", "surrogateescape"))
        digest.update(content)
    return digest.hexdigest()


def _file(slot: SlotLayout) -> Path:
    return slot.control / "proof.json"

"""Cleans a slot after its tenant: his work is kept, then everything of his goes (SPEC W1, W3).

What cannot be kept or cleaned piece by piece is renamed away as a whole tree, and a new one is built.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yaoki.systems.repopool.errors import CleanupError, GitOperationError
from yaoki.systems.repopool.files import FULL, is_folder
from yaoki.systems.repopool.quarantine.keeping import Keeping, Tenancy
from yaoki.systems.repopool.quarantine.set_aside import SetAside
from yaoki.systems.repopool.slot.changes import folders_of, topmost
from yaoki.systems.repopool.slot.proof import Proof
from yaoki.systems.repopool.slot.work import inspect_work, may_hold_work

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from yaoki.systems.repopool.git.command import Git
    from yaoki.systems.repopool.mirror.mirror import Base, Mirror
    from yaoki.systems.repopool.quarantine.entry import Entry
    from yaoki.systems.repopool.quarantine.quarantine import Quarantine
    from yaoki.systems.repopool.slot.building import Building
    from yaoki.systems.repopool.slot.changes import Changes
    from yaoki.systems.repopool.slot.layout import SlotLayout

__all__ = ["CleanPolicy", "Cleaned", "Cleaning"]


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A slot after its tenant. `entry`: what was kept of his work, or None if there was none. `removed`: paths that were removed
    without being kept: ignored files. `proven`: nothing had changed, and nothing was done.
    """

    entry: Entry | None = None
    removed: tuple[str, ...] = ()
    proven: bool = False


@dataclass(frozen=True, slots=True)
class CleanPolicy:
    """What a clean slot may still contain. `keep_ignored`: patterns of ignored files and folders that stay, such as caches; only for
    tenants who trust each other. `lock_timeout`: seconds to wait for whoever works on the slot. `largest_commit`: bytes of changed and new
    files above which a tree is renamed away as a whole, since to read them would take too long.
    """

    keep_ignored: Sequence[str] = field(default=())
    lock_timeout: float = 60.0
    largest_commit: int = 1024 * 1024 * 1024


class Cleaning:
    """Cleans the slot that `building` makes. For who holds the slot's lock."""

    def __init__(
        self, slot: SlotLayout, mirror: Mirror, quarantine: Quarantine, building: Building, policy: CleanPolicy
    ) -> None:
        self.slot = slot
        self.mirror = mirror
        self.quarantine = quarantine
        self.policy = policy
        self._building = building

    def clean(self, git: Git, tenancy: Tenancy, *, taken: bool) -> Cleaned:
        """Keep the tenant's work, then bring the tree and `.git` back to the base that he was given. `taken`: ignored files are kept too.

        Raises GitOperationError, OSError or CleanupError: then nothing of his is lost, and the slot is not clean.
        """
        slot = self.slot
        base = self._building.known_base()
        if not is_folder(slot.tree):
            return Cleaned(self.replace(git, tenancy, "it is no folder"))
        try:
            proof = self._proof_of(base)
            self._building.mend_control(git, base)
            found, seen = inspect_work(slot, self.mirror, git, proof, self.policy.keep_ignored)
            if found.seen.problems:
                return Cleaned(self.replace(git, tenancy, f"it cannot be read: {found.seen.problems[0]}"))
            if self._bytes_of((*found.changed, *found.untracked)) > self.policy.largest_commit:
                return Cleaned(self.replace(git, tenancy, "its files are too large for a commit"))
            entry, notes = None, list(seen.whole)
            if may_hold_work(slot, self.mirror, found, seen, base.commit):
                discarded = self._building.discarded
                keeping = Keeping(slot, self.quarantine, git, discarded, digest_size=self.mirror.digest_size)
                entry = keeping.commits(tenancy, found, seen)
                notes += keeping.notes
            aside = self._set_aside(tenancy, entry)
            self._take_away(aside, found, notes, taken=taken)
            self._remove_extras(found)
            self._building.bring_to(git, base, (proof, found) if proof else None)
        except (GitOperationError, OSError, CleanupError) as error:
            if _is_environmental(error):
                raise
            # It cannot be kept or cleaned piece by piece: then as a whole.
            return Cleaned(self.replace(git, tenancy, str(error)))
        return Cleaned(aside.entry, tuple(found.ignored))

    def replace(self, git: Git, tenancy: Tenancy, why: str) -> Entry | None:
        """Set the whole tree aside, and build a new one. Returns what was set aside. Raises GitOperationError or OSError."""
        base = self._building.known_base()
        entry = self.set_tree_aside(tenancy, why)
        Proof.withdraw(self.slot)
        self._building.build(git, base)
        return entry

    def set_tree_aside(self, tenancy: Tenancy, why: str) -> Entry | None:
        """Rename the whole tree into the quarantine, `.git` included. None if there is no tree. Raises OSError."""
        aside = self._set_aside(tenancy)
        aside.take("tree", {".": self.slot.tree}, [why])
        return aside.entry

    def _proof_of(self, base: Base) -> Proof | None:
        """The proof of how the tree stood when it was last clean, if it was then at `base`."""
        proof = Proof.read(self.slot)
        return proof if proof is not None and proof.commit == base.commit else None

    def _bytes_of(self, paths: Iterable[str]) -> int:
        total = 0
        for path in paths:
            with suppress(OSError):
                total += os.lstat(f"{self.slot.tree}/{path}").st_size
        return total

    def _take_away(self, aside: SetAside, found: Changes, notes: list[str], *, taken: bool) -> None:
        """Set aside what is no commit: nested repositories, ignored files if he was `taken` from, and a `.git` of which there are `notes`."""
        tree, tracked = self.slot.tree, found.tracked
        if found.repositories:
            aside.take("nested", {path: tree / path for path in found.repositories}, ["it has repositories of its own inside"])
        if taken and found.ignored:
            others = [*tracked.files, *tracked.submodules, *found.untracked, *found.repositories, *found.seen.kept]
            aside.take("ignored", {path: tree / path for path in topmost(found.ignored, folders_of(others))}, [])
        if notes and os.path.lexists(self.slot.git):
            aside.take("git", {".git": self.slot.git}, notes)

    def _remove_extras(self, found: Changes) -> None:
        """Remove what no commit has: new files, which are kept by now, ignored ones, and folders."""
        extras = [*found.untracked, *found.ignored, *found.folders]
        for path in topmost(extras, found.expected | folders_of(found.seen.kept)):
            self._building.discarded.take(self.slot.tree / path)
        for path in found.tracked.submodules:
            (self.slot.tree / path).mkdir(parents=True, exist_ok=True)

    def _set_aside(self, tenancy: Tenancy, entry: Entry | None = None) -> SetAside:
        return SetAside(self.slot, self.quarantine, tenancy, entry, digest_size=self.mirror.digest_size)


def _is_environmental(error: Exception) -> bool:
    """Whether it says nothing about the slot, so that it could not be replaced any better."""
    if isinstance(error, GitOperationError):
        return error.failure.environmental
    return isinstance(error, OSError) and error.errno in FULL

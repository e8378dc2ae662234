"""How the parts of one slot are made: its tree, the tenant's `.git`, and our own folder (SPEC W1).

For who holds the slot's lock. Nothing here keeps anybody's work: that was done before.
"""

from __future__ import annotations

import os
from dataclasses import replace
from hashlib import blake2b
from typing import TYPE_CHECKING

from yaoki.systems.repopool.discarded import Discarded
from yaoki.systems.repopool.errors import CleanupError
from yaoki.systems.repopool.files import is_folder, remove, write_whole
from yaoki.systems.repopool.git.folder import make_git_folder
from yaoki.systems.repopool.git.refs import is_object_id
from yaoki.systems.repopool.mirror.mirror import Base
from yaoki.systems.repopool.slot.changes import missing_files
from yaoki.systems.repopool.slot.checks import control_problem
from yaoki.systems.repopool.slot.index import SlotIndex, Tracked, seen_by_git
from yaoki.systems.repopool.slot.manifest import Manifest
from yaoki.systems.repopool.slot.proof import Proof
from yaoki.systems.repopool.slot.snapshot import snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from yaoki.systems.repopool.git.command import Git
    from yaoki.systems.repopool.mirror.mirror import Mirror
    from yaoki.systems.repopool.slot.changes import Changes
    from yaoki.systems.repopool.slot.layout import SlotLayout
    from yaoki.systems.repopool.slot.snapshot import Mark, Snapshot

__all__ = ["Building"]


class Building:
    """Makes the parts of `slot` from `mirror`. `keep`: patterns of ignored files that stay in a clean tree."""

    def __init__(self, slot: SlotLayout, mirror: Mirror, keep: Sequence[str] = ()) -> None:
        self.slot = slot
        self.mirror = mirror
        self.keep = keep
        self.discarded = Discarded(slot.discarded)

    def build(self, git: Git, base: Base) -> bool:
        """Make the slot, atomic by rename. False if it stands already. Raises GitOperationError and OSError."""
        slot = self.slot
        if is_folder(slot.tree):
            return False
        fresh = replace(
            slot,
            tree=slot.tree.with_name(f"{slot.tree.name}.new"),
            control=slot.control.with_name(f"{slot.control.name}.new"),
        )
        for path in (fresh.tree, fresh.control, slot.control):
            remove(path)
        fresh.control.mkdir(parents=True)
        fresh.tree.mkdir()
        self._write_base(fresh, base)
        SlotIndex(git, fresh).bring_to(base.commit)
        self._make_git(fresh.git, base, fresh.index.read_bytes())
        ours = Manifest.of(fresh.git, snapshot(fresh.git, skip=""))
        tracked = Tracked.written(snapshot(fresh.tree))
        fresh.control.rename(slot.control)
        fresh.tree.rename(slot.tree)
        self._prove(base, self.references_digest(), ours, snapshot(slot.tree, keep=self.keep), tracked)
        return True

    @staticmethod
    def _write_base(slot: SlotLayout, base: Base) -> None:
        write_whole(slot.control / "base", f"{base.commit} {base.branch}\n".encode())

    def _make_git(self, folder: Path, base: Base, index: bytes) -> None:
        make_git_folder(
            *(folder, self.mirror.objects, self.mirror.address.text, base.branch, base.commit),
            packed_refs=self.mirror.slot_references(),
            index=index,
            digest_size=self.mirror.digest_size,
        )

    def _renew_git(self, base: Base) -> Manifest:
        """Replace the tenant's `.git` by a new one, made beside it. Returns how that one was when nobody else could reach it."""
        slot = self.slot
        fresh, old = self._beside
        remove(fresh)
        self._make_git(fresh, base, slot.index.read_bytes())
        ours = Manifest.of(fresh, snapshot(fresh, skip=""))
        self.discarded.take(old)
        if os.path.lexists(slot.git):
            slot.git.rename(old)
        fresh.rename(slot.git)
        self.discarded.take(old)
        return ours.rewritten(slot.git, {})

    def complete_renewal(self) -> None:
        """Give a `.git` its place that had none when we were killed between the two renames: the old one was kept and is gone."""
        fresh, old = self._beside
        if os.path.lexists(old) and fresh.exists() and not os.path.lexists(self.slot.git):
            fresh.rename(self.slot.git)

    @property
    def _beside(self) -> tuple[Path, Path]:
        """Where a new `.git` is made, and where the old one goes."""
        return self.slot.control / "git.new", self.slot.control / "git.old"

    def _prove(
        self,
        base: Base,
        references: str,
        git: Manifest,
        seen: Snapshot,
        tracked: Tracked,
        known: Mapping[str, Mark] | None = None,
    ) -> None:
        """Write the proof down: everything before is done. `references`: what the tenant is told of the remote. `git`: `.git`. `seen`: the
        tree, all of whose names are right. `known`: files that were right, as they stood then, which git need not have seen.
        """
        tree = Manifest.of(self.slot.tree, seen, self._doubted(seen, known or {}))
        Proof.make(base, references, git, tree, set(seen.kept), tracked).write(self.slot)

    def _doubted(self, seen: Snapshot, known: Mapping[str, Mark]) -> list[str]:
        """The files that somebody may have written between us and the look at them: they are neither as git has seen them, nor as they
        were `known`. Whoever gives the slot out looks into them.
        """
        open_paths = [path for path, mark in seen.files.items() if known.get(path) != mark]
        by_git = seen_by_git(self.slot, digest_size=self.mirror.digest_size) if open_paths else {}
        return [path for path in open_paths if by_git.get(os.fsencode(path)) != _in_index(seen.files[path])]

    def bring_to(self, git: Git, base: Base, known: tuple[Proof, Changes] | None = None) -> None:
        """Check out `base` in a tree in which nothing is left that anybody could miss; then give the tree a new `.git`, unless nothing has
        touched the old one. `known`: how it stood when it was last clean, of that commit too, and all that has changed in it since.

        Raises GitOperationError, OSError, and CleanupError if the tree is not clean afterwards.
        """
        slot = self.slot
        index = SlotIndex(git, slot)
        Proof.withdraw(slot)
        self._write_base(slot, base)
        # We hold the slot, and so does every git of ours: nobody else can be at work here.
        slot.index.with_name("index.lock").unlink(missing_ok=True)
        references = self.references_digest()
        if known is None:
            index.bring_to(base.commit)
            tracked = index.tracked()
            ours = self._renew_git(base)
            seen = snapshot(slot.tree, keep=self.keep)
            unchanged = {}
        else:
            proof, found = known
            written = set(found.changed)
            unchanged = {path: mark for path, mark in found.seen.files.items() if path not in written}
            if found.changed:
                index.check_out(found.changed)
            tracked = found.tracked
            if (proof.branch, proof.references) == (base.branch, references) and proof.git.holds(slot.git):
                content = slot.index.read_bytes()
                write_whole(slot.git / "index", content)
                ours = proof.git.rewritten(slot.git, {"index": content})
            else:
                ours = self._renew_git(base)
            seen = snapshot(slot.tree, keep=self.keep, earlier=found.seen)
        missing = missing_files(seen, tracked, self.keep)
        further = sorted(seen.files.keys() - tracked.files) + seen.repositories + seen.problems
        if missing or further:
            raise CleanupError(
                f"{slot.slot_id} is not clean: {', '.join([*missing, *further][:3])}",
                slot_id=slot.slot_id,
                way_out=f"run `yaoki pool recover {slot.slot_id}`",
            )
        self._prove(base, references, ours, seen, tracked, unchanged)

    def is_at(self, base: Base, proof: Proof) -> bool:
        """Whether `bring_to` would have nothing to do: the proof is of the same branch, commit, and references of the remote."""
        return (proof.branch, proof.commit, proof.references) == (base.branch, base.commit, self.references_digest())

    def known_base(self) -> Base:
        """The base that the slot was given; the mirror's, if nobody knows."""
        try:
            commit, _, branch = (self.slot.control / "base").read_text("utf-8").strip().partition(" ")
        except (OSError, ValueError):
            return self.mirror.base()
        return Base(branch, commit) if is_object_id(commit) else self.mirror.base()

    def mend_control(self, git: Git, base: Base) -> None:
        """Mend our own folder, if something is wrong with it: the files of the tree stay as they are."""
        slot = self.slot
        slot.index.with_name("index.lock").unlink(missing_ok=True)
        if not control_problem(slot, digest_size=self.mirror.digest_size):
            return
        fresh = replace(slot, control=slot.control.with_name(f"{slot.control.name}.new"))
        remove(fresh.control)
        fresh.control.mkdir(parents=True)
        self._write_base(fresh, base)
        SlotIndex(git, fresh).renew(base.commit)
        remove(slot.control)
        fresh.control.rename(slot.control)

    def references_digest(self) -> str:
        """A digest of what a tenant is told of the remote."""
        text = self.mirror.slot_references().encode("utf-8", "surrogateescape")
        return blake2b(text, digest_size=20).hexdigest()


def _in_index(mark: Mark) -> Mark:
    """A mark as git writes it down."""
    return mark[0], mark[1] % (1 << 32)

"""Whether a slot that nobody has still is as its proof says (SPEC W1, W2).

What has another mark than in the proof may still hold what it held: a file that was only touched, or written anew. Of that git judges.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from yaoki.core.clock import file_time_ns
from yaoki.systems.repopool.errors import GitOperationError
from yaoki.systems.repopool.slot.index import SlotIndex
from yaoki.systems.repopool.slot.manifest import Manifest
from yaoki.systems.repopool.slot.proof import Proof
from yaoki.systems.repopool.slot.snapshot import snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yaoki.systems.repopool.git.command import Git
    from yaoki.systems.repopool.slot.layout import SlotLayout

__all__ = ["confirmed", "is_tree_unchanged"]


def confirmed(slot: SlotLayout, git: Git, keep: Sequence[str] = ()) -> Proof | None:
    """The proof of the slot if it is right, else None. What was too young in it, or was written with the same content, is in the proof
    that is written down then, so that no process is needed the next time. `keep`: patterns of ignored files that stay.

    For who holds the slot's lock. Raises OSError, and GitOperationError only for what says nothing about the slot.
    """
    proof, looked_at = Proof.read(slot), file_time_ns()
    if proof is None or not proof.git.holds(slot.git):
        return None
    written = list(proof.tree.differing(slot.tree))
    if written or proof.spared:
        seen = snapshot(slot.tree, keep=keep)
        if not _holds_the_same(slot, git, written) or seen.files.keys() != set(proof.tree.files):
            return None
        proof = replace(proof.settled(looked_at), tree=Manifest.of(slot.tree, seen))
        proof.write(slot)
    elif proof.is_young:
        proof.settled(looked_at).write(slot)
    SlotIndex(git, slot).settle(proof.tree.newest, looked_at)
    return proof


def is_tree_unchanged(slot: SlotLayout, git: Git, proof: Proof) -> bool:
    """Whether the tree holds what the proof says. Changes nothing. Raises GitOperationError only for what says nothing about the slot."""
    written = list(proof.tree.differing(slot.tree))
    return not (written or proof.spared) or _holds_the_same(slot, git, written)


def _holds_the_same(slot: SlotLayout, git: Git, written: Sequence[str]) -> bool:
    """Whether no name in the tree has changed, and git finds that all files hold what they did, though some were `written`."""
    if any(path.endswith("/") for path in written):
        return False
    try:
        return not SlotIndex(git, slot).changed()
    except GitOperationError as error:
        if error.failure.environmental:
            raise
        return False

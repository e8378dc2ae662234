"""What of a tenant's there is to keep (SPEC W3)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from yaoki.systems.repopool.git.index_file import entries_in_index, tree_in_index
from yaoki.systems.repopool.git.refs import references
from yaoki.systems.repopool.slot.changes import changes
from yaoki.systems.repopool.slot.index import SlotIndex
from yaoki.systems.repopool.slot.tenant import survey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yaoki.systems.repopool.git.command import Git
    from yaoki.systems.repopool.mirror.mirror import Mirror
    from yaoki.systems.repopool.slot.changes import Changes
    from yaoki.systems.repopool.slot.layout import SlotLayout
    from yaoki.systems.repopool.slot.proof import Proof
    from yaoki.systems.repopool.slot.tenant import Survey

__all__ = ["inspect_work", "may_hold_work", "work_in_words"]


def inspect_work(
    slot: SlotLayout, mirror: Mirror, git: Git, proof: Proof | None, keep: Sequence[str] = ()
) -> tuple[Changes, Survey]:
    """What has changed in the tree, and what the tenant's `.git` leads to. `proof`: how the slot stood when it was clean, of the same base;
    None looks at everything. `keep`: patterns of ignored files that stay. Raises GitOperationError and OSError.
    """
    found = changes(slot.tree, SlotIndex(git, slot), proof, keep)
    seen = survey(slot.git, digest_size=mirror.digest_size)
    if found.ignored and seen.index is not None and seen.index != slot.index.read_bytes():
        _claim_added(found, seen, seen.index, digest_size=mirror.digest_size)
    return found, seen


def _claim_added(found: Changes, seen: Survey, index: bytes, *, digest_size: int) -> None:
    """Count among the `found` work what the tenant has added to his `index`, though a pattern ignores it."""
    try:
        found.claim({os.fsdecode(path) for path, _, _ in entries_in_index(index, digest_size=digest_size)})
    except ValueError as error:
        seen.whole.append(f"index: {error}")


def may_hold_work(slot: SlotLayout, mirror: Mirror, found: Changes, seen: Survey, base: str) -> bool:
    """Whether there can be anything to keep as commits. `base`: the commit that the tenant was given. Needs no process. Raises OSError."""
    if found.changed or found.untracked or seen.own_objects:
        return True
    published = _published(mirror, seen, base)
    if any(identity not in published for identity in (*seen.tips.values(), *seen.logged)):
        return True
    if seen.index is None:
        return False
    size = mirror.digest_size
    tree = tree_in_index(slot.index.read_bytes(), digest_size=size)
    return tree is None or tree_in_index(seen.index, digest_size=size) != tree


def work_in_words(slot: SlotLayout, mirror: Mirror, found: Changes, seen: Survey, base: str) -> list[str]:
    """What a clean would keep, one line each; [] if nothing. Raises OSError."""
    lines = [f"changed: {path}" for path in found.changed] + [f"new: {path}" for path in found.untracked]
    lines += [f"nested repository: {path}" for path in found.repositories]
    published = _published(mirror, seen, base)
    lines += [f"commit: {name} {tip}" for name, tip in seen.tips.items() if tip not in published]
    lines += [f"kept whole: {why}" for why in seen.whole]
    if not lines and may_hold_work(slot, mirror, found, seen, base):
        lines.append("something is staged, or in the reference logs")
    return lines


def _published(mirror: Mirror, seen: Survey, base: str) -> set[str]:
    """The commits that the remote is known to have, as far as references name them."""
    return {base, *references(mirror.folder).ids.values(), *seen.published}

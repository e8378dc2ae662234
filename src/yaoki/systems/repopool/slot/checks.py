"""Checks of a slot, in tiers: files only; git's word about what is checked out; checksums; everything (SPEC W2).

| tier | asks | cost |
| --- | --- | --- |
| 0 | files: are they there, and do they begin and end as they must | no process, well below 1 ms |
| 1 | what a tenant has committed is connected; a slot that nobody has is unchanged | no process if its proof holds |
| 2 | the checksum of every pack that the tenant has made | reads them |
| 3 | git fsck | reads every object |
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from yaoki.systems.repopool.errors import Failure, GitOperationError
from yaoki.systems.repopool.files import is_folder
from yaoki.systems.repopool.git.folder import alternates_problem, structure_problem
from yaoki.systems.repopool.git.index_file import index_problem
from yaoki.systems.repopool.git.packs import checksum_problem, ends_problem, packs_in
from yaoki.systems.repopool.git.refs import checked_out, packed
from yaoki.systems.repopool.integrity import Damage, DamageClass
from yaoki.systems.repopool.slot.changes import changes
from yaoki.systems.repopool.slot.index import SlotIndex

if TYPE_CHECKING:
    from pathlib import Path

    from yaoki.systems.repopool.git.command import Git
    from yaoki.systems.repopool.slot.layout import SlotLayout

__all__ = [
    "check_files",
    "check_objects",
    "check_ours",
    "check_packs",
    "check_settings",
    "check_work",
    "control_problem",
    "locks_in",
]


def check_files(slot: SlotLayout, objects: Path, *, tenant: bool, digest_size: int = 20) -> list[Damage]:
    """Tier 0. `objects`: what the slot borrows. `tenant`: somebody has it: what he may do himself is no damage."""
    if not is_folder(slot.tree):
        kind = DamageClass.UNREADABLE if os.path.lexists(slot.tree) else DamageClass.MISSING_TREE
        return [_damage(slot, kind, f"{slot.tree} is no folder")]
    found = _check_control(slot, digest_size)
    if not os.path.lexists(slot.git):
        return [*found, _damage(slot, DamageClass.MISSING_GIT, f"{slot.git} is missing")]
    problem = structure_problem(slot.git)
    if problem:
        kind = DamageClass.BAD_HEAD if problem.startswith("HEAD") else DamageClass.BROKEN_GIT
        return [*found, _damage(slot, kind, problem)]
    found += _check_head(slot, tenant=tenant)
    problem = alternates_problem(slot.git, objects)
    if problem:
        found.append(_damage(slot, DamageClass.BAD_ALTERNATES, problem))
    problem = index_problem(slot.git / "index", digest_size=digest_size)
    if problem and not (tenant and problem == "it is missing"):
        found.append(_damage(slot, DamageClass.BAD_INDEX, f"index: {problem}"))
    found += [
        _damage(slot, DamageClass.BAD_PACK, problem)
        for problem in _pack_problems(slot.git / "objects", tenant=tenant, digest_size=digest_size)
        if problem
    ]
    if not tenant:
        found += [_damage(slot, DamageClass.STALE_LOCK, f"{name} was left behind") for name in locks_in(slot.git)]
    return found


def check_ours(slot: SlotLayout, objects: Path, *, digest_size: int = 20) -> list[Damage]:
    """Tier 0 of a slot that is proven to be as we have left it: our own folder, and whether what it borrows is still where it was."""
    problem = alternates_problem(slot.git, objects)
    found = [_damage(slot, DamageClass.BAD_ALTERNATES, problem)] if problem else []
    return found + _check_control(slot, digest_size)


def _pack_problems(objects: Path, *, tenant: bool, digest_size: int) -> list[str]:
    packs = packs_in(objects)
    if tenant:
        # git writes the index of a pack last: he may just be doing so.
        packs = [pack for pack in packs if pack.with_suffix(".idx").exists()]
    return [ends_problem(pack, digest_size=digest_size) for pack in packs]


def _check_control(slot: SlotLayout, digest_size: int) -> list[Damage]:
    problem = control_problem(slot, digest_size=digest_size)
    return [_damage(slot, DamageClass.BAD_CONTROL, problem)] if problem else []


def control_problem(slot: SlotLayout, *, digest_size: int = 20) -> str:
    """What is wrong with our own folder of the slot, or ""."""
    if not is_folder(slot.control):
        return f"{slot.control} is missing"
    problem = index_problem(slot.index, digest_size=digest_size)
    return f"our index: {problem}" if problem else ""


def _check_head(slot: SlotLayout, *, tenant: bool) -> list[Damage]:
    try:
        branch, commit = checked_out(slot.git)
    except (OSError, ValueError) as error:
        return [_damage(slot, DamageClass.BAD_HEAD, str(error))]
    if commit is None and not tenant:
        return [_damage(slot, DamageClass.UNBORN_BRANCH, f"{branch} has no commit")]
    return []


def check_work(
    slot: SlotLayout, git: Git, *, tenant: bool, base: str | None = None, connected: str | None = None
) -> list[Damage]:
    """Tier 1. `base`: the commit that the slot was given. `connected`: one that the check of the mirror has followed. Raises
    GitOperationError only for what says nothing about the slot: a full disk, no time.
    """
    try:
        _, commit = checked_out(slot.git)
    except (OSError, ValueError) as error:
        return [_damage(slot, DamageClass.BAD_HEAD, str(error))]
    if commit is None:
        return []
    borrow = [slot.git / "objects"] if is_folder(slot.git / "objects") else []
    problem = ""
    if commit not in {base, connected}:
        problem = _asked(git, slot, ["rev-list", "--objects", "--quiet", commit, *([f"^{base}"] if base else [])], borrow)
    elif commit != connected:
        # What the base leads to is the mirror's: it is followed once for all slots.
        problem = _asked(git, slot, ["cat-file", "-e", f"{commit}^{{tree}}"], borrow)
    if problem:
        return [_damage(slot, DamageClass.MISSING_OBJECT, problem)]
    if not tenant:
        try:
            if _differs(slot, git):
                return [_damage(slot, DamageClass.CHANGED, "files differ from what is checked out")]
        except GitOperationError as error:
            if error.failure is not Failure.CORRUPT:
                raise
            return [_damage(slot, DamageClass.BAD_CONTROL, error.problem)]
    return []


def _differs(slot: SlotLayout, git: Git) -> bool:
    found = changes(slot.tree, SlotIndex(git, slot), None)
    return bool(found.changed or found.untracked or found.repositories)


def check_settings(slot: SlotLayout, git: Git) -> list[Damage]:
    """Tier 1, for a `.git` that is not as it was left: what no git could read. Raises GitOperationError for want of time."""
    try:
        packed(slot.git)
    except (OSError, ValueError) as error:
        return [_damage(slot, DamageClass.BROKEN_GIT, str(error))]
    # As a file, so that nothing it says is done.
    problem = _asked(git, slot, ["config", "--file", str(slot.git / "config"), "--no-includes", "--list"], [])
    return [_damage(slot, DamageClass.BROKEN_GIT, problem)] if problem else []


def check_packs(slot: SlotLayout, *, digest_size: int = 20) -> list[Damage]:
    """Tier 2."""
    problems = (checksum_problem(pack, digest_size=digest_size) for pack in packs_in(slot.git / "objects"))
    return [_damage(slot, DamageClass.BAD_PACK, problem) for problem in problems if problem]


def check_objects(slot: SlotLayout, git: Git) -> list[Damage]:
    """Tier 3. The objects are the tenant's, the repository that git opens is ours."""
    try:
        git.run(
            *(slot.mirror, ["fsck", "--full", "--no-dangling", "--no-reflogs", "--no-progress"]),
            objects=slot.git / "objects",
            borrow=[slot.mirror / "objects"],
        )
    except GitOperationError as error:
        if error.failure.environmental:
            raise
        return [_damage(slot, DamageClass.MISSING_OBJECT, error.problem)]
    return []


def _asked(git: Git, slot: SlotLayout, words: list[str], borrow: list[Path]) -> str:
    try:
        git.run(slot.mirror, words, borrow=borrow)
    except GitOperationError as error:
        if error.failure.environmental:
            raise
        return error.problem
    return ""


def locks_in(git_dir: Path) -> list[str]:
    """The `*.lock` files of git, relative, also under refs. Folders that are links are not entered: they lead out of it."""
    found: list[str] = []
    parts = ["refs", "logs", *(["objects/info"] if is_folder(git_dir / "objects") else [])]
    waiting = ["", *(part for part in parts if is_folder(git_dir / part))]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(git_dir / folder) as entries:
                for entry in entries:
                    path = f"{folder}/{entry.name}" if folder else entry.name
                    if entry.is_dir(follow_symlinks=False):
                        if folder:
                            waiting.append(path)
                    elif path.endswith(".lock") and not entry.is_dir():
                        found.append(path)
        except OSError:
            continue
    return sorted(found)


def _damage(slot: SlotLayout, kind: DamageClass, detail: str) -> Damage:
    return Damage(kind, detail, f"run `yaoki pool recover {slot.slot_id}`")

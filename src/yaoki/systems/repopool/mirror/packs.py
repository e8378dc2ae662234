"""The packs of a mirror beside what is remembered about them: which stand there, and whether they are as they were (SPEC W2).

Whoever looks holds no lock, so packs may be joined meanwhile. What is being removed is noted in the mirror's state first, and is passed over
here; so a problem is one only if that note is still the same after it was found.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from yaoki.systems.repopool.git.packs import checksum_problem, ends_problem, pack_files_in, packs_in, stamp_of
from yaoki.systems.repopool.mirror.state import MirrorState

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["looked_at", "read_changed", "stamps", "standing_problem"]


def stamps(objects: Path, state: MirrorState) -> dict[str, list[int]]:
    """The stamp of each pack by its name; those that are being removed, and those that are gone when it is their turn, are left out."""
    found: dict[str, list[int]] = {}
    for pack in packs_in(objects):
        if pack.name not in state.superseded:
            with suppress(FileNotFoundError):
                found[pack.name] = stamp_of(pack)
    return found


def standing_problem(objects: Path, state: MirrorState, digest_size: int) -> str:
    """What is wrong with the packs, or "". Two looks at each that is as it was when it was whole; what has changed is read, what nobody
    knows yet is looked at where it begins and ends. Raises OSError.
    """
    folder = objects / "pack"
    names = pack_files_in(objects)
    for name in sorted(names):
        stem = name.rpartition(".")[0]
        pack = f"{stem}.pack"
        if pack in state.superseded:
            continue
        if name.endswith(".idx") and pack not in names:
            return f"{pack} is missing"
        if name != pack or not name.startswith("pack-"):
            continue
        known = state.whole.get(pack)
        if known is None and f"{stem}.idx" not in names:
            # git writes the index last: it may just be doing so, and does not see the pack before.
            continue
        with suppress(FileNotFoundError):
            if stamp_of(folder / pack) == known:
                continue
        problem = (ends_problem if known is None else checksum_problem)(folder / pack, digest_size=digest_size)
        if problem:
            return problem
    missing = sorted(state.whole.keys() - names)
    return f"{missing[0]} is missing" if missing else ""


def read_changed(objects: Path, state: MirrorState, digest_size: int) -> tuple[str, dict[str, list[int]]]:
    """Sum up all packs that are not known as whole. Returns what is wrong, or "", and the stamps of those that were summed up."""
    read: dict[str, list[int]] = {}
    for name, stamp in stamps(objects, state).items():
        if state.whole.get(name) != stamp:
            problem = checksum_problem(objects / "pack" / name, digest_size=digest_size)
            if problem:
                return problem, read
            read[name] = stamp
    return "", read


def looked_at(state_file: Path, look: Callable[[MirrorState], str]) -> str:
    """What `look` finds, or "", once the packs that were remembered before it are those that are remembered after it."""
    while True:
        state = MirrorState.read(state_file)
        problem = look(state)
        if not problem:
            return ""
        now = MirrorState.read(state_file)
        if (now.whole, now.superseded) == (state.whole, state.superseded):
            return problem

"""Joins the small packs of a mirror, of which every fetch adds one: each costs every git command in every slot a look (SPEC W1).

Which ones: in the order of their size, all up to the last one that is smaller than twice the sum of the smaller ones. So few are left, and a
large one is written anew only when half as much again has come since, not with every fetch.

No object is lost, also of those that nothing leads to, since slots and quarantine may stand on them. The order of things:

1. git writes the new pack, durably; it is compared with the old ones object by object.
2. The state of the mirror notes it as whole, and the old ones as superseded: from here on nobody asks for them.
3. The quarantine links it.
4. The old ones go, in the mirror and then in the quarantine; then the note.

Whoever is killed leaves a mirror that is whole; the next join completes it. A git process that reads meanwhile goes on: what it has open
stays readable, and if it misses an object or a pack it looks for packs anew (`reprepare_packed_git` in git's object-file.c).

Source: git-repack(1), `--geometric`; git-pack-objects(1).
"""

from __future__ import annotations

from heapq import merge
from typing import TYPE_CHECKING

from yaoki.systems.repopool.errors import Failure, GitOperationError
from yaoki.systems.repopool.exclusive import exclusive
from yaoki.systems.repopool.files import sync_folder
from yaoki.systems.repopool.git.folder import digest_size_of
from yaoki.systems.repopool.git.packs import checksum_problem, objects_named_in, packs_in, stamp_of, unlink_pack
from yaoki.systems.repopool.mirror.packs import stamps
from yaoki.systems.repopool.mirror.state import MirrorState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from yaoki.systems.repopool.git.command import Git
    from yaoki.systems.repopool.mirror.mirror import Mirror
    from yaoki.systems.repopool.quarantine.quarantine import Quarantine

__all__ = ["MOST_PACKS", "join", "small_ones", "to_be_joined"]

MOST_PACKS = 20
"""A mirror with more packs than this is worth the work of joining some."""

_FACTOR = 2


def to_be_joined(mirror: Mirror) -> list[Path]:
    """The packs that `join` would make one of, the smallest first; [] if there are few, or if each is large beside the smaller ones.

    Packs that somebody has put a `.keep` beside are left alone. No process, no lock.
    """
    found = stamps(mirror.objects, MirrorState.read(mirror.state_file))
    folder = mirror.objects / "pack"
    sizes = sorted((stamp[0], name) for name, stamp in found.items() if not (folder / name).with_suffix(".keep").exists())
    if len(sizes) <= MOST_PACKS:
        return []
    return [folder / name for _, name in sizes[: small_ones([size for size, _ in sizes])]]


def small_ones(sizes: Sequence[int]) -> int:
    """How many of the smallest packs are to be joined, of packs of `sizes` bytes in ascending order: 0 or at least 2."""
    count, below = 0, 0
    for number, size in enumerate(sizes, start=1):
        if size < _FACTOR * below:
            count = number
        below += size
    return count


def join(mirror: Mirror, quarantine: Quarantine, *, timeout: float = 3600.0) -> int:
    """Join the packs that are `to_be_joined`, and complete what a killed process has left. Returns how many were joined.

    `quarantine`: the one of this mirror, which links its packs. `timeout`: seconds to wait for whoever changes the mirror, and for git.
    Raises GitOperationError, LockTimeoutError and OSError: then no object is lost, and the next call goes on.
    """
    if not mirror.exists or not (MirrorState.read(mirror.state_file).superseded or to_be_joined(mirror)):
        return 0
    with exclusive(mirror.lock_file, timeout=timeout) as descriptor:
        try:
            _remove_superseded(mirror, quarantine)
            _remove_unfinished(mirror)
            packs = to_be_joined(mirror)
            if packs:
                _supersede(mirror, packs, mirror.git.holding(descriptor), timeout)
                _remove_superseded(mirror, quarantine)
        except ValueError as error:
            raise _damaged(mirror, str(error)) from error
        return len(packs)


def _supersede(mirror: Mirror, packs: list[Path], git: Git, timeout: float) -> None:
    """Write the new pack, and note what it supersedes."""
    size = digest_size_of(mirror.folder)
    whole = MirrorState.read(mirror.state_file).whole
    for pack in packs:
        problem = "" if whole.get(pack.name) == stamp_of(pack) else checksum_problem(pack, digest_size=size)
        if problem:
            raise _damaged(mirror, problem)
    asked = b"".join(identity.hex().encode() + b"\n" for identity in _objects_of(packs, size))
    folder = mirror.objects / "pack"
    words = ["pack-objects", "--quiet", "--non-empty", "--threads=1", "--delta-base-offset", str(folder / "pack")]
    said = git.run(mirror.folder, words, stdin=asked, timeout=timeout, durable=True).stdout.decode().strip()
    sync_folder(folder)
    joined = folder / f"pack-{said}.pack"
    # Joined anew after a death, it may be one of them itself.
    old = {pack.name: joined.name for pack in packs if pack.name != joined.name}
    if not _has_all(joined, packs, size):
        raise _damaged(mirror, f"{joined.name} has not all that it was made from")
    kept = {name: stamp for name, stamp in whole.items() if name not in old}
    mirror.remember(whole={**kept, joined.name: stamp_of(joined)}, superseded=old, durable=True)


def _remove_superseded(mirror: Mirror, quarantine: Quarantine) -> None:
    """Remove the packs whose objects another one has, after a last look whether that is so."""
    state = MirrorState.read(mirror.state_file)
    if not state.superseded:
        return
    size = digest_size_of(mirror.folder)
    folder = mirror.objects / "pack"
    confirmed: dict[str, str] = {}
    for successor in set(state.superseded.values()):
        old = [folder / name for name, its in state.superseded.items() if its == successor]
        # What has lost its index already was found to be superseded before.
        readable = [pack for pack in old if pack.with_suffix(".idx").exists()]
        if _is_whole(folder / successor, state, size) and _has_all(folder / successor, readable, size):
            confirmed |= {pack.name: successor for pack in old}
    quarantine.link_mirror()
    for name in confirmed:
        unlink_pack(mirror.objects, name)
    sync_folder(folder)
    quarantine.unlink_packs(confirmed)
    mirror.remember(superseded={})


def _is_whole(pack: Path, state: MirrorState, digest_size: int) -> bool:
    try:
        if stamp_of(pack) == state.whole.get(pack.name):
            return True
    except FileNotFoundError:
        return False
    return not checksum_problem(pack, digest_size=digest_size)


def _remove_unfinished(mirror: Mirror) -> None:
    """Remove what a git that was killed has left: while we hold the lock of the mirror, none is at work in it."""
    for path in (mirror.objects / "pack").glob("tmp_*"):
        path.unlink(missing_ok=True)
    for pack in packs_in(mirror.objects):
        mark = pack.with_suffix(".keep")
        # A fetch marks its pack until its references are written.
        if mark.is_file() and mark.read_bytes().startswith(b"fetch-pack "):
            mark.unlink(missing_ok=True)


def _objects_of(packs: Iterable[Path], digest_size: int) -> Iterator[bytes]:
    """The ids of all objects of the packs in their order, each once."""
    last = b""
    for identity in merge(*(objects_named_in(pack, digest_size=digest_size) for pack in packs)):
        if identity != last:
            yield identity
            last = identity


def _has_all(joined: Path, packs: Iterable[Path], digest_size: int) -> bool:
    has = objects_named_in(joined, digest_size=digest_size)
    for wanted in _objects_of(packs, digest_size):
        if wanted != next((identity for identity in has if identity >= wanted), None):
            return False
    return True


def _damaged(mirror: Mirror, problem: str) -> GitOperationError:
    return GitOperationError(
        f"the packs of the mirror cannot be joined: {problem}",
        failure=Failure.CORRUPT,
        repo_name=mirror.layout.repo_name,
        way_out=f"run `yaoki pool recover --mirror {mirror.layout.repo_name}`",
    )

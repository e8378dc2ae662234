"""Makes a damaged mirror anew, without losing what slots borrow from it (SPEC W3).

From the remote, if it answers; else from what this disk has: the packs of the damaged mirror that are still whole, those of the
quarantine, and the objects in slots. In both cases those packs are carried over, since slots may stand on commits that the remote does
not have any more. The damaged mirror is set aside.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from yaoki.core.clock import clock
from yaoki.core.faults.errors import DeadlineExceededError, Rejected
from yaoki.systems.repopool.errors import Failure, GitOperationError
from yaoki.systems.repopool.exclusive import exclusive
from yaoki.systems.repopool.files import is_folder, move, read_regular, remove, write_whole
from yaoki.systems.repopool.git.packs import checksum_problem, link_pack, packs_in
from yaoki.systems.repopool.git.refs import head_of, is_object_id, references

if TYPE_CHECKING:
    from pathlib import Path

    from yaoki.systems.repopool.git.command import Git
    from yaoki.systems.repopool.mirror.mirror import Mirror
    from yaoki.systems.repopool.quarantine.quarantine import Quarantine

__all__ = ["rebuild"]

_LARGEST = 64 * 1024 * 1024


def rebuild(mirror: Mirror, quarantine: Quarantine, *, timeout: float = 3600.0) -> str:
    """Make the mirror anew. Returns where from: "remote" or "local"; "" if it has meanwhile been mended by somebody else.

    Raises GitOperationError if neither works; then the old mirror stands where it stood.
    """
    with exclusive(mirror.lock_file, timeout=timeout) as descriptor:
        if not mirror.check(tier=2):
            return ""
        git = mirror.git.holding(descriptor)
        fresh = mirror.folder.with_name("mirror.git.new")
        remove(fresh)
        try:
            mirror.clone(fresh, git, timeout)
            source = "remote"
            _carry_over(mirror, quarantine, fresh)
        except (GitOperationError, Rejected, DeadlineExceededError) as error:
            if isinstance(error, GitOperationError) and error.failure is Failure.NO_SPACE:
                raise
            _from_this_disk(mirror, quarantine, fresh, git, error)
            source = "local"
        if mirror.folder.is_symlink() or mirror.folder.exists():
            stamp = datetime.fromtimestamp(clock.wall(), UTC).strftime("%Y%m%dT%H%M%S.%f")
            move(mirror.folder, mirror.layout.set_aside / "mirror" / stamp / "mirror.git")
        mirror.take_place(fresh)
        return source


def _from_this_disk(mirror: Mirror, quarantine: Quarantine, fresh: Path, git: Git, cause: Exception) -> None:
    remove(fresh)
    size = mirror.digest_size
    words = ["init", "--quiet", "--bare", "--template=", *(["--object-format=sha256"] if size == 32 else []), "--", str(fresh)]
    git.run(None, words)
    _carry_over(mirror, quarantine, fresh)
    known = _known_references(mirror)
    wanted = "".join(f"{identity}\n" for identity in known.values()).encode()
    told = git.run(fresh, ["cat-file", "--batch-check=%(objectname) %(objecttype)"], stdin=wanted or b"\n").stdout.decode()
    missing = {line.split()[0] for line in told.splitlines() if line.endswith("missing")}
    lines = [f"{identity} {name}\n" for name, identity in sorted(known.items()) if identity not in missing]
    write_whole(fresh / "packed-refs", ("# pack-refs with:\n" + "".join(lines)).encode("utf-8", "surrogateescape"))
    with suppress(OSError, ValueError):
        head, commit = head_of(mirror.folder)
        write_whole(fresh / "HEAD", f"ref: {head}\n".encode() if head else f"{commit}\n".encode())
    base = _base_of(fresh, known, missing)
    if base is None:
        raise GitOperationError(
            f"the mirror of {mirror.layout.repo_name} is damaged, and nothing on this disk replaces it; the remote: {cause}",
            failure=Failure.CORRUPT,
            repo_name=mirror.layout.repo_name,
            way_out="recover it when the remote answers again",
        ) from cause
    git.run(fresh, ["rev-list", "--objects", "--quiet", base])
    mirror.complete(fresh)


def _base_of(fresh: Path, known: dict[str, str], missing: set[str]) -> str | None:
    with suppress(OSError, ValueError):
        head, commit = head_of(fresh)
        found = commit or known.get(head or "")
        if found and found not in missing:
            return found
    return next((identity for identity in known.values() if identity not in missing), None)


def _carry_over(mirror: Mirror, quarantine: Quarantine, fresh: Path) -> None:
    """Give the new mirror what this disk has: whole packs by links, loose objects as copies."""
    target = fresh / "objects"
    (target / "pack").mkdir(parents=True, exist_ok=True)
    size = mirror.digest_size
    slots = [
        path / ".git" / "objects" for path in sorted(mirror.layout.folder.glob("slot*")) if is_folder(path / ".git" / "objects")
    ]
    for source in (mirror.objects, quarantine.objects, *slots):
        own = source in slots
        for pack in packs_in(source):
            if not checksum_problem(pack, digest_size=size):
                # A tenant may write into his own file.
                link_pack(pack, target, copy=own)
        for folder in source.glob("[0-9a-f][0-9a-f]"):
            if is_folder(folder):
                _copy_loose(folder, target / folder.name)


def _copy_loose(source: Path, target: Path) -> None:
    for path in source.iterdir():
        goal = target / path.name
        if is_object_id(f"{source.name}{path.name}") and path.is_file() and not path.is_symlink() and not goal.exists():
            target.mkdir(exist_ok=True)
            with suppress(OSError):
                shutil.copyfile(path, goal)


def _known_references(mirror: Mirror) -> dict[str, str]:
    """The mirror's references: its own, as far as they can be read; else what slots were told."""
    found = {
        name: each for name, each in references(mirror.folder).ids.items() if name.startswith(("refs/heads/", "refs/tags/"))
    }
    with suppress(OSError, ValueError):
        text = read_regular(mirror.layout.folder / "slot-refs", _LARGEST).decode("utf-8", "surrogateescape")
        for line in text.splitlines():
            identity, _, name = line.partition(" ")
            if is_object_id(identity):
                found.setdefault(name.replace("refs/remotes/origin/", "refs/heads/", 1), identity)
    return found

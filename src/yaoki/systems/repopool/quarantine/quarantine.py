"""Work of former tenants, kept until somebody drops it (SPEC W3).

Commits stand in `quarantine.git`, under `refs/quarantine/{slot}/{ticket}/…`. It has objects of its own: the mirror's packs, linked, and
one pack for each entry; so what is kept survives the loss of the mirror. What cannot be a commit (nested repositories, damaged trees)
stands in a folder that was renamed away. What an entry is, its `wip` commit says in its message, or `about.json` in the folder; format 1.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from yaoki.core.clock import clock
from yaoki.systems.repopool.errors import PoolManagerError
from yaoki.systems.repopool.exclusive import exclusive
from yaoki.systems.repopool.files import bytes_in, is_folder, read_regular, remove, write_whole
from yaoki.systems.repopool.git.folder import digest_size_of
from yaoki.systems.repopool.git.packs import link_packs, unlink_pack
from yaoki.systems.repopool.git.refs import packed
from yaoki.systems.repopool.mirror.state import STATE_FILE, MirrorState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from yaoki.systems.repopool.git.command import Git
    from yaoki.systems.repopool.slot.layout import RepositoryLayout, SlotLayout

__all__ = ["PREFIX", "Entry", "Quarantine"]

PREFIX = "refs/quarantine/"
_VERSION = 1
_LARGEST = 1024 * 1024
# Bytes are kept as they are: no conversion of line ends, no filter, no keyword.
_ATTRIBUTES = "* -text -eol -filter -ident -working-tree-encoding\n"


@dataclass(frozen=True, slots=True)
class Entry:
    """What was kept of one tenancy.

    `ticket`: its id in this repository, "slotN/FENCE", with ".2" behind it if there are several. `kept_at`: ISO 8601, UTC. `base`: the
    commit that the tenant started from. `refs`: short name to commit: wip (the files as they were), index (what was staged), head,
    heads/…, tags/…, stash/N, log (what only reference logs knew). `folders`: what was renamed away, by its former path. `notes`: why.
    `pack`: the name of its pack, or "". `size`: bytes of pack and folders.
    """

    ticket: str
    slot_id: str
    repo_name: str
    kept_at: str
    reason: str
    holder: str = ""
    base: str = ""
    refs: dict[str, str] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    pack: str = ""
    size: int = 0

    def about(self) -> str:
        """As it is written down; its pack is told by the name of a reference, since it has to be known before."""
        stored = asdict(self)
        del stored["pack"], stored["size"]
        return json.dumps({"version": _VERSION, **stored}, sort_keys=True)

    @staticmethod
    def read(text: str) -> Entry:
        """What `about` says. Raises ValueError."""
        stored = json.loads(text)
        if not isinstance(stored, dict) or stored.pop("version", None) != _VERSION:
            raise ValueError("it was written by another Yaoki")
        stored["notes"] = tuple(stored.get("notes", ()))
        try:
            return Entry(**stored)
        except TypeError as error:
            raise ValueError(str(error)) from error


class Quarantine:
    """The quarantine of one repository: commits in `quarantine.git`, and renamed folders. Safe for threads and processes."""

    def __init__(self, layout: RepositoryLayout, git: Git) -> None:
        self.layout = layout
        self.git = git

    @property
    def folder(self) -> Path:
        """The bare repository."""
        return self.layout.quarantine

    @property
    def objects(self) -> Path:
        """Its objects."""
        return self.layout.quarantine / "objects"

    def locked(self, *, timeout: float = 60.0) -> AbstractContextManager[int]:
        """One writer at a time. Raises LockTimeoutError."""
        return exclusive(self.layout.folder / "quarantine.lock", timeout=timeout)

    def open(self, *, digest_size: int = 20) -> None:
        """Make the repository if it is missing, and link the mirror's packs that it does not have yet. Raises OSError."""
        if not self.folder.is_dir():
            with self.locked():
                if not self.folder.is_dir():
                    self._make(digest_size)
        self.link_mirror()

    def link_mirror(self) -> None:
        """Link the mirror's packs that are not here yet; nothing happens before the quarantine is made. Raises OSError."""
        if self.folder.is_dir():
            state = self.layout.folder / STATE_FILE
            link_packs(self.layout.mirror / "objects", self.objects, known=lambda: MirrorState.read(state).whole)

    def unlink_packs(self, superseded: Mapping[str, str]) -> None:
        """Remove packs of the mirror that are here; `superseded`: the pack that has all objects of each, which must be here as well.

        An entry's own pack stays, even if the mirror had one of the same name. Raises LockTimeoutError, OSError.
        """
        if not self.folder.is_dir():
            return
        with self.locked():
            own = {f"pack-{name.rpartition('/pack-')[2]}.pack" for name in packed(self.folder) if "/pack-" in name}
            for name, successor in superseded.items():
                pack = self.objects / "pack" / successor
                if name not in own and pack.exists() and pack.with_suffix(".idx").exists():
                    unlink_pack(self.objects, name)

    def _make(self, digest_size: int) -> None:
        fresh = self.folder.with_name("quarantine.git.new")
        remove(fresh)
        for name in ("objects/pack", "objects/info", "refs/heads", "info"):
            (fresh / name).mkdir(parents=True)
        config = "[core]\n\trepositoryformatversion = 1\n\tbare = true\n\tlogallrefupdates = false\n[gc]\n\tauto = 0\n"
        config += "[extensions]\n\tpreciousObjects = true\n"
        (fresh / "config").write_text(config if digest_size == 20 else f"{config}\tobjectformat = sha256\n", "utf-8")
        (fresh / "info" / "attributes").write_text(_ATTRIBUTES, "utf-8")
        (fresh / "HEAD").write_text("ref: refs/heads/none\n", "utf-8")
        fresh.rename(self.folder)

    # --- reading --------------------------------------------------------------------------------------------------------

    def entries(self, slot: SlotLayout | None = None) -> list[Entry]:
        """All entries, oldest first; of one slot, if it is given."""
        found = {entry.ticket: entry for entry in self._in_folders()}
        for entry in self._in_git():
            aside = found.get(entry.ticket)
            if aside is not None:
                notes = tuple(dict.fromkeys((*entry.notes, *aside.notes)))
                entry = replace(entry, folders=aside.folders, notes=notes, size=entry.size + aside.size)  # noqa: PLW2901  # joined
            found[entry.ticket] = entry
        chosen = [entry for entry in found.values() if slot is None or entry.slot_id == slot.slot_id]
        return sorted(chosen, key=lambda entry: (entry.kept_at, entry.ticket))

    def entry(self, ticket: str) -> Entry:
        """One entry. Raises PoolManagerError if there is none."""
        for entry in self.entries():
            if entry.ticket == ticket:
                return entry
        raise PoolManagerError(
            f"there is no quarantine entry {ticket!r}",
            repo_name=self.layout.repo_name,
            way_out="`yaoki pool quarantine list` names them",
        )

    def tickets_like(self, ticket: str) -> list[str]:
        """`ticket` and its further ones ("{ticket}.2", …) that exist, oldest first."""
        names = {"/".join(name.removeprefix(PREFIX).split("/")[:2]) for name in packed(self.folder)}
        slot = self.layout.set_aside / ticket.partition("/")[0]
        if slot.is_dir():
            names |= {f"{slot.name}/{path.name}" for path in slot.iterdir()}
        like = [
            name for name in names if name == ticket or (name.startswith(f"{ticket}.") and name.rpartition(".")[2].isdigit())
        ]
        return sorted(like, key=lambda name: (len(name), name))

    def _in_git(self) -> list[Entry]:
        found = packed(self.folder)
        tips = {name[: -len("/wip")]: identity for name, identity in found.items() if name.endswith("/wip")}
        if not tips:
            return []
        packs = {name.rpartition("/")[0]: name.rpartition("/pack-")[2] for name in found if "/pack-" in name}
        asked = "".join(f"{identity}\n" for identity in tips.values()).encode()
        told = self.git.run(self.folder, ["cat-file", "--batch"], stdin=asked).stdout
        entries, at = [], 0
        for place, identity in tips.items():
            line, _, _ = told[at:].partition(b"\n")
            at += len(line) + 1
            words = line.split()
            if len(words) != 3:
                continue
            body = told[at : at + int(words[2])].decode("utf-8", "replace")
            at += int(words[2]) + 1
            try:
                entry = Entry.read(body.rstrip("\n").rpartition("\n")[2])
            except ValueError:
                continue
            pack = packs.get(place, "")
            size = self.pack_size(pack)
            entries.append(replace(entry, refs={**entry.refs, "wip": identity}, pack=pack, size=size))
        return entries

    def pack_size(self, pack: str) -> int:
        """Bytes of an entry's pack; 0 if it has none."""
        try:
            return (self.objects / "pack" / f"pack-{pack}.pack").stat().st_size if pack else 0
        except OSError:
            return 0

    def _in_folders(self) -> list[Entry]:
        entries = []
        for file in self.layout.set_aside.glob("*/*/about.json"):
            try:
                entry = Entry.read(read_regular(file, _LARGEST).decode("utf-8"))
            except (OSError, ValueError):
                continue
            entries.append(replace(entry, size=bytes_in(file.parent)))
        return entries

    def write_references(self, ids: dict[str, str]) -> None:
        """Replace all references at once, durably: one file says them all. For who holds the lock. Raises OSError."""
        ordered = sorted(ids.items(), key=lambda item: item[0].encode("utf-8", "surrogateescape"))
        lines = ["# pack-refs with: sorted \n", *(f"{identity} {name}\n" for name, identity in ordered)]
        write_whole(self.folder / "packed-refs", "".join(lines).encode("utf-8", "surrogateescape"), durable=True)

    # --- folders --------------------------------------------------------------------------------------------------------

    def place(self, ticket: str) -> Path:
        """The folder for what is renamed away under `ticket`."""
        return self.layout.set_aside / ticket

    def free_ticket(self, ticket: str) -> str:
        """`ticket`, or the next further one, that no entry has."""
        taken = set(self.tickets_like(ticket))
        number = 1
        while (name := ticket if number == 1 else f"{ticket}.{number}") in taken:
            number += 1
        return name

    def note(self, entry: Entry) -> None:
        """Write down what stands in the folder of an entry, before it is moved there. Raises OSError."""
        place = self.place(entry.ticket)
        place.mkdir(parents=True, exist_ok=True)
        write_whole(place / "about.json", entry.about().encode(), durable=True)

    # --- use ------------------------------------------------------------------------------------------------------------

    def restore(self, ticket: str, target: Path) -> None:
        """Write a kept work tree into the folder `target`, which must be empty or missing: a repository of its own, in which the files
        are as they were, and all kept commits have names: `refs/quarantine/…`, branches also `quarantine/…`. Renamed folders are copied
        where they were; a tree that was renamed as a whole comes with the tenant's own `.git`, its configuration and its hooks. A `.git`
        that was kept alone becomes `.git/former` of that repository, `former.git` where there is none. Of pipes, sockets and devices
        there is nothing to restore.

        Raises PoolManagerError.
        """
        entry = self.entry(ticket)
        if os.path.lexists(target) and (not is_folder(target) or any(target.iterdir())):
            raise PoolManagerError(f"{target} is not empty", way_out="name an empty folder")
        place = self.place(ticket)
        if (place / "tree").is_dir():
            _copy(place / "tree", target)
            return
        if "wip" in entry.refs:
            self._check_out(entry, target)
        for name in ("nested", "ignored"):
            if (place / name).is_dir():
                _copy(place / name, target)
        former = place / "git" / ".git"
        if os.path.lexists(former):
            _copy(former, target / ".git" / "former" if is_folder(target / ".git") else target / "former.git")

    def _check_out(self, entry: Entry, target: Path) -> None:
        target.mkdir(parents=True, exist_ok=True)
        git_dir = target / ".git"
        kind = "sha256" if digest_size_of(self.folder) == 32 else "sha1"
        self.git.run(None, ["init", "--quiet", "--template=", f"--object-format={kind}", "--", str(target)])
        kept = f"{PREFIX}{entry.ticket}/"
        words = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--", str(self.folder)]
        specs = [f"+{kept}*:{PREFIX}*", f"+{kept}heads/*:refs/heads/quarantine/*", f"+{kept}tags/*:refs/tags/quarantine/*"]
        self.git.run(git_dir, [*words, *specs], remote=True)
        start = entry.refs.get("head", entry.base)
        branch = "refs/heads/restored"
        self.git.run(git_dir, ["update-ref", branch, start])
        self.git.run(git_dir, ["symbolic-ref", "HEAD", branch])
        wip = entry.refs["wip"]
        (git_dir / "info").mkdir(exist_ok=True)
        (git_dir / "info" / "attributes").write_text(_ATTRIBUTES, "utf-8")
        self.git.run(git_dir, ["read-tree", "--reset", "-u", wip], tree=target)
        (git_dir / "info" / "attributes").unlink()
        # The files stay; what was staged is staged again, or nothing is.
        self.git.run(git_dir, ["read-tree", "--reset", entry.refs.get("index", start)], tree=target)

    def drop(self, ticket: str) -> int:
        """Forget an entry for good. Returns the bytes that it took. Raises PoolManagerError if there is none."""
        with self.locked():
            entry = self.entry(ticket)
            others = {other.pack for other in self.entries() if other.ticket != ticket}
            stay = {name: each for name, each in packed(self.folder).items() if not name.startswith(f"{PREFIX}{ticket}/")}
            self.write_references(stay)
            freed = 0
            if entry.pack and entry.pack not in others:
                freed += unlink_pack(self.objects, f"pack-{entry.pack}.pack")
            place = self.place(ticket)
            if os.path.lexists(place):
                freed += bytes_in(place)
                remove(place)
            return freed

    def expire(self, *, older_than: float | None = None, keep_bytes: int | None = None, dry_run: bool = False) -> list[Entry]:
        """Drop entries older than `older_than` seconds, then the oldest ones until at most `keep_bytes` are left. Returns them.

        `dry_run`: only say which. Raises PoolManagerError.
        """
        entries = self.entries()
        doomed: list[Entry] = []
        if older_than is not None:
            oldest = datetime.fromtimestamp(clock.wall() - older_than, UTC)
            doomed = [entry for entry in entries if datetime.fromisoformat(entry.kept_at) < oldest]
        if keep_bytes is not None:
            rest = [entry for entry in entries if entry not in doomed]
            total = sum(entry.size for entry in rest)
            while rest and total > keep_bytes:
                total -= rest[0].size
                doomed.append(rest.pop(0))
        if not dry_run:
            for entry in doomed:
                self.drop(entry.ticket)
        return doomed


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if is_folder(source):
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True, copy_function=_copy_file)
    else:
        _copy_file(source, target)


def _copy_file(source: str | Path, target: str | Path) -> None:
    """Copy a file or a link; pipes, sockets and devices hold nothing."""
    mode = os.lstat(source).st_mode
    if stat.S_ISREG(mode) or stat.S_ISLNK(mode):
        shutil.copy2(source, target, follow_symlinks=False)

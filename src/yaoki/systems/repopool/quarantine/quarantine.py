"""Work of former tenants, kept until somebody drops it (SPEC W3).

Commits stand in `quarantine.git`, under `refs/quarantine/{slot}/{ticket}/…`. It has objects of its own: the mirror's packs, linked, and
one pack for each entry; so what is kept survives the loss of the mirror. What cannot be a commit (nested repositories, damaged trees)
stands in a folder that was renamed away. What an entry is, its `wip` commit says in its message, or `about.json` in the folder; format 1.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from yaoki.core.clock import clock
from yaoki.systems.repopool.errors import PoolManagerError
from yaoki.systems.repopool.exclusive import exclusive
from yaoki.systems.repopool.files import bytes_in, is_folder, read_regular, remove, write_whole
from yaoki.systems.repopool.git.packs import link_packs, unlink_pack
from yaoki.systems.repopool.git.refs import packed
from yaoki.systems.repopool.mirror.state import STATE_FILE, MirrorState
from yaoki.systems.repopool.quarantine.entry import PREFIX, Entry
from yaoki.systems.repopool.quarantine.restoring import bring_back

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from yaoki.systems.repopool.git.command import Git
    from yaoki.systems.repopool.slot.layout import RepositoryLayout, SlotLayout

__all__ = ["Quarantine"]

_LARGEST = 1024 * 1024


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
        for name in ("objects/pack", "objects/info", "refs/heads"):
            (fresh / name).mkdir(parents=True)
        config = "[core]\n\trepositoryformatversion = 1\n\tbare = true\n\tlogallrefupdates = false\n[gc]\n\tauto = 0\n"
        config += "[extensions]\n\tpreciousObjects = true\n"
        (fresh / "config").write_text(config if digest_size == 20 else f"{config}\tobjectformat = sha256\n", "utf-8")
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

    def tickets_like(self, ticket: str, references: Iterable[str] | None = None) -> list[str]:
        """`ticket` and its further ones ("{ticket}.2", …) that exist, oldest first. `references`: the names of all, if the caller has read
        them.
        """
        start = f"{PREFIX}{ticket}"
        known = packed(self.folder) if references is None else references
        names = {"/".join(name.removeprefix(PREFIX).split("/")[:2]) for name in known if name.startswith(start)}
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

    def free_ticket(self, ticket: str, references: Iterable[str] | None = None) -> str:
        """`ticket`, or the next further one, that no entry has. `references`: as for `tickets_like`."""
        taken = set(self.tickets_like(ticket, references))
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
        bring_back(self.git, self.folder, self.place(ticket), entry, target)

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

"""The doctor: everything that an operator would look at, each with the command that mends it (SPEC W5).

Nothing is changed. What is checked: the git command; the files of state and journal; folders and their permissions; room on the disk;
each mirror, by `git fsck --full`, its packs and its remote; each slot, by `git fsck --full` too, and who holds it; locks; quarantine.
"""

from __future__ import annotations

import os
import shlex
import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from yaoki.systems.repopool.errors import PoolManagerError
from yaoki.systems.repopool.git.packs import packs_in
from yaoki.systems.repopool.leases.lease import is_readable, said, taken_for
from yaoki.systems.repopool.mirror.joining import MOST_PACKS, to_be_joined
from yaoki.systems.repopool.models import SlotState
from yaoki.systems.repopool.names import split_slot_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from yaoki.systems.repopool.disk_guard import DiskGuard
    from yaoki.systems.repopool.models import Pool, Slot
    from yaoki.systems.repopool.resources import Resources

__all__ = ["Diagnosis", "Doctor"]

FEW_INODES = 1000
"""Fewer free ones are told about: the next slot of a large repository may need them all."""

MANY_PACKS = 2 * MOST_PACKS
"""More packs than these that could be one are told about: each makes every command slower, and nobody seems to join them."""

_TIER = {True: 3, False: 1}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the doctor says about one thing. `ok`: nothing is to be done. `command`: what mends it, or ""."""

    check: str
    subject: str
    ok: bool
    detail: str
    command: str = ""

    def to_dict(self) -> dict[str, object]:
        """JSON-ready."""
        return asdict(self)


class Doctor:
    """Looks at the pools of one manager.

    `thorough`: every object is read (`git fsck --full`); without it, files and what is checked out. `ask_remotes`: each remote is asked.
    """

    def __init__(self, resources: Resources, guard: DiskGuard, *, thorough: bool = True, ask_remotes: bool = True) -> None:
        self._resources = resources
        self._guard = guard
        self._tier = _TIER[thorough]
        self._ask_remotes = ask_remotes

    def examine(self, repo_name: str | None = None) -> Iterator[Diagnosis]:
        """One diagnosis after the other, as it is found; of one pool, or of all. Raises PoolNotFoundError."""
        yield self._git()
        yield from self._folders()
        state = list(self._state())
        yield from state
        if not all(diagnosis.ok for diagnosis in state if diagnosis.check == "state"):
            # Nothing is known about pools and slots.
            return
        names = self._resources.store.pool_names() if repo_name is None else [self._resources.pool(repo_name).repo_name]
        for name in names:
            pool = self._resources.pool(name)
            yield self._room(pool)
            yield self._mirror(pool)
            yield self._packs(pool)
            if self._ask_remotes:
                yield self._remote(pool)
            for slot in pool.slots:
                yield from self._permissions(slot)
                yield self._slot(slot)
            yield self._quarantine(name)
        yield from self._locks()

    # --- the host

    def _git(self) -> Diagnosis:
        try:
            self._resources.git.check_version()
        except PoolManagerError as error:
            return Diagnosis("git", "git", False, str(error), "install a newer git")
        return Diagnosis("git", "git", True, "new enough")

    def _state(self) -> Iterator[Diagnosis]:
        folder = self._resources.config.workspaces_dir
        for check, name in (("state", "pool.db"), ("journal", "recovery.db")):
            file = folder / name
            if file.exists():
                problem = _database_problem(file)
                mend = _set_aside(file) if problem else ""
                if problem and check == "state":
                    pools = sorted(place.parent.name for place in folder.glob("*/mirror.git"))
                    mend = "; ".join([mend, *(f"yaoki pool create {name} ADDRESS" for name in pools)])
                yield Diagnosis(check, str(file), not problem, problem or "sound", mend)

    def _folders(self) -> Iterator[Diagnosis]:
        config = self._resources.config
        for folder in (config.workspaces_dir, self._resources.locks.locks_dir):
            problem = _access_problem(folder)
            yield _permission(folder, problem)
        files = os.statvfs(config.workspaces_dir)
        # Some file systems make inodes as they need them, and tell 0.
        few = bool(files.f_files) and files.f_favail < FEW_INODES
        yield Diagnosis(
            "inodes",
            str(config.workspaces_dir),
            not few,
            f"{files.f_favail} free" if files.f_files else "as many as are needed",
            "remove files, or slots: `yaoki pool remove SLOT`" if few else "",
        )

    # --- a pool

    def _room(self, pool: Pool) -> Diagnosis:
        try:
            needed = int(self._guard.needed(pool) * (1.0 + self._resources.config.disk_reserve))
        except PoolManagerError as error:
            return Diagnosis("disk", pool.repo_name, False, str(error), f"yaoki pool recover --mirror {pool.repo_name}")
        free = self._guard.free()
        detail = f"{free / 1e6:.1f} MB free, one more slot needs {needed / 1e6:.1f} MB"
        mend = "" if free >= needed else f"yaoki pool quarantine drop {pool.repo_name} --older-than 30"
        return Diagnosis("disk", pool.repo_name, free >= needed, detail, mend)

    def _mirror(self, pool: Pool) -> Diagnosis:
        mend = f"yaoki pool recover --mirror {pool.repo_name}"
        try:
            found = self._resources.mirror(pool.repo_name, pool.repo_url).check(tier=self._tier)
        except PoolManagerError as error:
            return Diagnosis("mirror", pool.repo_name, False, str(error), mend)
        detail = "; ".join(damage.detail for damage in found)
        return Diagnosis("mirror", pool.repo_name, not found, detail or "sound", mend if found else "")

    def _packs(self, pool: Pool) -> Diagnosis:
        mirror = self._resources.mirror(pool.repo_name, pool.repo_url)
        there, waiting = len(packs_in(mirror.objects)), len(to_be_joined(mirror))
        many = waiting > MANY_PACKS
        detail = f"{there} in the mirror, {waiting} to be joined" if many else f"{there} in the mirror"
        return Diagnosis(
            "packs", pool.repo_name, not many, detail, f"yaoki pool recover --mirror {pool.repo_name}" if many else ""
        )

    def _remote(self, pool: Pool) -> Diagnosis:
        mirror = self._resources.mirror(pool.repo_name, pool.repo_url)
        problem = mirror.remote_answers()
        age = mirror.staleness()
        known = "" if age is None else f"; the mirror is {age:.0f} s old"
        mend = f"git ls-remote {shlex.quote(mirror.address.shown)}" if problem else ""
        return Diagnosis("remote", mirror.address.shown, not problem, f"{problem or 'answers'}{known}", mend)

    def _quarantine(self, name: str) -> Diagnosis:
        try:
            entries = self._resources.quarantine(name).entries()
        except PoolManagerError as error:
            return Diagnosis("quarantine", name, False, str(error), f"yaoki pool quarantine list {name}")
        size = sum(entry.size for entry in entries)
        return Diagnosis("quarantine", name, True, f"{len(entries)} entries, {size / 1e6:.1f} MB")

    # --- a slot

    def _permissions(self, slot: Slot) -> Iterator[Diagnosis]:
        layout = self._resources.layout(slot.repo_name).slot(split_slot_id(slot.slot_id)[1])
        lock = self._resources.locks.locks_dir / f"{slot.slot_id}.lock"
        for place in (layout.tree, layout.control, lock):
            problem = _access_problem(place) if os.path.lexists(place) else ""
            if problem:
                yield _permission(place, problem)

    def _slot(self, slot: Slot) -> Diagnosis:
        recover = f"yaoki pool recover {slot.slot_id}"
        if slot.state is SlotState.ERROR:
            reason = str(slot.metadata.get("isolation_reason", "it is isolated"))
            return Diagnosis("slot", slot.slot_id, False, f"isolated: {reason}", f"{recover} --force")
        held = ""
        if slot.state is not SlotState.AVAILABLE:
            owner = self._resources.owner_of(slot)
            held = f"held by {said(slot.lease)}: {owner.reason}"
            held = f"{held}, for {taken_for(slot) / 3600:.1f} h"
            if owner.dead:
                return Diagnosis("holder", slot.slot_id, False, held, "yaoki pool recover")
            if slot.state is SlotState.CLEANING:
                return Diagnosis("holder", slot.slot_id, True, held)
            if not is_readable(slot.lease):
                # It will never be known whether he lives: an operator knows, or nobody does.
                return Diagnosis("holder", slot.slot_id, False, held, f"yaoki pool release {slot.slot_id} --force")
        try:
            found = self._resources.workspace(slot).check(tier=self._tier, tenant=bool(held))
        except PoolManagerError as error:
            return Diagnosis("slot", slot.slot_id, False, str(error), recover)
        detail = "; ".join(str(damage) for damage in found) or "sound"
        # What a living holder does in his slot is his: it is mended after him.
        mend = (f"yaoki pool release {slot.slot_id} --force" if held else recover) if found else ""
        return Diagnosis("slot", slot.slot_id, not found, f"{detail}; {held}" if held else detail, mend)

    def _locks(self) -> Iterator[Diagnosis]:
        orphans = self._resources.locks.orphaned(self._resources.config.stale_lock_hours)
        for orphan in orphans:
            yield Diagnosis("lock", orphan.slot_id, False, orphan.why, f"yaoki pool unlock {orphan.slot_id}")
        if not orphans:
            yield Diagnosis("lock", "all", True, "none was left behind")


def _permission(place: Path, problem: str) -> Diagnosis:
    mend = f"sudo chown -R {os.getuid()}:{os.getgid()} {_quoted(place)} && chmod -R u+rwX {_quoted(place)}" if problem else ""
    return Diagnosis("permissions", str(place), not problem, problem or "ours", mend)


def _access_problem(place: Path) -> str:
    """Why we cannot work with a folder or file of ours, or that others can change it; "" if all is well."""
    try:
        status = place.lstat()
    except OSError as error:
        return error.strerror or str(error)
    wanted = os.R_OK | os.W_OK | (os.X_OK if place.is_dir() else 0)
    if not os.access(place, wanted):
        return f"it belongs to user {status.st_uid}, and user {os.getuid()} cannot read and write it"
    if status.st_uid not in (os.getuid(), 0):
        return f"it belongs to user {status.st_uid}, not to user {os.getuid()}"
    return ""


def _database_problem(file: Path) -> str:
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=10.0)) as database:
            said_of_it = [str(row[0]) for row in database.execute("PRAGMA quick_check(3)")]
    except sqlite3.Error as error:
        return f"it cannot be read: {error}"
    return "" if said_of_it == ["ok"] else "; ".join(said_of_it)


def _set_aside(file: Path) -> str:
    """The commands that rename a database, its log with it."""
    name = _quoted(file)
    return f"mv {name} {name}.damaged; mv -f {name}-wal {name}.damaged-wal; rm -f {name}-shm"


def _quoted(place: Path) -> str:
    return shlex.quote(str(place))

"""One slot on the disk: built, made ready, inspected, cleaned, removed (SPEC W1, W3).

Whose slot it is, and whether it may be touched, is decided by the caller. Every command of ours runs on the mirror, with our own
index of the tree; the tenant's `.git` is read as files, and made anew from the template when he is gone.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yaoki.core.clock import file_time_ns
from yaoki.systems.repopool.errors import CleanupError, Failure, GitOperationError
from yaoki.systems.repopool.exclusive import exclusive
from yaoki.systems.repopool.files import FULL, bytes_in, is_folder, remove
from yaoki.systems.repopool.git.index_file import tree_in_index
from yaoki.systems.repopool.git.refs import checked_out, references
from yaoki.systems.repopool.quarantine.keeping import Keeping, Tenancy
from yaoki.systems.repopool.quarantine.set_aside import SetAside
from yaoki.systems.repopool.slot.building import Building
from yaoki.systems.repopool.slot.changes import changes, topmost
from yaoki.systems.repopool.slot.checks import check_files, check_objects, check_ours, check_packs, check_settings, check_work
from yaoki.systems.repopool.slot.index import SlotIndex
from yaoki.systems.repopool.slot.proof import Proof
from yaoki.systems.repopool.slot.snapshot import snapshot
from yaoki.systems.repopool.slot.tenant import Survey, survey

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from yaoki.systems.repopool.git.command import Git
    from yaoki.systems.repopool.integrity import Damage
    from yaoki.systems.repopool.mirror.mirror import Base, Mirror
    from yaoki.systems.repopool.quarantine.quarantine import Entry, Quarantine
    from yaoki.systems.repopool.slot.changes import Changes
    from yaoki.systems.repopool.slot.layout import SlotLayout

__all__ = ["CleanPolicy", "Cleaned", "Head", "Prepared", "Workspace"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A slot that is ready. `branch`, `commit`: what is checked out. `proven`: it stood ready, and nothing had to be changed."""

    branch: str
    commit: str
    proven: bool = False


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A slot after its tenant. `entry`: what was kept of his work, or None if there was none. `removed`: paths that were removed
    without being kept: ignored files. `proven`: nothing had changed, and nothing was done.
    """

    entry: Entry | None = None
    removed: tuple[str, ...] = ()
    proven: bool = False


@dataclass(frozen=True, slots=True)
class Head:
    """What is checked out in a tenant's tree, read from files. `branch`: None if detached. `commit`: None if unborn or unreadable."""

    branch: str | None
    commit: str | None


@dataclass(frozen=True, slots=True)
class CleanPolicy:
    """What a clean slot may still contain. `keep_ignored`: patterns of ignored files and folders that stay, such as caches; only for
    tenants who trust each other. `lock_timeout`: seconds to wait for whoever works on the slot. `largest_commit`: bytes of changed and new
    files above which a tree is renamed away as a whole, since to read them would take too long.
    """

    keep_ignored: Sequence[str] = field(default=())
    lock_timeout: float = 60.0
    largest_commit: int = 1024 * 1024 * 1024


class Workspace:
    """The slot at `slot`. Every method may be called again after it was killed half-way, and then completes the work."""

    def __init__(
        self, slot: SlotLayout, mirror: Mirror, quarantine: Quarantine, git: Git, policy: CleanPolicy | None = None
    ) -> None:
        self.slot = slot
        self.mirror = mirror
        self.quarantine = quarantine
        self.git = git
        self.policy = policy or CleanPolicy()
        self._building = Building(slot, mirror, self.policy.keep_ignored)

    # --- building -------------------------------------------------------------------------------------------------------

    def build(self, base: Base | None = None) -> Prepared:
        """Make the slot from the mirror, without network; nothing happens if it stands already. Atomic by rename.

        Raises GitOperationError.
        """
        with self._locked() as git:
            wanted = base or self.mirror.base()
            new = self._building.build(git, wanted)
            known = wanted if new else self._building.known_base()
            return Prepared(known.branch, known.commit, proven=not new)

    # --- for a tenant ---------------------------------------------------------------------------------------------------

    def prepare(self, base: Base | None = None) -> Prepared:
        """Make a clean slot ready for a tenant: check it, bring it to `base` (default: the mirror's). No network.

        A slot that was proven clean when it came back, and in which no folder and no file has a new time since, is believed: that costs
        no process.

        If it turns out not to be clean, what is there is kept first, ticket "found". Raises GitOperationError or CleanupError if it is
        damaged: then it must not be given out, but repaired.
        """
        with self._locked() as git:
            self._building.complete_renewal()
            damages = self.mirror.check()
            proof = None if damages else self._confirmed(git)
            if proof is None:
                damages += self._check(git, 0, tenant=False)
            else:
                damages += check_ours(self.slot, self.mirror.objects, digest_size=self.mirror.digest_size)
            if damages:
                raise GitOperationError(
                    f"{self.slot.slot_id} is damaged: {damages[0]}",
                    failure=Failure.CORRUPT,
                    slot_id=self.slot.slot_id,
                    repo_name=self.slot.repo_name,
                    way_out=damages[0].command,
                )
            wanted = base or self.mirror.base()
            holds = proof is not None
            if proof is None:
                self._clean(
                    git, Tenancy("found", "found when nobody had the slot", "", self._building.known_base().commit), taken=True
                )
                proof = Proof.read(self.slot)
            references = self._building.references_digest()
            if proof is not None and (proof.branch, proof.commit, proof.references) == (
                wanted.branch,
                wanted.commit,
                references,
            ):
                return Prepared(wanted.branch, wanted.commit, proven=holds)
            self._building.bring_to(git, wanted)
            return Prepared(wanted.branch, wanted.commit)

    def _confirmed(self, git: Git) -> Proof | None:
        """The proof of the slot, if it is right; what was too young in it, or was written with the same content, is believed next time."""
        proof, looked_at = Proof.read(self.slot), file_time_ns()
        if proof is None or not proof.git.holds(self.slot.git):
            return None
        written = list(proof.tree.differing(self.slot.tree))
        if written or proof.spared:
            seen = snapshot(self.slot.tree, keep=self.policy.keep_ignored)
            if not self._holds_the_same(git, written) or seen.files.keys() != set(proof.tree.files):
                return None
            proof = Proof.make(self.slot, proof.branch, proof.commit, proof.references, seen, proof.tracked)
            proof.write(self.slot)
        elif proof.is_young:
            proof.settled(looked_at).write(self.slot)
        SlotIndex(git, self.slot).settle(proof.tree.newest)
        return proof

    def _holds_the_same(self, git: Git, written: Sequence[str]) -> bool:
        """Whether no name in the tree has changed, and git finds that all files hold what they did, though some were `written`."""
        if any(path.endswith("/") for path in written):
            return False
        try:
            return not SlotIndex(git, self.slot).changed()
        except GitOperationError as error:
            if error.failure.environmental:
                raise
            return False

    # --- after a tenant -------------------------------------------------------------------------------------------------

    def clean(
        self, *, ticket: str, reason: str = "released", holder: str = "", taken: bool = False, alive: bool = False
    ) -> Cleaned:
        """Keep the tenant's work, then bring the tree and `.git` back to the base that he was given.

        `ticket`: unique for the tenancy: its fence. `taken`: the tenant did not give it back himself (he died, or was forced out): then
        ignored files are kept too. `alive`: he may go on writing: then the whole tree is renamed away, with what he writes late, and a
        new one is built. Raises GitOperationError or CleanupError: then nothing of his is lost, and the slot is not clean.
        """
        with self._locked() as git:
            proof = Proof.read(self.slot)
            if proof is not None and not alive and is_folder(self.slot.tree) and proof.holds(self.slot):
                return Cleaned(proven=True)
            tenancy = Tenancy(ticket, reason, holder, self._building.known_base().commit)
            if alive:
                return Cleaned(self._replace(git, tenancy, "somebody may still write in it"))
            return self._clean(git, tenancy, taken=taken)

    def renew(self, *, ticket: str, reason: str, holder: str = "") -> Entry | None:
        """Set the whole slot aside by rename, and build it anew from the mirror. Raises GitOperationError or OSError."""
        with self._locked() as git:
            return self._replace(git, Tenancy(ticket, reason, holder, self._building.known_base().commit), reason)

    def _clean(self, git: Git, tenancy: Tenancy, *, taken: bool) -> Cleaned:
        slot = self.slot
        base = self._building.known_base()
        if not is_folder(slot.tree):
            aside = self._set_aside(tenancy)
            aside.take("tree", {".": slot.tree}, ["it is no folder"])
            self._building.build(git, base)
            return Cleaned(aside.entry)
        try:
            proof = self._proof_of(base)
            self._building.mend_control(git, base)
            found = changes(slot.tree, SlotIndex(git, slot), proof, self.policy.keep_ignored)
            seen = survey(slot.git, digest_size=self.mirror.digest_size)
            if found.seen.problems:
                return Cleaned(self._replace(git, tenancy, f"it cannot be read: {found.seen.problems[0]}"))
            if self._bytes_of((*found.changed, *found.untracked)) > self.policy.largest_commit:
                return Cleaned(self._replace(git, tenancy, "its files are too large for a commit"))
            entry, notes = None, list(seen.whole)
            if self._may_hold_work(found, seen, base):
                keeping = Keeping(slot, self.quarantine, git, self._building.discarded, digest_size=self.mirror.digest_size)
                entry = keeping.commits(tenancy, found, seen)
                notes += keeping.notes
            aside = self._set_aside(tenancy, entry)
            self._take_away(aside, found, notes, taken=taken)
            self._remove_extras(found)
            self._building.bring_to(git, base, (proof, found) if proof else None)
        except (GitOperationError, OSError, CleanupError) as error:
            if isinstance(error, GitOperationError) and error.failure.environmental:
                raise
            if isinstance(error, OSError) and error.errno in FULL:
                raise
            # It cannot be kept or cleaned piece by piece: then as a whole.
            return Cleaned(self._replace(git, tenancy, str(error)))
        return Cleaned(aside.entry, tuple(found.ignored))

    def _proof_of(self, base: Base) -> Proof | None:
        """The proof of how the tree stood when it was last clean, if it was then at `base`."""
        proof = Proof.read(self.slot)
        return proof if proof is not None and proof.commit == base.commit else None

    def _may_hold_work(self, found: Changes, seen: Survey, base: Base) -> bool:
        """Whether there can be anything to keep as commits. Needs no process."""
        if found.changed or found.untracked or seen.own_objects:
            return True
        known = {base.commit, *references(self.mirror.folder).ids.values(), *seen.published}
        if any(identity not in known for identity in (*seen.tips.values(), *seen.logged)):
            return True
        if seen.index is None:
            return False
        size = self.mirror.digest_size
        tree = tree_in_index(self.slot.index.read_bytes(), digest_size=size)
        return tree is None or tree_in_index(seen.index, digest_size=size) != tree

    def _bytes_of(self, paths: Sequence[str]) -> int:
        total = 0
        for path in paths:
            with suppress(OSError):
                total += os.lstat(f"{self.slot.tree}/{path}").st_size
        return total

    def _take_away(self, aside: SetAside, found: Changes, notes: list[str], *, taken: bool) -> None:
        tree, tracked = self.slot.tree, found.tracked
        if found.repositories:
            aside.take("nested", {path: tree / path for path in found.repositories}, ["it has repositories of its own inside"])
        if taken and found.ignored:
            others = [*tracked.files, *tracked.submodules, *found.untracked, *found.repositories, *found.seen.kept]
            aside.take("ignored", {path: tree / path for path in topmost(found.ignored, others)}, [])
        missing = not (self.slot.git.is_symlink() or self.slot.git.exists())
        if notes and not missing:
            aside.take("git", {".git": self.slot.git}, notes)

    def _remove_extras(self, found: Changes) -> None:
        tracked = found.tracked
        others = [*tracked.files, *(f"{path}/." for path in tracked.submodules), *found.seen.kept]
        extras = [*found.untracked, *found.ignored, *found.folders]
        for path in topmost(extras, others):
            self._building.discarded.take(self.slot.tree / path)
        for path in tracked.submodules:
            (self.slot.tree / path).mkdir(parents=True, exist_ok=True)

    def _replace(self, git: Git, tenancy: Tenancy, why: str) -> Entry | None:
        """Set the whole tree aside, and build a new one."""
        base = self._building.known_base()
        entry = None
        if self.slot.tree.is_symlink() or self.slot.tree.exists():
            aside = self._set_aside(tenancy)
            aside.take("tree", {".": self.slot.tree}, [why])
            entry = aside.entry
        Proof.withdraw(self.slot)
        self._building.build(git, base)
        return entry

    def _set_aside(self, tenancy: Tenancy, entry: Entry | None = None) -> SetAside:
        return SetAside(self.slot, self.quarantine, tenancy, entry, digest_size=self.mirror.digest_size)

    # --- looking --------------------------------------------------------------------------------------------------------

    def has_work(self) -> list[str]:
        """What a clean would keep, in words, one line each; [] if nothing. Changes nothing. Raises GitOperationError."""
        slot = self.slot
        if not is_folder(slot.tree):
            return []
        with self._locked() as git:
            base = self._building.known_base()
            self._building.mend_control(git, base)
            found = changes(slot.tree, SlotIndex(git, slot), None, self.policy.keep_ignored)
            seen = survey(slot.git, digest_size=self.mirror.digest_size)
            lines = [f"changed: {path}" for path in found.changed] + [f"new: {path}" for path in found.untracked]
            lines += [f"nested repository: {path}" for path in found.repositories]
            known = {base.commit, *references(self.mirror.folder).ids.values(), *seen.published}
            lines += [f"commit: {name} {tip}" for name, tip in seen.tips.items() if tip not in known]
            lines += [f"kept whole: {why}" for why in seen.whole]
            if not lines and self._may_hold_work(found, seen, base):
                lines.append("something is staged, or in the reference logs")
            return lines

    def check(self, *, tier: int = 0, tenant: bool = False) -> list[Damage]:
        """What is damaged; stops at the first tier that finds something. `tenant`: somebody has the slot, so his own unborn branch,
        detached HEAD, changes and locks are no damage. Raises GitOperationError for a full disk or want of time.
        """
        return self._check(self.git, tier, tenant=tenant)

    def _check(self, git: Git, tier: int, *, tenant: bool) -> list[Damage]:
        size = self.mirror.digest_size
        found = check_files(self.slot, self.mirror.objects, tenant=tenant, digest_size=size)
        if not found and tier >= 1:
            proof = None if tenant else Proof.read(self.slot)
            git_holds = proof is not None and proof.git.holds(self.slot.git)
            if proof is None or not git_holds or not self._tree_holds(git, proof):
                connected = None
                with suppress(GitOperationError):
                    connected = self.mirror.base().commit
                base = self._building.known_base().commit
                found = check_work(self.slot, git, tenant=tenant, base=base, connected=connected)
            if not found and not tenant and not git_holds:
                found = check_settings(self.slot, git)
        if not found and tier >= 2:
            found = check_packs(self.slot, digest_size=size)
        if not found and tier >= 3:
            found = check_objects(self.slot, git)
        return found

    def _tree_holds(self, git: Git, proof: Proof) -> bool:
        written = list(proof.tree.differing(self.slot.tree))
        return not (written or proof.spared) or self._holds_the_same(git, written)

    def head(self) -> Head:
        """What is checked out, read from files. No process; never raises for what a tenant did."""
        try:
            branch, commit = checked_out(self.slot.git)
        except (OSError, ValueError):
            return Head(None, None)
        return Head(None if branch is None else branch.removeprefix("refs/heads/"), commit)

    def disk_usage(self) -> int:
        """Bytes that the tree and our own folder take, each file once."""
        return bytes_in(self.slot.tree) + bytes_in(self.slot.control)

    def remove(
        self, *, ticket: str, reason: str = "removed", holder: str = "", taken: bool = False, alive: bool = False
    ) -> Entry | None:
        """Keep the work, then remove the slot from the disk. Returns what was kept. Nothing happens if it does not exist.

        `taken`, `alive`: as for `clean`; the whole tree of who may go on writing is renamed away. Raises GitOperationError,
        CleanupError or OSError: then nothing is lost.
        """
        slot = self.slot
        entry = None
        if slot.tree.is_symlink() or slot.tree.exists():
            if self.mirror.exists and is_folder(slot.tree) and not alive:
                entry = self.clean(ticket=ticket, reason=reason, holder=holder, taken=taken).entry
            else:
                aside = self._set_aside(Tenancy(ticket, reason, holder, self._building.known_base().commit))
                why = "somebody may still write in it" if alive else "there is no mirror to clean it with"
                aside.take("tree", {".": slot.tree}, [why])
                entry = aside.entry
        with self._locked():
            for path in (slot.tree, slot.tree.with_name(f"{slot.tree.name}.new"), slot.control):
                self._building.discarded.take(path)
            remove(slot.control.with_name(f"{slot.control.name}.new"))
        return entry

    @contextmanager
    def _locked(self) -> Iterator[Git]:
        """One at a time on this slot; the git that is given holds the lock, too."""
        file = self.slot.control.with_name(f"{self.slot.control.name}.lock")
        with exclusive(file, timeout=self.policy.lock_timeout, slot_id=self.slot.slot_id) as descriptor:
            yield self.git.holding(descriptor)

"""One slot on the disk: built, made ready, inspected, cleaned, removed (SPEC W1, W3).

Whose slot it is, and whether it may be touched, is decided by the caller. Every command of ours runs on the mirror, with our own
index of the tree; the tenant's `.git` is read as files, and made anew from the template when he is gone.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yaoki.systems.repopool.errors import Failure, GitOperationError
from yaoki.systems.repopool.exclusive import exclusive
from yaoki.systems.repopool.files import bytes_in, is_folder, remove
from yaoki.systems.repopool.git.refs import checked_out
from yaoki.systems.repopool.quarantine.keeping import Tenancy
from yaoki.systems.repopool.slot.building import Building
from yaoki.systems.repopool.slot.checks import check_files, check_objects, check_ours, check_packs, check_settings, check_work
from yaoki.systems.repopool.slot.cleaning import Cleaned, Cleaning, CleanPolicy
from yaoki.systems.repopool.slot.confirmation import confirmed, is_tree_unchanged
from yaoki.systems.repopool.slot.proof import Proof
from yaoki.systems.repopool.slot.work import inspect_work, work_in_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yaoki.systems.repopool.git.command import Git
    from yaoki.systems.repopool.integrity import Damage
    from yaoki.systems.repopool.mirror.mirror import Base, Mirror
    from yaoki.systems.repopool.quarantine.entry import Entry
    from yaoki.systems.repopool.quarantine.quarantine import Quarantine
    from yaoki.systems.repopool.slot.layout import SlotLayout

__all__ = ["Head", "Prepared", "Workspace"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A slot that is ready. `branch`, `commit`: what is checked out. `proven`: it stood ready, and nothing had to be changed."""

    branch: str
    commit: str
    proven: bool = False


@dataclass(frozen=True, slots=True)
class Head:
    """What is checked out in a tenant's tree, read from files. `branch`: None if detached. `commit`: None if unborn or unreadable."""

    branch: str | None
    commit: str | None


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
        self._cleaning = Cleaning(slot, mirror, quarantine, self._building, self.policy)

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
            proof = None if damages else confirmed(self.slot, git, self.policy.keep_ignored)
            if proof is None:
                damages += self._check(git, 0, tenant=False)
            else:
                damages += check_ours(self.slot, self.mirror.objects, digest_size=self.mirror.digest_size)
            if damages:
                raise self._damaged(damages[0])
            wanted = base or self.mirror.base()
            proven = proof is not None
            if proof is None:
                self._cleaning.clean(git, self._tenancy("found", "found when nobody had the slot"), taken=True)
                proof = Proof.read(self.slot)
            if proof is None or not self._building.is_at(wanted, proof):
                self._building.bring_to(git, wanted)
                proven = False
            return Prepared(wanted.branch, wanted.commit, proven=proven)

    def _damaged(self, damage: Damage) -> GitOperationError:
        return GitOperationError(
            f"{self.slot.slot_id} is damaged: {damage}",
            failure=Failure.CORRUPT,
            slot_id=self.slot.slot_id,
            repo_name=self.slot.repo_name,
            way_out=damage.command,
        )

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
            return self._clean_locked(git, ticket, reason, holder, taken=taken, alive=alive)

    def _clean_locked(self, git: Git, ticket: str, reason: str, holder: str, *, taken: bool, alive: bool) -> Cleaned:
        proof = Proof.read(self.slot)
        if proof is not None and not alive and is_folder(self.slot.tree) and proof.holds(self.slot):
            return Cleaned(proven=True)
        tenancy = self._tenancy(ticket, reason, holder)
        if alive:
            return Cleaned(self._cleaning.replace(git, tenancy, "somebody may still write in it"))
        return self._cleaning.clean(git, tenancy, taken=taken)

    def renew(self, *, ticket: str, reason: str, holder: str = "") -> Entry | None:
        """Set the whole slot aside by rename, and build it anew from the mirror. Raises GitOperationError or OSError."""
        with self._locked() as git:
            return self._cleaning.replace(git, self._tenancy(ticket, reason, holder), reason)

    def _tenancy(self, ticket: str, reason: str, holder: str = "") -> Tenancy:
        return Tenancy(ticket, reason, holder, self._building.known_base().commit)

    # --- looking --------------------------------------------------------------------------------------------------------

    def has_work(self) -> list[str]:
        """What a clean would keep, in words, one line each; [] if nothing. Changes nothing. Raises GitOperationError."""
        slot = self.slot
        if not is_folder(slot.tree):
            return []
        with self._locked() as git:
            base = self._building.known_base()
            self._building.mend_control(git, base)
            found, seen = inspect_work(slot, self.mirror, git, None, self.policy.keep_ignored)
            return work_in_words(slot, self.mirror, found, seen, base.commit)

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
            if proof is None or not git_holds or not is_tree_unchanged(self.slot, git, proof):
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
            found = self.mirror.found_again(lambda: check_objects(self.slot, git))
        return found

    def is_as_left(self) -> bool:
        """Whether its files alone tell that a slot that nobody has is as we have left it: then there is nothing to ask git about."""
        proof = Proof.read(self.slot)
        return proof is not None and not self.check() and proof.holds(self.slot)

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
        with self._locked() as git:
            if os.path.lexists(slot.tree):
                if self.mirror.exists and is_folder(slot.tree) and not alive:
                    entry = self._clean_locked(git, ticket, reason, holder, taken=taken, alive=False).entry
                else:
                    why = "somebody may still write in it" if alive else "there is no mirror to clean it with"
                    entry = self._cleaning.set_tree_aside(self._tenancy(ticket, reason, holder), why)
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

"""What the parts of a manager share: its settings, the store, the locks, and the repositories on the disk."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from yaoki.systems.repopool.configuration import CleanupOptions, PoolConfig
from yaoki.systems.repopool.discarded import Emptying
from yaoki.systems.repopool.errors import PoolManagerError
from yaoki.systems.repopool.files import make_folder
from yaoki.systems.repopool.git.command import Git
from yaoki.systems.repopool.leases.lease import is_readable, owner_of, taken_for
from yaoki.systems.repopool.leases.liveness import Finding, Liveness
from yaoki.systems.repopool.leases.locks import LockManager
from yaoki.systems.repopool.mirror.mirror import Mirror
from yaoki.systems.repopool.models import SlotState
from yaoki.systems.repopool.names import checked_address, split_slot_id
from yaoki.systems.repopool.quarantine.quarantine import Quarantine
from yaoki.systems.repopool.slot.cleaning import CleanPolicy
from yaoki.systems.repopool.slot.layout import RepositoryLayout
from yaoki.systems.repopool.slot.workspace import Workspace
from yaoki.systems.repopool.store.refusals import no_pool, no_slot
from yaoki.systems.repopool.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yaoki.systems.repopool.models import Pool, Slot
    from yaoki.systems.repopool.store.port import PoolStore

__all__ = ["Resources"]


LEFT_SECONDS = 60.0
"""How long a manager may have a slot without working on it, which is between two lines of code."""


class Resources:
    """The resources of one manager. Raises PoolManagerError if the folder for workspaces cannot be used."""

    def __init__(self, config: PoolConfig) -> None:
        self.config: PoolConfig = config
        make_folder(config.workspaces_dir, "the folder for workspaces")
        self.store: PoolStore = SqliteStore(config.workspaces_dir)
        self.git: Git = Git(settings=lambda: config.git_settings)
        self.locks: LockManager = LockManager(config.workspaces_dir / "locks", self._slot_ids, lambda: config.lock_timeout)
        self.emptying: Emptying = Emptying()
        self._mirrors: dict[tuple[str, str], Mirror] = {}

    def _slot_ids(self) -> set[str]:
        return {slot.slot_id for slot in self.store.slots()}

    def pool(self, repo_name: str) -> Pool:
        """The pool. Raises PoolNotFoundError."""
        pool = self.store.pool(repo_name)
        if pool is None:
            raise no_pool(repo_name)
        return pool

    def slot(self, slot_id: str) -> Slot:
        """The slot. Raises SlotNotFoundError, and ConfigValidationError for what is no id of a slot."""
        split_slot_id(slot_id)
        slot = self.store.slot(slot_id)
        if slot is None:
            raise no_slot(slot_id)
        return slot

    def owner_of(self, slot: Slot) -> Finding:
        """Whether whoever has the slot lives; and if he is a manager, whether he is at work on it still."""
        owner = owner_of(slot)
        readable = is_readable(slot.lease)
        if slot.state is not SlotState.CLEANING or (readable and owner.verdict is not Liveness.LIVE):
            return owner
        if taken_for(slot) < LEFT_SECONDS or self.locks.is_locked(slot.slot_id):
            return owner
        # It could not note the end of its work, on a full disk for instance; or nobody knows who it was, but it holds no lock.
        return Finding(Liveness.DEAD, f"{owner.reason}, but its work on the slot was left")

    def count(self, repo_name: str, **amounts: float) -> None:
        """Add to the counters of a pool, unless they are switched off."""
        if not self.config.enable_metrics:
            return
        try:
            self.store.count(repo_name, **amounts)
        except PoolManagerError:
            # A number that cannot be stored is no reason to withhold a slot.
            return

    def options(self, repo_name: str) -> CleanupOptions:
        """How the slots of a pool are kept."""
        definition = self.config.get_pool_definition(repo_name)
        return CleanupOptions() if definition is None else definition.cleanup_options

    def layout(self, repo_name: str) -> RepositoryLayout:
        """Where the parts of a pool lie."""
        return RepositoryLayout(self.config.workspaces_dir, repo_name)

    def mirror(self, repo_name: str, address: str) -> Mirror:
        """The mirror of a pool's remote. Kept, so that its breaker remembers."""
        key = (repo_name, address)
        mirror = self._mirrors.get(key)
        if mirror is None:
            layout, checked = self.layout(repo_name), checked_address(address)
            mirror = self._mirrors.setdefault(key, Mirror(layout, checked, self.git, ttl=self.config.fetch_ttl))
        mirror.ttl = self.config.fetch_ttl
        return mirror

    def quarantine(self, repo_name: str) -> Quarantine:
        """Where work of former tenants is kept."""
        return Quarantine(self.layout(repo_name), self.git)

    def workspace(self, slot: Slot, git: Git | None = None) -> Workspace:
        """The slot on the disk, to be looked at."""
        number = split_slot_id(slot.slot_id)[1]
        own = self.git if git is None else git
        return Workspace(
            self.layout(slot.repo_name).slot(number),
            self.mirror(slot.repo_name, slot.repo_url),
            Quarantine(self.layout(slot.repo_name), own),
            own,
            CleanPolicy(keep_ignored=self.options(slot.repo_name).keep_ignored),
        )

    @contextmanager
    def working_on(self, slot: Slot, timeout: float | None = None) -> Iterator[Workspace]:
        """The slot on the disk, to be worked on: its lock is held meanwhile, also by the git that works there, if we are killed.

        `timeout`: seconds to wait for the lock, `lock_timeout` by default. Raises LockTimeoutError.
        """
        seconds = self.config.lock_timeout if timeout is None else timeout
        with self.locks.acquire_slot_lock(slot.slot_id, seconds) as lock:
            assert lock.descriptor is not None
            yield self.workspace(slot, self.git.holding(lock.descriptor))
        self.emptying.begin(self.layout(slot.repo_name).discarded)

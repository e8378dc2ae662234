"""The mirror of one remote on this disk, whose objects all slots borrow (SPEC W1).

It never loses an object: nothing is collected or pruned, every fetch adds a pack, and packs are joined with all that is in them. The
remote is asked off the way of whoever wants a slot; if it is down, the mirror is as fresh as it is, and says how fresh that is.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yaoki.core.clock import clock
from yaoki.core.faults.errors import DeadlineExceededError, Rejected
from yaoki.systems.repopool.errors import Failure, GitOperationError, LockTimeoutError, PoolManagerError
from yaoki.systems.repopool.exclusive import exclusive
from yaoki.systems.repopool.files import is_folder, read_regular, remove, sync_folder, write_whole
from yaoki.systems.repopool.git.folder import digest_size_of, slot_references, structure_problem
from yaoki.systems.repopool.git.refs import checked_out, references, resolved
from yaoki.systems.repopool.git.remote import ask
from yaoki.systems.repopool.integrity import Damage, DamageClass
from yaoki.systems.repopool.mirror.packs import looked_at, read_changed, stamps, standing_problem
from yaoki.systems.repopool.mirror.state import STATE_FILE, MirrorState

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from yaoki.systems.repopool.git.command import Git
    from yaoki.systems.repopool.names import Address
    from yaoki.systems.repopool.slot.layout import RepositoryLayout

__all__ = ["COMPLETE", "Base", "Fetched", "Mirror"]

COMPLETE = "yaoki-complete"
"""A file that stands in a mirror that is complete, also before it has its name."""

_CONFIG = """\
[core]
\trepositoryFormatVersion = 1
\tbare = true
\tlogAllRefUpdates = false
[gc]
\tauto = 0
[extensions]
\tpreciousObjects = true
"""
# Seconds to wait for who changes the mirror.
_JOINED = 600.0
_LARGEST_REFERENCES = 64 * 1024 * 1024
_MEND = "yaoki pool recover --mirror {repo}"


@dataclass(frozen=True, slots=True)
class Base:
    """Where a tenant starts: a branch (short name, "" for a detached HEAD) and its commit in the mirror."""

    branch: str
    commit: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """How fresh the mirror is. `fetched`: this call has asked the remote. `staleness`: seconds since the remote last answered.

    `problem`: why the remote did not answer this time, or "".
    """

    fetched: bool
    staleness: float
    problem: str = ""


class Mirror:
    """The mirror in `layout.mirror`. Safe for threads and processes: who changes it holds a file lock, taken back from the dead.

    `ttl`: seconds for which a fetch is good enough.
    """

    def __init__(self, layout: RepositoryLayout, address: Address, git: Git, *, ttl: float = 300.0) -> None:
        self.layout = layout
        self.address = address
        self.git = git
        self.ttl = ttl
        self._followed: tuple[str, dict[str, list[int]]] | None = None

    @property
    def folder(self) -> Path:
        """The bare repository."""
        return self.layout.mirror

    @property
    def objects(self) -> Path:
        """The folder of objects that slots borrow."""
        return self.layout.mirror / "objects"

    @property
    def digest_size(self) -> int:
        """Bytes of an object id: 20, or 32 with SHA-256; 20 if the mirror cannot be read."""
        try:
            return digest_size_of(self.folder)
        except (OSError, ValueError):
            return 20

    @property
    def lock_file(self) -> Path:
        """Who changes the mirror holds the lock on this file."""
        return self.layout.folder / "mirror.lock"

    @property
    def state_file(self) -> Path:
        """What is remembered about the mirror."""
        return self.layout.folder / STATE_FILE

    @property
    def exists(self) -> bool:
        """Whether it has been created wholly."""
        return (self.folder / COMPLETE).is_file()

    # --- the remote -----------------------------------------------------------------------------------------------------

    def create(self, *, timeout: float = 3600.0) -> Base:
        """Clone the remote, unless that is done already; atomic: after a kill the next call completes it.

        Raises GitOperationError, and LockTimeoutError if another process has not finished creating it in `timeout` seconds.
        """
        if self.exists:
            return self.base()
        with exclusive(self.lock_file, timeout=timeout) as descriptor:
            if not self.exists:
                fresh = self.layout.folder / "mirror.git.new"
                if not (fresh / COMPLETE).is_file():
                    self.clone(fresh, self.git.holding(descriptor), timeout)
                self.take_place(fresh)
        return self.base()

    def clone(self, fresh: Path, git: Git, timeout: float) -> None:
        """Make a complete mirror in the folder `fresh`, from the remote. For who holds the lock. Raises GitOperationError."""

        def clone() -> None:
            remove(fresh)
            words = ["clone", "--quiet", "--bare", "--no-local", "--template=", "--", self.address.text, str(fresh)]
            git.run(None, words, remote=True, timeout=timeout)

        started = clock.wall()
        ask(self.address, clone)
        self.complete(fresh)
        self.remember(fetched_at=started, asked_at=started, problem="")

    def complete(self, fresh: Path) -> None:
        """The last step of making a mirror in `fresh`: it never loses objects from now on. Raises OSError."""
        extension = "\tobjectFormat = sha256\n" if digest_size_of(fresh) == 32 else ""
        write_whole(fresh / "config", f"{_CONFIG}{extension}".encode())
        write_whole(fresh / COMPLETE, b"1\n", durable=True)

    def take_place(self, fresh: Path) -> None:
        """Give a complete mirror its name. For who holds the lock. Raises OSError."""
        fresh.rename(self.folder)
        sync_folder(self.folder.parent)
        # git, or whoever has brought them here, has just read them.
        self.remember(whole=stamps(self.objects, MirrorState()), superseded={})
        self.publish_references()

    def refresh(self, *, older_than: float | None = None, timeout: float = 300.0) -> Fetched:
        """Fetch if the last fetch is older than `older_than` (default `ttl`) seconds; one fetch at a time over all processes, with
        the core's retry and a breaker for the remote. Never raises because the remote is down: `problem` and `staleness` say so.
        """
        limit = self.ttl if older_than is None else older_than
        state = MirrorState.read(self.state_file)
        if _age(state) <= limit:
            return Fetched(fetched=False, staleness=_age(state))
        wanted = clock.wall()
        try:
            with exclusive(self.lock_file, timeout=timeout) as descriptor:
                state = MirrorState.read(self.state_file)
                # Whoever held the lock meanwhile has asked for us, too.
                if state.asked_at >= wanted or _age(state) <= limit:
                    return Fetched(fetched=False, staleness=_age(state), problem=state.problem)
                return self._fetch(self.git.holding(descriptor), timeout)
        except LockTimeoutError as error:
            return Fetched(fetched=False, staleness=_age(state), problem=str(error))

    def is_due(self) -> bool:
        """Whether it stands, and the remote was last asked longer than `ttl` seconds ago, whatever it answered. No process."""
        state = MirrorState.read(self.state_file)
        return self.exists and abs(clock.wall() - max(state.asked_at, state.fetched_at)) > self.ttl

    def _fetch(self, git: Git, timeout: float) -> Fetched:
        self._remove_locks()
        url = self.address.text
        words = ["fetch", "--quiet", "--prune", "--force", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"]
        refs = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]
        started = clock.wall()
        try:
            ask(self.address, lambda: git.run(self.folder, [*words, "--", url, *refs], remote=True, timeout=timeout))
        except (GitOperationError, Rejected, DeadlineExceededError) as error:
            state = self.remember(asked_at=started, problem=str(error))
            return Fetched(fetched=False, staleness=_age(state), problem=str(error))
        with suppress(GitOperationError, DeadlineExceededError):
            self._follow_head(git, timeout)
        self.publish_references()
        whole = {**self._stamps(), **MirrorState.read(self.state_file).whole}
        state = self.remember(fetched_at=started, asked_at=started, problem="", whole=whole)
        return Fetched(fetched=True, staleness=_age(state))

    def _follow_head(self, git: Git, timeout: float) -> None:
        words = ["ls-remote", "--symref", "--", self.address.text, "HEAD"]
        said = git.run(None, words, remote=True, timeout=timeout).stdout.decode("utf-8", "replace")
        for line in said.splitlines():
            if line.startswith("ref: refs/heads/") and line.endswith("\tHEAD"):
                name = line[5:-5]
                if resolved(self.folder, name) is not None:
                    write_whole(self.folder / "HEAD", f"ref: {name}\n".encode())

    def remote_answers(self, *, timeout: float = 30.0) -> str:
        """Ask the remote for its HEAD, once. Returns "" or the problem."""
        try:
            self.git.run(None, ["ls-remote", "--", self.address.text, "HEAD"], remote=True, timeout=timeout)
        except (GitOperationError, DeadlineExceededError) as error:
            return str(error)
        return ""

    def staleness(self) -> float | None:
        """Seconds since the remote last answered a fetch, or None if nobody knows. No process, no network."""
        age = _age(MirrorState.read(self.state_file))
        return None if age == float("inf") else age

    # --- what slots are made from ---------------------------------------------------------------------------------------

    def base(self, branch: str | None = None) -> Base:
        """The default branch, or another one, and its commit, read from files.

        Raises GitOperationError: corrupt if the mirror is damaged, permanent if there is no such branch, or no commit at all.
        """
        try:
            if branch is not None:
                commit = resolved(self.folder, f"refs/heads/{branch}")
                if commit is None:
                    raise self._no_base(
                        f"the mirror has no branch {branch!r}", Failure.PERMANENT, "name a branch of the remote"
                    )
                return Base(branch, commit)
            name, commit = checked_out(self.folder)
            if commit is not None:
                return Base("" if name is None else name.removeprefix("refs/heads/"), commit)
        except (OSError, ValueError) as error:
            raise self._no_base(f"the mirror is damaged: {error}", Failure.CORRUPT, self._mend) from error
        # The default branch is gone, or was never there.
        found = references(self.folder).ids
        heads = sorted(name for name in found if name.startswith("refs/heads/"))
        for name in ("refs/heads/main", "refs/heads/master", *heads):
            if name in found:
                return Base(name.removeprefix("refs/heads/"), found[name])
        raise self._no_base(f"{self.address.shown} has no commit", Failure.PERMANENT, "push one, then fetch")

    def slot_references(self) -> str:
        """The `packed-refs` of a slot. Raises OSError."""
        try:
            return read_regular(self.layout.folder / "slot-refs", _LARGEST_REFERENCES).decode("utf-8", "surrogateescape")
        except (OSError, ValueError):
            return slot_references(self.folder)

    def publish_references(self) -> None:
        """Write down what slots get as references. Raises OSError."""
        write_whole(self.layout.folder / "slot-refs", slot_references(self.folder).encode("utf-8", "surrogateescape"))

    # --- damage ---------------------------------------------------------------------------------------------------------

    def check(self, *, tier: int = 0) -> list[Damage]:
        """What is damaged: tier 0 files, 1 the base is connected, 2 checksums of changed packs, 3 fsck. Stops at the first tier that
        finds something.
        """
        found = self._check_files()
        if not found and tier >= 1:
            found = self._check_base()
        if not found and tier >= 2:
            found = self._check_packs()
        if not found and tier >= 3:
            words = ["fsck", "--full", "--no-dangling", "--no-progress", "--no-reflogs"]
            found = self.found_again(lambda: self._ask_git(words, "fsck"))
        return found

    def found_again(self, look: Callable[[], list[Damage]]) -> list[Damage]:
        """What `look` finds in all packs; if it finds something, while nobody joins them: git fsck takes a pack that goes away for damage.

        For who does not hold the lock of the mirror. Raises LockTimeoutError.
        """
        found = look()
        if found:
            with exclusive(self.lock_file, timeout=_JOINED):
                found = look()
        return found

    def _check_files(self) -> list[Damage]:
        if not is_folder(self.folder):
            return [self._damage(f"{self.folder} is missing")]
        problem = structure_problem(self.folder)
        if not problem and not self.exists:
            problem = "it is not complete"
        if not problem:
            try:
                self.base()
                size = digest_size_of(self.folder)
                problem = looked_at(self.state_file, lambda state: standing_problem(self.objects, state, size))
            except (PoolManagerError, OSError, ValueError) as error:
                problem = str(error)
        return [self._damage(problem)] if problem else []

    def _check_base(self) -> list[Damage]:
        """Whether all files of the base are there; asked once as long as the same packs hold them."""
        asked = self.base().commit, self._stamps()
        if asked == self._followed:
            return []
        found = self._ask_git(["rev-list", "--objects", "--quiet", f"{asked[0]}^{{tree}}"], "")
        if not found and not any(self.objects.glob("[0-9a-f][0-9a-f]")):
            self._followed = asked
        return found

    def _stamps(self) -> dict[str, list[int]]:
        return stamps(self.objects, MirrorState.read(self.state_file))

    def _check_packs(self) -> list[Damage]:
        size = digest_size_of(self.folder)
        found: dict[str, list[int]] = {}

        def look(state: MirrorState) -> str:
            problem, read = read_changed(self.objects, state, size)
            found.update(read)
            return problem

        problem = looked_at(self.state_file, look)
        if problem:
            return [self._damage(problem)]
        if found:
            # Whoever holds the lock is changing what is remembered; then these are read once more the next time.
            with suppress(LockTimeoutError), exclusive(self.lock_file, timeout=0.0):
                now = self._stamps()
                whole = {name: stamp for name, stamp in found.items() if now.get(name) == stamp}
                self.remember(whole={**MirrorState.read(self.state_file).whole, **whole})
        return []

    def _ask_git(self, words: list[str], name: str) -> list[Damage]:
        try:
            self.git.run(self.folder, words)
        except GitOperationError as error:
            if error.failure.environmental:
                raise
            return [self._damage(f"{name}: {error.problem}" if name else error.problem)]
        return []

    def _damage(self, detail: str) -> Damage:
        return Damage(DamageClass.BAD_MIRROR, detail, self._mend)

    @property
    def _mend(self) -> str:
        return f"run `{_MEND.format(repo=self.layout.repo_name)}`"

    def _no_base(self, problem: str, failure: Failure, way_out: str) -> GitOperationError:
        return GitOperationError(problem, failure=failure, repo_name=self.layout.repo_name, way_out=way_out)

    def _remove_locks(self) -> None:
        """Remove what a killed git has left: while we hold our lock, nobody else works in here."""
        for path in (*self.folder.glob("*.lock"), *(self.folder / "refs").rglob("*.lock")):
            path.unlink(missing_ok=True)

    def remember(self, *, durable: bool = False, **changes: object) -> MirrorState:
        """Change what is remembered, the fields of `MirrorState`. For who holds the lock. Raises OSError."""
        state = MirrorState.read(self.state_file)
        for name, value in changes.items():
            setattr(state, name, value)
        state.write(self.state_file, durable=durable)
        return state


def _age(state: MirrorState) -> float:
    return max(0.0, clock.wall() - state.fetched_at) if state.fetched_at else float("inf")

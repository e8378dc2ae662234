"""Keeps what a tenant leaves, as commits in the quarantine (SPEC W3).

| what | kept as |
| --- | --- |
| changed, new and deleted files | `wip`: a commit on top of what was checked out |
| what was staged | `index`: a commit of the index |
| commits that the remote does not have, on branches, tags, a detached HEAD, in a stash, or in progress | one reference each |
| commits that only reference logs know | parents of one commit, `log` |

Everything is written into a scratch folder first, packed once, and named by one transaction: until then nothing is kept, and nothing of
the tenant's has been touched.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from yaoki.core.clock import clock
from yaoki.systems.repopool.errors import GitOperationError
from yaoki.systems.repopool.files import is_folder, remove, sync_folder
from yaoki.systems.repopool.git.folder import make_scratch
from yaoki.systems.repopool.git.index_file import tree_in_index
from yaoki.systems.repopool.git.packs import adopt_pack
from yaoki.systems.repopool.git.refs import packed, references
from yaoki.systems.repopool.quarantine.entry import PREFIX, Entry
from yaoki.systems.repopool.quarantine.importing import WorkTree, import_commit

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

    from yaoki.systems.repopool.discarded import Discarded
    from yaoki.systems.repopool.git.command import Git
    from yaoki.systems.repopool.quarantine.quarantine import Quarantine
    from yaoki.systems.repopool.slot.changes import Changes
    from yaoki.systems.repopool.slot.layout import SlotLayout
    from yaoki.systems.repopool.slot.tenant import Survey

__all__ = ["Keeping", "Tenancy"]


@dataclass(frozen=True, slots=True)
class Tenancy:
    """Whose work is kept, and why. `ticket`: unique for the tenancy. `base`: the commit that he was given."""

    ticket: str
    reason: str
    holder: str
    base: str


class Keeping:
    """One act of keeping. `discarded`: where what is no longer in the making goes.

    `notes`: why his `.git` has to be kept whole besides; filled by `commits`.
    """

    def __init__(
        self, slot: SlotLayout, quarantine: Quarantine, git: Git, discarded: Discarded, *, digest_size: int = 20
    ) -> None:
        self.slot = slot
        self.quarantine = quarantine
        self.git = git
        self.scratch = slot.control / "scratch"
        self.discarded = discarded
        self.digest_size = digest_size
        self.notes: list[str] = []
        self._borrow: list[Path] = []
        self._published: list[str] = []

    def commits(self, tenancy: Tenancy, found: Changes, survey: Survey) -> Entry | None:
        """Keep all that can be a commit; durable when it returns. None if there is nothing.

        Called again for the same tenancy and the same state, it returns the entry that it made before. Raises GitOperationError,
        CleanupError and OSError: then nothing is kept.
        """
        self.quarantine.open(digest_size=self.digest_size)
        self._prepare(tenancy.base, survey)
        try:
            start, start_tree = self._start(tenancy.base, survey)
            refs = self._unpublished(survey, start)
            staged = self._tree_of_index(survey, start_tree)
            if staged is not None:
                refs["index"] = self._commit(staged, [start], f"What was staged in {self.slot.slot_id}\n")
            paths = [path for path in (*found.changed, *found.untracked) if path not in found.seen.special]
            there = found.seen.files.keys() | found.spared
            work = WorkTree(
                self.slot.tree,
                self._tree_of_base(tenancy.base),
                present=[path for path in paths if path in there],
                gone=[path for path in paths if path not in there],
            )
            return self._name(tenancy, work, start, start_tree, refs)
        finally:
            self.discarded.take(self.scratch)

    def _prepare(self, base: str, survey: Survey) -> None:
        remove(self.scratch)
        make_scratch(self.scratch, digest_size=self.digest_size)
        own = self.slot.git / "objects"
        self._borrow = [self.quarantine.layout.mirror / "objects"]
        if survey.own_objects and is_folder(own):
            self._borrow.append(own)
        mirror = references(self.quarantine.layout.mirror).ids
        self._published = sorted({base, *mirror.values()})

    def _run(self, words: Sequence[str], *, stdin: bytes = b"", index: Path | None = None) -> str:
        done = self.git.run(
            *(self.quarantine.folder, words),
            stdin=stdin,
            index=index,
            objects=self.scratch / "objects",
            borrow=[*self._borrow, self.quarantine.objects],
        )
        return done.stdout.decode("utf-8", "replace").strip()

    def _start(self, base: str, survey: Survey) -> tuple[str, str]:
        """What is checked out, and its tree: the base, unless the tenant has gone elsewhere."""
        if survey.head is not None and survey.head != base:
            try:
                return survey.head, self._run(["rev-parse", "--verify", "--quiet", f"{survey.head}^{{tree}}"])
            except GitOperationError as error:
                if error.failure.environmental:
                    raise
                self.notes.append(f"HEAD names {survey.head}, which cannot be read")
        return base, self._tree_of_base(base)

    def _unpublished(self, survey: Survey, start: str) -> dict[str, str]:
        """The tips that the remote does not have, and `log`."""
        known = {*self._published, *survey.published}
        tips = {name: identity for name, identity in survey.tips.items() if identity not in known}
        logged = [identity for identity in dict.fromkeys(survey.logged) if identity not in known]
        if not tips and not logged:
            return {}
        try:
            new = self._walk([*tips.values(), *logged], [*self._published, *survey.published])
        except GitOperationError as error:
            if error.failure.environmental:
                raise
            # Something that is named does not exist, or is damaged. What can be read is kept here, everything in the folder.
            self.notes.append(f"not every commit can be read: {error.problem}")
            tips, logged = self._readable(tips, logged)
            if not tips and not logged:
                return {}
            new = self._walk([*tips.values(), *logged], self._published)
        refs = {name: identity for name, identity in tips.items() if identity in new or name.startswith(("tags/", "notes/"))}
        refs |= self._no_commits({name: tips[name] for name in tips.keys() - refs.keys() if not name.startswith("head")})
        named = set(refs.values())
        only_logged = [identity for identity in logged if identity in new and identity not in named]
        if only_logged and refs:
            reached = self._walk(only_logged, list(named))
            only_logged = [identity for identity in only_logged if identity in reached]
        if only_logged:
            refs["log"] = self._commit(
                self._run(["rev-parse", f"{start}^{{tree}}"]), only_logged, "Commits that only reference logs knew\n"
            )
        return refs

    def _no_commits(self, tips: dict[str, str]) -> dict[str, str]:
        """Those that name a file or a tree: a reference of any kind may, and no walk over commits comes by it."""
        if not tips:
            return {}
        asked = "".join(f"{identity}\n" for identity in tips.values())
        told = self._run(["cat-file", "--batch-check=%(objecttype)"], stdin=asked.encode()).splitlines()
        return {name: identity for (name, identity), kind in zip(tips.items(), told, strict=True) if kind in {"blob", "tree"}}

    def _walk(self, tips: Sequence[str], excluded: Iterable[str]) -> set[str]:
        asked = "".join(f"{tip}\n" for tip in tips) + "".join(f"^{each}\n" for each in excluded)
        return set(self._run(["rev-list", "--stdin"], stdin=asked.encode()).split())

    def _readable(self, tips: dict[str, str], logged: list[str]) -> tuple[dict[str, str], list[str]]:
        whole: dict[str, bool] = {}
        for identity in {*tips.values(), *logged}:
            try:
                self._run(["rev-list", "--objects", "--quiet", identity, "--not", *self._published[:50]])
                whole[identity] = True
            except GitOperationError as error:
                if error.failure.environmental:
                    raise
                whole[identity] = False
        return {name: each for name, each in tips.items() if whole[each]}, [each for each in logged if whole[each]]

    def _tree_of_base(self, base: str) -> str:
        content = self.slot.index.read_bytes()
        return tree_in_index(content, digest_size=self.digest_size) or self._run(["rev-parse", f"{base}^{{tree}}"])

    def _tree_of_index(self, survey: Survey, start_tree: str) -> str | None:
        """The tree of what was staged, or None if nothing was."""
        if survey.index is None:
            return None
        tree = tree_in_index(survey.index, digest_size=self.digest_size)
        if tree is None:
            index = self.scratch / "staged"
            index.write_bytes(survey.index)
            try:
                tree = self._run(["write-tree"], index=index)
            except GitOperationError as error:
                if error.failure.environmental:
                    raise
                # A merge with conflicts, or blobs that are missing.
                self.notes.append(f"the index is no tree: {error.problem}")
                return None
        return None if tree == start_tree else tree

    def _commit(self, tree: str, parents: Sequence[str], message: str) -> str:
        words = ["commit-tree", tree]
        for parent in dict.fromkeys(parents):
            words += ["-p", parent]
        return self._run(words, stdin=message.encode())

    def _name(self, tenancy: Tenancy, work: WorkTree, start: str, start_tree: str, refs: dict[str, str]) -> Entry | None:
        """Pack it, and give it names: from here on it is kept."""
        named = _named(refs)
        with self.quarantine.locked() as descriptor:
            wanted = f"slot{self.slot.number}/{tenancy.ticket}"
            known = packed(self.quarantine.folder)
            ticket = self.quarantine.free_ticket(wanted, known)
            entry = Entry(
                ticket=ticket,
                slot_id=self.slot.slot_id,
                repo_name=self.slot.repo_name,
                kept_at=datetime.fromtimestamp(clock.wall(), UTC).isoformat(timespec="milliseconds"),
                reason=tenancy.reason,
                holder=tenancy.holder,
                base=tenancy.base,
                refs={**named, "head": start},
                notes=tuple(self.notes),
            )
            message = f"Work found in {self.slot.slot_id}: {tenancy.reason}\n\n{entry.about()}\n"
            git = self.git.holding(descriptor)
            # git leaves out of a pack what it sees elsewhere: what the mirror has is kept, nothing else is.
            alone = start in self._published and not refs
            borrow = self._borrow[:1] if alone else [*self._borrow, self.quarantine.objects]
            wip, tree = import_commit(git, self.scratch, borrow, work, parent=start, message=message)
            if tree == start_tree and not refs:
                return None
            earlier = self._earlier(self.quarantine.tickets_like(wanted, known), tree, named)
            if earlier is not None:
                return earlier
            if alone:
                self.quarantine.open(digest_size=self.digest_size)
                pack = adopt_pack(self.scratch / "objects", self.quarantine.objects)
            else:
                pack = self._pack([*named.values(), wip], descriptor)
            refs = {**entry.refs, "wip": wip}
            added = {f"{PREFIX}{ticket}/{name}": identity for name, identity in {**refs, f"pack-{pack}": wip}.items()}
            self.quarantine.write_references({**known, **added})
        return replace(entry, refs=refs, pack=pack, size=self.quarantine.pack_size(pack))

    def _earlier(self, tickets: Collection[str], tree: str, named: dict[str, str]) -> Entry | None:
        """The entry among `tickets` that says the same: we were killed after it was made."""
        for entry in self.quarantine.entries(self.slot) if tickets else ():
            same = entry.ticket in tickets and "wip" in entry.refs and entry.refs.items() >= named.items()
            if same and self._run(["rev-parse", f"{entry.refs['wip']}^{{tree}}"]) == tree:
                return entry
        return None

    def _pack(self, wanted: Sequence[str], descriptor: int) -> str:
        asked = "".join(f"{each}\n" for each in wanted) + "--not\n" + "".join(f"{each}\n" for each in self._published)
        words = ["pack-objects", "--revs", "--quiet", "--non-empty", "--window=0", "--delta-base-offset"]
        done = self.git.holding(descriptor).run(
            *(self.quarantine.folder, [*words, str(self.quarantine.objects / "pack" / "pack")]),
            stdin=asked.encode(),
            objects=self.scratch / "objects",
            borrow=[*self._borrow, self.quarantine.objects],
            durable=True,
        )
        sync_folder(self.quarantine.objects / "pack")
        return done.stdout.decode().strip()


def _named(refs: dict[str, str]) -> dict[str, str]:
    """The short names as parts of a reference's name that git accepts, each once."""
    named: dict[str, str] = {}
    for name, identity in refs.items():
        parts = [re.sub(r"[^A-Za-z0-9._-]", "_", part).strip(".") or "_" for part in name.split("/")]
        safe = re.sub(r"\.(?=\.|lock$|lock/)", "_", "/".join(parts))
        number, unique = 1, safe
        while unique in named or unique == "wip" or unique.startswith("pack-"):
            number += 1
            unique = f"{safe}-{number}"
        named[unique] = identity
    return named

"""What cannot be kept as commits is renamed away, as it is (SPEC W3)."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from yaoki.core.clock import clock
from yaoki.systems.repopool.files import bytes_in, is_folder, move, write_whole
from yaoki.systems.repopool.quarantine.entry import Entry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from yaoki.systems.repopool.quarantine.keeping import Tenancy
    from yaoki.systems.repopool.quarantine.quarantine import Quarantine
    from yaoki.systems.repopool.slot.layout import SlotLayout

__all__ = ["SetAside"]


class SetAside:
    """The folder of one entry. `entry`: what is kept so far, or None: nothing yet."""

    def __init__(
        self,
        slot: SlotLayout,
        quarantine: Quarantine,
        tenancy: Tenancy,
        entry: Entry | None = None,
        *,
        digest_size: int = 20,
    ) -> None:
        self.slot = slot
        self.quarantine = quarantine
        self.tenancy = tenancy
        self.entry = entry
        self.digest_size = digest_size

    def take(self, kind: str, sources: Mapping[str, Path], notes: Sequence[str]) -> None:
        """Rename `sources`, by their paths in the tree, into the part `kind` of the folder: tree, git, nested or ignored. What does not
        exist is passed over. Raises OSError; what was renamed before is listed all the same.
        """
        present = {path: source for path, source in sources.items() if os.path.lexists(source)}
        if not present:
            return
        if kind in {"tree", "git"}:
            # Its objects are borrowed from the mirror, which may be made anew.
            with suppress(OSError):
                self.quarantine.open(digest_size=self.digest_size)
        entry = self.entry or self._new()
        place = self.quarantine.place(entry.ticket)
        goals = {path: place / kind / ("" if path == "." else path) for path in present}
        folders = {**entry.folders, **{path: str(goal) for path, goal in goals.items()}}
        entry = replace(entry, folders=folders, notes=tuple(dict.fromkeys((*entry.notes, *notes))))
        self.quarantine.note(entry)
        self.entry = entry
        for path, source in present.items():
            move(source, goals[path])
            self._lend(goals[path] if kind == "git" else goals[path] / ".git")
        self.entry = replace(entry, size=entry.size + sum(bytes_in(goal) for goal in goals.values() if is_folder(goal)))
        self.quarantine.note(self.entry)

    def _new(self) -> Entry:
        return Entry(
            ticket=self.quarantine.free_ticket(f"slot{self.slot.number}/{self.tenancy.ticket}"),
            slot_id=self.slot.slot_id,
            repo_name=self.slot.repo_name,
            kept_at=datetime.fromtimestamp(clock.wall(), UTC).isoformat(timespec="milliseconds"),
            reason=self.tenancy.reason,
            holder=self.tenancy.holder,
            base=self.tenancy.base,
        )

    def _lend(self, git_dir: Path) -> None:
        """Let a repository that was moved borrow from the quarantine, which outlives the mirror."""
        info = git_dir / "objects" / "info"
        # Each part by itself: a link would lead to somebody else's objects.
        if is_folder(git_dir) and is_folder(info.parent) and is_folder(info):
            with suppress(OSError):
                write_whole(
                    info / "alternates", f"{self.quarantine.layout.mirror / 'objects'}\n{self.quarantine.objects}\n".encode()
                )

"""What the quarantine keeps of one tenancy, and how that is written down; format 1 (SPEC W3)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

__all__ = ["PREFIX", "Entry"]

PREFIX = "refs/quarantine/"
"""What the names of all references of entries begin with; then come the ticket and the short name."""

_VERSION = 1


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

"""What is remembered about a mirror between processes: when the remote was asked, and which packs were found whole. Format 1."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from yaoki.systems.repopool.files import read_regular, write_whole

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["STATE_FILE", "MirrorState"]

STATE_FILE = "mirror.json"
"""Its name in the folder of the repository."""

_VERSION = 1
_LARGEST = 16 * 1024 * 1024


@dataclass(slots=True)
class MirrorState:
    """`fetched_at`: when the remote last answered; `asked_at`: when it was last asked; both wall-clock seconds, 0.0 for never.

    `problem`: why it did not answer the last time. `whole`: by the name of a pack, its stamp when its checksum was right.
    `superseded`: by the name of a pack that is being removed, the pack that has all its objects. Whoever removes one says so here first.
    """

    fetched_at: float = 0.0
    asked_at: float = 0.0
    problem: str = ""
    whole: dict[str, list[int]] = field(default_factory=dict)
    superseded: dict[str, str] = field(default_factory=dict)

    @staticmethod
    def read(file: Path) -> MirrorState:
        """What `write` wrote; a new one if there is none, or if it cannot be read: it only costs a fetch."""
        try:
            stored = json.loads(read_regular(file, _LARGEST))
            if stored.pop("version") == _VERSION:
                return MirrorState(**stored)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass
        return MirrorState()

    def write(self, file: Path, *, durable: bool = False) -> None:
        """Remember it, for who holds the lock of the mirror. `durable`: also after a power cut. Raises OSError."""
        write_whole(file, json.dumps({"version": _VERSION, **asdict(self)}).encode(), durable=durable)

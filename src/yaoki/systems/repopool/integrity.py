"""What can be damaged, and what an operator can do about each (SPEC W2)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["Damage", "DamageClass"]


class DamageClass(Enum):
    """What kind of damage; the value is the word in reports."""

    MISSING_TREE = "missing_directory"
    MISSING_GIT = "missing_git"
    BROKEN_GIT = "broken_git"
    BAD_HEAD = "bad_head"
    UNBORN_BRANCH = "unborn_branch"
    BAD_INDEX = "bad_index"
    BAD_PACK = "bad_pack"
    BAD_ALTERNATES = "bad_alternates"
    MISSING_OBJECT = "missing_object"
    STALE_LOCK = "stale_git_lock"
    BAD_CONTROL = "bad_control"
    BAD_MIRROR = "bad_mirror"
    UNREADABLE = "unreadable"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that is damaged. `command`: what an operator can run to mend it."""

    kind: DamageClass
    detail: str
    command: str = ""

    def __str__(self) -> str:
        return f"{self.kind.value}: {self.detail}"

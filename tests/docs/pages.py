"""The pages of the documentation, and the code blocks in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

VIRTUAL_TIME = "<!-- virtual time -->"
NOT_RUN = re.compile(r"^<!-- not run: (?P<reason>.+) -->$")
_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>```+|~~~+)(?P<language>[\w-]*)")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the line on which its text begins, why it is not run (if the page says so)."""

    language: str
    line: int
    text: str
    not_run: str | None


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found: list[Block] = []
    lines = page.read_text("utf-8").splitlines()
    number = 0
    remark: str | None = None
    while number < len(lines):
        opened = _FENCE.match(lines[number])
        if opened is None:
            said = NOT_RUN.match(lines[number].strip())
            if lines[number].strip():
                remark = said["reason"] if said else None
            number += 1
            continue
        start = number + 1
        end = next(end for end in range(start, len(lines)) if lines[end].strip() == opened["fence"])
        indent = len(opened["indent"])
        text = "\n".join(line[indent:] for line in lines[start:end])
        found.append(Block(opened["language"], start + 1, text + "\n", remark))
        remark = None
        number = end + 1
    return found


def in_virtual_time(page: Path) -> bool:
    """Whether the page asks for its code to be run in virtual time."""
    return VIRTUAL_TIME in page.read_text("utf-8")

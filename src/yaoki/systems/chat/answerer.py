"""The port to the answerer: what it is asked, and what it writes (SPEC G1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from yaoki.systems.chat.extractive.answer import Entry
    from yaoki.systems.chat.reply import Engine
    from yaoki.systems.chat.texts import Language
    from yaoki.systems.chat.vector.index.hits import Hit

__all__ = ["Answerer", "Asked", "Exchange", "Written"]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question of a conversation, and the answer that it got."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What an answer is to be written for.

    `question`: the message. `query`: what was searched for, which may say more than a short message. `hits`: the passages, best
    first, none where nothing matches; None where the search failed. `preparing`: per cent of the documents that have been read,
    while they are; else None. `history`: what was said before, oldest first; notices and apologies are never in it.
    """

    question: str
    query: str
    hits: tuple[Hit, ...] | None
    language: Language
    preparing: int | None = None
    history: tuple[Exchange, ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """An answer as text, and the sources it has as entries. `engine`: who wrote it.

    `informative`: whether it says something about the question, so that later questions may build on it. `complete`: whether
    whoever wrote it came to the end.
    """

    text: str
    entries: tuple[Entry, ...] = ()
    engine: Engine = "static"
    informative: bool = True
    complete: bool = True


class Answerer(Protocol):
    """Writes answers. `engine`: as what it is named in replies."""

    engine: Engine

    async def write(self, asked: Asked) -> Written:
        """The whole answer. Raises whatever keeps it from that."""
        ...

    def stream(self, asked: Asked) -> AsyncGenerator[str | Written, None]:
        """The text piece by piece as it is written, then the whole answer. Raises as `write` does, also in the middle."""
        ...

    async def close(self) -> None:
        """Give back what it holds."""

"""The built-in answerer: quotes the passages, with their sources; it needs no model (SPEC G1).

Without passages it can say nothing, and says so.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from yaoki.systems.chat import texts
from yaoki.systems.chat.answerer import Written
from yaoki.systems.chat.extractive.answer import answer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from yaoki.systems.chat.answerer import Asked
    from yaoki.systems.chat.reply import Engine
    from yaoki.systems.chat.vector.index.index import ChatIndex

__all__ = ["Extractive"]


class Extractive:
    """Answers from the passages alone. `index` tells how rare a word is; None where there is no index in this process."""

    engine: Engine = "extractive"

    def __init__(self, index: Callable[[], ChatIndex | None]) -> None:
        self._index = index

    async def write(self, asked: Asked) -> Written:
        """What the passages say, or that nothing was found."""
        if asked.preparing is not None:
            return Written(texts.PREPARING[asked.language].format(percent=asked.preparing), informative=False)
        if asked.hits is None:
            return Written(texts.NO_CONTEXT[asked.language], engine="extractive", informative=False)
        said = await asyncio.to_thread(answer, asked.query, asked.hits, self._index())
        return Written(said.text(asked.language), said.entries, "extractive", informative=said.found)

    async def stream(self, asked: Asked) -> AsyncGenerator[str | Written, None]:
        """The same, one source after the other."""
        written = await self.write(asked)
        pieces = written.text.split("\n\n")
        for number, piece in enumerate(pieces):
            yield piece if number == len(pieces) - 1 else f"{piece}\n\n"
        yield written

    async def close(self) -> None:
        """Nothing to give back."""

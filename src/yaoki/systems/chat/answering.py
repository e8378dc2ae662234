"""Answering: an answer from passages, by the answerer behind the pipeline `chat-llm` (SPEC G1, G2).

The built-in answerer quotes the passages, with their sources; it needs no model. Without passages it can say nothing, and says so.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yaoki.systems.chat import texts
from yaoki.systems.chat.answer import answer
from yaoki.systems.chat.dependency import LLM, Result, dependency_pipeline
from yaoki.systems.chat.switches import Switch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from yaoki.systems.chat.answer import Entry
    from yaoki.systems.chat.configuration import ChatConfiguration
    from yaoki.systems.chat.reply import Engine
    from yaoki.systems.chat.texts import Language
    from yaoki.systems.chat.vector.hits import Hit
    from yaoki.systems.chat.vector.index import ChatIndex

__all__ = ["Answering", "Written"]


@dataclass(frozen=True, slots=True)
class Written:
    """An answer as text, and as entries if it has sources."""

    text: str
    entries: tuple[Entry, ...] = ()


class Answering:
    """Writes answers. `index` tells how rare a word is, None while it is being prepared."""

    engine: Engine = "extractive"

    def __init__(self, configuration: ChatConfiguration, index: Callable[[], ChatIndex | None]) -> None:
        self.pipeline = dependency_pipeline(
            "chat-llm", total=configuration.llm_timeout, attempt=configuration.llm_attempt, configuration=configuration
        )
        self.switch = Switch(LLM, delay=configuration.llm_attempt * 0.7)
        self._index = index

    async def write(self, question: str, hits: Sequence[Hit] | None, language: Language) -> Result[Written]:
        """An answer from the passages; `hits` is None where the search failed. Never raises for a failure of the answerer."""
        return Result.of(await self.pipeline.aexecute(self._write, question, hits, language))

    async def _write(self, question: str, hits: Sequence[Hit] | None, language: Language) -> Written:
        await self.switch.act()
        if hits is None:
            return Written(texts.NO_CONTEXT[language])
        said = await asyncio.to_thread(answer, question, hits, self._index())
        return Written(said.text(language), said.entries)

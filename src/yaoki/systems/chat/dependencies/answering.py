"""Answering: an answer from passages, by the answerer behind the pipeline `chat-llm` (SPEC G1, G2)."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from yaoki.systems.chat.answerer import Written
from yaoki.systems.chat.dependencies.dependency import LLM, Result, call, dependency_pipeline
from yaoki.systems.chat.dependencies.switches import Switch
from yaoki.systems.chat.extractive.answerer import Extractive

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from yaoki.systems.chat.answerer import Answerer, Asked
    from yaoki.systems.chat.configuration import ChatConfiguration

__all__ = ["Answering"]


class Answering:
    """Has answers written by `answerer`. A stream that has begun is never begun again."""

    def __init__(self, configuration: ChatConfiguration, answerer: Answerer) -> None:
        local = isinstance(answerer, Extractive)
        attempt = configuration.llm_attempt(local=local)
        self.pipeline = dependency_pipeline(
            "chat-llm", total=configuration.llm_timeout, attempt=attempt, configuration=configuration, local=local
        )
        self.switch = Switch(LLM, delay=(attempt or configuration.llm_timeout) * 0.7)
        self.answerer = answerer
        self._guarded = self.pipeline(self._stream)

    async def write(self, asked: Asked) -> Result[Written]:
        """An answer. Never raises for a failure of the answerer."""
        return await call(self.pipeline, self._write, asked)

    async def stream(self, asked: Asked) -> AsyncGenerator[str | Result[Written], None]:
        """The text piece by piece, then what came of it. Never raises for a failure of the answerer, also in the middle."""
        attempts: list[int] = []
        written: Written | None = None
        try:
            async with aclosing(self._guarded(asked, attempts)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Written):
                        written = piece
                    else:
                        yield piece
        except Exception as error:  # noqa: BLE001  # the border to the answerer: its failure is a part of the reply
            yield Result.of_error(error, len(attempts))
        else:
            yield Result(written, None, len(attempts))

    async def _write(self, asked: Asked) -> Written:
        await self.switch.act()
        return await self.answerer.write(asked)

    async def _stream(self, asked: Asked, attempts: list[int]) -> AsyncGenerator[str | Written, None]:
        attempts.append(len(attempts) + 1)
        await self.switch.act()
        async with aclosing(self.answerer.stream(asked)) as pieces:
            async for piece in pieces:
                yield piece

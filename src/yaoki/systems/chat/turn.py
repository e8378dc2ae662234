"""One turn: from a message to its reply, in the mode that follows from what failed on the way (SPEC G3, K2, K3).

| search | answerer | mode | the message |
| --- | --- | --- | --- |
| ok | ok | normal | from the passages; that none was found is normal too |
| failed | ok | degraded-no-context | what the answerer can say without passages |
| ok | failed | degraded-cache-only | the earlier answer to the same question, else an apology |
| failed | failed | static-only | a prepared answer, else a text that says it is an outage |
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from yaoki.core.degradation import apology, chat_ladder, notice
from yaoki.core.degradation.notices import language_of
from yaoki.systems.chat import texts
from yaoki.systems.chat.answering import Answering, Written
from yaoki.systems.chat.dependency import LLM, VECTOR, Result
from yaoki.systems.chat.reply import Degraded, Engine, Reply
from yaoki.systems.chat.retrieval import PREPARING, Retrieval

if TYPE_CHECKING:
    from collections.abc import Callable

    from yaoki.core.degradation import Mode
    from yaoki.systems.chat.answer_cache import AnswerCache
    from yaoki.systems.chat.faq import Faq
    from yaoki.systems.chat.texts import Language
    from yaoki.systems.chat.vector.hits import Hit

__all__ = ["Turns", "language"]


def language(accept_language: str | None) -> Language:
    """The language to speak to a user whose `Accept-Language` this is."""
    return "ja" if language_of(accept_language, texts.LANGUAGES) == "ja" else "en"


class Turns:
    """Replies to messages. `progress` says how far the documents have been read, in per cent; `version` which index is open."""

    def __init__(
        self,
        retrieval: Retrieval,
        answering: Answering,
        *,
        cache: AnswerCache,
        faq: Faq,
        progress: Callable[[], int],
        version: Callable[[], str],
    ) -> None:
        self.ladder = chat_ladder(VECTOR, LLM)
        self.cache = cache
        self.faq = faq
        self._retrieval = retrieval
        self._answering = answering
        self._progress = progress
        self._version = version

    async def reply(self, message: str, accept_language: str | None, request_id: str) -> Reply:
        """The reply. Never raises for a failure of search or answerer."""
        spoken = language(accept_language)
        found = await self._retrieval.find(message)
        written = await self._answering.write(message, found.value, spoken)
        failed = [name for name, result in ((VECTOR, found), (LLM, written)) if result.failed]
        mode = self.ladder.mode_of(failed)
        said, engine, age = await self._say(message, mode, accept_language, spoken, found, written)
        if mode is self.ladder.best:
            self.cache.keep(message, said, self._version())
        return Reply(
            message=said.text,
            mode=mode.name,
            notice=notice(mode, accept_language),
            engine=engine,
            request_id=request_id,
            entries=said.entries,
            cached_age=age,
            degraded=tuple(_degraded(VECTOR, found) + _degraded(LLM, written)),
        )

    async def _say(
        self,
        message: str,
        mode: Mode,
        accept_language: str | None,
        spoken: Language,
        found: Result[list[Hit]],
        written: Result[Written],
    ) -> tuple[Written, Engine, float | None]:
        """What to say in this mode, who says it, and how old it is."""
        if written.value is not None:
            if found.reason == PREPARING:
                return Written(texts.PREPARING[spoken].format(percent=self._progress())), "static", None
            return written.value, self._answering.engine, None
        if not found.failed:
            cached = await self.cache.find(message, self._version())
            if cached is not None:
                return cached[0], "cache", cached[1]
        else:
            prepared = self.faq.find(message)
            if prepared is not None:
                return Written(prepared.answers[spoken]), "faq", None
        return Written(apology(mode, accept_language) or ""), "static", None


def _degraded(name: str, result: Result[list[Hit]] | Result[Written]) -> list[Degraded]:
    return [] if result.reason is None else [Degraded(name, result.reason, result.attempts)]

"""One turn: from a message to its reply, in the mode that follows from what failed on the way (SPEC G3, K2, K3).

| search | answerer | mode | the message |
| --- | --- | --- | --- |
| ok | ok | normal | from the passages; that none was found is normal too |
| failed | ok | degraded-no-context | what the answerer can say without passages |
| ok | failed | degraded-cache-only | an earlier answer, else what the passages say word for word, else an apology |
| failed | failed | static-only | a prepared answer, else a text that says it is an outage |

An answerer that fails in the middle of a stream has failed: the mode is one of the last two, the message is the text so far, and the
reply says `truncated`. One that gives up and still ends well-formed has answered; the reply says `truncated` then too, and is not
kept. What was streamed and the message are always the same text.
"""

from __future__ import annotations

import json
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from yaoki.core.degradation import apology, chat_ladder, notice
from yaoki.core.degradation.notices import language_of
from yaoki.systems.chat import texts
from yaoki.systems.chat.answerer import Asked, Exchange, Written
from yaoki.systems.chat.dependencies.dependency import LLM, VECTOR, Result
from yaoki.systems.chat.dependencies.query_types import QueryTypes, type_of
from yaoki.systems.chat.dependencies.retrieval import PREPARING, Retrieval
from yaoki.systems.chat.reply import Degraded, Reply

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from yaoki.core.degradation import Mode
    from yaoki.systems.chat.answer_cache import AnswerCache
    from yaoki.systems.chat.answerer import Answerer
    from yaoki.systems.chat.conversations import Conversations
    from yaoki.systems.chat.dependencies.answering import Answering
    from yaoki.systems.chat.dependencies.search import Found
    from yaoki.systems.chat.faq import Faq
    from yaoki.systems.chat.message import Message
    from yaoki.systems.chat.texts import Language

__all__ = ["CUT", "Turn", "Turns", "language"]

CUT = "shutting_down"
"""The reason of a part that was not waited for, since the process ends."""

_FEW_WORDS, _FEW_CHARACTERS = 5, 10
"""A message of fewer words, or of fewer characters in Japanese, is too short to be searched for alone inside of a conversation."""


def language(accept_language: str | None) -> Language:
    """The language to speak to a user whose `Accept-Language` this is."""
    return "ja" if language_of(accept_language, texts.LANGUAGES) == "ja" else "en"


class Turns:
    """What every turn needs. `progress` says how far the documents have been read, in per cent.

    `stand_in`: who answers from the passages while the answerer has failed and no earlier answer fits, or None. `maintenance`:
    whether it is declared.
    """

    def __init__(
        self,
        retrieval: Retrieval,
        answering: Answering,
        *,
        cache: AnswerCache,
        faq: Faq,
        conversations: Conversations,
        progress: Callable[[], int],
        stand_in: Answerer | None = None,
        maintenance: bool = False,
    ) -> None:
        self.ladder = chat_ladder(VECTOR, LLM)
        self.retrieval = retrieval
        self.answering = answering
        self.cache = cache
        self.faq = faq
        self.conversations = conversations
        self.progress = progress
        self.stand_in = stand_in
        self.maintenance = maintenance
        self.query_types = {VECTOR: QueryTypes(), LLM: QueryTypes()}
        """Which types of question each dependency fails for."""

    def begin(self, message: Message, accept_language: str | None, request_id: str) -> Turn:
        """The turn of one message."""
        return Turn(self, message, accept_language, request_id)


class Turn:
    """One message on its way to its reply: `reply` or `stream`, once."""

    def __init__(self, turns: Turns, message: Message, accept_language: str | None, request_id: str) -> None:
        self._turns = turns
        self._message = message
        self._accept_language = accept_language
        self._language: Language = language(accept_language)
        self._request_id = request_id
        self._found: Result[Found] = Result(None, CUT, attempts=0)
        self._streamed = ""

    async def reply(self) -> Reply:
        """The reply. Never raises for a failure of search or answerer."""
        asked = await self._search()
        return await self._end(asked, await self._turns.answering.write(asked))

    async def stream(self) -> AsyncGenerator[str | Reply, None]:
        """The message of the reply piece by piece, then the reply. Never raises for a failure of search or answerer."""
        asked = await self._search()
        written: Result[Written] = Result(None, CUT, attempts=0)
        async with aclosing(self._turns.answering.stream(asked)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Result):
                    written = piece
                else:
                    self._streamed += piece
                    yield piece
        reply = await self._end(asked, written)
        if not self._streamed and reply.message:
            yield reply.message
        yield reply

    def cut(self) -> Reply:
        """The reply if the turn is ended now, whatever is still on its way: the text so far, else an apology."""
        written: Result[Written] = Result(None, CUT, attempts=0)
        mode = self._mode(written)
        return self._reply(mode, self._so_far() or self._apology(mode), written)

    async def _search(self) -> Asked:
        turns, message = self._turns, self._message
        history = turns.conversations.history(message.user_id, message.conversation_id)
        query = f"{history[-1].question} {message.text}" if history and _is_short(message.text) else message.text
        found = self._found = await turns.retrieval.find(query)
        hits = None if found.value is None else found.value.hits
        preparing = turns.progress() if found.reason == PREPARING else None
        return Asked(message.text, query, hits, self._language, preparing, history)

    async def _end(self, asked: Asked, written: Result[Written]) -> Reply:
        turns, text = self._turns, self._message.text
        mode = self._mode(written)
        query_type = type_of(asked)
        for name, result in ((VECTOR, self._found), (LLM, written)):
            turns.query_types[name].observe(query_type, result)
        age: float | None = None
        said = written.value or self._so_far()
        if said is None:
            said, age = await self._without_answerer(asked, mode)
        elif said.complete and self._found.value is not None:
            turns.cache.keep(text, said, self._found.value.version, self._scope(asked))
        if said.informative:
            turns.conversations.add(self._message.user_id, self._message.conversation_id, Exchange(text, said.text))
        return self._reply(mode, said, written, age)

    async def _without_answerer(self, asked: Asked, mode: Mode) -> tuple[Written, float | None]:
        """What to say where nobody writes, and how old it is."""
        turns, found = self._turns, self._found.value
        if found is None:
            prepared = turns.faq.find(asked.question)
            if prepared is None:
                return self._apology(mode), None
            return Written(prepared.answers[self._language], engine="faq"), None
        cached = await turns.cache.find(asked.question, found.version, self._scope(asked))
        if cached is not None:
            return replace(cached[0], engine="cache"), cached[1]
        if turns.stand_in is not None and found.hits:
            said = await turns.stand_in.write(asked)
            if said.informative:
                return said, None
        return self._apology(mode), None

    def _scope(self, asked: Asked) -> str | None:
        """The conversation whose history the answer depends on, if it has one."""
        return json.dumps([self._message.user_id, self._message.conversation_id]) if asked.history else None

    def _so_far(self) -> Written | None:
        if not self._streamed:
            return None
        return Written(self._streamed, engine=self._turns.answering.answerer.engine, informative=False, complete=False)

    def _apology(self, mode: Mode) -> Written:
        return Written(apology(mode, self._accept_language, maintenance=self._turns.maintenance) or "", informative=False)

    def _mode(self, written: Result[Written]) -> Mode:
        results = ((VECTOR, self._found.failed), (LLM, written.failed))
        return self._turns.ladder.mode_of([name for name, failed in results if failed])

    def _reply(self, mode: Mode, said: Written, written: Result[Written], age: float | None = None) -> Reply:
        return Reply(
            message=said.text,
            mode=mode.name,
            notice=notice(mode, self._accept_language),
            engine=said.engine,
            request_id=self._request_id,
            entries=said.entries,
            cached_age=age,
            degraded=(*_degraded(VECTOR, self._found), *_degraded(LLM, written)),
            truncated=not said.complete,
            retrieval=None if self._found.value is None else self._found.value.retrieval or None,
        )


def _is_short(text: str) -> bool:
    if texts.written_in(text) == "ja":
        return len(text) < _FEW_CHARACTERS
    return len(text.split()) < _FEW_WORDS


def _degraded(name: str, result: Result[Found] | Result[Written]) -> tuple[Degraded, ...]:
    return () if result.reason is None else (Degraded(name, result.reason, result.attempts),)

"""The chat service: its parts, and every subscription of the running system, in the order of the story (SPEC G1 to G5).

Search and answerer are this process's own, or services elsewhere where their addresses are set. Then nothing is indexed here, and
the start waits for nobody.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import yaoki
from yaoki.core import deadline, events
from yaoki.core.clock import clock
from yaoki.core.degradation import ReportedMode
from yaoki.core.health.checks import HealthCheck, HealthChecks
from yaoki.core.health.probes import Probes
from yaoki.core.policies.bulkhead import Bulkhead
from yaoki.observe.log_events import subscribe_logs
from yaoki.observe.prometheus import YaokiCollector
from yaoki.systems.chat.admission import Admission
from yaoki.systems.chat.answer_cache import AnswerCache
from yaoki.systems.chat.conversations import Conversations
from yaoki.systems.chat.dependencies.answering import Answering
from yaoki.systems.chat.dependencies.dependency import LLM, VECTOR
from yaoki.systems.chat.dependencies.health import breaker_of, check_dependency, failure_duration
from yaoki.systems.chat.dependencies.retrieval import Retrieval
from yaoki.systems.chat.dependencies.search import HttpSearch, IndexSearch
from yaoki.systems.chat.extractive.answerer import Extractive
from yaoki.systems.chat.faq import Faq
from yaoki.systems.chat.feed import Feed
from yaoki.systems.chat.llm.endpoint import Endpoint
from yaoki.systems.chat.metrics import ChatMetrics
from yaoki.systems.chat.opening import Opening
from yaoki.systems.chat.stream import Streams
from yaoki.systems.chat.turn import Turns
from yaoki.systems.chat.vector.access import IndexAccess
from yaoki.systems.chat.vector.preparation import Preparation

if TYPE_CHECKING:
    from asyncio import Task
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    from yaoki.core.pipeline.pipeline import Pipeline
    from yaoki.core.shutdown import Shutdown
    from yaoki.systems.chat.answerer import Answerer
    from yaoki.systems.chat.configuration import ChatConfiguration
    from yaoki.systems.chat.dependencies.search import Search
    from yaoki.systems.chat.dependencies.switches import FaultName, Switch
    from yaoki.systems.chat.embeddings.embedder import Embedder
    from yaoki.systems.chat.message import Message
    from yaoki.systems.chat.reply import Reply
    from yaoki.systems.chat.vector.index.index import ChatIndex

__all__ = ["ChatService"]

_LAST_WORDS = 1.0
"""Seconds before the end of a drain at which answers are cut, so that what is said of that still arrives."""

_OTHERS = (2, 64, 3.0)
"""Searches of others at once, how many more wait, and how many seconds: questions need the same threads."""

_PREPARED_ELSEWHERE = {"ready": True, "stage": "", "percent": 100, "passages": None, "notices": []}


class ChatService:
    """The chat of one process. Made in the event loop that it serves; `start` once, `close` at the end."""

    def __init__(
        self,
        configuration: ChatConfiguration,
        folder: Path,
        shutdown: Shutdown,
        *,
        watch: Callable[[Preparation], object] = lambda preparation: None,
    ) -> None:
        self.configuration = configuration
        self.shutdown = shutdown
        self.opening = Opening()
        self.preparation = None if configuration.vector_url else Preparation(folder, self._prepared, configuration)
        """How far the index of this process is; None where another service searches."""
        self.access = None if self.preparation is None else IndexAccess(self.preparation, Bulkhead(*_OTHERS, name="vector"))
        """The same for whoever searches it or changes its documents over HTTP."""
        self._watch = watch
        # Contain: two dependencies, each behind a pipeline of its own, and a bound on what is answered at once.
        self.retrieval = Retrieval(configuration, _search(configuration, self._index))
        self.answering = Answering(configuration, _answerer(configuration, self._index))
        self.admission = Admission(configuration.max_concurrent)
        self.streams = Streams()
        # What is said: by whom, from what, and what instead.
        self.turns = Turns(
            self.retrieval,
            self.answering,
            cache=AnswerCache(embedder=self._embedder),
            faq=Faq(),
            conversations=Conversations(),
            progress=lambda: 100 if self.preparation is None else self.preparation.percent,
            stand_in=None if configuration.llm_url is None else Extractive(self._index),
            maintenance=configuration.maintenance,
        )
        # Judge: startup waits for the index of this process; readiness for nothing, since a degraded answer is always possible.
        types = self.turns.query_types
        checks = [
            HealthCheck(part, partial(check_dependency, pipeline, types[part]), critical=False, period=5.0)
            for part, pipeline in ((VECTOR, self.retrieval.pipeline), (LLM, self.answering.pipeline))
        ]
        if self.preparation is not None:
            # One run that ends when the index is there: an index that is being built is no failure.
            check = partial(_check_index, self.preparation)
            checks.insert(0, HealthCheck("index", check, groups=("startup",), timeout=600.0))
        self.checks = HealthChecks(*checks)
        self.probes = Probes(self.checks, shutdown)
        # Degrade: the mode that the service reports, from those of its answers.
        self.reported = ReportedMode(
            self.turns.ladder,
            worsen_after=configuration.mode_worsen_after,
            recover_after=configuration.mode_recover_after,
            name="chat",
        )
        self.latest_mode = self.reported.current.name
        """The mode of the latest answer; better than the reported one while the service recovers."""
        # Report: metrics, logs, and the live feed of the page.
        self.metrics = ChatMetrics(self.turns, self.streams, self.turns.query_types)
        self.collector = YaokiCollector(checks=self.checks, modes={"chat": self.reported}, shutdown=shutdown)
        self.feed = Feed({"chat-vector": "vector", "chat-llm": "llm"}, self.state)
        self._subscriptions: list[Callable[[], None]] = []
        self._checking: Task[None] | None = None

    def start(self) -> None:
        """Subscribe to what happens, and begin to check."""
        self._subscriptions = [subscribe_logs(), events.subscribe(self.feed.hear)]
        self._checking = self.checks.start()
        self.shutdown.add_step("end the live feed", self.feed.close)
        self.shutdown.add_step("cut answers in time", self._cut_in_time)
        if self.preparation is not None:
            self.shutdown.add_step("end the preparation", self.preparation.stop)

    async def close(self) -> None:
        """End what `start` began."""
        self.checks.stop()
        self._checking = None
        self.collector.close()
        for unsubscribe in self._subscriptions:
            unsubscribe()
        self.turns.cache.close()
        await self.retrieval.search.close()
        await self.answering.answerer.close()

    async def reply(self, message: Message, accept_language: str | None, request_id: str) -> Reply:
        """Reply to one message. Raises OverloadedError where too many are answered already; never for a dependency."""
        return await self.admission.answer(self._reply, message, accept_language, request_id)

    async def _reply(self, message: Message, accept_language: str | None, request_id: str) -> Reply:
        began = clock.now()
        with deadline.within(message.deadline):
            reply = await self.streams.whole(self.turns.begin(message, accept_language, request_id))
        self._answered(began, reply)
        return reply

    async def stream(self, message: Message, accept_language: str | None, request_id: str) -> AsyncGenerator[bytes, None]:
        """The same as server-sent events, returned when it is admitted. Raises as `reply` does."""
        turn = self.turns.begin(message, accept_language, request_id)
        answered = partial(self._answered, clock.now())
        return await self.admission.stream(self.streams.events, turn, message.deadline, answered)

    def _answered(self, began: float, reply: Reply) -> None:
        took = clock.now() - began
        self.metrics.answered(reply, took)
        if self.preparation is None or self.preparation.index is not None:
            # Before that, an answer without the documents says nothing about the two dependencies.
            self.reported.observe(self.turns.ladder[reply.mode])
            self.latest_mode = reply.mode
        self.feed.tell("answered", request_id=reply.request_id, mode=reply.mode, engine=reply.engine, took=took)

    def _cut_in_time(self) -> None:
        self.streams.cut_after(max(0.0, self.configuration.drain_timeout - _LAST_WORDS))

    @property
    def switches(self) -> dict[str, Switch]:
        """The switch of each part that can be broken by hand."""
        return {switch.part: switch for switch in (self.retrieval.switch, self.answering.switch)}

    def set_fault(self, part: str, fault: FaultName | None) -> None:
        """Break or heal a part by hand. Raises KeyError for a part that there is not."""
        self.switches[part].set(fault)
        self.feed.tell("switched", part=part, fault=fault)

    def faults(self) -> dict[str, FaultName | None]:
        """What is wrong with each part, by hand."""
        return {part: switch.fault for part, switch in self.switches.items()}

    def state(self) -> dict[str, Any]:
        """What works right now, JSON-ready."""
        return {
            "version": yaoki.__version__,
            **self.reported.snapshot(),
            "latest_mode": self.latest_mode,
            "preparation": _PREPARED_ELSEWHERE if self.preparation is None else self.preparation.to_dict(),
            "parts": [self._part(each.pipeline, each.switch) for each in (self.retrieval, self.answering)],
            "stopping": self.shutdown.requested,
        }

    def _part(self, pipeline: Pipeline, switch: Switch) -> dict[str, Any]:
        query_types = self.turns.query_types[switch.part]
        return {
            "part": switch.part,
            "pipeline": pipeline.name,
            "fault": switch.fault,
            "breaker": breaker_of(pipeline).snapshot(),
            "duration": failure_duration(pipeline, query_types).value,
            "failing": list(query_types.failing),
            "window": self.configuration.breaker_window,
        }

    def _index(self) -> ChatIndex | None:
        return None if self.preparation is None else self.preparation.index

    def _embedder(self) -> Embedder | None:
        index = self._index()
        return None if index is None else index.embedder

    def _prepared(self) -> None:
        assert self.preparation is not None
        self.feed.changed()
        self._watch(self.preparation)


def _search(configuration: ChatConfiguration, index: Callable[[], ChatIndex | None]) -> Search:
    url = configuration.vector_url
    return IndexSearch(index) if url is None else HttpSearch(url)


def _answerer(configuration: ChatConfiguration, index: Callable[[], ChatIndex | None]) -> Answerer:
    url, key = configuration.llm_url, configuration.llm_api_key
    if url is None:
        return Extractive(index)
    return Endpoint(url, configuration.llm_model, None if key is None else key.get_secret_value())


async def _check_index(preparation: Preparation) -> str:
    return f"{len(await preparation.ready())} passages"

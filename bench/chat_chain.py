"""`python -m bench.chat_chain`: what the chat's pipelines cost, in milliseconds of one question and in questions per second.

The same application twice, with dependencies in the process that answer at once: as it is, and with every pipeline taken out (no
budget, no retry, no breaker, no bound on what is answered at once). Requests go straight into the application, without a network, so
the share is not made smaller by what both have in common with any web server. Both are measured in turn, round by round.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

from yaoki.core.shutdown import Shutdown
from yaoki.service.requests import RequestGate
from yaoki.service.tokens import Token
from yaoki.systems.chat.answerer import Asked, Written
from yaoki.systems.chat.configuration import ChatConfiguration
from yaoki.systems.chat.dependencies.answering import Answering
from yaoki.systems.chat.dependencies.dependency import Result
from yaoki.systems.chat.dependencies.retrieval import Retrieval
from yaoki.systems.chat.dependencies.search import Found
from yaoki.systems.chat.message import Message
from yaoki.systems.chat.process import create_app
from yaoki.systems.chat.reply import Engine, Reply
from yaoki.systems.chat.service import ChatService
from yaoki.systems.chat.vector.index.hits import Hit

MOST_MS = 0.3
LEAST_SHARE = 0.75

HITS = tuple(Hit(f"passage-{number}", "A kettle boils water. " * 20, 2.0, f"passage {number}") for number in range(5))


class InstantSearch:
    """Finds the same passages at once."""

    ready = True

    async def search(self, question: str, count: int) -> Found:
        return Found(HITS[:count], "v1")

    def passage(self, key: str) -> Hit | None:
        return next((hit for hit in HITS if hit.id == key), None)

    async def close(self) -> None:
        pass


class InstantAnswerer:
    """Writes the same answer at once."""

    engine: Engine = "llm"

    async def write(self, asked: Asked) -> Written:
        return Written("A kettle does [1].", engine="llm")

    async def stream(self, asked: Asked) -> AsyncGenerator[str | Written, None]:
        yield "A kettle does [1]."
        yield await self.write(asked)

    async def close(self) -> None:
        pass


class BareRetrieval(Retrieval):
    """Asks the search, and nothing else."""

    async def find(self, query: str) -> Result[Found]:
        return Result(await self._find(query))


class BareAnswering(Answering):
    """Asks the answerer, and nothing else."""

    async def write(self, asked: Asked) -> Result[Written]:
        return Result(await self._write(asked))


class BareService(ChatService):
    """The service with every pipeline taken out."""

    def __init__(self, configuration: ChatConfiguration, folder: Path, shutdown: Shutdown) -> None:
        super().__init__(configuration, folder, shutdown)
        self.retrieval = self.turns.retrieval = BareRetrieval(configuration, InstantSearch())
        self.answering = self.turns.answering = BareAnswering(configuration, InstantAnswerer())

    async def reply(self, message: Message, accept_language: str | None, request_id: str) -> Reply:
        return await self._reply(message, accept_language, request_id)


Ask = Callable[[], Awaitable[None]]


def asking(service: ChatService) -> Ask:
    """A function that asks the service's application one question, and takes nothing but 200 and mode normal."""
    app = RequestGate(create_app(service, Token("a-token-of-the-bench"), lambda: None), service.shutdown, {})
    body = json.dumps({"message": "How does a kettle boil water?", "user_id": "bench"}).encode()
    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]

    async def ask() -> None:
        sent: list[dict[str, Any]] = []
        received = iter([{"type": "http.request", "body": body, "more_body": False}])
        gone = asyncio.get_running_loop().create_future()

        async def receive() -> dict[str, Any]:
            message = next(received, None)
            return message if message is not None else await gone

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/chat",
            "raw_path": b"/chat",
            "query_string": b"",
            "root_path": "",
            "headers": list(headers),
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8700),
        }
        await app(scope, receive, send)
        assert sent[0]["status"] == 200
        assert b'"mode":"normal"' in sent[1]["body"]

    return ask


async def measured(ask: Ask, count: int, at_once: int) -> tuple[float, float]:
    """The median milliseconds of one question alone, and questions per second of processor time `at_once`."""
    times = []
    for _ in range(count):
        began = time.perf_counter()
        await ask()
        times.append(time.perf_counter() - began)

    async def several() -> None:
        for _ in range(count // at_once):
            await ask()

    # Processor time: nothing waits here, and what else runs on the machine is nobody's cost.
    began = time.process_time()
    await asyncio.gather(*(several() for _ in range(at_once)))
    per_second = (count // at_once) * at_once / (time.process_time() - began)
    return statistics.median(times) * 1000.0, per_second


async def run(rounds: int, count: int, at_once: int) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """The figures of both, round by round."""
    configuration = ChatConfiguration(vector_url="http://127.0.0.1:1", llm_url="http://127.0.0.1:1")  # type: ignore[call-arg]  # the others have defaults
    with tempfile.TemporaryDirectory() as folder:
        whole = ChatService(configuration, Path(folder), Shutdown())
        whole.retrieval.search, whole.answering.answerer = InstantSearch(), InstantAnswerer()
        bare = BareService(configuration, Path(folder), Shutdown())
        asks = asking(whole), asking(bare)
        for ask in asks:
            await measured(ask, 200, 1)
        figures: tuple[list[tuple[float, float]], list[tuple[float, float]]] = ([], [])
        for _ in range(rounds):
            for ask, found in zip(asks, figures, strict=True):
                found.append(await measured(ask, count, at_once))
        for service in (whole, bare):
            await service.close()
    return figures


def main() -> int:
    """Measure and print; 1 if a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.chat_chain", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=25, help="how often both are measured (25)")
    parser.add_argument("--count", type=int, default=320, help="questions of one round, each way (320)")
    parser.add_argument("--at-once", type=int, default=32, help="questions at once for the questions per second (32)")
    options = parser.parse_args()
    whole, bare = asyncio.run(run(options.rounds, options.count, options.at_once))
    cost = statistics.median(one[0] - other[0] for one, other in zip(whole, bare, strict=True))
    share = statistics.median(one[1] / other[1] for one, other in zip(whole, bare, strict=True))
    print("the chain's cost            with pipelines     without     target")
    milliseconds = [statistics.median(each[0] for each in found) for found in (whole, bare)]
    print(f"p50 of one question     {milliseconds[0]:10.3f} ms {milliseconds[1]:10.3f} ms")
    print(f"  more by               {cost:10.3f} ms                  <= {MOST_MS} ms")
    per_second = [statistics.median(each[1] for each in found) for found in (whole, bare)]
    print(f"questions per second    {per_second[0]:10.0f}    {per_second[1]:10.0f}")
    print(f"  share                 {share:10.1%}                     >= {LEAST_SHARE:.0%}")
    return 0 if cost <= MOST_MS and share >= LEAST_SHARE else 1


if __name__ == "__main__":
    sys.exit(main())

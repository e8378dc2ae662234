"""A chatbot that asks a vector database, then a model, and keeps answering while either of them is down, or both.

    python examples/rag_chatbot.py

It is the service of the source document, with policies in the place of hand-written loops. Both services are real, HTTP on free ports of
127.0.0.1, and are shut down one after the other. The chat that comes with Yaoki does the same and more: `yaoki chat serve`.
"""

from __future__ import annotations

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from yaoki import Pipeline, Timeout, presets
from yaoki.core.degradation import apology, chat_ladder, notice

# --- two services that can be away -------------------------------------------------------------------------------------------


class Backend(ThreadingHTTPServer):
    """Answers every request with the same JSON; with 503 while it is `away`."""

    daemon_threads = True

    def __init__(self, answer: dict[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), BackendHandler)
        self.answer = json.dumps(answer).encode()
        self.away = False
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"


class BackendHandler(BaseHTTPRequestHandler):
    """One request."""

    server: Backend

    def do_POST(self) -> None:
        """Answer it."""
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b"{}" if self.server.away else self.server.answer
        self.send_response(503 if self.server.away else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's own name
        """Nothing: what happens is told by the chatbot."""


vector_db = Backend({"context": "A kettle boils a litre of water in three minutes."})
llm = Backend({"answer": "About three minutes."})

# --- the chatbot -------------------------------------------------------------------------------------------------------------

# 3 s and 30 s are the whole of it, retries and waits included; a timeout counts as a failure, so a service that hangs opens its circuit.
search = Pipeline(Timeout(3.0), presets.chat_retry(), presets.chat_breaker(), Timeout(1.0), name="vector-db")
generate = Pipeline(Timeout(30.0), presets.chat_retry(), presets.chat_breaker(), name="llm")

ladder = chat_ladder(search="vector-db", writer="llm")
answers: dict[str, str] = {}
"""What was answered while nothing failed. The chat that comes with Yaoki also finds those to questions in other words."""


async def ask(client: httpx.AsyncClient, address: str, **question: str | None) -> dict[str, Any]:
    """What a service answers. Raises httpx.HTTPError."""
    response = await client.post(address, json=question)
    response.raise_for_status()
    answered: dict[str, Any] = response.json()
    return answered


async def process_chat_message(client: httpx.AsyncClient, message: str, language: str) -> dict[str, Any]:
    """The reply; its mode follows from what failed on its way, not from a health check before."""
    found = await search.aexecute(ask, client, f"{vector_db.address}/search", query=message)
    # A failed search gives no context: neither a notice nor an apology is ever told to the model.
    context = found.value["context"] if found.value else None
    written = await generate.aexecute(ask, client, f"{llm.address}/generate", message=message, context=context)

    mode = ladder.mode_of([name for name, outcome in (("vector-db", found), ("llm", written)) if not outcome.ok])
    earlier = answers.get(message) if found.ok else None
    text: str = written.value["answer"] if written.value else earlier or apology(mode, language) or ""
    if mode.name == "normal":
        answers[message] = text
    return {"message": text, "mode": mode.name, "notice": notice(mode, language)}


# --- one thing after the other -----------------------------------------------------------------------------------------------


async def main() -> None:
    """Ask the same in every state."""
    question = "How long does a kettle take?"
    async with httpx.AsyncClient(trust_env=False, timeout=None) as client:  # noqa: S113  # the pipelines bound every call
        for away in ((), (vector_db,), (llm,), (vector_db, llm), ()):
            for backend in (vector_db, llm):
                backend.away = backend in away
            reply = await process_chat_message(client, question, "ja")
            print(f"{len(away)} away:")
            print(json.dumps(reply, ensure_ascii=False, indent=2))


if __name__ == "__main__":
    asyncio.run(main())

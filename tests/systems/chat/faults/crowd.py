"""Many who ask at once."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True, slots=True)
class Answer:
    """What one of them got. `status`: 0 where the connection broke; `seconds`: from the question to the end of the answer."""

    status: int
    seconds: float
    body: dict[str, Any]

    @property
    def mode(self) -> str:
        """The mode of the answer, "" if it is none."""
        return str(self.body.get("mode", ""))


async def ask(http: httpx.AsyncClient, message: str, **fields: Any) -> Answer:
    """One question to `POST /chat`."""
    began = time.monotonic()
    try:
        response = await http.post("/chat", json={"message": message, **fields})
    except httpx.TransportError as error:
        return Answer(0, time.monotonic() - began, {"error": repr(error)})
    return Answer(response.status_code, time.monotonic() - began, json.loads(response.content))


def client(url: str) -> httpx.AsyncClient:
    """A client whose patience does not decide."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=200)
    return httpx.AsyncClient(base_url=url, trust_env=False, timeout=60.0, limits=limits)


def ask_all(url: str, message: str, count: int, at_once: int) -> list[Answer]:
    """So many questions, so many of them at once."""

    async def main() -> list[Answer]:
        seats = asyncio.Semaphore(at_once)

        async def one(http: httpx.AsyncClient) -> Answer:
            async with seats:
                return await ask(http, message)

        async with client(url) as http:
            return list(await asyncio.gather(*(one(http) for _ in range(count))))

    return asyncio.run(main())

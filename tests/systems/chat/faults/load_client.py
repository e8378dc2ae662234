"""Asks one chat in a process of its own, so that asking takes nothing from whoever answers; prints what it saw as JSON.

`python load_client.py PORT capacity SECONDS AT_ONCE`: answers for each second while so many ask one after the other.
`python load_client.py PORT load SECONDS RATE DEADLINE`: so many questions each second whether or not they are answered, and something
that an answer can do without (`GET /faq`), over and over: `{"questions": [[at, status, seconds, mode]], "auxiliary": [[at, status]]}`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

PATIENCE = 30.0
"""Seconds after which nobody waits any more."""

ASK = "How does a kettle boil water?"


async def ask(port: int, method: str, path: str, **body: Any) -> tuple[int, dict[str, Any]]:
    """The status and the body of an answer, over a connection of its own; status 0 where it broke."""
    content = json.dumps(body).encode() if body else b""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {len(content)}\r\n\r\n"
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head.encode() + content)
        async with asyncio.timeout(PATIENCE):
            answered = await reader.read()
        writer.close()
    except (OSError, TimeoutError):
        return 0, {}
    first, _, rest = answered.partition(b"\r\n\r\n")
    return (int(first.split()[1]), json.loads(rest)) if rest else (0, {})


async def capacity(port: int, seconds: float, at_once: int) -> float:
    """Answers for each second."""
    answered = 0
    began = time.monotonic()

    async def ask_on() -> None:
        nonlocal answered
        while time.monotonic() < began + seconds:
            status, body = await ask(port, "POST", "/chat", message=ASK)
            assert (status, body["mode"]) == (200, "normal"), (status, body)
            answered += 1

    await asyncio.gather(*(ask_on() for _ in range(at_once)))
    return answered / (time.monotonic() - began)


async def load(port: int, seconds: float, rate: float, deadline: float) -> dict[str, Any]:
    """What came of each question, and of what an answer can do without, by the second in which it was answered."""
    questions: list[tuple[float, int, float, str]] = []
    auxiliary: list[tuple[float, int]] = []
    began = time.monotonic()

    async def one() -> None:
        sent = time.monotonic()
        status, body = await ask(port, "POST", "/chat", message=ASK, deadline_ms=deadline * 1000.0)
        now = time.monotonic()
        questions.append((now - began, status, now - sent, str(body.get("mode", ""))))

    async def look() -> None:
        while time.monotonic() < began + seconds:
            status, _ = await ask(port, "GET", "/faq")
            auxiliary.append((time.monotonic() - began, status))
            await asyncio.sleep(0.05)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(look())
        asked = 0
        while (now := time.monotonic() - began) < seconds:
            for _ in range(int(now * rate) - asked):
                asked += 1
                tasks.create_task(one())
            await asyncio.sleep(0.005)
    return {"questions": questions, "auxiliary": auxiliary}


if __name__ == "__main__":
    port, what, seconds, *figures = sys.argv[1:]
    if what == "capacity":
        print(json.dumps(asyncio.run(capacity(int(port), float(seconds), int(figures[0])))))
    else:
        print(json.dumps(asyncio.run(load(int(port), float(seconds), float(figures[0]), float(figures[1])))))

"""SPEC X2: a deadlock is an error that says who waits where for what."""

from __future__ import annotations

import asyncio
import inspect
import math
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from yaoki.testing import Deadlock, VirtualClock, VirtualEventLoop, run


def deadlock_of(main: Coroutine[Any, Any, None]) -> str:
    with pytest.raises(Deadlock) as caught:
        run(main, clock=VirtualClock(patience=0.01, limit=0.01))
    return str(caught.value)


def line_about(message: str, coroutine: str) -> str:
    """The line about the task that runs this coroutine."""
    (line,) = (line for line in message.splitlines() if f"{coroutine}) at " in line)
    return line


def place(function: Callable[..., object], code: str) -> str:
    """The file and line in which `function` has `code`."""
    lines, first = inspect.getsourcelines(function)
    (found,) = (number for number, line in enumerate(lines, first) if code in line)
    return f"{__file__}:{found}, in {function.__qualname__}"


async def consume(queue: asyncio.Queue[int]) -> None:
    await queue.get()


def test_x2_names_task_place_and_primitive() -> None:
    """SPEC X2: the place is the innermost line of the user's own code, not asyncio's."""

    async def main() -> None:
        await asyncio.create_task(consume(asyncio.Queue()), name="consumer")

    line = line_about(deadlock_of(main()), "consume")

    assert line == f"  consumer (consume) at {place(consume, 'queue.get')}: waits for asyncio's Queue.get"


def test_x2_names_the_task_that_another_waits_for() -> None:
    """SPEC X2: a chain of tasks can be followed by name, also through gather."""

    async def both(*tasks: asyncio.Task[None]) -> None:
        await asyncio.gather(*tasks)

    async def main() -> None:
        queue: asyncio.Queue[int] = asyncio.Queue()
        tasks = [asyncio.create_task(consume(queue), name=name) for name in ("left", "right")]
        pair = asyncio.create_task(both(*tasks), name="pair")
        await pair

    message = deadlock_of(main())

    assert line_about(message, "main").endswith("waits for task 'pair'")
    assert line_about(message, "both").endswith("waits for task 'left', task 'right'")


def test_x2_looks_into_generators_and_context_managers() -> None:
    """SPEC X2: a task that waits inside an asynchronous generator is found there."""

    async def events() -> AsyncIterator[int]:
        await asyncio.Event().wait()
        yield 1

    @asynccontextmanager
    async def session() -> AsyncIterator[int]:
        async for event in events():
            yield event

    async def main() -> None:
        async with session():
            pass

    line = line_about(deadlock_of(main()), "main")

    assert line.endswith(f"{place(events, 'Event().wait')}: waits for asyncio's Event.wait")


def test_x2_a_bare_future_is_called_so() -> None:
    """SPEC X2: of a future that nobody completes there is no more to say than the place."""

    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    line = line_about(deadlock_of(main()), "main")

    assert line.endswith(f"{place(main, 'create_future')}: waits for a future that nobody completes")


def test_x2_says_when_and_how_many() -> None:
    """SPEC X2: the message begins with the virtual time and the number of tasks."""

    async def main() -> None:
        await asyncio.sleep(12.5)
        await asyncio.Event().wait()

    first = deadlock_of(main()).splitlines()[0]

    assert first == "nothing is scheduled at 12.5 s of virtual time, and nothing can happen any more: 1 task waits for ever"


def test_x2_an_endless_sleep_is_a_deadlock() -> None:
    """SPEC X2: time does not jump to infinity."""

    async def main() -> None:
        await asyncio.sleep(math.inf)

    assert "waits for asyncio's sleep" in deadlock_of(main())


def test_x2_a_loop_without_tasks_says_so() -> None:
    """SPEC X2: a loop that runs for ever with nothing to do does not hang."""
    with VirtualClock(patience=0.01):
        loop = VirtualEventLoop()
        with pytest.raises(Deadlock, match="no task is left"):
            loop.run_forever()
        loop.close()


def test_x2_names_what_stayed_silent() -> None:
    """SPEC X2: an open socket, a job and a thread are waited for until the limit, then named."""
    go = threading.Event()

    async def main() -> None:
        threading.Thread(target=go.wait, name="a helper", daemon=True).start()
        async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0):
            job = asyncio.get_running_loop().run_in_executor(None, go.wait)
            try:
                await asyncio.Event().wait()
            finally:
                go.set()
                job.cancel()

    silent = deadlock_of(main()).splitlines()[-1]

    assert silent.startswith("  silent until the limit of real time: descriptor ")
    assert silent.endswith(", executor job Event.wait, thread 'a helper'")


def test_x2_tasks_are_still_cancelled_after_a_deadlock() -> None:
    """SPEC X2: the tasks that wait for ever get their cancellation, and may clean up."""
    cleaned: list[bool] = []

    async def main() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(True)

    deadlock_of(main())

    assert cleaned == [True]

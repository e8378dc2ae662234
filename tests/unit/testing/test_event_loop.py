"""SPEC X2: the virtual event loop jumps over waits, and waits for what is real."""

from __future__ import annotations

import asyncio
import math
import socket
import threading
from collections.abc import AsyncIterator

import pytest

from yaoki.core.clock import clock
from yaoki.testing import Deadlock, VirtualClock, VirtualEventLoop, run


def test_x2_jumps_over_waits() -> None:
    """SPEC X2: an hour of sleeps under a day's timeout is over at once, and both clocks agree."""

    async def main() -> tuple[float, float]:
        async with asyncio.timeout(86_400.0):
            for _ in range(60):
                await asyncio.sleep(60.0)
        return clock.now(), asyncio.get_running_loop().time()

    assert run(main()) == (3600.0, 3600.0)


def test_x2_timers_come_in_order_each_at_its_moment() -> None:
    """SPEC X2: tasks wake in the order of their times, and see exactly their time."""
    woken: list[tuple[str, float]] = []

    async def wake(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        woken.append((name, clock.now()))

    async def main() -> None:
        await asyncio.gather(wake("c", 0.3), wake("a", 0.1), wake("b", 0.2))

    run(main())

    assert woken == [("a", 0.1), ("b", 0.2), ("c", 0.3)]


def test_x2_a_timeout_fires_at_its_moment() -> None:
    """SPEC X2: what never comes is waited for until the timeout, no longer."""

    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.5):
                await asyncio.Event().wait()
        return clock.now()

    assert run(main()) == 2.5


def test_x2_remembers_the_sleeps_of_tasks() -> None:
    """SPEC X2: `sleeps` holds asyncio.sleep as it holds clock.sleep; a timeout is no sleep."""

    async def main() -> None:
        async with asyncio.timeout(100.0):
            await asyncio.sleep(0.1)
            clock.sleep(0.2)
            await asyncio.sleep(0.3)

    with VirtualClock() as virtual:
        run(main())

    assert virtual.sleeps == [0.1, 0.2, 0.3]


def test_x2_a_blocking_sleep_makes_timers_late() -> None:
    """SPEC X2: code that blocks the loop for 5 s delays a timer of 1 s, as it would in reality."""

    async def main() -> float:
        task = asyncio.create_task(asyncio.sleep(1.0))
        await asyncio.sleep(0)
        clock.sleep(5.0)
        await task
        return clock.now()

    assert run(main()) == 5.0


def test_x2_goes_on_with_the_clock_in_use() -> None:
    """SPEC X2: several runs in one block share one time line."""

    async def main() -> None:
        await asyncio.sleep(1.0)

    with VirtualClock(start=10.0):
        run(main())
        run(main())
        assert clock.now() == 12.0


def test_x2_installs_the_clock_it_is_given() -> None:
    """SPEC X2: `run(..., clock=)` uses that clock, and restores the one before."""

    async def main() -> float:
        await asyncio.sleep(1.0)
        return clock.now()

    given = VirtualClock(start=50.0)
    with VirtualClock() as outer:
        assert run(main(), clock=given) == 51.0
        assert VirtualClock.installed() is outer


def test_x2_the_class_is_a_loop_factory() -> None:
    """SPEC X2: for other runners the loop brings a clock along, and takes it away when it closes."""

    async def main() -> float:
        await asyncio.sleep(3600.0)
        return clock.now()

    with asyncio.Runner(loop_factory=VirtualEventLoop) as runner:
        assert runner.run(main()) == 3600.0
        loop = runner.get_loop()
    loop.close()
    assert VirtualClock.installed() is None


def test_x2_leaves_nothing_behind() -> None:
    """SPEC X2: remaining tasks are cancelled and awaited, asynchronous generators closed, the loop closed."""
    ended: list[str] = []
    loops: list[asyncio.AbstractEventLoop] = []
    generators: list[AsyncIterator[int]] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            ended.append("generator")

    async def background() -> None:
        try:
            await asyncio.sleep(math.inf)
        finally:
            ended.append("task")

    async def main() -> None:
        loops.append(asyncio.get_running_loop())
        generators.append(numbers())
        await anext(generators[0])
        generators.append(asyncio.create_task(background()))  # type: ignore[arg-type]  # kept alive only
        await asyncio.sleep(1.0)

    run(main())

    assert sorted(ended) == ["generator", "task"]
    assert loops[0].is_closed()


def test_x2_what_main_raises_comes_out() -> None:
    """SPEC X2: an error of the test reaches the test, and time is real again."""

    async def main() -> None:
        await asyncio.sleep(1.0)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        run(main())
    assert VirtualClock.installed() is None


def test_x2_refuses_to_run_inside_a_running_loop() -> None:
    """SPEC X2: as asyncio.run does."""

    async def main() -> None:
        with pytest.raises(RuntimeError, match="running event loop"):
            run(asyncio.sleep(0))

    run(main())


def test_x2_waits_for_an_executor_job_in_real_time() -> None:
    """SPEC X2: a job that needs real milliseconds is not overtaken by a virtual timeout."""
    go = threading.Event()

    def job() -> str:
        go.wait()
        return "done"

    async def main() -> tuple[str, float]:
        threading.Timer(0.02, go.set).start()
        async with asyncio.timeout(1.0):
            return await asyncio.to_thread(job), clock.now()

    assert run(main()) == ("done", 0.0)


def test_x2_waits_for_a_thread_that_calls_in() -> None:
    """SPEC X2: a thread started in the test may wake the loop, with and without a timer beside it."""

    async def main() -> tuple[int, int, float]:
        loop = asyncio.get_running_loop()
        answers: list[int] = []
        for number, limit in ((1, 60.0), (2, None)):
            answer = loop.create_future()
            threading.Timer(0.02, loop.call_soon_threadsafe, (answer.set_result, number)).start()
            answers.append(await asyncio.wait_for(answer, limit))
        return answers[0], answers[1], clock.now()

    assert run(main()) == (1, 2, 0.0)


def test_x2_real_sockets_work() -> None:
    """SPEC X2: a conversation over loopback under a virtual timeout takes no virtual time."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()

    async def main() -> tuple[bytes, float]:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        async with server, asyncio.timeout(1.0):
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"hello\n")
            answer = await reader.readline()
            writer.close()
            await writer.wait_closed()
            return answer, clock.now()

    assert run(main()) == (b"hello\n", 0.0)


def test_x2_watches_a_socket_in_both_directions() -> None:
    """SPEC X2: readers and writers come and go as on any loop."""

    async def main() -> list[str]:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        seen: list[str] = []
        readable = asyncio.Event()

        def read() -> None:
            seen.append("readable")
            loop.remove_reader(ours)
            readable.set()

        def write() -> None:
            seen.append("writable")
            loop.remove_writer(ours)
            theirs.send(b"!")

        with ours, theirs:
            loop.add_reader(ours, read)
            loop.add_writer(ours, write)
            await readable.wait()
        return seen

    assert run(main()) == ["writable", "readable"]


def test_x2_jumps_past_a_silent_socket_after_its_patience() -> None:
    """SPEC X2: an idle listener does not turn virtual hours into real ones."""

    async def main() -> float:
        async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0):
            await asyncio.sleep(3600.0)
        return clock.now()

    assert run(main(), clock=VirtualClock(patience=0.01)) == 3600.0


@pytest.mark.parametrize(("wait", "outcome"), [(1.0, (True, 0.5)), (0.25, (False, 0.25))])
def test_x2_threads_and_tasks_wait_in_one_order(wait: float, outcome: tuple[bool, float]) -> None:
    """SPEC X2: a task that releases after 0.5 s is in time for a thread that waits 1 s, and too late for one that waits 0.25 s."""
    virtual = VirtualClock(grace=5.0)

    def less_grace_when_both_wait() -> None:
        pause = threading.Event()
        while virtual.waits() < 2:
            pause.wait(0.001)
        virtual.grace = 0.2

    async def main() -> tuple[bool, float]:
        lock = threading.Lock()
        lock.acquire()
        threading.Thread(target=less_grace_when_both_wait).start()
        waiting = asyncio.create_task(asyncio.to_thread(lambda: (clock.acquire(lock, wait), clock.now())))
        await asyncio.sleep(0.5)
        lock.release()
        return await waiting

    assert run(main(), clock=virtual) == outcome


def test_x2_a_finished_job_is_not_waited_for_again() -> None:
    """SPEC X2: idle threads of the loop's pool do not hide a deadlock."""

    async def main() -> None:
        await asyncio.to_thread(int)
        await asyncio.Event().wait()

    with pytest.raises(Deadlock, match="1 task waits for ever"):
        run(main(), clock=VirtualClock(patience=0.01))

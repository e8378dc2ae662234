"""SPEC H4: real processes that get real signals, and their exit codes."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no signals of this kind")

ON_A_LOOP = """
import asyncio, sys, time
from yaoki import Shutdown

drain_timeout, seconds = float(sys.argv[1]), float(sys.argv[2])

async def main():
    shutdown = Shutdown(drain_timeout=drain_timeout)
    assert shutdown.install_signals()
    async def request():
        async with shutdown.work("request"):
            print("busy", flush=True)
            await asyncio.sleep(seconds)
            print("answered", flush=True)
    task = asyncio.create_task(request())
    print(await shutdown.wait(), flush=True)
    code = await shutdown.drain()
    await asyncio.gather(task, return_exceptions=True)
    return code

sys.exit(asyncio.run(main()))
"""

BY_THREADS = """
import sys, threading, time
from yaoki import Shutdown

drain_timeout, seconds = float(sys.argv[1]), float(sys.argv[2])
shutdown = Shutdown(drain_timeout=drain_timeout)
assert shutdown.install_signals()

def job():
    with shutdown.work("job"):
        print("busy", flush=True)
        time.sleep(seconds)
        print("answered", flush=True)

threading.Thread(target=job).start()
print(shutdown.wait_threads(), flush=True)
sys.exit(shutdown.drain_threads())
"""

BLOCKED = """
import asyncio, sys, time
from yaoki import Shutdown

async def main():
    shutdown = Shutdown(drain_timeout=float(sys.argv[1]), close_timeout=0.0)
    assert shutdown.install_signals()
    async with shutdown.work("report"):
        print("busy", flush=True)
        while True:  # what never gives the event loop a turn
            time.sleep(0.05)
            if shutdown.requested:
                print(shutdown.reason, flush=True)

asyncio.run(main())
"""


class Process:
    """A program that is told when to end."""

    def __init__(self, program: str, *arguments: float) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-c", program, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        assert self.popen.stdout is not None
        return self.popen.stdout.readline().strip()

    def end(self) -> tuple[int, str, str]:
        """The exit code, and what else was printed."""
        out, err = self.popen.communicate(timeout=15)
        return self.popen.returncode, out.strip(), err.strip()


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    processes: list[Process] = []

    def begin(program: str, *arguments: float) -> Process:
        processes.append(Process(program, *arguments))
        assert processes[-1].line() == "busy"
        return processes[-1]

    yield begin
    for process in processes:
        process.popen.kill()
        process.popen.communicate()


@pytest.mark.parametrize("program", [ON_A_LOOP, BY_THREADS], ids=["loop", "threads"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_work_in_flight_is_answered_and_the_exit_code_is_0(
    start: Callable[..., Process], program: str, number: signal.Signals
) -> None:
    """SPEC H4: one signal, one answer, exit 0."""
    process = start(program, 10.0, 0.5)
    process.popen.send_signal(number)

    assert process.line() == number.name
    assert process.end() == (0, "answered", "")


def test_what_takes_too_long_is_named_and_the_exit_code_is_3(start: Callable[..., Process]) -> None:
    """SPEC H4: forced by time, with a warning on a terminal without any logging set up."""
    process = start(ON_A_LOOP, 0.2, 60.0)
    process.popen.send_signal(signal.SIGTERM)

    assert process.line() == "SIGTERM"
    code, out, err = process.end()
    assert (code, out) == (3, "")
    assert "forcing the shutdown, the time is over; left: request (1, oldest " in err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_second_signal_ends_it_at_once(start: Callable[..., Process], number: signal.Signals, code: int) -> None:
    """SPEC H4: 143 or 130."""
    process = start(ON_A_LOOP, 30.0, 60.0)
    process.popen.send_signal(signal.SIGTERM)
    assert process.line() == "SIGTERM"
    process.popen.send_signal(number)

    assert process.end()[:2] == (code, "")


def test_a_thread_that_hangs_does_not_keep_a_forced_process_alive(start: Callable[..., Process]) -> None:
    """SPEC H4: the interpreter would wait for it for ever; forced means ended."""
    process = start(BY_THREADS, 0.1, 60.0)
    process.popen.send_signal(signal.SIGTERM)
    assert process.line() == "SIGTERM"
    process.popen.send_signal(signal.SIGTERM)

    assert process.end()[0] in (3, 143)


def test_a_blocked_event_loop_is_ended_by_a_second_signal(start: Callable[..., Process]) -> None:
    """SPEC H4: nobody can carry the shutdown out, so the watchdog ends the process and names what was left."""
    process = start(BLOCKED, 30.0)
    process.popen.send_signal(signal.SIGTERM)
    assert process.line() == "SIGTERM"
    process.popen.send_signal(signal.SIGINT)

    code, _, err = process.end()
    assert code == 130
    assert "nobody carried the shutdown out in time; forced with exit code 130; left: report (1, oldest " in err


def test_a_blocked_event_loop_is_ended_when_its_time_is_over(start: Callable[..., Process]) -> None:
    """SPEC H4: exit code 3, a little after the last moment of the drain."""
    process = start(BLOCKED, 0.0)
    process.popen.send_signal(signal.SIGTERM)

    code, _, err = process.end()
    assert code == 3
    assert "left: report (1, oldest " in err

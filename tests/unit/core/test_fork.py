"""SPEC R1, B3: right after fork: children wait differently, and no lock of the parent's threads is in their way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import yaoki

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork")

SOURCE = Path(yaoki.__file__).parents[1]

IN_A_CHILD = """
import os, sys, warnings
sys.path.insert(0, sys.argv[1])
warnings.simplefilter("ignore", DeprecationWarning)  # that a process with threads forks is what is tested

def in_child(function):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, repr(function()).encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as answer:
        return answer.read()
"""


def printed(program: str) -> str:
    """What the program prints; a program that hangs fails."""
    command = [sys.executable, "-c", IN_A_CHILD + program, str(SOURCE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=15)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_r1_children_draw_other_jitter_than_their_parent() -> None:
    """SPEC R1: else all workers of a pre-forking server would retry at the same moment."""
    program = """
from yaoki import Retry, exponential
from yaoki.core.clock import clock

def waits():
    backoff = exponential(1.0)
    return [backoff.delay(1) for _ in range(4)]

waits()
print(len({in_child(waits), in_child(waits), repr(waits())}))
"""

    assert printed(program) == "3\n"


@pytest.mark.parametrize("compiled", ["0", "1"])
def test_b3_locks_that_a_thread_held_at_the_fork_are_free_in_the_child(compiled: str) -> None:
    """SPEC B3: that thread does not exist in the child, and would never give them back."""
    program = f"""
os.environ["YAOKI_COMPILE"] = {compiled!r}
import threading
from yaoki import Budget, Bulkhead, CircuitBreaker, Pipeline, Retry, Timeout, constant, events
from yaoki.core import interpreter

breaker = CircuitBreaker(failure_threshold=2)
pipeline = Pipeline(Timeout(5.0), Retry(3, constant(0.0)), breaker, Bulkhead(2), Timeout(1.0), name="forked")
held, done = threading.Event(), threading.Event()

def hold_all():
    for lock in interpreter._stripes:
        lock.acquire()
    held.set()
    done.wait()

threading.Thread(target=hold_all, daemon=True).start()
held.wait()

def fails():
    raise ConnectionError

def use():
    events.subscribe(str)
    outcome = pipeline.execute(fails)
    return type(outcome.error).__name__, outcome.attempts, breaker.snapshot()["state"], pipeline.call.__name__

print(in_child(use))
done.set()
"""

    assert printed(program) == "('ConnectionError', 2, 'open', 'call')\n"


def test_t1_a_fork_inside_a_guarded_call_keeps_the_deadline() -> None:
    """SPEC T1: the child is on the same clock and in the same request; what it does afterwards is its own."""
    program = """
from yaoki import Retry, Timeout, deadline

@Timeout(60.0)
def guarded():
    return in_child(lambda: (0.0 < deadline.remaining() <= 60.0, Timeout(5.0).call(deadline.remaining) <= 5.0))

print(guarded(), deadline.remaining())
"""

    assert printed(program) == "(True, True) inf\n"


def test_t1_a_timeout_used_before_the_fork_serves_a_loop_of_the_childs() -> None:
    """SPEC T1: queues of the parent's loops are nothing to the child."""
    program = """
import asyncio
from yaoki import DeadlineExceededError, Timeout

@Timeout(0.05)
async def guarded(seconds):
    await asyncio.sleep(seconds)
    return "in time"

def use():
    try:
        asyncio.run(guarded(30.0))
    except DeadlineExceededError:
        return asyncio.run(guarded(0.0))

asyncio.run(guarded(0.0))
print(in_child(use), use())
"""

    assert printed(program) == "'in time' in time\n"

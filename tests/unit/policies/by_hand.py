"""Driving one policy by hand: calls without a driver, a function to be asked, interrupts at a chosen step, forked children."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from yaoki.core.deadline import NEVER
from yaoki.core.pipeline.call import Call
from yaoki.core.pipeline.plan import Plan
from yaoki.core.policies.policy import Policy


def a_call(policy: Policy, *, deadline: float = NEVER, ran: bool = True) -> Call:
    """A call through `policy` alone that nobody drives."""
    call = Call()
    call.start(Plan((policy,), None, is_async=False), (policy,), [], 0.0, deadline)
    call.ran = ran
    return call


class Asked:
    """A function that notes how it was called, and answers with the number of the call or raises what it is told to."""

    def __init__(self) -> None:
        self.calls: list[object] = []
        self.error: BaseException | None = None

    def __call__(self, *args: object, **kwargs: object) -> int:
        self.calls.append((args, kwargs) if kwargs else args)
        if self.error is not None:
            raise self.error
        return len(self.calls)

    async def slowly(self, *args: object) -> int:
        number = self(*args)
        await asyncio.sleep(1.0)
        return number


def forked(in_child: Callable[[], object]) -> object:
    """What `in_child` returns in a forked child, as JSON carries it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            signal.alarm(10)  # a child that hangs ends by itself
            os.write(writing, json.dumps(in_child()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    assert text, "the child failed"
    return json.loads(text)


def interrupted(action: Callable[[], object], inside: str, at: int) -> bool:
    """Run `action` with a KeyboardInterrupt at the step number `at` in the file `inside`; False if it has fewer steps.

    The steps are those at which CPython looks for signals: the entry of a function, and the return from a built-in one. The
    first entry into the file is its caller's matter: nothing has been done yet.
    """
    steps = 0

    def is_inside(frame: FrameType | None) -> bool:
        return frame is not None and Path(frame.f_code.co_filename).name == inside

    def count(frame: FrameType, event: str, arg: object) -> None:
        nonlocal steps
        if is_inside(frame) and (event == "c_return" or (event == "call" and is_inside(frame.f_back))):
            steps += 1
            if steps == at:
                sys.setprofile(None)
                raise KeyboardInterrupt

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        action()
    except KeyboardInterrupt:
        return True
    finally:
        sys.setprofile(before)
    return False

"""The error for a program that waits for ever, and the text that says who waits where for what (SPEC X2)."""

from __future__ import annotations

import gc

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable, Iterator
    from types import FrameType
    from typing import Any

__all__ = ["Deadlock"]

_LIBRARIES = ("asyncio", "contextlib", "yaoki")


class Deadlock(RuntimeError):  # noqa: N818  # the word for it
    """Everybody waits, and nothing can happen any more: the message names who waits where for what."""


def describe(time: float, tasks: Iterable[asyncio.Task[Any]], still_open: list[str]) -> str:
    """The message for an event loop with nothing to do at `time`, of which `still_open` stayed silent."""
    waiting = sorted(tasks, key=lambda task: (len(task.get_name()), task.get_name()))
    count = f"{len(waiting)} task{'s wait' if len(waiting) != 1 else ' waits'} for ever" if waiting else "no task is left"
    lines = [f"nothing is scheduled at {time:.6g} s of virtual time, and nothing can happen any more: {count}"]
    lines += [f"  {line}" for line in map(_where, waiting)]
    if still_open:
        lines.append(f"  silent until the limit of real time: {', '.join(still_open)}")
    return "\n".join(lines)


def _where(task: asyncio.Task[Any]) -> str:
    coroutine = task.get_coro()
    frames = list(_frames(coroutine))
    own = [frame for frame in frames if not _is_library(frame)] or frames
    name = f"{task.get_name()} ({getattr(coroutine, '__qualname__', coroutine)})"
    place = f"{own[-1].f_code.co_filename}:{own[-1].f_lineno}, in {own[-1].f_code.co_qualname}" if own else "an unknown place"
    return f"{name} at {place}: waits for {_what(task, frames)}"


def _what(task: asyncio.Task[Any], frames: list[FrameType]) -> str:
    awaited = getattr(task, "_fut_waiter", None)
    names = [_quoted_name(each) for each in getattr(awaited, "_children", [awaited])]
    if any(names):
        return ", ".join(filter(None, names))
    if frames and _is_library(frames[-1]):
        return f"{frames[-1].f_globals['__name__'].split('.')[0]}'s {frames[-1].f_code.co_qualname}"
    return "a future that nobody completes"


def _quoted_name(awaited: object) -> str:
    get_name = getattr(awaited, "get_name", None)
    return "" if get_name is None else f"task {get_name()!r}"


def _is_library(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] in _LIBRARIES


def _frames(awaitable: object) -> Iterator[FrameType]:
    """The frames of a suspended coroutine, outermost first."""
    seen: set[int] = set()
    while awaitable is not None and id(awaitable) not in seen:
        seen.add(id(awaitable))
        for prefix in ("cr", "gi", "ag"):
            frame = getattr(awaitable, f"{prefix}_frame", None)
            if frame is not None:
                yield frame
                awaitable = getattr(awaitable, f"{prefix}_yieldfrom" if prefix == "gi" else f"{prefix}_await")
                break
        else:
            # The step of an asynchronous generator does not name its generator, but refers to it.
            awaitable = next((each for each in gc.get_referents(awaitable) if hasattr(each, "ag_frame")), None)

"""Run the Python blocks of one page, in order and in one namespace: `python -m tests.docs.run_page PAGE`.

`await` may stand outside of functions, as readers of a page expect; then all blocks share one event loop.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import sys
from pathlib import Path
from types import CodeType

from tests.docs.pages import blocks, in_virtual_time
from yaoki.testing import VirtualClock, run


def compiled(page: Path) -> list[CodeType]:
    """The blocks as code whose line numbers are those of the page."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    python = [block for block in blocks(page) if block.language == "python"]
    return [compile("\n" * (block.line - 1) + block.text, str(page), "exec", flags, dont_inherit=True) for block in python]


async def play_all(codes: list[CodeType], names: dict[str, object]) -> None:
    for code in codes:
        result = eval(code, names)
        if inspect.isawaitable(result):
            await result


def play(page: Path) -> None:
    names: dict[str, object] = {"__name__": "__main__"}
    codes = compiled(page)
    asynchronous = any(code.co_flags & inspect.CO_COROUTINE for code in codes)
    if in_virtual_time(page):
        with VirtualClock():
            if asynchronous:
                run(play_all(codes, names))
            else:
                for code in codes:
                    exec(code, names)
    elif asynchronous:
        asyncio.run(play_all(codes, names))
    else:
        for code in codes:
            exec(code, names)


if __name__ == "__main__":
    play(Path(sys.argv[1]))

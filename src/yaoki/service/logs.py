"""Where a service's logs go, and in which form (SPEC O3): lines for people on a terminal, JSON everywhere else.

Everything goes through standard logging to one handler on the standard error stream. The library itself only logs; whether and
how it is shown is decided here, by the process that runs.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

from yaoki.core.faults.errors import ConfigurationError

if TYPE_CHECKING:
    from typing import TextIO

__all__ = ["setup_logs"]

_LEVELS = ("debug", "info", "warning", "error", "critical")

# What these tell below a warning, a service says itself, or it is nobody's concern.
_QUIET = ("asyncio", "httpcore", "httpx", "uvicorn", "uvicorn.access", "uvicorn.error")

_ours: logging.Handler | None = None


def setup_logs(json: bool | None = None, *, level: str = "info", stream: TextIO | None = None) -> logging.Handler:
    """Show the logs of this process; calling it again replaces what it set up before. Returns the handler.

    `json`: lines of JSON; by default only if `stream` (the standard error stream) is no terminal. Colours are used on a terminal
    alone, and not with `NO_COLOR` in the environment. `level`: debug, info, warning, error or critical, the lowest to show.

    Raises ConfigurationError for a level that is none.
    """
    global _ours
    if level.lower() not in _LEVELS:
        raise ConfigurationError(f"level must be one of {', '.join(_LEVELS)}, not {level!r}")
    from yaoki.observe.log_format import HumanFormatter, JsonFormatter, request_filter

    # A process without a terminal of its own, such as one started by a desktop, may have no standard error.
    target = sys.stderr if stream is None else stream
    terminal = target is not None and target.isatty()
    handler = logging.StreamHandler(target)
    handler.addFilter(request_filter)
    as_json = not terminal if json is None else json
    colours = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    handler.setFormatter(JsonFormatter() if as_json else HumanFormatter(colours=colours))
    root = logging.getLogger()
    if _ours is not None:
        root.removeHandler(_ours)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(True)
    _ours = handler
    return handler

"""For tests, yours and ours: virtual time, scripted dependencies, recorded events, assertions about pipelines (SPEC X2).

Nothing that is shipped imports this room. Its own names are loaded when they are first used, so that the pytest plugin costs
a test run nothing until a test asks for it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from yaoki.testing.assertions import assert_opens_after, assert_recovers, assert_refuses, assert_retries
    from yaoki.testing.deadlock import Deadlock
    from yaoki.testing.event_loop import VirtualEventLoop, run
    from yaoki.testing.recording import Recorded, record_events
    from yaoki.testing.script import Script, ScriptedCall, UnscriptedCall, takes
    from yaoki.testing.virtual_clock import VirtualClock

__all__ = [
    "Deadlock",
    "Recorded",
    "Script",
    "ScriptedCall",
    "UnscriptedCall",
    "VirtualClock",
    "VirtualEventLoop",
    "assert_opens_after",
    "assert_recovers",
    "assert_refuses",
    "assert_retries",
    "record_events",
    "run",
    "takes",
]

_HOMES = {
    "Deadlock": "deadlock",
    "Recorded": "recording",
    "Script": "script",
    "ScriptedCall": "script",
    "UnscriptedCall": "script",
    "VirtualClock": "virtual_clock",
    "VirtualEventLoop": "event_loop",
    "assert_opens_after": "assertions",
    "assert_recovers": "assertions",
    "assert_refuses": "assertions",
    "assert_retries": "assertions",
    "record_events": "recording",
    "run": "event_loop",
    "takes": "script",
}


if not TYPE_CHECKING:  # type checkers know the names above, and shall complain about others

    def __getattr__(name: str) -> object:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(f"{__name__}.{home}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(globals().keys() | set(__all__))

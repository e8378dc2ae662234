"""The pytest plugin: virtual time for marked tests, and two fixtures (SPEC X2).

    @pytest.mark.virtual_time                       # sync or async; options as for VirtualClock
    async def test_backs_off(yaoki_events): ...

Marked tests run in virtual time together with their function-scoped fixtures; async ones on a VirtualEventLoop. That needs no
other plugin, and keeps out of the way of those for async tests. The rest of Yaoki is imported when a test asks for it.
"""

from __future__ import annotations

import functools
import inspect

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from typing import Any

    from yaoki.testing.recording import Recorded
    from yaoki.testing.virtual_clock import VirtualClock

__all__ = ["virtual_clock", "yaoki_events"]

_MARKER = "virtual_time"
_FIXTURE = "virtual_clock"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        f"{_MARKER}(start=0.0, *, wall_start, seed, grace, patience, limit): run the test in virtual time, "
        "an async test on Yaoki's virtual event loop; the options are those of yaoki.testing.VirtualClock",
    )


@pytest.fixture
def virtual_clock(request: pytest.FixtureRequest) -> Iterator[VirtualClock]:
    """A VirtualClock that stands in for the library's time; its options come from the marker `virtual_time`."""
    with _clock_of(request.node) as clock:
        yield clock


@pytest.fixture
def yaoki_events() -> Iterator[Recorded]:
    """The events that Yaoki sends during the test, in order."""
    from yaoki.testing.recording import record_events

    with record_events() as recorded:
        yield recorded


def _clock_of(node: pytest.Item) -> VirtualClock:
    from yaoki.testing.virtual_clock import VirtualClock

    marker = node.get_closest_marker(_MARKER)
    return VirtualClock(*marker.args, **marker.kwargs) if marker else VirtualClock()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Start virtual time before the function-scoped fixtures of a marked test, and after those of wider scope."""
    if not isinstance(item, pytest.Function) or item.get_closest_marker(_MARKER) is None:
        return
    names = [name for name in item.fixturenames if name != _FIXTURE]
    definitions = item._fixtureinfo.name2fixturedefs
    wider = [name for name in names if name in definitions and definitions[name][-1].scope != "function"]
    first = names.index(wider[-1]) + 1 if wider else 0
    # A new list, since the variants of a parametrized test share one.
    item.fixturenames = [*names[:first], _FIXTURE, *names[first:]]


# Innermost, so that plugins for async tests already find an ordinary function.
@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_pycollect_makeitem() -> Generator[None, object, object]:
    """Turn marked async tests into ordinary ones that run the virtual event loop."""
    collected = yield
    for item in collected if isinstance(collected, list) else [collected]:
        if isinstance(item, pytest.Function) and item.get_closest_marker(_MARKER) is not None:
            hypothesis = getattr(item.obj, "hypothesis", None)
            if hypothesis is not None:
                hypothesis.inner_test = _example(hypothesis.inner_test, item)
            elif inspect.iscoroutinefunction(item.obj):
                item.obj = _synchronous(item.obj)
    return collected


def _synchronous(test: Callable[..., Any]) -> Callable[..., None]:
    @functools.wraps(test)
    def run_in_virtual_time(*args: Any, **kwargs: Any) -> None:
        from yaoki.testing.event_loop import run

        run(test(*args, **kwargs))

    return run_in_virtual_time


def _example(test: Callable[..., Any], item: pytest.Item) -> Callable[..., Any]:
    """Each example of a Hypothesis test gets a clock of its own, unless the test asks for the fixture's."""
    if hasattr(test, "in_virtual_time"):
        return test
    shared = _FIXTURE in inspect.signature(test).parameters
    play = _synchronous(test) if inspect.iscoroutinefunction(test) else test

    @functools.wraps(test)
    def example_in_virtual_time(*args: Any, **kwargs: Any) -> None:
        if shared:
            play(*args, **kwargs)
            return
        with _clock_of(item):
            play(*args, **kwargs)

    example_in_virtual_time.in_virtual_time = True  # type: ignore[attr-defined]  # parametrized variants share the test
    return example_in_virtual_time

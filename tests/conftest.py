"""What many tests are run with: generated code or the driver alone, a plain function or a coroutine function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from yaoki.core import events
from yaoki.testing import Script, VirtualClock, run


@pytest.fixture(autouse=True, scope="module")
def no_listener_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """A file of tests ends every subscription that it began: the next one must find nobody listening.

    The subscription of a health tracker that is gone ends with the next event, so its own tests are not asked.
    """
    before = events.listeners
    yield
    assert request.path.parent.name == "health" or events.listeners == before


@pytest.fixture(params=["generated", "driver"])
def either_path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The test runs twice: with generated code, and with the driver alone (`YAOKI_COMPILE=0`)."""
    monkeypatch.setenv("YAOKI_COMPILE", "1" if request.param == "generated" else "0")
    return str(request.param)


class World:
    """One of two worlds: `sync` guards a script as a plain function, `async` as a coroutine function on a virtual event loop."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_async = name == "async"

    def __repr__(self) -> str:
        return self.name

    def function(self, target: Script | Callable[..., Any]) -> Callable[..., Any]:
        """A function of this world, with any parameters, that does what `target` does."""
        return _coroutine(target) if self.is_async else _plain(target)

    def guard(self, guard: Any, target: Script | Callable[..., Any]) -> Callable[..., Any]:
        """`target` decorated with a pipeline or a policy; calling it is synchronous in both worlds."""
        guarded: Callable[..., Any] = guard(self.function(target))
        if not self.is_async:
            return guarded

        def call(*args: Any, **kwargs: Any) -> Any:
            return run(guarded(*args, **kwargs))

        return call

    def call(self, guard: Any, target: Script | Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """`call` or `acall` of a pipeline, a policy or a keyed state."""
        if not self.is_async:
            return guard.call(self.function(target), *args, **kwargs)
        return run(guard.acall(self.function(target), *args, **kwargs))

    def execute(self, guard: Any, target: Script | Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """`execute` or `aexecute`."""
        if not self.is_async:
            return guard.execute(self.function(target), *args, **kwargs)

        async def main() -> Any:
            return await guard.aexecute(self.function(target), *args, **kwargs)

        return run(main())


def _plain(target: Script | Callable[..., Any]) -> Callable[..., Any]:
    def guarded(*args: Any, **kwargs: Any) -> Any:
        return target(*args, **kwargs)

    return guarded


def _coroutine(target: Script | Callable[..., Any]) -> Callable[..., Any]:
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        if isinstance(target, Script):
            return await target.asynchronous(*args, **kwargs)
        return target(*args, **kwargs)

    return guarded


@pytest.fixture(params=["sync", "async"])
def world(request: pytest.FixtureRequest, either_path: str, virtual_clock: VirtualClock) -> World:
    """The test runs four times, in virtual time: sync and async, each with generated code and with the driver alone."""
    return World(request.param)

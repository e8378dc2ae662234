"""The beginning and the end of an application, with its own errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI

from yaoki.service.errors import CannotStartError
from yaoki.service.lifespan import Lifespan
from yaoki.testing import run


def application(told: list[str], *, at_start: Exception | None = None, at_end: Exception | None = None) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, str]]:
        told.append("starts")
        if at_start is not None:
            raise at_start
        yield {"kept": "for requests"}
        told.append("ends")
        if at_end is not None:
            raise at_end

    return FastAPI(lifespan=lifespan, openapi_url=None)


def test_h4_an_application_starts_and_ends() -> None:
    """SPEC H4: in this order, and keeps a state for its requests."""
    told: list[str] = []
    lifespan = Lifespan(application(told))

    async def main() -> None:
        await lifespan.startup()
        told.append("serves")
        await lifespan.shutdown()

    run(main())

    assert told == ["starts", "serves", "ends"]
    assert lifespan.state == {"kept": "for requests"}


def test_h4_what_keeps_it_from_starting_is_raised_as_it_is() -> None:
    """SPEC H4: so whoever starts it can say it plainly."""
    error = LookupError("the index is damaged")

    with pytest.raises(LookupError) as raised:
        run(Lifespan(application([], at_start=error)).startup())

    assert raised.value is error


def test_h4_an_error_at_the_end_is_raised() -> None:
    """SPEC H4: the shutdown logs it and goes on."""
    lifespan = Lifespan(application([], at_end=OSError("disk full")))

    async def main() -> None:
        await lifespan.startup()
        await lifespan.shutdown()

    with pytest.raises(OSError, match="disk full"):
        run(main())


def test_h4_an_application_may_only_say_that_it_failed() -> None:
    """SPEC H4: the last line of its message is told."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "Traceback\n  ...\nOSError: disk full"})

    with pytest.raises(CannotStartError, match="could not start: OSError: disk full"):
        run(Lifespan(app).startup())


def test_h4_an_application_without_a_lifespan_is_served() -> None:
    """SPEC H4: one that knows HTTP alone."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"

    async def main() -> None:
        lifespan = Lifespan(app)
        await lifespan.startup()
        await lifespan.shutdown()

    run(main())


def test_h4_a_startup_that_is_given_up_ends() -> None:
    """SPEC H4: when the process is to end before it has started."""
    told: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        try:
            await asyncio.sleep(1000.0)
        finally:
            told.append("given up")

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(Lifespan(app).startup(), 1.0)

    run(main())

    assert told == ["given up"]


def test_h4_an_application_that_never_started_has_no_end() -> None:
    """SPEC H4: nothing is asked of it."""
    told: list[str] = []

    run(Lifespan(application(told)).shutdown())

    assert told == []

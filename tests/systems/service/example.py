"""A small service as a user would write it: `python -m tests.systems.service.example --data FOLDER [--port N]`.

Prints its address, then serves until it is told to end. `/upload`, `/wait`, `/stream` and `/feed` stay open, `/ask` fails as told.
"""

from __future__ import annotations

import argparse
import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from yaoki import CircuitBreaker, Fallback, Pipeline, Retry, Timeout, constant
from yaoki.core.faults.errors import ConfigurationError
from yaoki.core.health.checks import HealthCheck, HealthChecks
from yaoki.core.health.probes import Probes
from yaoki.core.shutdown import Shutdown
from yaoki.observe.log_events import subscribe_logs
from yaoki.observe.prometheus import YaokiCollector
from yaoki.service.configuration import load
from yaoki.service.data_directory import Instance, data_directory
from yaoki.service.endpoints import router
from yaoki.service.guard import ActionGuard
from yaoki.service.listening import listen
from yaoki.service.logs import setup_logs
from yaoki.service.serving import leave, serve
from yaoki.service.streams import until_shutdown
from yaoki.service.tokens import Token


class Settings(BaseModel):
    """The example."""

    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(0, ge=0, le=65535, description="The port; 0 takes any that is free.")
    data: Path | None = Field(None, description="The data folder.")
    drain_timeout: float = Field(10.0, ge=0.0, description="Seconds that open requests get at the end.")
    balancer_wait: float = Field(0.0, ge=0.0, description="Seconds between readiness going false and the first refusal.")
    startup_error: str = Field("", description="Why the application shall not start.")


breaker = CircuitBreaker(failure_threshold=3, open_timeout=60.0, name="oracle")
oracle = Pipeline(Fallback(value="no answer", on=KeyError), Timeout(5.0), Retry(2, constant(0.0)), breaker, name="oracle")
peers = Pipeline(CircuitBreaker(failure_threshold=1), name="peers").keyed()


def application(settings: Settings, shutdown: Shutdown, token: Token) -> FastAPI:
    checks = HealthChecks(
        HealthCheck("oracle", lambda: breaker.state == "closed", critical=False, period=0.1, jitter=0.0),
        HealthCheck("warm", lambda: None, groups=("startup",), period=0.1, jitter=0.0),
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if settings.startup_error:
            raise ConfigurationError(settings.startup_error)
        checks.start()
        yield
        checks.stop()
        print("ended well", flush=True)

    app = FastAPI(lifespan=lifespan, openapi_url=None)
    app.include_router(router(Probes(checks, shutdown), YaokiCollector(peers, checks=checks, shutdown=shutdown)))
    held = threading.Event()

    @app.get("/ask")
    async def ask(error: str = "", peer: str = "") -> str:
        async def answer() -> str:
            if error:
                raise {"network": ConnectionResetError, "key": KeyError, "bug": ZeroDivisionError}[error]("a secret text")
            return "42"

        return await (peers[peer].acall(answer) if peer else oracle.acall(answer))

    @app.get("/left")
    async def left() -> list[str]:
        return shutdown.left()

    @app.post("/upload")
    async def upload(request: Request) -> int:
        return sum([len(chunk) async for chunk in request.stream()])

    @app.get("/wait")
    async def wait() -> None:
        await asyncio.Event().wait()

    @app.get("/stuck")
    def stuck() -> str:
        held.wait(60.0)
        return "never"

    @app.get("/stream")
    async def stream(items: int, seconds: float) -> Response:
        async def lines() -> AsyncIterator[str]:
            for number in range(items):
                yield f"{number}\n"
                await asyncio.sleep(seconds)

        return StreamingResponse(lines(), media_type="text/plain")

    @app.get("/feed")
    async def feed() -> Response:
        async def ticks() -> AsyncIterator[str]:
            while True:
                yield "tick\n"
                await asyncio.sleep(0.05)

        return StreamingResponse(until_shutdown(ticks(), shutdown), media_type="text/plain")

    @app.post("/reset", dependencies=[Depends(ActionGuard(token))])
    async def reset() -> str:
        breaker.reset()
        return "closed"

    return app


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config")
    for name in ("port", "data", "drain-timeout", "balancer-wait", "startup-error"):
        parser.add_argument(f"--{name}")
    options = vars(parser.parse_args())
    setup_logs(level="debug")
    subscribe_logs()
    try:
        settings = load(Settings, section="example", config=options.pop("config"), options=options)
        place = data_directory("example", settings.data)
        shutdown = Shutdown(drain_timeout=settings.drain_timeout, balancer_wait=settings.balancer_wait)
        with Instance("example", place) as instance:
            token = Token.load("example", place)
            listener = listen(settings.host, settings.port)

            def started(address: str) -> None:
                instance.address = address
                print(address, flush=True)

            return serve(application(settings, shutdown, token), shutdown=shutdown, listener=listener, started=started)
    except ConfigurationError as error:
        print(error, flush=True)
        return 1


if __name__ == "__main__":
    leave(main())

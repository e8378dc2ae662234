"""How the services of the chat refuse over HTTP: in one form, whatever the reason (SPEC G3, X5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from yaoki.core.faults.errors import OverloadedError
from yaoki.observe.request_id import current_request, new_request_id
from yaoki.service.disconnect import CallerGoneError
from yaoki.systems.chat.http.early_refusal import TOO_MANY
from yaoki.systems.chat.http.request_body import RefusedError

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["add_refusals", "request_id"]

_NEVER_KEPT = {"Cache-Control": "no-store"}


def add_refusals(app: FastAPI) -> None:
    """Answer every refusal in one form: `{"error", "reason", "request_id"}`."""

    @app.exception_handler(RefusedError)
    async def refused(_: Request, error: RefusedError) -> JSONResponse:
        headers = {"Retry-After": "1"} if error.status == 429 else {}
        return _refusal(error.status, error.error, error.reason, headers)

    @app.exception_handler(OverloadedError)
    async def overloaded(_: Request, __: OverloadedError) -> JSONResponse:
        return _refusal(429, "too_many", TOO_MANY, {"Retry-After": "1"})

    @app.exception_handler(CallerGoneError)
    async def gone(_: Request, __: CallerGoneError) -> Response:
        # Nobody reads it.
        return Response(status_code=499)

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> JSONResponse:
        names = {401: "token_wrong", 403: "foreign", 404: "not_found", 405: "method_not_allowed"}
        return _refusal(
            error.status_code, names.get(error.status_code, "refused"), str(error.detail), dict(error.headers or {})
        )


def _refusal(status: int, error: str, reason: str, headers: dict[str, str]) -> JSONResponse:
    body = {"error": error, "reason": reason, "request_id": request_id()}
    return JSONResponse(body, status, {**_NEVER_KEPT, **headers})


def request_id() -> str:
    """The id of the request that is answered, a new one outside of any."""
    return current_request.get() or new_request_id()

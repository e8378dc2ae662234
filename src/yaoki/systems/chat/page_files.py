"""The page of the chat, served from the package with headers that keep everything foreign out (SPEC G5, X5)."""

from __future__ import annotations

from importlib.resources import files
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from fastapi import APIRouter, Response

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

__all__ = ["HEADERS", "router"]

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}

_KINDS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}


def router() -> APIRouter:
    """The routes of the page's files, read once: the page itself at `/`, its parts under `/page/`."""
    routes = APIRouter(include_in_schema=False)
    folder = files("yaoki.systems.chat").joinpath("page")
    for path, file in _files(folder, "/page"):
        _add(routes, path, file)
    _add(routes, "/", folder.joinpath("index.html"))
    # Browsers ask for this one whatever the page says.
    _add(routes, "/favicon.ico", folder.joinpath("favicon.svg"))
    return routes


def _files(folder: Traversable, path: str) -> Iterator[tuple[str, Traversable]]:
    for each in folder.iterdir():
        if each.is_dir():
            yield from _files(each, f"{path}/{each.name}")
        elif _kind(each) is not None:
            yield f"{path}/{each.name}", each


def _kind(file: Traversable) -> str | None:
    return _KINDS.get(PurePosixPath(file.name).suffix)


def _add(routes: APIRouter, path: str, file: Traversable) -> None:
    content, kind = file.read_bytes(), _kind(file)

    async def send() -> Response:
        return Response(content, media_type=kind, headers=HEADERS)

    routes.add_api_route(path, send, methods=["GET", "HEAD"])

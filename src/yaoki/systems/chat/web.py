"""The page of the chat, served from the package with headers that keep everything foreign out (SPEC G5, X5)."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, Response

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

_FILES = {
    "/": ("index.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/favicon.svg": ("favicon.svg", "image/svg+xml"),
    # Browsers ask for this one whatever the page says.
    "/favicon.ico": ("favicon.svg", "image/svg+xml"),
}


def router() -> APIRouter:
    """The routes of the page's files, read once."""
    routes = APIRouter(include_in_schema=False)
    for path, (name, kind) in _FILES.items():
        _add(routes, path, files("yaoki.systems.chat").joinpath("page", name).read_bytes(), kind)
    return routes


def _add(routes: APIRouter, path: str, content: bytes, kind: str) -> None:
    async def file() -> Response:
        return Response(content, media_type=kind, headers=HEADERS)

    routes.add_api_route(path, file, methods=["GET", "HEAD"])

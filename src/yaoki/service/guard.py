"""Who may change state over HTTP: a request with the token, and from no foreign web page (SPEC X5).

A browser sends requests that some page makes it send. Those of another origin are told by `Sec-Fetch-Site` and `Origin`; a page
whose name was made to point to this machine is told by `Host`, which must be an address, `localhost`, or a name that was allowed.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fastapi import HTTPException, Request

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from yaoki.service.tokens import Token

__all__ = ["ActionGuard", "OriginGuard", "foreign"]


class OriginGuard:
    """A dependency of FastAPI routes that refuses requests of foreign pages with 403: `dependencies=[Depends(OriginGuard())]`.

    `hosts`: the names by which the service may be called, beside addresses and `localhost`.
    """

    def __init__(self, hosts: Collection[str] = ()) -> None:
        self.hosts: frozenset[str] = frozenset(host.lower() for host in hosts)

    async def __call__(self, request: Request) -> None:
        """Raise HTTPException for a request of a foreign page."""
        reason = foreign(request.headers, request.url.scheme, self.hosts)
        if reason is not None:
            raise HTTPException(403, reason)


class ActionGuard(OriginGuard):
    """A dependency of FastAPI routes: `@app.post("/reset", dependencies=[Depends(ActionGuard(token))])`.

    The token is in `Authorization: Bearer …`. 401 without it, 403 for a request of a foreign page. `hosts`: as above.
    """

    def __init__(self, token: Token, hosts: Collection[str] = ()) -> None:
        super().__init__(hosts)
        self.token = token

    async def __call__(self, request: Request) -> None:
        """Raise HTTPException unless the request may change state."""
        await super().__call__(request)
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not self.token.matches(given.strip()):
            raise HTTPException(401, "this needs the token of the service", {"WWW-Authenticate": "Bearer"})


def foreign(headers: Mapping[str, str], scheme: str, hosts: Collection[str] = ()) -> str | None:
    """Why a request with these headers is one of a foreign page; None if it is not. Names of headers are in lower case."""
    host = headers.get("host", "")
    if not _is_allowed(_name_of(host), hosts):
        return "this name is not one of the service"
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return "the request comes from another site"
    origin = headers.get("origin")
    if origin is not None and origin.lower() != f"{scheme}://{host}".lower():
        return "the request comes from another origin"
    return None


def _name_of(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_allowed(name: str, hosts: Collection[str]) -> bool:
    if name == "localhost" or name in hosts:
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True

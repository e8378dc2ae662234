"""Which requests may change state: the token, and no foreign page."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from fastapi import Depends, FastAPI

from yaoki.service.guard import ActionGuard, foreign
from yaoki.service.tokens import Token
from yaoki.testing import run

SECRET = "correct-horse-battery"
BASE = "http://127.0.0.1:8700"


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "127.0.0.1:8700"},
        {"host": "localhost:8700"},
        {"host": "[::1]:8700", "origin": "http://[::1]:8700"},
        {"host": "192.0.2.7", "origin": "http://192.0.2.7", "sec-fetch-site": "same-origin"},
        {"host": "127.0.0.1:8700", "sec-fetch-site": "none"},
        {"host": "Chat.example:8700", "origin": "http://chat.example:8700"},
    ],
)
def test_x5_own_pages_and_programs_are_not_foreign(headers: dict[str, str]) -> None:
    """SPEC X5: programs send no Origin; a browser tells the site of the page."""
    assert foreign(headers, "http", {"chat.example"}) is None


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"host": "127.0.0.1:8700", "origin": "http://evil.example"}, "another origin"),
        ({"host": "127.0.0.1:8700", "origin": "null"}, "another origin"),
        ({"host": "127.0.0.1:8700", "origin": "http://127.0.0.1:9999"}, "another origin"),
        ({"host": "127.0.0.1:8700", "origin": "https://127.0.0.1:8700"}, "another origin"),
        ({"host": "127.0.0.1:8700", "sec-fetch-site": "cross-site"}, "another site"),
        ({"host": "127.0.0.1:8700", "sec-fetch-site": "same-site"}, "another site"),
        # A name of theirs that was made to point to this machine.
        ({"host": "evil.example:8700", "origin": "http://evil.example:8700", "sec-fetch-site": "same-origin"}, "this name"),
        ({"host": "localhost.evil.example"}, "this name"),
        ({"host": "[bad"}, "this name"),
        ({}, "this name"),
    ],
)
def test_x5_foreign_pages_are_told(headers: dict[str, str], reason: str) -> None:
    """SPEC X5: by where the request comes from, and by the name it was sent to."""
    said = foreign(headers, "http")

    assert said is not None
    assert reason in said


@pytest.fixture
def post() -> Iterator[object]:
    """Sends a POST to a guarded route."""
    app = FastAPI(openapi_url=None)

    @app.post("/change", dependencies=[Depends(ActionGuard(Token(SECRET)))])
    async def change() -> str:
        return "changed"

    def send(**headers: str) -> httpx.Response:
        async def main() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as client:
                return await client.post("/change", headers={name.replace("_", "-"): text for name, text in headers.items()})

        return run(main())

    return send


def test_x5_the_token_opens_the_route(post: object) -> None:
    """SPEC X5: in the Authorization header, whatever the case of the scheme."""
    assert callable(post)
    assert post(authorization=f"Bearer {SECRET}").status_code == 200
    assert post(authorization=f"bearer  {SECRET} ").status_code == 200


@pytest.mark.parametrize("authorization", ["", SECRET, "Bearer", "Bearer x", f"Basic {SECRET}"])
def test_x5_without_the_token_nothing_is_changed(post: object, authorization: str) -> None:
    """SPEC X5: 401, and how to be entitled."""
    assert callable(post)
    response = post(authorization=authorization)

    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")


def test_x5_the_token_does_not_help_a_foreign_page(post: object) -> None:
    """SPEC X5: 403 before the token is looked at."""
    assert callable(post)
    assert post(authorization=f"Bearer {SECRET}", origin="http://evil.example").status_code == 403

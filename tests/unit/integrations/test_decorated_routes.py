"""A guarded function is a route: the web framework still sees its parameters, types and documentation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import ModuleType

import httpx
import pytest

ROUTES = """
from typing import Annotated

from fastapi import Depends, FastAPI, Header
from pydantic import BaseModel

from yaoki import CircuitBreaker, Pipeline, Retry, Timeout, constant


class Order(BaseModel):
    item: str
    number: int = 1


def caller(x_caller: Annotated[str, Header()] = "nobody") -> str:
    return x_caller


app = FastAPI()
failures = [ConnectionError("once")]


@app.post("/orders/{shop}")
@Pipeline(Timeout(5.0), Retry(max_attempts=3, backoff=constant(0.0)), CircuitBreaker())
async def order(shop: int, order: Order, who: Annotated[str, Depends(caller)], fast: bool = False) -> dict[str, object]:
    \"\"\"Order something.\"\"\"
    if failures:
        raise failures.pop()
    return {"shop": shop, "item": order.item, "number": order.number, "who": who, "fast": fast}


@app.get("/orders")
@Retry(max_attempts=2)
def orders(limit: int = 10) -> list[int]:
    return list(range(limit))
"""


@pytest.fixture
def routes(user_module: Callable[[str], ModuleType]) -> ModuleType:
    return user_module(ROUTES)


@pytest.fixture
def ask(routes: ModuleType) -> Callable[..., httpx.Response]:
    def ask(method: str, path: str, **options: object) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(app=routes.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
                return await client.request(method, path, **options)  # type: ignore[arg-type]

        return asyncio.run(asked())

    return ask


def test_path_body_dependency_and_query_arrive_and_a_failure_is_retried(ask: Callable[..., httpx.Response]) -> None:
    """The route gets what its parameters ask for, and its first failure is not seen by the caller."""
    answer = ask("POST", "/orders/7?fast=true", json={"item": "tea"}, headers={"x-caller": "ann"})

    assert answer.status_code == 200, answer.text
    assert answer.json() == {"shop": 7, "item": "tea", "number": 1, "who": "ann", "fast": True}


def test_bad_input_is_refused_by_the_framework(ask: Callable[..., httpx.Response]) -> None:
    """Validation still knows the types of the parameters."""
    assert ask("POST", "/orders/seven", json={"item": "tea"}).status_code == 422
    assert ask("POST", "/orders/7", json={"number": "many"}).status_code == 422


def test_a_plain_function_is_a_route_too(ask: Callable[..., httpx.Response]) -> None:
    """A guarded `def` is run by the framework as an unguarded one is."""
    assert ask("GET", "/orders?limit=3").json() == [0, 1, 2]


def test_the_schema_is_that_of_the_unguarded_route(routes: ModuleType) -> None:
    """OpenAPI shows the route's own parameters, body, return type and docstring."""
    operation = routes.app.openapi()["paths"]["/orders/{shop}"]["post"]

    assert operation["description"] == "Order something."
    assert [(parameter["name"], parameter["in"]) for parameter in operation["parameters"]] == [
        ("shop", "path"),
        ("fast", "query"),
        ("x-caller", "header"),
    ]
    assert operation["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Order"}

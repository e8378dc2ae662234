"""Statuses of HTTP, gRPC and SQL, which integrations hand to the classifier (SPEC F3, B4, G2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yaoki.core.faults.category import Category, Origin, Recoverability
from yaoki.core.faults.grpc_status import of_grpc_status
from yaoki.core.faults.http_status import of_http_status
from yaoki.core.faults.sqlstate import of_sqlstate

CALLER, DEPENDENCY = Origin.CALLER, Origin.DEPENDENCY
TRANSIENT, RECOVERABLE, SEVERE, FATAL = Recoverability


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 412, 413, 415, 418, 422, 423, 428, 431, 451, 499])
def test_a_refused_request_is_the_callers(status: int) -> None:
    """SPEC G2: a caller's 4xx is no failure, and repeating it does not help."""
    fault = of_http_status(status)

    assert (fault.origin, fault.recoverability, fault.code) == (CALLER, FATAL, status)


@pytest.mark.parametrize(
    ("status", "category", "recoverability"),
    [
        (408, Category.TIMEOUT, RECOVERABLE),
        (421, Category.ROUTING, TRANSIENT),
        (425, Category.STATE, TRANSIENT),
        (429, Category.CAPACITY, RECOVERABLE),
        (500, Category.SYSTEM, RECOVERABLE),
        (501, Category.SYSTEM, FATAL),
        (502, Category.NETWORK, RECOVERABLE),
        (503, Category.CAPACITY, RECOVERABLE),
        (504, Category.TIMEOUT, RECOVERABLE),
        (505, Category.SYSTEM, FATAL),
        (507, Category.CAPACITY, SEVERE),
        (508, Category.ROUTING, FATAL),
        (511, Category.SYSTEM, FATAL),
        (521, Category.NETWORK, RECOVERABLE),
        (524, Category.TIMEOUT, RECOVERABLE),
        (529, Category.CAPACITY, RECOVERABLE),
        (555, Category.SYSTEM, RECOVERABLE),
        (304, Category.PROTOCOL, FATAL),
        (0, Category.PROTOCOL, RECOVERABLE),
        (999, Category.PROTOCOL, RECOVERABLE),
    ],
)
def test_a_status_of_the_dependency(status: int, category: Category, recoverability: Recoverability) -> None:
    """SPEC F3: by HTTP status."""
    fault = of_http_status(status)

    assert (fault.origin, fault.category, fault.recoverability) == (DEPENDENCY, category, recoverability)


@pytest.mark.parametrize(("header", "seconds"), [("120", 120.0), (3, 3.0), ("soon", None), (None, None)])
def test_the_servers_retry_after_is_in_the_record(header: object, seconds: float | None) -> None:
    """SPEC R4: as the header says it."""
    assert of_http_status(429, retry_after=header).retry_after == seconds


def test_a_status_may_be_named() -> None:
    """SPEC F3: an integration without an exception gives the record its name."""
    assert of_http_status(503, error_type="search_http").error_type == "search_http"
    assert of_grpc_status(14, error_type="search_grpc").error_type == "search_grpc"
    assert of_sqlstate("40001", error_type="orders_db").error_type == "orders_db"


@given(status=st.integers())
def test_every_number_is_answered(status: int) -> None:
    """SPEC F3: a server may send anything."""
    assert of_http_status(status).code == status
    assert of_grpc_status(status).code == status


@pytest.mark.parametrize(
    ("code", "name", "origin", "recoverability"),
    [
        (1, "CANCELLED", CALLER, FATAL),
        (2, "UNKNOWN", DEPENDENCY, FATAL),
        (3, "INVALID_ARGUMENT", CALLER, FATAL),
        (4, "DEADLINE_EXCEEDED", DEPENDENCY, RECOVERABLE),
        (5, "NOT_FOUND", CALLER, FATAL),
        (6, "ALREADY_EXISTS", CALLER, FATAL),
        (7, "PERMISSION_DENIED", CALLER, FATAL),
        (8, "RESOURCE_EXHAUSTED", DEPENDENCY, RECOVERABLE),
        (9, "FAILED_PRECONDITION", CALLER, FATAL),
        (10, "ABORTED", DEPENDENCY, TRANSIENT),
        (11, "OUT_OF_RANGE", CALLER, FATAL),
        (12, "UNIMPLEMENTED", DEPENDENCY, FATAL),
        (13, "INTERNAL", DEPENDENCY, FATAL),
        (14, "UNAVAILABLE", DEPENDENCY, RECOVERABLE),
        (15, "DATA_LOSS", DEPENDENCY, FATAL),
        (16, "UNAUTHENTICATED", CALLER, FATAL),
        (99, "UNKNOWN", DEPENDENCY, FATAL),
    ],
)
def test_every_grpc_code(code: int, name: str, origin: Origin, recoverability: Recoverability) -> None:
    """SPEC F3: by gRPC status."""
    fault = of_grpc_status(code)

    assert (fault.origin, fault.recoverability, fault.code) == (origin, recoverability, code)
    assert fault.context == {"grpc_status": name}


@pytest.mark.parametrize(
    ("state", "category", "origin", "recoverability"),
    [
        ("08006", Category.NETWORK, DEPENDENCY, RECOVERABLE),
        ("08P01", Category.PROTOCOL, DEPENDENCY, FATAL),
        ("22012", Category.SYSTEM, CALLER, FATAL),
        ("23505", Category.STATE, CALLER, FATAL),
        ("25006", Category.STATE, DEPENDENCY, TRANSIENT),
        ("28P01", Category.SYSTEM, CALLER, FATAL),
        ("40001", Category.STATE, DEPENDENCY, TRANSIENT),
        ("40P01", Category.STATE, DEPENDENCY, TRANSIENT),
        ("42P01", Category.SYSTEM, CALLER, FATAL),
        ("53100", Category.CAPACITY, DEPENDENCY, SEVERE),
        ("53300", Category.CAPACITY, DEPENDENCY, RECOVERABLE),
        ("55P03", Category.CAPACITY, DEPENDENCY, TRANSIENT),
        ("57014", Category.TIMEOUT, DEPENDENCY, RECOVERABLE),
        ("57P01", Category.NETWORK, DEPENDENCY, RECOVERABLE),
        ("57P03", Category.NETWORK, DEPENDENCY, RECOVERABLE),
        ("58030", Category.SYSTEM, DEPENDENCY, SEVERE),
        ("XX001", Category.DATA, DEPENDENCY, FATAL),
        ("XX000", Category.SYSTEM, DEPENDENCY, FATAL),
        ("ZZ999", Category.SYSTEM, DEPENDENCY, RECOVERABLE),
    ],
)
def test_a_sqlstate(state: str, category: Category, origin: Origin, recoverability: Recoverability) -> None:
    """SPEC F3: by the driver's error state."""
    fault = of_sqlstate(state)

    assert (fault.category, fault.origin, fault.recoverability) == (category, origin, recoverability)
    assert fault.code == state


@pytest.mark.parametrize("state", [None, ""])
def test_a_missing_sqlstate_is_unknown(state: str | None) -> None:
    """SPEC F3: a driver gives none where the connection never stood."""
    fault = of_sqlstate(state)

    assert (fault.category, fault.recoverability, fault.code) == (Category.SYSTEM, RECOVERABLE, None)

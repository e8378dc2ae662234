"""The table of kinds: codes that never change meaning, the source documents' values, a row for every error (SPEC F5, F6)."""

from __future__ import annotations

import pickle

import pytest

from yaoki.core.faults import kinds
from yaoki.core.faults.category import Category, Origin, Recoverability, Severity
from yaoki.core.faults.errors import ConfigurationError, YaokiError
from yaoki.core.faults.kinds import KINDS, Kind

# Never edit a line of this table: a code in somebody's logs, database or C program means this for ever. New codes are new lines.
CODES = {
    "internal_error": 100,
    "configuration": 101,
    "rejected": 102,
    "circuit_open": 103,
    "bulkhead_full": 104,
    "rate_limited": 105,
    "overload": 106,
    "deadline_exceeded": 107,
    "retry_exhausted": 108,
    "shutting_down": 109,
    "recovery_busy": 110,
    "invalid_packet": 201,
    "missing_avp": 202,
    "invalid_avp_value": 203,
    "no_route": 204,
    "all_peers_down": 205,
    "routing_loop": 206,
    "session_timeout": 207,
    "grpc_timeout": 208,
    "database_error": 209,
    "config_error": 210,
    "sctp_error": 211,
    "transport_error": 212,
    "grpc_error": 213,
    "unknown_peer": 214,
    "network": 301,
    "document": 302,
    "peer_not_found": 303,
    "protocol": 304,
    "state": 305,
    "resource_exhaustion": 306,
    "circuit_breaker_open": 307,
    "bandwidth_exhausted": 308,
    "pool_error": 401,
    "pool_not_found": 402,
    "slot_not_found": 403,
    "no_available_slot": 404,
    "slot_allocation_failed": 405,
    "git_operation_failed": 406,
    "cleanup_failed": 407,
    "lock_timeout": 408,
    "stale_lease": 409,
    "config_invalid": 410,
    "index_failed": 501,
    "index_busy": 502,
    "index_newer": 503,
    "index_damaged": 504,
    "corpus_empty": 505,
    "embedding_failed": 506,
    "model_files_wrong": 507,
    "document_refused": 508,
    "wrong_payload": 520,
}

# The product's requirements: category, severity, recoverability, cdde, rfc6733.
DIAMETER = {
    "invalid_packet": ("protocol", "warning", "fatal", (3008,), (5014, 5015, 5011, 3008)),
    "missing_avp": ("protocol", "warning", "fatal", (5005,), (5005,)),
    "invalid_avp_value": ("protocol", "warning", "fatal", (3008,), (5004,)),
    "no_route": ("routing", "error", "fatal", (3003,), (3003,)),
    "all_peers_down": ("routing", "error", "fatal", (3002,), (3002,)),
    "routing_loop": ("routing", "critical", "fatal", (3005,), (3005,)),
    "session_timeout": ("timeout", "warning", "fatal", (3002,), (3002,)),
    "grpc_timeout": ("timeout", "warning", "recoverable", (3002,), (3002,)),
    "database_error": ("system", "critical", "fatal", (3010,), (5012,)),
    "config_error": ("system", "warning", "fatal", (3010,), (5012,)),
    "internal_error": ("system", "critical", "fatal", (3010,), (5012,)),
    "sctp_error": ("network", "warning", "recoverable", (3010,), (3002,)),
    "transport_error": ("network", "warning", "recoverable", (3010,), (3002,)),
    "grpc_error": ("network", "warning", "fatal", (3010,), (3002, 5012)),
    "circuit_open": ("capacity", "warning", "transient", (3010,), (3002, 3004)),
    "overload": ("capacity", "warning", "transient", (3010,), (3004, 3002)),
    "unknown_peer": ("protocol", "warning", "fatal", (3010,), (3010,)),
}

# The same for the mesh: category, severity, recoverability, the number for foreign callers, the dependency's fault.
MESH = {
    "network": ("network", "warning", "recoverable", 0, True),
    "document": ("data", "error", "fatal", 1, False),
    "peer_not_found": ("routing", "info", "transient", 2, True),
    "protocol": ("protocol", "error", "severe", 3, True),
    "state": ("state", "error", "severe", 4, True),
    "resource_exhaustion": ("capacity", "critical", "severe", 5, False),
    "circuit_breaker_open": ("capacity", "info", "transient", 6, False),
    "bandwidth_exhausted": ("capacity", "info", "transient", 7, False),
}

POOL_ERRORS = {
    *("PoolManagerError", "PoolNotFoundError", "SlotNotFoundError", "NoAvailableSlotError", "SlotAllocationError"),
    *("GitOperationError", "CleanupError", "LockTimeoutError", "StaleLeaseError", "ConfigValidationError"),
}


def axes(kind: Kind) -> tuple[str, str, str]:
    return kind.category.value, kind.severity.name.lower(), kind.recoverability.name.lower()


def test_no_code_changes_its_meaning() -> None:
    """SPEC F5: the whole table, name by name."""
    assert {kind.name: kind.code for kind in KINDS} == CODES


def test_names_and_codes_are_unique_and_in_order() -> None:
    """SPEC F5: one row, one name, one code."""
    codes = [kind.code for kind in KINDS]

    assert len({kind.name for kind in KINDS}) == len(KINDS)
    assert codes == sorted(set(codes))


def test_kinds_are_found_by_name_and_by_code() -> None:
    """SPEC F5: both ways, and neither index can be changed."""
    assert all(kinds.by_name[kind.name] is kind and kinds.by_code[kind.code] is kind for kind in KINDS)
    with pytest.raises(TypeError):
        kinds.by_name["x"] = KINDS[0]


@pytest.mark.parametrize("name", DIAMETER)
def test_diameter_kinds_are_as_required(name: str) -> None:
    """SPEC F6, D2, D3: category, severity, recoverability and both profiles' Result-Codes."""
    kind = kinds.by_name[name]

    assert (*axes(kind), kind.cdde, kind.rfc6733) == DIAMETER[name]


def test_no_other_kind_has_result_codes() -> None:
    """SPEC F6: Result-Codes belong to the Diameter kinds."""
    assert {kind.name for kind in KINDS if kind.cdde or kind.rfc6733} == set(DIAMETER)


@pytest.mark.parametrize("name", MESH)
def test_mesh_kinds_are_as_required(name: str) -> None:
    """SPEC F6, M2, M5: axes, foreign numbers in the seed's order, and who is blamed."""
    kind = kinds.by_name[name]

    assert (*axes(kind), kind.foreign, kind.origin is Origin.DEPENDENCY) == MESH[name]


def test_only_mesh_kinds_have_foreign_numbers() -> None:
    """SPEC M5: 0 to 7 are those of the mesh's own interface."""
    assert {kind.name for kind in KINDS if kind.foreign is not None} == set(MESH)


def test_every_exception_of_the_pool_has_its_kind() -> None:
    """SPEC F6: the pool's exceptions are in the table."""
    assert {kind.error for kind in KINDS if 400 <= kind.code <= 499} == POOL_ERRORS


@pytest.mark.parametrize(
    ("name", "category", "recoverability", "origin"),
    [
        ("no_available_slot", Category.CAPACITY, Recoverability.TRANSIENT, Origin.LOCAL),
        ("pool_not_found", Category.STATE, Recoverability.FATAL, Origin.CALLER),
        ("git_operation_failed", Category.SYSTEM, Recoverability.RECOVERABLE, Origin.DEPENDENCY),
        ("stale_lease", Category.STATE, Recoverability.FATAL, Origin.CALLER),
        ("lock_timeout", Category.TIMEOUT, Recoverability.TRANSIENT, Origin.LOCAL),
    ],
)
def test_pool_kinds_say_what_to_do(name: str, category: Category, recoverability: Recoverability, origin: Origin) -> None:
    """SPEC F6: a full pool is waited for, a wrong name is not."""
    kind = kinds.by_name[name]

    assert (kind.category, kind.recoverability, kind.origin) == (category, recoverability, origin)


def subclasses(cls: type[YaokiError]) -> set[type[YaokiError]]:
    return {cls}.union(*(subclasses(each) for each in cls.__subclasses__()))


def test_every_error_of_the_core_has_its_own_row() -> None:
    """SPEC F5, F6: the exceptions and the table know each other."""
    import yaoki.core.recovery  # noqa: F401  # it raises an error of its own

    ours = {cls for cls in subclasses(YaokiError) if cls.__module__.startswith("yaoki.core.")}

    assert {kind.error: kind.name for kind in KINDS if kind.code < 200} == {cls.__name__: cls.kind for cls in ours}


def test_every_error_of_the_product_is_in_the_table() -> None:
    """SPEC F5, F6: by a row of its own, or by the row of its base."""
    for cls in subclasses(YaokiError):
        if cls.__module__.startswith("yaoki."):
            assert kinds.by_name[cls.kind].error in {base.__name__ for base in cls.__mro__}


def test_a_record_of_a_kind_has_its_name_and_code() -> None:
    """SPEC F5: labels, logs and foreign callers see the same kind."""
    fault = kinds.by_name["no_route"].fault(retry_after=2.0, context={"realm": "example.org"})

    assert (fault.error_type, fault.code, fault.retry_after) == ("no_route", 204, 2.0)
    assert (fault.category, fault.severity, fault.context) == (Category.ROUTING, Severity.ERROR, {"realm": "example.org"})


def test_plain_records_of_a_kind_are_one() -> None:
    """SPEC F6: refusals come in thousands; their record is made once."""
    kind = kinds.by_name["circuit_open"]

    assert kind.fault() is kind.fault()


@pytest.mark.parametrize(
    ("name", "when", "default", "otherwise"),
    [
        ("database_error", "transient", Recoverability.FATAL, Recoverability.RECOVERABLE),
        ("grpc_error", "unavailable", Recoverability.FATAL, Recoverability.RECOVERABLE),
        ("git_operation_failed", "permanent", Recoverability.RECOVERABLE, Recoverability.FATAL),
        ("deadline_exceeded", "inherited", Recoverability.RECOVERABLE, Recoverability.FATAL),
    ],
)
def test_some_kinds_heal_by_circumstance(name: str, when: str, default: Recoverability, otherwise: Recoverability) -> None:
    """SPEC F6: `RECOVERABLE if transient, else FATAL`."""
    kind = kinds.by_name[name]

    assert (kind.fault().recoverability, kind.fault(when=when).recoverability) == (default, otherwise)


def test_an_unknown_circumstance_is_refused() -> None:
    """SPEC F6: a misspelt one would be the wrong recoverability."""
    with pytest.raises(ConfigurationError, match="when must be 'transient' or None for database_error, not 'transeint'"):
        kinds.by_name["database_error"].fault(when="transeint")


@pytest.mark.parametrize(
    ("name", "profile", "reason", "code"),
    [
        ("invalid_packet", "rfc6733", None, 5014),
        ("invalid_packet", "rfc6733", "message_length", 5015),
        ("invalid_packet", "rfc6733", "version", 5011),
        ("invalid_packet", "rfc6733", "header_bits", 3008),
        ("invalid_packet", "cdde", "version", 3008),
        ("circuit_open", "rfc6733", None, 3002),
        ("circuit_open", "rfc6733", "destination_host", 3004),
        ("overload", "rfc6733", None, 3004),
        ("overload", "rfc6733", "any_host", 3002),
        ("grpc_error", "rfc6733", "unavailable", 3002),
        ("grpc_error", "rfc6733", "answered", 5012),
        ("grpc_error", "cdde", "answered", 3010),
        ("no_route", "cdde", None, 3003),
    ],
)
def test_the_result_code_by_profile_and_reason(name: str, profile: str, reason: str | None, code: int) -> None:
    """SPEC D3: the RFC profile is the default; where it has several codes, a reason says which."""
    assert kinds.by_name[name].result_code(profile, reason) == code


@pytest.mark.parametrize(
    ("name", "profile", "reason", "message"),
    [
        ("no_route", "rfc3588", None, "profile must be 'rfc6733' or 'cdde', not 'rfc3588'"),
        ("no_route", "rfc6733", "version", "reason must be one of none for no_route"),
        ("invalid_packet", "rfc6733", "colour", "reason must be one of avp_length, message_length, version, header_bits"),
        ("stale_lease", "rfc6733", None, "stale_lease is no Diameter kind"),
    ],
)
def test_a_wrong_question_for_a_result_code_is_refused(name: str, profile: str, reason: str | None, message: str) -> None:
    """SPEC D3: no number is guessed."""
    with pytest.raises(ConfigurationError, match=message):
        kinds.by_name[name].result_code(profile, reason)


def test_reasons_are_as_many_as_codes() -> None:
    """SPEC D3: every one of several Result-Codes has its reason."""
    assert all(len(kind.reasons) == (len(kind.rfc6733) if len(kind.rfc6733) > 1 else 0) for kind in KINDS)


@pytest.mark.parametrize("name", Kind.__slots__)
def test_a_kind_is_immutable(name: str) -> None:
    """SPEC F5: the table cannot be changed by who reads it."""
    with pytest.raises(AttributeError, match="immutable"):
        setattr(KINDS[0], name, 999)
    with pytest.raises(AttributeError, match="immutable"):
        delattr(KINDS[0], name)


def test_a_pickled_kind_is_the_kind() -> None:
    """SPEC F5: it crosses a process boundary by name."""
    assert pickle.loads(pickle.dumps(kinds.by_name["state"])) is kinds.by_name["state"]

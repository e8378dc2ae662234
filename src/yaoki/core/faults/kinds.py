"""Every kind of error that Yaoki raises itself: one table, with stable codes (SPEC F5, F6).

Codes: 100 to 199 core, 200 to 299 Diameter, 300 to 399 mesh, 400 to 499 repo pool, 500 to 599 chat. A code never
changes its meaning and is never given twice; a kind that is gone leaves a gap. `internal_error`, `circuit_open` and `overload`
are the same kinds in the core and at the Diameter edge: one row, one code, and the Result-Codes in it.
`docs/reference/kinds.md` is this table for users.
"""

from __future__ import annotations

from types import MappingProxyType

from yaoki.core.faults.category import Category, Origin, Recoverability, Severity
from yaoki.core.faults.errors import ConfigurationError
from yaoki.core.faults.record import Fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KINDS", "Kind", "by_code", "by_name"]


class Kind:
    """One kind of error. Immutable.

    `name`: its `error_type` in records, labels and logs. `code`: its stable number. `error`: the name of the exception class,
    or "" where the system has none of its own for it. `recoverability` holds unless the circumstance `when` is given; then it
    is `recoverability_when`. `cdde`, `rfc6733`: the Diameter Result-Codes of the two profiles; where there are several,
    `reasons` says when which, and the first is the one without a reason. `foreign`: the number of the same kind in mesh's own
    interface for foreign callers (SPEC M5), or None.
    """

    __slots__ = (
        "_fault",
        "category",
        "cdde",
        "code",
        "error",
        "foreign",
        "name",
        "origin",
        "reasons",
        "recoverability",
        "recoverability_when",
        "rfc6733",
        "severity",
        "when",
    )

    name: str
    code: int
    error: str
    category: Category
    severity: Severity
    recoverability: Recoverability
    origin: Origin
    when: str
    recoverability_when: Recoverability | None
    cdde: tuple[int, ...]
    rfc6733: tuple[int, ...]
    reasons: tuple[str, ...]
    foreign: int | None
    _fault: Fault

    def __init__(
        self,
        name: str,
        code: int,
        category: Category,
        severity: Severity,
        recoverability: Recoverability,
        origin: Origin,
        *,
        error: str = "",
        when: tuple[str, Recoverability] | None = None,
        cdde: tuple[int, ...] = (),
        rfc6733: tuple[int, ...] = (),
        reasons: tuple[str, ...] = (),
        foreign: int | None = None,
    ) -> None:
        put = object.__setattr__
        put(self, "name", name)
        put(self, "code", code)
        put(self, "category", category)
        put(self, "severity", severity)
        put(self, "recoverability", recoverability)
        put(self, "origin", origin)
        put(self, "error", error)
        put(self, "when", when[0] if when else "")
        put(self, "recoverability_when", when[1] if when else None)
        put(self, "cdde", cdde)
        put(self, "rfc6733", rfc6733)
        put(self, "reasons", reasons)
        put(self, "foreign", foreign)
        put(self, "_fault", Fault(category, severity, recoverability, name, origin=origin, code=code))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Kind is immutable: {name} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a Kind is immutable: {name} cannot be deleted")

    def fault(
        self, *, when: str | None = None, retry_after: float | None = None, context: Mapping[str, object] | None = None
    ) -> Fault:
        """The record of an error of this kind.

        `when`: the circumstance of the other recoverability. `retry_after`: seconds. Raises ConfigurationError for a
        circumstance that the kind does not know.
        """
        fault = self._fault
        if when is not None:
            if when != self.when:
                raise ConfigurationError(f"when must be {self.when!r} or None for {self.name}, not {when!r}")
            fault = fault.replace(recoverability=self.recoverability_when)
        if retry_after is not None or context:
            fault = fault.replace(retry_after=retry_after, context=context)
        return fault

    def result_code(self, profile: str = "rfc6733", reason: str | None = None) -> int:
        """The Diameter Result-Code. `profile`: "rfc6733" or "cdde"; `reason`: one of `reasons`, or None for the first code.

        Raises ConfigurationError for an unknown profile or reason, and for a kind that has no Result-Code.
        """
        if profile not in ("rfc6733", "cdde"):
            raise ConfigurationError(f"profile must be 'rfc6733' or 'cdde', not {profile!r}")
        codes: tuple[int, ...] = getattr(self, profile)
        if not codes:
            raise ConfigurationError(f"{self.name} is no Diameter kind: it has no Result-Code")
        if reason is None:
            return codes[0]
        if reason not in self.reasons:
            raise ConfigurationError(
                f"reason must be one of {', '.join(self.reasons) or 'none'} for {self.name}, not {reason!r}"
            )
        return codes[min(self.reasons.index(reason), len(codes) - 1)]

    def __repr__(self) -> str:
        return f"Kind({self.name}, {self.code})"

    def __reduce__(self) -> tuple[object, ...]:
        return _kind, (self.name,)


_PROTOCOL, _ROUTING, _TIMEOUT = Category.PROTOCOL, Category.ROUTING, Category.TIMEOUT
_SYSTEM, _NETWORK, _CAPACITY, _STATE, _DATA = (
    Category.SYSTEM,
    Category.NETWORK,
    Category.CAPACITY,
    Category.STATE,
    Category.DATA,
)
_INFO, _WARNING, _ERROR, _CRITICAL = Severity
_TRANSIENT, _RECOVERABLE, _SEVERE, _FATAL = Recoverability
_DEPENDENCY, _CALLER, _LOCAL = Origin


KINDS: tuple[Kind, ...] = (
    # Core.
    Kind("internal_error", 100, _SYSTEM, _CRITICAL, _FATAL, _LOCAL, error="YaokiError", cdde=(3010,), rfc6733=(5012,)),
    Kind("configuration", 101, _SYSTEM, _ERROR, _FATAL, _CALLER, error="ConfigurationError"),
    Kind("rejected", 102, _CAPACITY, _WARNING, _TRANSIENT, _LOCAL, error="Rejected"),
    Kind(
        *("circuit_open", 103, _CAPACITY, _WARNING, _TRANSIENT, _LOCAL),
        error="CircuitOpenError",
        cdde=(3010,),
        rfc6733=(3002, 3004),
        reasons=("any_host", "destination_host"),
    ),
    Kind("bulkhead_full", 104, _CAPACITY, _WARNING, _TRANSIENT, _LOCAL, error="BulkheadFullError"),
    Kind("rate_limited", 105, _CAPACITY, _WARNING, _TRANSIENT, _LOCAL, error="RateLimitedError"),
    Kind(
        *("overload", 106, _CAPACITY, _WARNING, _TRANSIENT, _LOCAL),
        error="OverloadedError",
        cdde=(3010,),
        rfc6733=(3004, 3002),
        reasons=("destination_host", "any_host"),
    ),
    Kind(
        *("deadline_exceeded", 107, _TIMEOUT, _WARNING, _RECOVERABLE, _DEPENDENCY),
        error="DeadlineExceededError",
        when=("inherited", _FATAL),
    ),
    Kind("retry_exhausted", 108, _SYSTEM, _ERROR, _FATAL, _DEPENDENCY, error="RetryExhaustedError"),
    Kind("shutting_down", 109, _CAPACITY, _INFO, _TRANSIENT, _LOCAL, error="ShuttingDownError"),
    Kind("recovery_busy", 110, _STATE, _WARNING, _TRANSIENT, _LOCAL, error="RecoveryBusyError"),
    # Diameter edge (SPEC D2, D3).
    Kind(
        *("invalid_packet", 201, _PROTOCOL, _WARNING, _FATAL, _CALLER),
        cdde=(3008,),
        rfc6733=(5014, 5015, 5011, 3008),
        reasons=("avp_length", "message_length", "version", "header_bits"),
    ),
    Kind("missing_avp", 202, _PROTOCOL, _WARNING, _FATAL, _CALLER, cdde=(5005,), rfc6733=(5005,)),
    Kind("invalid_avp_value", 203, _PROTOCOL, _WARNING, _FATAL, _CALLER, cdde=(3008,), rfc6733=(5004,)),
    Kind("no_route", 204, _ROUTING, _ERROR, _FATAL, _CALLER, cdde=(3003,), rfc6733=(3003,)),
    Kind("all_peers_down", 205, _ROUTING, _ERROR, _FATAL, _DEPENDENCY, cdde=(3002,), rfc6733=(3002,)),
    Kind("routing_loop", 206, _ROUTING, _CRITICAL, _FATAL, _CALLER, cdde=(3005,), rfc6733=(3005,)),
    Kind("session_timeout", 207, _TIMEOUT, _WARNING, _FATAL, _DEPENDENCY, cdde=(3002,), rfc6733=(3002,)),
    Kind("grpc_timeout", 208, _TIMEOUT, _WARNING, _RECOVERABLE, _DEPENDENCY, cdde=(3002,), rfc6733=(3002,)),
    Kind(
        *("database_error", 209, _SYSTEM, _CRITICAL, _FATAL, _DEPENDENCY),
        when=("transient", _RECOVERABLE),
        cdde=(3010,),
        rfc6733=(5012,),
    ),
    Kind("config_error", 210, _SYSTEM, _WARNING, _FATAL, _LOCAL, cdde=(3010,), rfc6733=(5012,)),
    Kind("sctp_error", 211, _NETWORK, _WARNING, _RECOVERABLE, _DEPENDENCY, cdde=(3010,), rfc6733=(3002,)),
    Kind("transport_error", 212, _NETWORK, _WARNING, _RECOVERABLE, _DEPENDENCY, cdde=(3010,), rfc6733=(3002,)),
    Kind(
        *("grpc_error", 213, _NETWORK, _WARNING, _FATAL, _DEPENDENCY),
        when=("unavailable", _RECOVERABLE),
        cdde=(3010,),
        rfc6733=(3002, 5012),
        reasons=("unavailable", "answered"),
    ),
    Kind("unknown_peer", 214, _PROTOCOL, _WARNING, _FATAL, _CALLER, cdde=(3010,), rfc6733=(3010,)),
    # Mesh (SPEC M2, M5): network, peer_not_found, protocol and state are the peer's or the link's, the others our own.
    Kind("network", 301, _NETWORK, _WARNING, _RECOVERABLE, _DEPENDENCY, foreign=0),
    Kind("document", 302, _DATA, _ERROR, _FATAL, _LOCAL, foreign=1),
    Kind("peer_not_found", 303, _ROUTING, _INFO, _TRANSIENT, _DEPENDENCY, foreign=2),
    Kind("protocol", 304, _PROTOCOL, _ERROR, _SEVERE, _DEPENDENCY, foreign=3),
    Kind("state", 305, _STATE, _ERROR, _SEVERE, _DEPENDENCY, foreign=4),
    Kind("resource_exhaustion", 306, _CAPACITY, _CRITICAL, _SEVERE, _LOCAL, foreign=5),
    Kind("circuit_breaker_open", 307, _CAPACITY, _INFO, _TRANSIENT, _LOCAL, foreign=6),
    Kind("bandwidth_exhausted", 308, _CAPACITY, _INFO, _TRANSIENT, _LOCAL, foreign=7),
    # Repo pool (SPEC W1 to W5).
    Kind("pool_error", 401, _SYSTEM, _ERROR, _FATAL, _LOCAL, error="PoolManagerError"),
    Kind("pool_not_found", 402, _STATE, _WARNING, _FATAL, _CALLER, error="PoolNotFoundError"),
    Kind("slot_not_found", 403, _STATE, _WARNING, _FATAL, _CALLER, error="SlotNotFoundError"),
    Kind("no_available_slot", 404, _CAPACITY, _WARNING, _TRANSIENT, _LOCAL, error="NoAvailableSlotError"),
    Kind("slot_allocation_failed", 405, _SYSTEM, _ERROR, _RECOVERABLE, _LOCAL, error="SlotAllocationError"),
    Kind(
        *("git_operation_failed", 406, _SYSTEM, _ERROR, _RECOVERABLE, _DEPENDENCY),
        error="GitOperationError",
        when=("permanent", _FATAL),
    ),
    Kind("cleanup_failed", 407, _SYSTEM, _ERROR, _RECOVERABLE, _LOCAL, error="CleanupError"),
    Kind("lock_timeout", 408, _TIMEOUT, _WARNING, _TRANSIENT, _LOCAL, error="LockTimeoutError"),
    Kind("stale_lease", 409, _STATE, _ERROR, _FATAL, _CALLER, error="StaleLeaseError"),
    Kind("config_invalid", 410, _SYSTEM, _ERROR, _FATAL, _CALLER, error="ConfigValidationError"),
    # The chat's index (SPEC G1).
    Kind("index_failed", 501, _SYSTEM, _ERROR, _FATAL, _LOCAL, error="ChatIndexError"),
    Kind("index_busy", 502, _STATE, _WARNING, _TRANSIENT, _LOCAL, error="IndexBusyError"),
    Kind("index_newer", 503, _DATA, _ERROR, _FATAL, _LOCAL, error="NewerIndexError"),
    Kind("index_damaged", 504, _DATA, _ERROR, _RECOVERABLE, _LOCAL, error="IndexDamagedError"),
    Kind("corpus_empty", 505, _DATA, _ERROR, _FATAL, _LOCAL, error="EmptyCorpusError"),
    Kind("embedding_failed", 506, _SYSTEM, _WARNING, _RECOVERABLE, _DEPENDENCY, error="EmbeddingError"),
    Kind("model_files_wrong", 507, _DATA, _ERROR, _FATAL, _LOCAL, error="ModelFilesError"),
    Kind("document_refused", 508, _DATA, _WARNING, _FATAL, _CALLER, error="DocumentError"),
    # The services that the chat asks (SPEC G2).
    Kind("wrong_payload", 520, _DATA, _ERROR, _RECOVERABLE, _DEPENDENCY, error="WrongPayloadError"),
)
"""The whole table, in the order of the codes."""

by_name: Mapping[str, Kind] = MappingProxyType({kind.name: kind for kind in KINDS})
by_code: Mapping[int, Kind] = MappingProxyType({kind.code: kind for kind in KINDS})


def _kind(name: str) -> Kind:
    return by_name[name]

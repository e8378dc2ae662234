"""The first room: what an exception is. One taxonomy, one table of kinds, one classifier (SPEC F1 to F6).

The names are loaded when they are first used.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from yaoki.core.faults import kinds
    from yaoki.core.faults.category import Category, Origin, Recoverability, Severity
    from yaoki.core.faults.classifier import Classifier, classify
    from yaoki.core.faults.errors import (
        BulkheadFullError,
        CircuitOpenError,
        ConfigurationError,
        DeadlineExceededError,
        OverloadedError,
        RateLimitedError,
        Rejected,
        RetryExhaustedError,
        ShuttingDownError,
        YaokiError,
    )
    from yaoki.core.faults.grpc_status import of_grpc_status
    from yaoki.core.faults.http_status import of_http_status
    from yaoki.core.faults.kinds import Kind
    from yaoki.core.faults.record import Fault
    from yaoki.core.faults.retry_after import seconds_to_wait
    from yaoki.core.faults.sqlstate import of_sqlstate

__all__ = [
    "BulkheadFullError",
    "Category",
    "CircuitOpenError",
    "Classifier",
    "ConfigurationError",
    "DeadlineExceededError",
    "Fault",
    "Kind",
    "Origin",
    "OverloadedError",
    "RateLimitedError",
    "Recoverability",
    "Rejected",
    "RetryExhaustedError",
    "Severity",
    "ShuttingDownError",
    "YaokiError",
    "classify",
    "kinds",
    "of_grpc_status",
    "of_http_status",
    "of_sqlstate",
    "seconds_to_wait",
]

_FILES = {
    "category": ("Category", "Origin", "Recoverability", "Severity"),
    "classifier": ("Classifier", "classify"),
    "errors": (
        "BulkheadFullError",
        "CircuitOpenError",
        "ConfigurationError",
        "DeadlineExceededError",
        "OverloadedError",
        "RateLimitedError",
        "Rejected",
        "RetryExhaustedError",
        "ShuttingDownError",
        "YaokiError",
    ),
    "grpc_status": ("of_grpc_status",),
    "http_status": ("of_http_status",),
    "kinds": ("Kind", "kinds"),
    "record": ("Fault",),
    "retry_after": ("seconds_to_wait",),
    "sqlstate": ("of_sqlstate",),
}


def __getattr__(name: str) -> object:
    for file, names in _FILES.items():
        if name in names:
            from importlib import import_module

            module = import_module(f"{__name__}.{file}")
            value = globals()[name] = module if name == file else getattr(module, name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

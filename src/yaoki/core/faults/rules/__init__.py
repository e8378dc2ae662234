"""The built-in rules, one file per library, keyed by qualified type name. None of them is imported.

The rules for the language and for `OSError` are always there: a process without free descriptors can load nothing, and has to
know that. The others are loaded when the first exception of their library is seen. A rule that is a function gets the
exception and returns what `faults.rule.Decision` names.
"""

from __future__ import annotations

from yaoki.core.faults.rule import Rule
from yaoki.core.faults.rules import groups, language, sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from yaoki.core.faults.rule import Answer

__all__ = ["built_in", "rules_for"]


def built_in(name: str) -> Rule | None:
    """The rule for the type with this qualified name, or None. Raises what loading the library's file raises."""
    library = name.partition(".")[0]
    if library not in _loaded:
        _add(rules_for(library))
        _loaded.add(library)
    return _rules.get(name)


def rules_for(library: str) -> Mapping[str, Answer]:
    """The rules for the types of a top-level module, among others."""
    match library:
        case "ssl":
            from yaoki.core.faults.rules import tls

            return tls.RULES
        case "asyncio" | "queue" | "_queue":
            from yaoki.core.faults.rules import asynchronous

            return asynchronous.RULES
        case "concurrent" | "threading" | "multiprocessing":
            from yaoki.core.faults.rules import concurrency

            return concurrency.RULES
        case "sqlite3":
            from yaoki.core.faults.rules import sqlite

            return sqlite.RULES
        case "subprocess" | "shutil":
            from yaoki.core.faults.rules import processes

            return processes.RULES
        case "urllib" | "http":
            from yaoki.core.faults.rules import urls

            return urls.RULES
        case "httpx":
            from yaoki.core.faults.rules import httpx_client

            return httpx_client.RULES
        case _ if library in _DATA:
            from yaoki.core.faults.rules import data

            return data.RULES
        case _:
            return {}


def _add(rules: Mapping[str, Answer]) -> None:
    for name, answer in rules.items():
        _rules.setdefault(name, Rule(name, answer, complete=answer is sockets.of_os_error))


_DATA = frozenset(
    {
        *("json", "binascii", "struct", "zlib", "_lzma", "compression", "gzip", "zipfile", "tarfile", "_pickle"),
        *("_csv", "configparser", "tomllib", "plistlib", "xml", "email"),
    }
)

_rules: dict[str, Rule] = {}
_loaded = {"builtins", "socket"}

for _always in (language, groups, sockets):
    _add(_always.RULES)

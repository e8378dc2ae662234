"""What a fault between two processes is: its figures, their ranges, its form as JSON (SPEC O5).

An *exchange* is what a fault meets: a connection up to its first answer, and on a connection that is used again each further
request with its answer. "Answer" is whatever comes from the upstream.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import ClassVar

from yaoki.core import parameters
from yaoki.core.faults.errors import ConfigurationError

__all__ = [
    "PASS",
    "Corrupt",
    "Delay",
    "Drip",
    "Fault",
    "Garbage",
    "Hang",
    "Partition",
    "Pass",
    "Refuse",
    "Reset",
    "Status",
    "Truncate",
    "fault_from_dict",
    "kinds",
]

# As RFC 9110 writes them, without the characters that would begin a header of their own.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")
_OURS = {"content-length", "transfer-encoding", "connection"}


@dataclass(frozen=True)
class Fault:
    """The base of all faults. `kind`: its name in JSON and in the counters."""

    kind: ClassVar[str] = ""

    def to_dict(self) -> dict[str, object]:
        """The fault as JSON can hold it; `fault_from_dict` reads it."""
        return {"fault": self.kind, **asdict(self)}


@dataclass(frozen=True)
class Pass(Fault):
    """No fault: everything goes through."""

    kind: ClassVar[str] = "pass"


@dataclass(frozen=True)
class Delay(Fault):
    """Each answer begins `seconds` later, and up to `jitter` seconds more. Once begun it has its full speed."""

    seconds: float
    jitter: float = 0.0
    kind: ClassVar[str] = "delay"

    def __post_init__(self) -> None:
        parameters.duration("seconds", self.seconds, zero=True)
        parameters.duration("jitter", self.jitter, zero=True)


@dataclass(frozen=True)
class Drip(Fault):
    """Answers come at `bytes_per_second` at most. Requests have their full speed."""

    bytes_per_second: float
    kind: ClassVar[str] = "drip"

    def __post_init__(self) -> None:
        if not 0 < parameters.number("bytes_per_second", self.bytes_per_second) < float("inf"):
            raise ConfigurationError(f"bytes_per_second must be above 0 and finite, not {self.bytes_per_second!r}")


@dataclass(frozen=True)
class Reset(Fault):
    """The connection is reset (TCP RST): at once, or after so many bytes of an answer."""

    after: int = 0
    kind: ClassVar[str] = "reset"

    def __post_init__(self) -> None:
        parameters.whole("after", self.after, least=0)


@dataclass(frozen=True)
class Hang(Fault):
    """Connections are accepted and nothing moves, as with a stopped process; what waits goes on when the fault ends."""

    kind: ClassVar[str] = "hang"


@dataclass(frozen=True)
class Refuse(Fault):
    """Nobody listens: connecting is refused, and open connections end. It meets every connection; a rate makes no sense."""

    kind: ClassVar[str] = "refuse"


@dataclass(frozen=True)
class Partition(Fault):
    """Connections stay, and all bytes of both sides are lost, also the news that a side has gone.

    New connections are accepted, since nothing on one machine loses the packets that open them. A connection that lost something
    is reset when the fault ends: TCP never delivers a stream with a hole.
    """

    kind: ClassVar[str] = "partition"


@dataclass(frozen=True)
class Corrupt(Fault):
    """About this share of an answer's bytes is inverted, and at least one byte in each piece that is sent on."""

    share: float = 0.01
    kind: ClassVar[str] = "corrupt"

    def __post_init__(self) -> None:
        parameters.share("share", self.share)


@dataclass(frozen=True)
class Truncate(Fault):
    """An answer that is longer ends after `bytes` bytes (headers count), as if it were whole; so does the connection."""

    bytes: int
    kind: ClassVar[str] = "truncate"

    def __post_init__(self) -> None:
        parameters.whole("bytes", self.bytes, least=0)


@dataclass(frozen=True)
class Garbage(Fault):
    """A request is answered with `size` bytes that no protocol knows, without the upstream; then the connection ends."""

    size: int = 512
    kind: ClassVar[str] = "garbage"

    def __post_init__(self) -> None:
        if parameters.whole("size", self.size) > 65536:
            raise ConfigurationError(f"size must be at most 65536, not {self.size}")


@dataclass(frozen=True)
class Status(Fault):
    """HTTP/1.1 only: a request is answered with this status, without the upstream. The connection lives on if the client wants.

    `code`: 200 to 599. `headers`: a mapping or pairs. `body`: bytes, or text for UTF-8; 204 and 304 have none. Content-Length,
    Transfer-Encoding and Connection are the proxy's own.
    """

    code: int
    headers: tuple[tuple[str, str], ...] | Mapping[str, str] = ()
    body: bytes | str = b""
    kind: ClassVar[str] = "status"

    def __post_init__(self) -> None:
        if not 200 <= parameters.whole("code", self.code) <= 599:
            raise ConfigurationError(f"code must be from 200 to 599, not {self.code}")
        object.__setattr__(self, "headers", _headers(self.headers))
        if isinstance(self.body, str):
            object.__setattr__(self, "body", self.body.encode("utf-8", "surrogatepass"))
        elif not isinstance(self.body, bytes):
            raise ConfigurationError(f"body must be bytes or text, not {type(self.body).__name__}")
        if self.body and self.code in (204, 304):
            raise ConfigurationError(f"body must be empty with code {self.code}")

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The headers as pairs."""
        assert isinstance(self.headers, tuple)
        return self.headers

    @property
    def content(self) -> bytes:
        """The body as bytes."""
        assert isinstance(self.body, bytes)
        return self.body

    def to_dict(self) -> dict[str, object]:
        headers = [list(pair) for pair in self.pairs]
        return {"fault": self.kind, "code": self.code, "headers": headers, "body": self.content.decode("utf-8", "replace")}


PASS = Pass()

_KINDS: dict[str, type[Fault]] = {
    each.kind: each for each in (Pass, Delay, Drip, Reset, Hang, Refuse, Partition, Corrupt, Truncate, Garbage, Status)
}


def kinds() -> dict[str, tuple[str, ...]]:
    """The faults there are, each with the names of its figures."""
    return {kind: tuple(field.name for field in fields(each)) for kind, each in _KINDS.items()}


def fault_from_dict(data: Mapping[str, object]) -> Fault:
    """The fault that `data` describes: `{"fault": "delay", "seconds": 0.2}`.

    Raises ConfigurationError, naming what is wrong, for an unknown fault, and for figures that are unknown, missing or out of range.
    """
    given = dict(data)
    kind = given.pop("fault", None)
    each = _KINDS.get(kind) if isinstance(kind, str) else None
    if each is None:
        raise ConfigurationError(f"fault must be one of {', '.join(_KINDS)}, not {kind!r}")
    known = {field.name for field in fields(each)}
    for name in given:
        if name not in known:
            raise ConfigurationError(f"{name} is no figure of {kind}; it has {', '.join(sorted(known)) or 'none'}")
    try:
        return each(**given)
    except TypeError as error:
        # Values were checked above their use; what is left is a figure without a default.
        raise ConfigurationError(f"{kind} needs {', '.join(sorted(known - set(given)))}") from error


def _headers(given: object) -> tuple[tuple[str, str], ...]:
    listed = given.items() if isinstance(given, Mapping) else given
    if not isinstance(listed, Iterable) or isinstance(listed, (str, bytes)):
        raise ConfigurationError("headers must be a mapping or pairs of name and value")
    pairs: list[tuple[str, str]] = []
    for pair in listed:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise ConfigurationError(f"headers must be a mapping or pairs of name and value, and {pair!r} is no pair")
        name, value = pair
        if not isinstance(name, str) or not isinstance(value, str) or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ConfigurationError(f"headers must be text that HTTP allows, and {name!r}: {value!r} is not")
        if name.lower() in _OURS:
            raise ConfigurationError(f"headers must leave {name} to the proxy")
        pairs.append((name, value))
    return tuple(pairs)

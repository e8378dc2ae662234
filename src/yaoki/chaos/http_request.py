"""Reads HTTP/1.1 requests as far as an answer in the upstream's place needs it: where one ends, and how it wants its answer.

Bodies are read and thrown away as they come, so that nothing is kept but a head or a line. Rules: RFC 9112 sections 6 and 7.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yaoki.chaos.faults import Status

__all__ = ["LONGEST_HEAD", "NotHttpError", "Request", "answer"]

LONGEST_HEAD = 32768
_LINE = re.compile(rb"(?P<method>[!#$%&'*+.^_`|~0-9A-Za-z-]+) [^ \r\n]+ HTTP/1\.(?P<minor>[01])")
_SIZE = re.compile(rb"[0-9a-fA-F]{1,15}")


class NotHttpError(Exception):
    """The bytes are no HTTP/1.1 request."""


class Request:
    """One request. `take` it from the bytes as they come. `method`, `keep_alive` and `waits` are known once `has_head` is true.

    `waits`: the client holds its body back until it hears that it is wanted (Expect: 100-continue).
    """

    def __init__(self) -> None:
        self.has_head = False
        self.method = b""
        self.keep_alive = False
        self.waits = False
        self._left = 0
        self._chunked = False
        self._in_trailers = False

    def take(self, data: bytearray) -> bool:
        """Take what belongs to this request out of `data`; whether the request is complete. Raises NotHttpError."""
        if not self.has_head:
            # Empty lines before a request are to be passed over.
            while data.startswith(b"\r\n"):
                del data[:2]
            head = _up_to(data, b"\r\n\r\n")
            if head is None:
                return False
            self._read_head(head)
        if self.waits and not data:
            return True
        self.waits = False
        return self._take_chunks(data) if self._chunked else self._take_counted(data)

    def _read_head(self, head: bytes) -> None:
        line, *rest = head.split(b"\r\n")
        matched = _LINE.fullmatch(line)
        if matched is None:
            raise NotHttpError
        headers: dict[bytes, bytes] = {}
        for each in rest:
            name, colon, value = each.partition(b":")
            if not colon:
                raise NotHttpError
            headers[name.lower()] = value.strip().lower()
        self.method = matched["method"]
        options = [option.strip() for option in headers.get(b"connection", b"").split(b",")]
        self.keep_alive = b"close" not in options and (matched["minor"] == b"1" or b"keep-alive" in options)
        self.waits = headers.get(b"expect") == b"100-continue"
        self._chunked = b"transfer-encoding" in headers
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or len(length) > 18:
            raise NotHttpError
        self._left = 0 if self._chunked else int(length)
        self.has_head = True

    def _take_counted(self, data: bytearray) -> bool:
        taken = min(self._left, len(data))
        del data[:taken]
        self._left -= taken
        return self._left == 0

    def _take_chunks(self, data: bytearray) -> bool:
        while True:
            if self._left and not self._take_counted(data):
                return False
            line = _up_to(data, b"\r\n")
            if line is None:
                return False
            if self._in_trailers:
                if not line:
                    return True
                continue
            size = line.partition(b";")[0].strip()
            # The line end after a chunk reads as an empty line.
            if line and not _SIZE.fullmatch(size):
                raise NotHttpError
            if line:
                self._left = int(size, 16)
                self._in_trailers = self._left == 0


def _up_to(data: bytearray, end: bytes) -> bytes | None:
    found = data.find(end)
    if found < 0:
        if len(data) > LONGEST_HEAD:
            raise NotHttpError
        return None
    taken = bytes(data[:found])
    del data[: found + len(end)]
    return taken


def answer(status: Status, request: Request, keep_alive: bool) -> bytes:
    """The answer to `request`, with the length of its body, and without the body for HEAD."""
    try:
        phrase = HTTPStatus(status.code).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.1 {status.code} {phrase}", *(f"{name}: {value}" for name, value in status.pairs)]
    if status.code not in (204, 304):
        lines.append(f"Content-Length: {len(status.content)}")
        if status.content and not any(name.lower() == "content-type" for name, _ in status.pairs):
            lines.append("Content-Type: text/plain; charset=utf-8")
    lines.append(f"Connection: {'keep-alive' if keep_alive else 'close'}")
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    return head if request.method == b"HEAD" else head + status.content

"""The index file: whether it is whole, and which tree it holds, read without a git process.

Source: gitformat-index(5).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from yaoki.systems.repopool.files import read_regular

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LARGEST", "index_problem", "tree_in_index"]

LARGEST = 1024 * 1024 * 1024
"""Bytes above which an index is not looked at."""

_HEADER = 12
_VERSIONS = (2, 3, 4)


def index_problem(path: Path, *, digest_size: int = 20) -> str:
    """What is wrong with an index, or "". `digest_size`: 20, or 32 for repositories with SHA-256.

    The whole file is summed up: 0.3 ms for 2000 entries.
    """
    try:
        content = read_regular(path, LARGEST)
    except FileNotFoundError:
        return "it is missing"
    except (OSError, ValueError) as error:
        return str(error)
    if content[:4] != b"DIRC" or int.from_bytes(content[4:8], "big") not in _VERSIONS:
        return "it does not begin as an index does"
    if len(content) < _HEADER + digest_size:
        return f"it ends after {len(content)} bytes"
    trailer = content[-digest_size:]
    if trailer.strip(b"\0") and _hash(digest_size)(content[:-digest_size]).digest() != trailer:
        return "its checksum is wrong"
    return ""


def tree_in_index(content: bytes, *, digest_size: int = 20) -> str | None:
    """The id of the tree that the index holds, if its cache of trees says so; None if that has to be worked out."""
    end = len(content) - digest_size
    at = content.rfind(b"TREE", 0, end)
    while at >= _HEADER:
        if _leads_to(content, at, end):
            size = int.from_bytes(content[at + 4 : at + 8], "big")
            return _root(content[at + 8 : at + 8 + size], digest_size)
        at = content.rfind(b"TREE", 0, at)
    return None


def _leads_to(content: bytes, at: int, end: int) -> bool:
    """Whether extensions follow each other from `at` to the end of the file."""
    while at < end:
        signature = content[at : at + 4]
        if len(signature) < 4 or not signature.isalpha():
            return False
        at += 8 + int.from_bytes(content[at + 4 : at + 8], "big")
    return at == end


def _root(cache: bytes, digest_size: int) -> str | None:
    path, _, rest = cache.partition(b"\0")
    counts, newline, identity = rest.partition(b"\n")
    if path or not newline or counts.startswith(b"-") or len(identity) < digest_size:
        return None
    return identity[:digest_size].hex()


def _hash(digest_size: int) -> type:
    return hashlib.sha1 if digest_size == 20 else hashlib.sha256  # type: ignore[return-value]  # git names them

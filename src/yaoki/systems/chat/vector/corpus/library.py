"""Which source files of a Python library are read, and how to tell cheaply that they changed (SPEC G1)."""

from __future__ import annotations

import hashlib
import os
import platform
import sysconfig
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SourceFile", "source_files", "standard_library", "state", "topics_file"]

# Tests, bundled tools, generated code pages, and what is not the library's.
_SKIPPED = frozenset(
    [
        "test",
        "tests",
        "idlelib",
        "lib2to3",
        "turtledemo",
        "ensurepip",
        "encodings",
        "site-packages",
        "dist-packages",
        "__pycache__",
        "pydoc_data",
        "__phello__",
        "config",
        "lib-dynload",
    ]
)
# The same functions as posixpath's, for the platform that this is not; modules that do something when run or imported.
_SKIPPED_MODULES = frozenset({"antigravity", "this", "__hello__", "ntpath" if os.name == "posix" else "posixpath"})


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One module's file. `module`: its dotted name. `package`: whether it is a package's `__init__`."""

    path: Path
    module: str
    package: bool


def standard_library() -> Path:
    """The directory of the running Python's standard library."""
    return Path(sysconfig.get_path("stdlib"))


def topics_file(library: Path) -> Path:
    """The language reference as `help()` knows it."""
    return library / "pydoc_data" / "topics.py"


def source_files(library: Path, prefix: str = "") -> list[SourceFile]:
    """The modules below this directory whose source is there, in a fixed order. Unreadable directories count as empty."""
    return [SourceFile(Path(entry.path), module, package) for entry, module, package in _entries(str(library), prefix)]


def _entries(directory: str, prefix: str) -> Iterator[tuple[os.DirEntry[str], str, bool]]:
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        name = entry.name
        if name in _SKIPPED or name.startswith("."):
            continue
        if name.endswith(".py") and name[:-3].isidentifier():
            if name == "__init__.py" and prefix:
                yield entry, prefix.rstrip("."), True
            elif not name.startswith(("__init__.", "__main__.")) and prefix + name[:-3] not in _SKIPPED_MODULES:
                yield entry, prefix + name[:-3], False
        elif name.isidentifier() and entry.is_dir():
            inside = list(_entries(entry.path, f"{prefix}{name}."))
            # A directory without `__init__.py` is no package of the library.
            if any(found.name == "__init__.py" and module == prefix + name for found, module, _ in inside):
                yield from inside


def state(library: Path) -> str:
    """A digest of Python's version and of the size and time of every file that is read: about 10 ms, no file is opened."""
    digest = hashlib.sha256(f"{platform.python_implementation()} {platform.python_version()}\n".encode())
    for entry, module, _ in _entries(str(library), ""):
        with suppress(OSError):
            digest.update(f"{module}\0{_size_and_time(entry.stat())}\n".encode(errors="surrogateescape"))
    with suppress(OSError):
        digest.update(f"\0{_size_and_time(topics_file(library).stat())}".encode())
    return digest.hexdigest()


def _size_and_time(status: os.stat_result) -> str:
    return f"{status.st_size} {status.st_mtime_ns}"

"""Which source files of a Python library are read, and how to tell cheaply that they changed (SPEC G1)."""

from __future__ import annotations

import hashlib
import os
import platform
import sysconfig
from dataclasses import dataclass
from pathlib import Path

__all__ = ["SourceFile", "standard_library", "state", "topics_file"]

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
    found: list[SourceFile] = []
    try:
        entries = sorted(os.scandir(library), key=lambda entry: entry.name)
    except OSError:
        return found
    for entry in entries:
        name = entry.name
        if name in _SKIPPED or name.startswith("."):
            continue
        if entry.is_dir():
            inner = Path(entry.path)
            if name.isidentifier() and (inner / "__init__.py").is_file():
                found.extend(source_files(inner, f"{prefix}{name}."))
        elif name == "__init__.py" and prefix:
            found.append(SourceFile(Path(entry.path), prefix.rstrip("."), package=True))
        elif name.endswith(".py") and name != "__main__.py" and name[:-3].isidentifier():
            module = prefix + name[:-3]
            if module not in _SKIPPED_MODULES:
                found.append(SourceFile(Path(entry.path), module, package=False))
    return found


def state(library: Path) -> str:
    """A digest of Python's version and of the size and time of every file that is read: about 10 ms, no file is opened."""
    digest = hashlib.sha256(f"{platform.python_implementation()} {platform.python_version()}\n".encode())
    files = [file.path for file in source_files(library)]
    for path in (*files, topics_file(library)):
        try:
            status = path.stat()
        except OSError:
            continue
        name = path.relative_to(library).as_posix()
        digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()

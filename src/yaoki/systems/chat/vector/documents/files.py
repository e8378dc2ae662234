"""Which files below the given paths are documents (SPEC G1)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from yaoki.systems.chat.vector.documents.reading import READERS
from yaoki.systems.chat.vector.errors import DocumentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["found_files", "is_below"]

_SKIPPED = frozenset({"node_modules", "__pycache__", "site-packages"})


def found_files(paths: Sequence[Path]) -> dict[Path, str]:
    """The files of a kind that can be read, absolute, in a fixed order; each with the way that readers are told where it is.

    Hidden files and folders are left out, and so are links to folders, which may lead in circles. Raises DocumentError for a path
    that is not there, or a file of another kind that was named by itself.
    """
    found: dict[Path, str] = {}
    for given in paths:
        path = given.expanduser().resolve()
        if path.is_dir():
            for file in _below(path):
                found.setdefault(file, file.relative_to(path.parent).as_posix())
        elif not path.exists():
            raise DocumentError(str(given), "is not there")
        elif path.suffix.lower() not in READERS:
            raise DocumentError(str(given), f"is none of the kinds that are read: {', '.join(sorted(READERS))}")
        else:
            found.setdefault(path, path.name)
    return found


def is_below(key: str, paths: Sequence[Path]) -> bool:
    """Whether the file with this id is one of the paths or below one."""
    whole = Path(key)
    return any(whole.is_relative_to(path.expanduser().resolve()) for path in paths)


def _below(folder: Path) -> Iterator[Path]:
    for directory, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED)
        for name in sorted(files):
            file = Path(directory, name)
            if not name.startswith(".") and file.suffix.lower() in READERS and file.is_file():
                yield file

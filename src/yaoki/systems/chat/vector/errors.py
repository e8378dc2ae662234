"""What can go wrong with the index of the chat, each with its way out in the message (SPEC G1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yaoki.core.faults.errors import ConfigurationError, YaokiError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "ChatIndexError",
    "DataFolderError",
    "DocumentError",
    "EmptyCorpusError",
    "IndexBusyError",
    "IndexDamagedError",
    "NewerIndexError",
]


class ChatIndexError(YaokiError):
    """The base of all errors about the index."""

    kind = "index_failed"


class DataFolderError(ChatIndexError, ConfigurationError):
    """The data folder cannot be made, read or written, or its disk is full. `folder`: the folder."""

    kind = "configuration"

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(folder, reason)
        self.folder = folder
        self.reason = reason

    def __str__(self) -> str:
        return f"the data folder {self.folder} cannot be used: {self.reason}; make room, make it writable, or name another one"


class IndexBusyError(ChatIndexError):
    """Another process is building the index in this folder. `holder`: who, as far as it could be read."""

    kind = "index_busy"

    def __init__(self, folder: Path, holder: str) -> None:
        super().__init__(folder, holder)
        self.folder = folder
        self.holder = holder

    def __str__(self) -> str:
        return f"{self.holder} is building the index in {self.folder}; wait until it is done, or name another folder"


class NewerIndexError(ChatIndexError):
    """The index was written by a newer Yaoki. It is left as it is. `found`, `known`: the versions of its format."""

    kind = "index_newer"

    def __init__(self, file: Path, found: int, known: int) -> None:
        super().__init__(file, found, known)
        self.file = file
        self.found = found
        self.known = known

    def __str__(self) -> str:
        return (
            f"{self.file} has format {self.found}, this Yaoki knows formats up to {self.known}; "
            "use the newer Yaoki, or name another folder"
        )


class IndexDamagedError(ChatIndexError):
    """The index is not what was written. `ChatIndex.open_or_build` sets it aside and builds it anew."""

    kind = "index_damaged"

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(file, reason)
        self.file = file
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.file} is damaged: {self.reason}"


class EmptyCorpusError(ChatIndexError):
    """No source gave a single passage, so there is nothing to index. `notices`: what each source said."""

    kind = "corpus_empty"

    def __init__(self, notices: tuple[str, ...]) -> None:
        super().__init__(notices)
        self.notices = notices

    def __str__(self) -> str:
        return "; ".join(("no documents were found to index", *self.notices))


class DocumentError(YaokiError):
    """A document cannot be indexed as it was given. `field`: which of its parts is wrong; `reason`: why."""

    kind = "document_refused"

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(field, reason)
        self.field = field
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.field} {self.reason}"

"""Bringing the index up to date with files: what is new or changed is read, what is gone leaves (SPEC G1).

Documents are committed in batches, and a batch is told only when it is on the disk. A run that was killed goes on where it was when
it is started again, since files that have not changed are not read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yaoki.core.clock import clock
from yaoki.systems.chat.vector.documents.files import found_files, is_below
from yaoki.systems.chat.vector.documents.reading import document_of_file, state_of_file
from yaoki.systems.chat.vector.errors import DocumentError
from yaoki.systems.chat.vector.index import store
from yaoki.systems.chat.vector.index.content import WITH_PYTHON
from yaoki.systems.chat.vector.index.folder import Folder
from yaoki.systems.chat.vector.index.lock import building

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from yaoki.systems.chat.vector.index.document import Document

__all__ = ["IndexingReport", "forget_files", "index_files"]

_BATCH = 50
_BATCH_SECONDS = 0.5


@dataclass(slots=True)
class IndexingReport:
    """What came of a run. `files`: all that were found. `problems`: files that could not be read, each with the reason; what
    was indexed of them before stays. `notices`: what else a reader should know.
    """

    files: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    passages: int = 0
    problems: list[str] = field(default_factory=list)
    notices: tuple[str, ...] = ()


def index_files(
    data_dir: Path,
    paths: Sequence[Path],
    *,
    with_python: bool | None = None,
    progress: Callable[[int, int], object] = lambda done, of: None,
) -> IndexingReport:
    """Index the documents at these paths. It blocks; other processes may search the index meanwhile.

    `with_python`: whether Python's documentation is served beside them; None leaves that as it is. `progress` hears how many
    files are done, on the disk, and of how many. Raises DocumentError for a path that cannot be read, DataFolderError,
    IndexBusyError while another process builds here, NewerIndexError.
    """
    files = found_files(paths)
    report = IndexingReport(files=len(files))
    folder = Folder(data_dir)
    with building(folder.path):
        present = folder.present(locked=True)
        file = folder.make() if present is None else present[0]
        known = {} if present is None else _states(present[1])
        present_keys = {str(path) for path in files}
        gone = [key for key in known if known[key] and is_below(key, paths) and key not in present_keys]
        if with_python is not None or gone:
            with store.change(file) as changed:
                if with_python is not None:
                    changed.set(WITH_PYTHON, "yes" if with_python else "no")
                report.removed = sum(changed.remove("user", key) for key in gone)
        batch: list[Document] = []
        began = clock.now()
        for number, (path, shown) in enumerate(files.items(), 1):
            document = _read(path, shown, known.get(str(path)), report)
            if document is not None:
                batch.append(document)
            if len(batch) >= _BATCH or number == len(files) or clock.now() - began > _BATCH_SECONDS:
                _commit(file, batch)
                batch = []
                began = clock.now()
                progress(number, len(files))
        report.notices = folder.notices()
    return report


def forget_files(data_dir: Path, paths: Sequence[Path]) -> int:
    """Remove what was indexed of these paths, whether the files are still there or not; how many documents that were."""
    folder = Folder(data_dir)
    with building(folder.path):
        present = folder.present(locked=True)
        if present is None:
            return 0
        file, stored = present
        keys = [key for key, state in _states(stored).items() if state and is_below(key, paths)]
        with store.change(file) as changed:
            return sum(changed.remove("user", key) for key in keys)


def _read(path: Path, shown: str, known: str | None, report: IndexingReport) -> Document | None:
    """The document of a file that is new or has changed."""
    try:
        if known is not None and known == state_of_file(path.stat()):
            report.unchanged += 1
            return None
        document = document_of_file(path, shown)
    except OSError as error:
        report.problems.append(f"{path} cannot be read: {error.strerror or error}")
        return None
    except DocumentError as error:
        report.problems.append(str(error))
        return None
    if known is None:
        report.new += 1
    else:
        report.changed += 1
    report.passages += len(document.passages)
    return document


def _commit(file: Path, batch: Sequence[Document]) -> None:
    if batch:
        with store.change(file) as changed:
            for document in batch:
                changed.put(document)


def _states(stored: store.Stored) -> dict[str, str]:
    """The user's documents and what they were made of; "" for those that were handed over."""
    return {document.id: document.state for document in stored.documents if document.origin == "user"}

"""The default corpus: the documentation of the Python that runs, or else that of Yaoki itself (SPEC G1).

Nothing is downloaded and nothing of a directory listing is imported. Every source may be missing; what is missing is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaoki
from yaoki.systems.chat.vector.corpus import c_modules, docstrings, library, topics
from yaoki.systems.chat.vector.progress import Progress

if TYPE_CHECKING:
    from yaoki.systems.chat.vector.corpus.passage import Passage
    from yaoki.systems.chat.vector.progress import Listener

__all__ = ["EXTRACTOR", "Corpus", "Sources"]

# To be raised whenever the same sources give other passages: indexes built before are stale then.
EXTRACTOR = 1

# The shares of a build's time.
_READ, _IMPORTED, _NAMED = 0.62, 0.68, 0.78


@dataclass(frozen=True, slots=True)
class Corpus:
    """`passages`, each `id` once. `notices`: one sentence for each source that is missing."""

    passages: tuple[Passage, ...]
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the documents come from. `library`: the directory of a standard library. `modules`: modules written in C."""

    library: Path
    modules: tuple[str, ...] = c_modules.MODULES

    @classmethod
    def running(cls) -> Sources:
        """The Python that runs."""
        return cls(library.standard_library())

    def fingerprint(self) -> str:
        """Changes when the sources or their extraction do: what makes an index stale. Opens no source file; about 20 ms."""
        return f"{yaoki.__version__}-{EXTRACTOR}-{library.state(self.library)}"

    def collect(self, progress: Listener) -> Corpus:
        """Read every source. 4 to 10 s for a whole standard library."""
        notices = []
        files = library.source_files(self.library)
        facts = docstrings.read_all(files, self.library, lambda share: progress(Progress("Reading docstrings", _READ * share)))
        progress(Progress("Reading the modules written in C", _READ))
        c_docs = c_modules.read(self.modules)
        progress(Progress("Naming what was found", _IMPORTED))
        found = docstrings.passages(facts, c_docs.entries)
        reference = topics.passages(topics.read(library.topics_file(self.library)))
        if not any(module.definitions for module in facts):
            notices.append(
                "The sources of Python's standard library cannot be read here, so Yaoki's own documentation is indexed instead."
            )
            found.extend(_own_documentation())
        elif len(facts) < len(files):
            notices.append(f"{len(files) - len(facts)} of {len(files)} source files could not be read.")
        if c_docs.notice:
            notices.append(c_docs.notice)
        if not reference:
            notices.append("The language reference (pydoc_data) is missing here and is not indexed.")
        progress(Progress("Naming what was found", _NAMED))
        unique = {passage.id: passage for passage in (*reference, *found)}
        return Corpus(tuple(unique.values()), tuple(notices))


def _own_documentation() -> list[Passage]:
    package = Path(yaoki.__file__).parent
    facts = docstrings.read_all(library.source_files(package, "yaoki."), package.parent, lambda share: None)
    return docstrings.passages(facts)

"""SPEC G1: the corpus as a whole, and when it is another one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.systems.chat.small_library import make_library, small_sources
from yaoki.systems.chat.vector.corpus.collect import Sources
from yaoki.systems.chat.vector.progress import Progress


def test_g1_every_source_gives_passages(sources: Sources) -> None:
    """SPEC G1: docstrings and the language reference; nothing is said where nothing is missing."""
    corpus = sources.collect(lambda progress: None)
    names = {passage.name for passage in corpus.passages}

    assert {"kitchen", "kitchen.boil", "kitchen.Oven", "kitchen.Oven.preheat", "kitchen.pots.stir", "language/while"} <= names
    assert corpus.notices == ()
    assert len({passage.id for passage in corpus.passages}) == len(corpus.passages)


def test_g1_without_sources_the_own_documentation_is_indexed(tmp_path: Path) -> None:
    """SPEC G1: a zipped or stripped Python is said, and Yaoki's own public names stand in."""
    corpus = Sources(tmp_path / "nothing", ("math",)).collect(lambda progress: None)
    names = {passage.name for passage in corpus.passages}

    assert {"yaoki.Retry", "yaoki.CircuitBreaker", "math.sqrt"} <= names
    assert "Yaoki's own documentation is indexed instead" in corpus.notices[0]
    assert any("language reference" in notice for notice in corpus.notices)


def test_g1_a_source_that_cannot_be_parsed_is_said(tmp_path: Path) -> None:
    """SPEC G1: the number of files that are missing stands in a notice."""
    make_library(tmp_path / "library", {"broken.py": "def (:"})

    notices = small_sources(tmp_path / "library").collect(lambda progress: None).notices

    assert notices == ("1 of 4 source files could not be read.",)


def test_g1_progress_rises(sources: Sources) -> None:
    """SPEC G1: a progress bar never goes back."""
    shares: list[float] = []

    sources.collect(lambda progress: shares.append(progress.share))

    assert shares == sorted(shares)
    assert 0.0 <= shares[0] <= shares[-1] <= 1.0


@pytest.mark.parametrize("change", ["text", "time", "new", "gone", "topics"])
def test_g1_changed_sources_are_recognised(sources: Sources, change: str) -> None:
    """SPEC G1: the fingerprint knows size and time of every file, without reading one."""
    before = sources.fingerprint()
    assert sources.fingerprint() == before
    file = sources.library / "kitchen" / "pots.py"
    match change:
        case "text":
            file.write_text(file.read_text("utf-8") + "\n", "utf-8")
        case "time":
            os.utime(file, ns=(1, 1))
        case "new":
            (sources.library / "fresh.py").write_text("", "utf-8")
        case "gone":
            file.unlink()
        case "topics":
            os.utime(sources.library / "pydoc_data" / "topics.py", ns=(1, 1))

    assert sources.fingerprint() != before


def test_g1_a_listener_may_stop_it(sources: Sources) -> None:
    """SPEC G1: what the listener raises comes out."""

    def stop(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sources.collect(stop)

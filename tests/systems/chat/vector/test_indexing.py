"""SPEC G1: the user's files in the index: read once, changed, gone, beside Python's documentation or in its place."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.systems.chat.running import command, environment
from yaoki.systems.chat.vector.corpus.collect import Sources
from yaoki.systems.chat.vector.documents.indexing import forget_files, index_files
from yaoki.systems.chat.vector.documents.reading import document_of_text
from yaoki.systems.chat.vector.errors import DocumentError, IndexBusyError
from yaoki.systems.chat.vector.index.index import ChatIndex
from yaoki.systems.chat.vector.index.lock import building


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A folder with three documents."""
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "bread.md").write_text("# Bread\n\nKnead the dough for ten minutes.", "utf-8")
    (folder / "soup.txt").write_text("Simmer the stock slowly.", "utf-8")
    (folder / "天気.md").write_text("# 天気予報\n\n明日の東京は雨でしょう。傘を持って出かけてください。", "utf-8")
    return folder


def found(folder: Path, sources: Sources, query: str) -> list[str]:
    return [Path(hit.id).name for hit in ChatIndex.open_or_build(folder, sources=sources).search(query)]


def test_g1_documents_of_the_user_are_what_is_searched(folder: Path, sources: Sources, docs: Path) -> None:
    """SPEC G1: once there are some, Python's documentation is neither read nor served."""
    index_files(folder, [docs])

    index = ChatIndex.open_or_build(folder, sources=sources)

    assert (index.built, len(index)) == (False, 3)
    assert found(folder, sources, "how long is dough kneaded?") == ["bread.md"]
    assert found(folder, sources, "boil water in the kitchen") == []


def test_g1_python_may_be_served_beside_them(folder: Path, sources: Sources, docs: Path) -> None:
    """SPEC G1: as it was said the last time."""
    index_files(folder, [docs], with_python=True)
    assert found(folder, sources, "boil water") == ["kitchen.boil"]

    index_files(folder, [docs])
    assert found(folder, sources, "boil water") == ["kitchen.boil"]
    assert found(folder, sources, "knead dough") == ["bread.md"]

    index_files(folder, [docs], with_python=False)
    assert found(folder, sources, "boil water") == []


def test_g1_without_the_last_document_python_is_back(folder: Path, sources: Sources, docs: Path) -> None:
    """SPEC G1: there is always something to ask about."""
    index_files(folder, [docs])

    assert forget_files(folder, [docs]) == 3
    assert found(folder, sources, "boil water") == ["kitchen.boil"]


def test_g1_japanese_questions_find_japanese_documents(folder: Path, sources: Sources, docs: Path) -> None:
    """SPEC G1: by pairs of characters, whatever stands between them."""
    index_files(folder, [docs])

    assert found(folder, sources, "東京の天気はどうですか？")[0] == "天気.md"
    assert found(folder, sources, "傘は必要ですか")[0] == "天気.md"


def test_g1_only_what_changed_is_read_again(folder: Path, sources: Sources, docs: Path) -> None:
    """SPEC G1: new, changed, unchanged and gone are told apart; what is gone leaves."""
    first = index_files(folder, [docs])
    (docs / "bread.md").write_text("# Bread\n\nBake it at 220 degrees.", "utf-8")
    (docs / "soup.txt").unlink()
    (docs / "tea.rst").write_text("Steep for three minutes.", "utf-8")

    second = index_files(folder, [docs])

    assert (first.new, first.changed, first.unchanged, first.removed) == (3, 0, 0, 0)
    assert (second.new, second.changed, second.unchanged, second.removed) == (1, 1, 1, 1)
    assert found(folder, sources, "degrees") == ["bread.md"]
    assert found(folder, sources, "knead dough") == []
    assert found(folder, sources, "simmer stock") == []


def test_g1_other_paths_and_documents_handed_over_stay(folder: Path, sources: Sources, docs: Path, tmp_path: Path) -> None:
    """SPEC G1: a run removes only what it would have found."""
    other = tmp_path / "other.md"
    other.write_text("Polish the silver.", "utf-8")
    index_files(folder, [docs, other])
    ChatIndex.open_or_build(folder, sources=sources).change([document_of_text("handed", "Fold the napkins.")])
    (docs / "soup.txt").unlink()

    assert index_files(folder, [docs]).removed == 1
    assert found(folder, sources, "silver") == ["other.md"]
    assert found(folder, sources, "napkins") == ["handed"]


def test_g1_a_file_that_cannot_be_read_is_told_and_keeps_what_was_indexed(folder: Path, sources: Sources, docs: Path) -> None:
    """SPEC G1: one bad file ends nothing."""
    index_files(folder, [docs])
    (docs / "bread.md").write_bytes(b"\xff\xff\xff")

    report = index_files(folder, [docs])

    assert len(report.problems) == 1
    assert "bread.md is not text" in report.problems[0]
    assert found(folder, sources, "dough") == ["bread.md"]


def test_g1_a_path_that_is_not_there_changes_nothing(folder: Path, docs: Path) -> None:
    """SPEC G1: a typing error is no reason to remove anything."""
    with pytest.raises(DocumentError, match="is not there"):
        index_files(folder, [docs, docs / "typo"])

    assert not folder.exists()


def test_g1_two_runs_do_not_meet(folder: Path, docs: Path) -> None:
    """SPEC G1: the second is told who indexes."""
    folder.mkdir()

    with building(folder), pytest.raises(IndexBusyError, match=f"process {os.getpid()}"):
        index_files(folder, [docs])


def test_g1_a_running_index_sees_what_another_process_indexed(folder: Path, sources: Sources, docs: Path) -> None:
    """SPEC G1: `refresh` reads it anew, and only then."""
    index = ChatIndex.open_or_build(folder, sources=sources)
    assert not index.refresh()

    index_files(folder, [docs])

    assert index.refresh()
    assert [Path(hit.id).name for hit in index.search("dough")] == ["bread.md"]


def test_g1_documents_survive_a_damaged_index(folder: Path, sources: Sources, docs: Path) -> None:
    """SPEC G1: those that are what was written are saved from it; how many are not is said."""
    import sqlite3
    from contextlib import closing

    index_files(folder, [docs])
    (file,) = folder.glob("index-*.sqlite3")
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("UPDATE passages SET text = 'other' WHERE text LIKE 'Simmer%'")

    index = ChatIndex.open_or_build(folder, sources=sources)

    assert "2 of your documents were saved" in index.notices[0]
    assert "1 could not be: index them again" in index.notices[0]
    assert [Path(hit.id).name for hit in index.search("dough")] == ["bread.md"]
    assert index_files(folder, [docs]).new == 1


def test_x5_the_command_tells_what_it_did(tmp_path: Path, docs: Path) -> None:
    """SPEC X5: counts on the output, problems and progress beside it; a bad file is status 1."""
    done = command("chat", "index", docs, "--data", tmp_path / "data", cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "3 / 3 files\n")
    assert done.stdout == "3 new, 0 changed, 0 unchanged, 0 removed; 3 passages indexed.\n"

    (docs / "bad.md").write_bytes(b"\xff")
    done = command("chat", "index", docs, "--data", tmp_path / "data", cwd=tmp_path)

    assert done.returncode == 1
    assert "bad.md is not text" in done.stderr


def test_g1_a_killed_run_loses_no_document_that_it_told(tmp_path: Path, sources: Sources) -> None:
    """SPEC G1: kill -9 in the middle, six times; the next run goes on where it was, and in the end all are there."""
    docs = tmp_path / "many"
    docs.mkdir()
    for number in range(1200):
        (docs / f"d{number:04}.md").write_text(
            f"# Part {number}\n\nThe marker is word{number}x.\n\n" + "Filler. " * 300, "utf-8"
        )
    arguments = [sys.executable, "-m", "yaoki", "chat", "index", docs, "--data", tmp_path / "data"]
    told = 0
    for round_ in range(6):
        with subprocess.Popen(arguments, stderr=subprocess.PIPE, env=environment({}), text=True) as process:
            assert process.stderr is not None
            line = ""
            for _ in range(round_ % 3 + 2):
                line = process.stderr.readline() or line
            time.sleep(0.01 * round_)
            process.send_signal(signal.SIGKILL)
            rest = process.stderr.read()
        numbers = re.findall(r"(\d+) / 1200", line + rest)
        told = max([told, *map(int, numbers)])
        if not numbers or told == 1200:
            continue
        index = ChatIndex.open_or_build(tmp_path / "data", sources=sources)
        assert index.notices == ()
        assert len({hit.partition("#")[0] for hit in index.ids()}) >= told
    assert told > 100

    report = index_files(tmp_path / "data", [docs])

    assert report.unchanged >= told
    assert report.new + report.unchanged == 1200
    index = ChatIndex.open_or_build(tmp_path / "data", sources=sources)
    assert all(index.search(f"word{number}x", 1) for number in range(0, 1200, 7))

"""SPEC G1: the index in its folder: opened, built, recognised as stale, verified, set aside, refused."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from yaoki.systems.chat.vector.corpus.collect import Sources
from yaoki.systems.chat.vector.errors import DataFolderError, IndexBusyError, NewerIndexError
from yaoki.systems.chat.vector.index import store
from yaoki.systems.chat.vector.index.index import ChatIndex
from yaoki.systems.chat.vector.index.lock import building
from yaoki.systems.chat.vector.progress import Progress


def indexes(folder: Path) -> list[str]:
    """The names of everything but the lock file."""
    return sorted(file.name for file in folder.iterdir() if file.name != "index.lock")


def index_file(folder: Path) -> Path:
    (file,) = folder.glob("index-*.sqlite3")
    return file


def change(sources: Sources) -> None:
    """Make an index of these sources stale."""
    (sources.library / "fresh.py").write_text('"""A module that was not there before."""', "utf-8")


def test_g1_built_once_opened_afterwards(folder: Path, sources: Sources) -> None:
    """SPEC G1: the second start opens what the first one built: one file, the same content, nothing said."""
    built = ChatIndex.open_or_build(folder, sources=sources)
    opened = ChatIndex.open_or_build(folder, sources=sources)

    assert (built.built, opened.built) == (True, False)
    assert opened.version == built.version
    assert len(opened) == len(built) > 5
    assert opened.notices == ()
    assert indexes(folder) == ["index-1.sqlite3"]
    assert opened.search("boil water") == built.search("boil water")


def test_g1_a_hit_is_what_readers_need(folder: Path, sources: Sources) -> None:
    """SPEC G1: id, text, score, title, signature and source; a passage is opened by its id."""
    index = ChatIndex.open_or_build(folder, sources=sources)

    hit = index.search("How do I boil water?", 1)[0]

    assert (hit.id, hit.title, hit.source) == ("kitchen.boil", "kitchen.boil", "kitchen/stove.py, line 4")
    assert hit.signature == "kitchen.boil(water, timeout=None)"
    assert hit.text.startswith("Boil the water until it bubbles.")
    opened = index.passage("kitchen.boil")
    assert opened is not None
    assert (opened.text, opened.score) == (hit.text, 0.0)
    assert index.passage("kitchen.fry") is None


def test_g1_at_least_one_passage_is_asked_for(folder: Path, sources: Sources) -> None:
    """SPEC G1: `k` below 1 is the caller's mistake."""
    with pytest.raises(ValueError, match="k is 1 or more"):
        ChatIndex.open_or_build(folder, sources=sources).search("water", 0)


def test_g1_progress_ends_at_the_whole(folder: Path, sources: Sources) -> None:
    """SPEC G1: a build tells how far it is, from the beginning to the end."""
    told: list[Progress] = []

    ChatIndex.open_or_build(folder, sources=sources, progress=told.append)

    assert [progress.share for progress in told] == sorted(progress.share for progress in told)
    assert told[-1].share == 1.0


def test_g1_changed_sources_are_indexed_anew(folder: Path, sources: Sources) -> None:
    """SPEC G1: what is stale is replaced as a whole, in one transaction of the same file."""
    old = ChatIndex.open_or_build(folder, sources=sources)
    change(sources)

    new = ChatIndex.open_or_build(folder, sources=sources)

    assert new.built
    assert new.version != old.version
    assert new.passage("fresh") is not None
    assert indexes(folder) == ["index-1.sqlite3"]


def test_g1_the_version_names_the_content(folder: Path, sources: Sources) -> None:
    """SPEC G1: new times of the same sources make a new index with the version of the old one."""
    old = ChatIndex.open_or_build(folder, sources=sources)
    os.utime(sources.library / "kitchen" / "pots.py", ns=(1, 1))

    new = ChatIndex.open_or_build(folder, sources=sources)

    assert new.built
    assert new.version == old.version


def test_g1_missing_sources_are_said_at_every_start(folder: Path, tmp_path: Path) -> None:
    """SPEC G1: what the build had to say is kept with the index."""
    nothing = Sources(tmp_path / "nothing", ())

    built = ChatIndex.open_or_build(folder, sources=nothing)
    opened = ChatIndex.open_or_build(folder, sources=nothing)

    assert "cannot be read here" in built.notices[0]
    assert opened.notices == built.notices


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM passages WHERE place = 3",
        "UPDATE passages SET text = text || '!' WHERE place = 2",
        "UPDATE passages SET title = substr(title, 2), source = source || substr(title, 1, 1) WHERE place = 2",
        "UPDATE passages SET place = -1 WHERE place = 4",
        "UPDATE passages SET imported_by = imported_by + 1 WHERE place = 4",
        "UPDATE passages SET imported_by = 'often' WHERE place = 4",
        "UPDATE passages SET document = 77 WHERE place = 4",
        "UPDATE passages SET aliases = 'no JSON' WHERE place = 4",
        "UPDATE documents SET state = 'x'",
        "UPDATE documents SET words = x'00000000'",
        "UPDATE documents SET words = zeroblob(length(words))",
        "UPDATE documents SET notices = '[1]'",
        "DELETE FROM documents",
        "DELETE FROM about WHERE name = 'sum'",
        "UPDATE about SET value = 'x' WHERE name = 'sum'",
        "DROP TABLE passages",
        "DROP TABLE documents",
        "PRAGMA user_version = 0",
    ],
)
def test_g1_a_damaged_index_is_never_served(folder: Path, sources: Sources, damage: str) -> None:
    """SPEC G1: it is set aside, not deleted, built anew, and that is said."""
    good = ChatIndex.open_or_build(folder, sources=sources)
    with closing(sqlite3.connect(index_file(folder), isolation_level=None)) as connection:
        connection.execute(damage)

    index = ChatIndex.open_or_build(folder, sources=sources)

    assert index.built
    assert index.version == good.version
    damaged, present = indexes(folder)
    assert damaged.startswith("damaged-index-1-")
    assert present == "index-2.sqlite3"
    assert "was damaged" in index.notices[0]
    assert damaged in index.notices[0]
    assert ChatIndex.open_or_build(folder, sources=sources).notices == ()


@pytest.mark.parametrize("size", [0, 10, 100, 4096, 9000])
def test_g1_a_truncated_index_is_never_served(folder: Path, sources: Sources, size: int) -> None:
    """SPEC G1: a file that ends too early is set aside and built anew."""
    ChatIndex.open_or_build(folder, sources=sources)
    os.truncate(index_file(folder), size)

    index = ChatIndex.open_or_build(folder, sources=sources)

    assert index.built
    assert indexes(folder)[0].startswith("damaged-")


@pytest.mark.parametrize("place", range(16))
def test_g1_a_changed_byte_is_never_served(folder: Path, sources: Sources, place: int) -> None:
    """SPEC G1: wherever a byte is another one, what is served is what was written."""
    good = ChatIndex.open_or_build(folder, sources=sources)
    answers = good.search("heat the oven")
    file = index_file(folder)
    content = bytearray(file.read_bytes())
    content[len(content) * (2 * place + 1) // 32] ^= 0xFF
    file.write_bytes(content)

    index = ChatIndex.open_or_build(folder, sources=sources)

    assert index.version == good.version
    assert index.search("heat the oven") == answers


def test_g1_a_file_of_another_kind_is_set_aside(folder: Path, sources: Sources) -> None:
    """SPEC G1: what is no database is no index, and somebody may want it back."""
    folder.mkdir()
    (folder / "index-7.sqlite3").write_text("my notes", "utf-8")

    ChatIndex.open_or_build(folder, sources=sources)

    kept = next(folder.glob("damaged-index-7-*"))
    assert kept.read_text("utf-8") == "my notes"


def test_g1_an_index_of_a_newer_yaoki_is_refused_and_left_alone(folder: Path, sources: Sources) -> None:
    """SPEC G1: its format is not guessed at."""
    ChatIndex.open_or_build(folder, sources=sources)
    with closing(sqlite3.connect(index_file(folder), isolation_level=None)) as connection:
        connection.execute(f"PRAGMA user_version = {store.FORMAT + 1}")
    before = index_file(folder).read_bytes()

    with pytest.raises(NewerIndexError, match="use the newer Yaoki, or name another folder"):
        ChatIndex.open_or_build(folder, sources=sources)

    assert index_file(folder).read_bytes() == before


def test_g1_an_index_of_the_first_format_is_built_anew(folder: Path, sources: Sources) -> None:
    """SPEC G1: it held nothing but Python's documentation, which is read again; then it goes."""
    folder.mkdir()
    with closing(sqlite3.connect(folder / "index-4.sqlite3", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE passages (number INTEGER PRIMARY KEY)")
        connection.execute("PRAGMA user_version = 1")

    index = ChatIndex.open_or_build(folder, sources=sources)

    assert (index.built, index.notices) == (True, ())
    assert indexes(folder) == ["index-5.sqlite3"]


def test_x5_a_folder_that_is_a_file_is_a_clear_error(tmp_path: Path, sources: Sources) -> None:
    """SPEC X5: the message names the folder and the way out."""
    (tmp_path / "file").write_text("", "utf-8")

    with pytest.raises(DataFolderError, match="make room, make it writable, or name another one") as raised:
        ChatIndex.open_or_build(tmp_path / "file", sources=sources)

    assert raised.value.folder == tmp_path / "file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_x5_a_folder_without_permission_is_a_clear_error(folder: Path, sources: Sources) -> None:
    """SPEC X5: an unwritable folder is said before anything is read."""
    folder.mkdir(mode=0o500)

    with pytest.raises(DataFolderError, match="Permission denied"):
        ChatIndex.open_or_build(folder, sources=sources)


def test_g1_a_full_disk_is_a_clear_error_and_leaves_nothing(
    folder: Path, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SPEC G1: a build that cannot be written ends as if it had not begun."""
    monkeypatch.setattr(store.Change, "put", _full_disk)

    with pytest.raises(DataFolderError, match="full"):
        ChatIndex.open_or_build(folder, sources=sources)

    assert indexes(folder) == []


def test_g1_a_stale_index_that_cannot_be_rebuilt_is_served_with_a_notice(
    folder: Path, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SPEC G1: an old answer is better than none, if it is said."""
    old = ChatIndex.open_or_build(folder, sources=sources)
    change(sources)
    monkeypatch.setattr(store.Change, "put", _full_disk)

    served = ChatIndex.open_or_build(folder, sources=sources)

    assert served.version == old.version
    assert "older state of the documents" in served.notices[0]
    assert indexes(folder) == ["index-1.sqlite3"]


def test_g1_two_builders_do_not_meet(folder: Path, sources: Sources) -> None:
    """SPEC G1: the second is told which process builds, and since when."""
    folder.mkdir()

    with building(folder), pytest.raises(IndexBusyError) as raised:
        ChatIndex.open_or_build(folder, sources=sources)

    assert f"process {os.getpid()} on" in str(raised.value)
    assert ChatIndex.open_or_build(folder, sources=sources).built


def test_g1_beside_a_builder_the_old_index_is_served(folder: Path, sources: Sources) -> None:
    """SPEC G1: a second process does not wait for the first one's rebuild."""
    old = ChatIndex.open_or_build(folder, sources=sources)
    change(sources)

    with building(folder):
        served = ChatIndex.open_or_build(folder, sources=sources)

    assert served.version == old.version
    assert f"process {os.getpid()} on" in served.notices[0]


def test_g1_a_lock_file_of_nonsense_does_not_hide_the_message(folder: Path) -> None:
    """SPEC X5: what stands in the lock file is somebody else's text."""
    folder.mkdir()

    with building(folder):
        (folder / "index.lock").write_text('{"pid": "x"}', "utf-8")
        with pytest.raises(IndexBusyError, match="another process is building"), building(folder):
            pass


def test_g1_the_lock_of_a_dead_process_holds_nobody(folder: Path, sources: Sources) -> None:
    """SPEC G1: the operating system takes it back."""
    folder.mkdir()
    program = f"""
import os, signal
from pathlib import Path
from yaoki.systems.chat.vector.index.lock import building
with building(Path({str(folder)!r})):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", program], check=False)

    assert done.returncode == -9
    assert ChatIndex.open_or_build(folder, sources=sources).built


def test_g1_a_listener_that_raises_ends_the_build(folder: Path, sources: Sources) -> None:
    """SPEC G1: nothing of the build is left, and the next one succeeds."""

    def stop(progress: Progress) -> None:
        if progress.share > 0.9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ChatIndex.open_or_build(folder, sources=sources, progress=stop)

    assert indexes(folder) == []
    assert ChatIndex.open_or_build(folder, sources=sources).built


def test_g1_folders_with_odd_names_are_folders(tmp_path: Path, sources: Sources) -> None:
    """SPEC X5: a name is a name, not part of an address."""
    folder = tmp_path / "da?ta #1%41&mode=ro 文書"

    ChatIndex.open_or_build(folder, sources=sources)

    assert not ChatIndex.open_or_build(folder, sources=sources).built


def _full_disk(*arguments: object) -> None:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    raise error

"""SPEC G1: a build that is killed at any moment leaves the old index or none, and the next start builds."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.systems.chat.small_library import small_sources
from yaoki.systems.chat.vector.corpus.collect import Sources
from yaoki.systems.chat.vector.index.index import ChatIndex

# Runs a build that kills itself without warning: at a share of the progress, or where a function is entered or left.
PROGRAM = """
import os, signal, sys
from pathlib import Path
from yaoki.systems.chat.vector.index import index
from yaoki.systems.chat.vector.index import store
from yaoki.systems.chat.vector.corpus.collect import Sources

folder, library, moment = sys.argv[1:]

def die(*arguments, **keywords):
    os.kill(os.getpid(), signal.SIGKILL)

def progress(told):
    if moment.startswith("share") and told.share >= float(moment.partition(" ")[2]):
        die()

if moment == "while writing":
    store._row = die
elif moment == "before the commit":
    store.Change._add = die
elif moment == "before the disk has it":
    store.os.fsync = die
elif moment == "before the rename":
    Path.replace = die
elif moment == "after the commit":
    index._ready = die
index.ChatIndex.open_or_build(Path(folder), progress=progress, sources=Sources(Path(library), ()))
"""
READING = ["share 0.0", "share 0.4", "share 0.7", "share 0.78", "share 0.96", "while writing", "before the commit"]
MAKING = ["before the disk has it", "before the rename"]
DONE = "after the commit"


def killed_build(folder: Path, sources: Sources, moment: str) -> None:
    command = [sys.executable, "-c", PROGRAM, str(folder), str(sources.library), moment]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir() if file.name != "index.lock")


@pytest.mark.parametrize("moment", [*READING, *MAKING, DONE])
def test_g1_a_killed_first_build_leaves_none_or_all(folder: Path, sources: Sources, moment: str) -> None:
    """SPEC G1: what is there afterwards is a whole index or nothing, and nothing unfinished stays for long."""
    killed_build(folder, sources, moment)

    index = ChatIndex.open_or_build(folder, sources=sources)

    assert index.built == (moment != DONE)
    assert index.notices == ()
    assert index.search("boil water", 1)[0].id == "kitchen.boil"
    assert names(folder) == ["index-1.sqlite3"]


@pytest.mark.parametrize("moment", [*READING, DONE])
def test_g1_a_killed_rebuild_leaves_the_old_or_the_new(folder: Path, tmp_path: Path, moment: str) -> None:
    """SPEC G1: the index of before is served until the new one is whole."""
    sources = small_sources(tmp_path / "library")
    old = ChatIndex.open_or_build(folder, sources=sources)
    unchanged = sources.fingerprint()
    (sources.library / "fresh.py").write_text('"""A module that was not there before."""', "utf-8")
    killed_build(folder, sources, moment)
    whole = moment == DONE
    if not whole:
        # As the process before the change would find it.
        (sources.library / "fresh.py").unlink()
        assert sources.fingerprint() == unchanged

    index = ChatIndex.open_or_build(folder, sources=sources)

    assert not index.built
    assert index.notices == ()
    assert (index.version == old.version) is not whole


def test_g1_what_a_killed_build_left_goes_with_the_next(folder: Path, sources: Sources) -> None:
    """SPEC G1: unfinished files do not pile up."""
    for _ in range(2):
        killed_build(folder, sources, "before the rename")
    assert [name for name in names(folder) if name.startswith("building-")]

    ChatIndex.open_or_build(folder, sources=sources)

    assert names(folder) == ["index-1.sqlite3"]

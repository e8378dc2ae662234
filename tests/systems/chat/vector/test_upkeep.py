"""SPEC G1: vectors come in the background, from a process of its own, and stay whatever is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.systems.chat.embeddings.embeddings_server import DIMENSIONS, EmbeddingsServer
from tests.systems.chat.small_library import small_sources
from yaoki.core import deadline
from yaoki.systems.chat.embeddings.configuration import EmbeddingsConfiguration
from yaoki.systems.chat.vector.documents.reading import document_of_text
from yaoki.systems.chat.vector.index import embedding_store, store
from yaoki.systems.chat.vector.index.index import ChatIndex
from yaoki.systems.chat.vector.meanings.embedding_job import EmbeddingJob
from yaoki.systems.chat.vector.meanings.upkeep import Upkeep

pytestmark = pytest.mark.timeout(120)

MANY = 300


@pytest.fixture
def server() -> Iterator[EmbeddingsServer]:
    with EmbeddingsServer() as running:
        yield running


@pytest.fixture
def index(tmp_path: Path) -> ChatIndex:
    """An index of many documents, more than two batches."""
    opened = ChatIndex.open_or_build(tmp_path / "data", sources=small_sources(tmp_path / "library"))
    opened.change([document_of_text(f"d{number}", f"The text of number{number}.") for number in range(MANY)])
    return opened


def settings_for(server: EmbeddingsServer) -> EmbeddingsConfiguration:
    given = {
        "embeddings_url": server.url,
        "embeddings_model": "tiny",
        "embeddings_api_key": "secret",
        "embeddings_timeout": 5.0,
    }
    return EmbeddingsConfiguration.model_validate(given)


@contextmanager
def kept_up(index: ChatIndex, server: EmbeddingsServer) -> Iterator[Upkeep]:
    upkeep = Upkeep(index, settings_for(server), lambda: None)
    upkeep.start()
    try:
        yield upkeep
    finally:
        upkeep.end()


def until(condition: Callable[[], bool], what: Callable[[], Any], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what()
        time.sleep(0.02)


def stored(index: ChatIndex, server: EmbeddingsServer) -> int:
    return len(embedding_store.read(index.file, f"tiny at 127.0.0.1:{server.port}", DIMENSIONS)[0])


def test_g1_words_answer_at_once_and_meaning_when_it_is_there(index: ChatIndex, server: EmbeddingsServer) -> None:
    """SPEC G1: an answer says which; progress tells how far it is; new documents are embedded too; the next start asks nothing."""
    server.patience = threading.Event()
    with kept_up(index, server) as upkeep:
        assert index.find("number7").retrieval == "lexical"
        server.patience.set()
        until(lambda: upkeep.embedded == MANY, upkeep.to_dict)
        assert upkeep.to_dict() == {
            "model": f"tiny at 127.0.0.1:{server.port}",
            "embedded": MANY,
            "of": MANY,
            "problem": None,
        }
        assert index.find("number7").retrieval == "hybrid"

        index.change([document_of_text("new", "Something about kettles.")])
        until(lambda: upkeep.embedded == MANY + 1, upkeep.to_dict)
        assert index.find("kettles").hits[0].similarity is not None
    assert {len(each["input"]) for each in server.asked} <= {1, 44, 64}
    assert {each["authorization"] for each in server.asked} == {"Bearer secret"}

    before = len(server.asked)
    again = ChatIndex.open_or_build(index.file.parent)
    with kept_up(again, server) as upkeep:
        until(lambda: upkeep.embedded == MANY + 1, upkeep.to_dict)
    assert [each["input"] for each in server.asked[before:]] == [["dimensions"]]


def test_g1_a_killed_child_is_followed_by_another_that_goes_on(index: ChatIndex, server: EmbeddingsServer) -> None:
    """SPEC G1: what was on the disk stays."""
    job = EmbeddingJob(index.file, settings_for(server))
    next(iter(job.progress()))
    job.kill()
    job.end()
    kept = stored(index, server)
    assert kept >= 64
    before = sum(len(each["input"]) for each in server.asked)

    again = EmbeddingJob(index.file, settings_for(server))
    told = list(again.progress())
    again.end()

    assert told[-1] == (MANY, MANY)
    assert told[0][0] > kept
    # One text for the dimensions.
    assert sum(len(each["input"]) for each in server.asked) - before == MANY - kept + 1


def test_g1_the_child_ends_with_its_parent(index: ChatIndex, server: EmbeddingsServer) -> None:
    """SPEC G1: also where the parent is killed and can tell nobody."""
    server.patience = threading.Event()
    program = f"""
import os, signal
from pathlib import Path
from yaoki.systems.chat.embeddings.configuration import EmbeddingsConfiguration
from yaoki.systems.chat.vector.meanings.embedding_job import EmbeddingJob
job = EmbeddingJob(Path({str(index.file)!r}), EmbeddingsConfiguration.model_validate({{"embeddings_url": {server.url!r}}}))
print(job._process.pid, flush=True)
input()
"""
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        until(lambda: bool(server.asked), lambda: "the child asks nothing")
        # It leaves the processor to whoever answers.
        assert os.getpriority(os.PRIO_PROCESS, child) >= min(19, os.getpriority(os.PRIO_PROCESS, 0) + 10)
        parent.send_signal(signal.SIGKILL)

    until(lambda: not _is_running(child), lambda: f"process {child} still runs")
    server.patience.set()


def test_g1_two_children_do_not_meet(index: ChatIndex, server: EmbeddingsServer) -> None:
    """SPEC G1: the second one leaves the work to the first."""
    server.patience = threading.Event()
    first = EmbeddingJob(index.file, settings_for(server))
    until(lambda: bool(server.asked), lambda: "the child asks nothing")

    second = EmbeddingJob(index.file, settings_for(server))
    assert list(second.progress()) == []
    assert (second.busy, second.problem) == (True, "")

    server.patience.set()
    second.end()
    first.end()


def test_g1_an_endpoint_that_fails_is_said_and_costs_no_search(index: ChatIndex, server: EmbeddingsServer) -> None:
    """SPEC G1: words go on answering."""
    server.status = 500
    with kept_up(index, server) as upkeep:
        until(lambda: bool(upkeep.problem), upkeep.to_dict)

        assert "status 500" in upkeep.problem
        assert index.find("number7").hits[0].id == "d7"


def test_g1_an_endpoint_that_hangs_leaves_time_to_search_by_words(index: ChatIndex, server: EmbeddingsServer) -> None:
    """SPEC G1, T1: however long it may take by itself, the search that waits for it is answered within its deadline."""
    with kept_up(index, server) as upkeep:
        until(lambda: upkeep.embedded == upkeep.of > 0, upkeep.to_dict)
        server.patience = threading.Event()
        with deadline.within(2.0):
            found = index.find("number7")
            left = deadline.remaining()
        server.patience.set()

    assert (found.retrieval, found.reason, found.hits[0].id) == ("lexical", "embedding_failed", "d7")
    assert left > 0.0


def test_g1_a_damaged_vector_is_made_anew(index: ChatIndex, server: EmbeddingsServer) -> None:
    """SPEC G1: it is never compared with a question."""
    with kept_up(index, server) as upkeep:
        until(lambda: upkeep.embedded == MANY, upkeep.to_dict)
    with store.writing(index.file) as connection:
        connection.execute("UPDATE embeddings SET vector = zeroblob(length(vector)) WHERE number % 100 = 5")
    assert stored(index, server) == MANY - 3

    again = ChatIndex.open_or_build(index.file.parent)
    with kept_up(again, server) as upkeep:
        until(lambda: upkeep.embedded == MANY, upkeep.to_dict)
    assert stored(index, server) == MANY


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A child of a killed parent may stay as a zombie where nobody waits for it.
    return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z" if Path("/proc").exists() else True

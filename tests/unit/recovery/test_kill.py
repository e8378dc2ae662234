"""SPEC H3: a recovery that is killed at any step is continued or safely repeated: nothing lost, nothing done twice that must not be."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.unit.recovery.toy import Killer, Toy
from yaoki.core.recovery import RecoveryReport, Result

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the child is forked, so that it starts quickly")

BAD = {"damaged": "bad", "nearly": "ood nearly", "hopeless": "beyond repair"}


@pytest.fixture
def in_memory() -> Iterator[Path]:
    """A folder in memory where there is one: SIGKILL loses nothing that was written, so that the disk need not be waited for."""
    shared = Path("/dev/shm")
    with TemporaryDirectory(dir=shared if shared.is_dir() and os.access(shared, os.W_OK) else None) as folder:
        yield Path(folder)


def lay_out(folder: Path) -> Toy:
    toy = Toy(folder)
    toy.add("fine")
    for name, text in BAD.items():
        toy.add(name, text)
    return toy


def recover_and_die(folder: Path, step: int) -> bool:
    """Recover in a child process that kills itself at a step; whether it was killed."""
    child = os.fork()
    if child == 0:
        status = 9
        try:
            killer = Killer(step)
            killer.watch_the_journal()
            Toy(folder, killer).loop().run_once_threads()
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status)
    assert not killed or os.WTERMSIG(status) == signal.SIGKILL
    assert killed or os.waitstatus_to_exitcode(status) == 0
    return killed


def demand_order(toy: Toy, report: RecoveryReport) -> None:
    texts = {file.name: file.read_text() for file in toy.files.iterdir()}
    kept = [file.read_text() for file in toy.attic.iterdir()]
    asked = toy.log.read_text().splitlines() if toy.log.exists() else []
    loop = toy.loop()

    # Everything is repaired or isolated.
    assert {name: texts[name] for name in ("fine", "damaged", "nearly")} == {
        name: f"good {name}" for name in ("fine", "damaged", "nearly")
    }
    assert set(loop.isolations()) == {"hopeless"}
    assert {file.name for file in toy.marks.iterdir()} == {"hopeless"}
    assert loop.isolations()["hopeless"].attempts == 1
    # Nothing is lost: what was replaced is in quarantine.
    assert "bad" in kept
    assert "beyond repair" in kept
    # Nothing was done twice that must not be.
    assert len(asked) <= 1
    # What was finished before the kill is not told as done again.
    assert report.errors == []
    assert {each.anomaly.subject for each in report.handled} <= set(BAD)
    assert report.count(Result.ISOLATED) <= 1


@pytest.mark.timeout(60)
def test_killed_at_every_step(in_memory: Path) -> None:
    """SPEC H3: SIGKILL at step n, for every n; after the restart all is repaired or isolated, and a second run has nothing to do."""
    step = 0
    killed = True
    while killed:
        step += 1
        folder = in_memory / str(step)
        toy = lay_out(folder)
        killed = recover_and_die(folder, step)

        report = toy.loop().run_once_threads()

        demand_order(toy, report)
    assert step > 60


@pytest.mark.timeout(60)
def test_killed_again_while_it_is_continued(in_memory: Path) -> None:
    """SPEC H3: the second process is killed too, somewhere else; the third finishes."""
    for first in range(5, 65, 12):
        for second in range(4, 40, 13):
            folder = in_memory / f"{first}-{second}"
            toy = lay_out(folder)
            recover_and_die(folder, first)
            recover_and_die(folder, second)

            report = toy.loop().run_once_threads()

            demand_order(toy, report)

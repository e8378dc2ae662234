"""SPEC H3: the journal: every step before and after it, versions, damage, one process at a time."""

from __future__ import annotations

import os
import pickle
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.recovery.workbench import Workbench
from yaoki import ConfigurationError, Severity, classify
from yaoki.core.recovery import Attempt, RecoveryBusyError, RecoveryLoop, Result, journal_file
from yaoki.core.recovery.journal_file import SCHEMA

ROOT = Path(__file__).parents[3]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "recovery.db"


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


# --- what stands in it ----------------------------------------------------------------------------------------------------------


def test_a_step_stands_in_the_journal_while_it_runs(path: Path) -> None:
    """SPEC H3: recorded before the step and after it."""
    bench = Workbench("mend", "replace")
    bench.settings["replace"] = {"destructive": True}
    bench.break_("a")
    seen: list[list[tuple[object, ...]]] = []

    def look(attempt: Attempt) -> bool:
        seen.append(rows(path, "SELECT step, state, attempt, ticket FROM steps ORDER BY id"))
        return False

    bench.actions.update(mend=look, replace=look)

    report = bench.loop(journal=path).run_once_threads()

    assert seen == [
        [("corrupted:mend", "started", 1, None)],
        [
            ("corrupted:mend", "failed", 1, None),
            ("corrupted:replace:quarantine", "done", 1, "ticket 1"),
            ("corrupted:replace", "started", 1, None),
        ],
    ]
    assert rows(path, "SELECT run, subject, state FROM items") == [(report.run, "a", "isolated")]
    assert rows(path, "SELECT id, state FROM runs") == [(report.run, "ended")]


def test_the_fault_and_the_next_time_are_kept(path: Path) -> None:
    """SPEC H3: last fault and next_at."""
    bench = Workbench("mend")
    bench.break_("a")

    def fail(attempt: Attempt) -> None:
        raise ConnectionResetError("gone")

    bench.actions["mend"] = fail

    bench.loop(journal=path).run_once_threads()

    ((fault, next_at),) = rows(path, "SELECT fault, next_at FROM isolations")
    assert '"error_type": "ConnectionResetError"' in str(fault)
    assert rows(path, "SELECT next_at FROM steps WHERE step = 'corrupted:isolate'") == [(next_at,)]


def test_isolations_and_reports_outlive_the_process(path: Path) -> None:
    """SPEC H3: another loop on the same journal knows them."""
    bench = Workbench("mend")
    bench.break_("a")
    report = bench.loop(journal=path).run_once_threads()

    other = Workbench().loop(journal=path)

    assert other.isolations()["a"].to_dict()["run"] == report.run
    assert [run["state"] for run in other.runs()] == ["ended"]


def test_it_is_on_the_disk_when_a_write_returns(path: Path) -> None:
    """SPEC H3: WAL and synchronous=FULL."""
    with closing(journal_file.connect(str(path), [])) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA user_version").fetchone() == (len(SCHEMA),)


def test_what_is_old_is_forgotten(path: Path) -> None:
    """The journal does not grow for ever."""
    bench = Workbench("mend", mends="mend")
    bench.break_("a")
    loop = bench.loop(journal=path)
    first = loop.run_once_threads().run
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE runs SET started_at = started_at - 91 * 86400")

    second = loop.run_once_threads().run

    assert first != second
    assert rows(path, "SELECT id FROM runs") == [(second,)]
    assert rows(path, "SELECT count(*) FROM items") == rows(path, "SELECT count(*) FROM steps") == [(0,)]


# --- what was interrupted -------------------------------------------------------------------------------------------------------


def end_of_steps() -> None:
    """Wait for the steps that were left behind."""
    for thread in threading.enumerate():
        if thread.name.startswith("yaoki-recovery"):
            thread.join(10.0)


def interrupted(loop: RecoveryLoop, bench: Workbench, rung: str = "mend") -> None:
    """Let a recovery be stopped in the middle of a rung, as if the process had ended there."""
    gate = threading.Event()

    def stop(attempt: Attempt) -> bool:
        loop.stop()
        gate.wait(20.0)
        return False

    bench.actions[rung] = stop
    assert loop.run_once_threads().stopped
    gate.set()
    end_of_steps()
    del bench.actions[rung]


def test_an_interrupted_step_is_repeated_under_its_key(path: Path) -> None:
    """SPEC H3: the idempotency key is (run, subject, step)."""
    bench = Workbench("mend")
    bench.break_("a")
    interrupted(bench.loop(journal=path), bench)
    bench.mends.add("mend")

    report = bench.loop(journal=path).run_once_threads()

    assert report.continued == 1
    assert report.count(Result.REPAIRED) == 1
    assert [attempt.number for attempt in bench.attempts] == [1, 2]
    assert len({attempt.key for attempt in bench.attempts}) == 1


def test_an_interrupted_step_whose_work_was_done_is_not_repeated(path: Path) -> None:
    """SPEC H3: verified first."""
    bench = Workbench("mend")
    bench.break_("a")
    interrupted(bench.loop(journal=path), bench)
    bench.broken.clear()

    report = bench.loop(journal=path).run_once_threads()

    assert report.count(Result.REPAIRED) == 1
    assert bench.done == ["mend a"]


def test_a_rung_that_had_ended_is_not_climbed_again(path: Path) -> None:
    """SPEC H3: continued where it was interrupted."""
    bench = Workbench("dust", "mend", mends="mend")
    bench.break_("a")
    interrupted(bench.loop(journal=path), bench)

    bench.loop(journal=path).run_once_threads()

    assert bench.done == ["dust a", "mend a", "mend a"]


def test_an_interrupted_rung_is_not_asked_whether_it_applies(path: Path) -> None:
    """SPEC H3: what it has half done may be what makes it seem needless."""
    bench = Workbench("mend", mends="mend")
    bench.break_("a")
    interrupted(bench.loop(journal=path), bench)
    bench.settings["mend"] = {"applies": lambda anomaly: False}

    report = bench.loop(journal=path).run_once_threads()

    assert report.count(Result.REPAIRED) == 1
    assert bench.done == ["mend a", "mend a"]


def test_a_step_that_must_not_be_repeated_is_not(path: Path) -> None:
    """SPEC H3: nothing is done twice that must not be."""
    bench = Workbench("mend", "replace")
    bench.settings["mend"] = {"repeatable": False}
    bench.break_("a")
    interrupted(bench.loop(journal=path), bench)

    loop = bench.loop(journal=path)
    report = loop.run_once_threads()

    assert bench.done == ["mend a", "replace a"]
    assert report.count(Result.ISOLATED) == 1
    assert "must not be repeated" in loop.isolations()["a"].reason


def test_a_step_that_is_always_interrupted_counts_as_failed(path: Path) -> None:
    """SPEC H3: a repair that kills the process does not kill it for ever."""
    bench = Workbench("mend", "replace", mends="replace")
    bench.break_("a")
    for _ in range(3):
        interrupted(bench.loop(journal=path), bench)

    report = bench.loop(journal=path).run_once_threads()

    assert bench.done == ["mend a", "mend a", "mend a", "replace a"]
    assert report.count(Result.REPAIRED) == 1


def test_what_stands_there_before_a_repeated_repair_is_kept_too(path: Path) -> None:
    """SPEC H3: between the interruption and the next start somebody may have put something there."""
    bench = Workbench("replace", mends="replace")
    bench.settings["replace"] = {"destructive": True}
    bench.break_("a")
    interrupted(bench.loop(journal=path), bench, "replace")

    bench.loop(journal=path).run_once_threads()

    assert bench.done == ["keep a", "replace a", "keep a", "replace a"]
    assert len(set(bench.kept)) == 2
    assert bench.attempts[-1].tickets == ("ticket 1", "ticket 2")


def test_an_operators_isolation_keeps_what_was_interrupted_from_going_on(path: Path) -> None:
    """SPEC W3: the operator's word comes before the journal's; recover continues."""
    bench = Workbench("mend", mends="mend")
    bench.break_("a")
    interrupted(bench.loop(journal=path), bench)
    loop = bench.loop(journal=path)
    loop.isolate("a")

    assert loop.run_once_threads().count(Result.STILL_ISOLATED) == 1
    assert bench.done == ["mend a"]
    assert loop.recover_threads("a").count(Result.REPAIRED) == 1
    assert loop.isolations() == {}


def test_a_dry_run_names_what_was_interrupted(path: Path) -> None:
    """SPEC H3: dry run: says what would be done."""
    bench = Workbench("mend", mends="mend")
    bench.break_("a")
    interrupted(bench.loop(journal=path), bench)

    report = bench.loop(journal=path).run_once_threads(dry_run=True)

    assert "would be continued" in report.notes[0]
    assert rows(path, "SELECT state FROM items") == [("open",)]


# --- versions and damage --------------------------------------------------------------------------------------------------------


def test_an_older_version_is_brought_up_to_date_after_a_copy(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC H3: older migrated in one transaction after a copy."""
    Workbench().loop(journal=path).isolate("a", "kept")
    monkeypatch.setattr(journal_file, "SCHEMA", (*SCHEMA, "CREATE TABLE more (x); CREATE TABLE most (x)"))

    loop = Workbench().loop(journal=path)
    report = loop.run_once_threads()

    copy = next(path.parent.glob("recovery.db.version-1-*"))
    assert rows(path, "PRAGMA user_version") == [(2,)]
    assert loop.isolations()["a"].reason == "kept"
    assert rows(copy, "PRAGMA user_version") == [(1,)]
    assert rows(copy, "SELECT subject FROM isolations") == [("a",)]
    assert str(copy) in report.notes[0]


def test_a_migration_that_fails_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC H3: one transaction."""
    Workbench().loop(journal=path).isolate("a")
    monkeypatch.setattr(journal_file, "SCHEMA", (*SCHEMA, "CREATE TABLE more (x); nonsense"))

    report = Workbench().loop(journal=path).run_once_threads()

    assert "nonsense" in report.errors[0]
    assert rows(path, "PRAGMA user_version") == [(1,)]
    assert rows(path, "SELECT name FROM sqlite_master WHERE name = 'more'") == []


def test_a_newer_version_is_refused_and_left_alone(path: Path) -> None:
    """SPEC H3: newer refused."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = path.read_bytes()

    with pytest.raises(ConfigurationError, match="version 99"):
        Workbench().loop(journal=path).run_once_threads()

    assert path.read_bytes() == before


@pytest.mark.parametrize("damage", ["garbage", "torn", "no tables"])
def test_a_damaged_journal_is_set_aside_and_a_fresh_one_started(path: Path, damage: str) -> None:
    """SPEC H3: set aside with the time, said in the report; the recovery itself goes on."""
    bench = Workbench("mend", mends="mend")
    bench.loop(journal=path).run_once_threads()
    if damage == "garbage":
        path.write_bytes(b"this is no journal " * 500)
    elif damage == "torn":
        path.write_bytes(path.read_bytes()[:5000])
    else:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("DROP TABLE steps")
    damaged = path.read_bytes()
    bench.break_("a")

    report = bench.loop(journal=path).run_once_threads()

    aside = next(path.parent.glob("recovery.db.damaged-*Z"))
    assert aside.read_bytes() == damaged
    assert report.count(Result.REPAIRED) == 1
    assert str(aside) in report.notes[0]
    assert len(rows(path, "SELECT id FROM runs")) == 1


def test_operators_isolations_are_saved_from_a_damaged_journal(path: Path) -> None:
    """SPEC W3: an operator's isolation ends only by the operator, if it can be read at all."""
    Workbench().loop(journal=path).isolate("a", "mine")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TABLE steps")

    loop = Workbench().loop(journal=path)
    report = loop.run_once_threads()

    assert loop.isolations()["a"].reason == "mine"
    assert "1 isolations of operators" in report.notes[0]


def test_a_journal_that_cannot_be_opened_is_an_error_in_the_report(tmp_path: Path) -> None:
    """SPEC H3: without a journal nothing is begun that might be left half done."""
    bench = Workbench("mend", mends="mend")
    bench.break_("a")

    report = bench.loop(journal=tmp_path / "missing" / "recovery.db").run_once_threads()

    assert bench.done == []
    assert "the journal cannot be used" in report.errors[0]


# --- one at a time --------------------------------------------------------------------------------------------------------------

HOLDER = """
import sys
from yaoki.core.recovery.journal import Journal
journal = Journal(sys.argv[1])
with journal.held([]):
    pass
print("held", flush=True)
sys.stdin.read()
"""


def test_of_two_processes_one_runs_and_the_other_says_who(path: Path) -> None:
    """SPEC H3: two processes on one journal; and the lock ends with its process, kill -9 included."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        loop = Workbench().loop(journal=path)
        with pytest.raises(RecoveryBusyError, match=f"process {holder.pid} on "):
            loop.run_once_threads()
        loop.isolate("a")
        looked = loop.run_once_threads(dry_run=True)
        holder.kill()
        holder.wait()

    assert looked.errors == []
    assert loop.run_once_threads().errors == []


def test_a_busy_journal_is_no_defect() -> None:
    """SPEC F3: a moment later nothing may be in the way; and it travels between processes."""
    error = RecoveryBusyError("recovery.db", "process 7 on vm")
    copy = pickle.loads(pickle.dumps(error))

    assert classify(error).is_retryable
    assert classify(error).severity is Severity.WARNING
    assert (str(copy), classify(copy)) == (str(error), classify(error))


def test_of_two_loops_in_one_process_one_runs(path: Path) -> None:
    """SPEC H3: the same within a process."""
    bench = Workbench("mend")
    bench.break_("a")
    loop = bench.loop(journal=path)
    refused: list[str] = []

    def mend(attempt: Attempt) -> bool:
        for other in (loop, Workbench().loop(journal=path)):
            with pytest.raises(RecoveryBusyError) as caught:
                other.run_once_threads()
            refused.append(str(caught.value))
        return False

    bench.actions["mend"] = mend
    loop.run_once_threads()

    assert "this very process" in refused[0]
    assert f"process {os.getpid()} on" in refused[1]
    assert loop.run_once_threads().errors == []


def test_while_a_step_that_was_left_behind_runs_nobody_else_recovers(path: Path) -> None:
    """SPEC H3: the lock is given back when the last step has really ended."""
    bench = Workbench("mend")
    bench.break_("a")
    loop, other = bench.loop(journal=path), Workbench().loop(journal=path)
    gate = threading.Event()

    def hang(attempt: Attempt) -> bool:
        loop.stop()
        gate.wait(20.0)
        return False

    bench.actions["mend"] = hang
    assert loop.run_once_threads().stopped
    with pytest.raises(RecoveryBusyError):
        other.run_once_threads()
    gate.set()
    end_of_steps()

    assert other.run_once_threads().continued == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_has_a_loop_of_its_own(path: Path) -> None:
    """The connections of the parent are neither used nor closed in the child."""
    bench = Workbench("mend")
    bench.break_("a")
    loop = bench.loop(journal=path)
    status: list[int] = []

    def mend(attempt: Attempt) -> bool:
        child = os.fork()
        if child == 0:
            try:
                loop.run_once_threads()
            except RecoveryBusyError:
                os._exit(7)
            os._exit(1)
        status.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        return False

    bench.actions["mend"] = mend

    assert loop.run_once_threads().count(Result.ISOLATED) == 1
    assert status == [7]

"""The benchmark program: what it says and what it refuses, never how fast anything is (SPEC X3)."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from bench import __main__ as program
from bench import cells, checks, memory
from bench.library import Library
from bench.peers import PEERS
from bench.report import Figure, Report, as_markdown
from bench.rounds import measure

ROOT = Path(__file__).resolve().parents[3]


def test_every_target_of_the_table_is_a_row():
    """SPEC X3: the targets are in the program, so that a figure cannot be read without them."""
    limits = {row.name: row.limit for row in cells.ROWS if row.limit is not None}
    assert limits == {
        "breaker": 0.70,
        "breaker_rate": 0.70,
        "breaker_time": 1.15,
        "breaker_histogram": 2.0,
        "retry": 0.55,
        "stack": 0.70,
        "stack_deadline": 1.75,
        "standard": 2.0,
        "explicit": 1.5,
        "keyed": 2.1,
        "reject": 1.3,
        "one_retry": 3.5,
        "one_retry_budget": 5.0,
        "async_breaker": 0.90,
        "async_stack": 0.90,
        "async_timeout": 0.30,
        "async_reject": 1.3,
    }


def test_a_quick_run_reports_value_ratio_and_target(tmp_path):
    """SPEC X3: a cell is nanoseconds and times the hand-written wrapper, measured in the same run."""
    written = tmp_path / "figures.json"
    assert program.main(["--quick", "--cells", "breaker", "async_reject", "--json", str(written)]) == 0
    report = json.loads(written.read_text())
    found = {(figure["row"], figure["library"]): figure for figure in report["figures"]}
    assert set(found) == {
        ("breaker", "bare call"),
        ("breaker", "hand-written"),
        ("breaker", "yaoki"),
        ("async_reject", "hand-written"),
        ("async_reject", "yaoki"),
    }
    assert all(figure["value"] > 0 and figure["ratio"] > 0 for figure in found.values())
    assert found["breaker", "hand-written"]["ratio"] == 1.0
    assert found["breaker", "yaoki"]["limit"] == 0.70
    assert found["breaker", "yaoki"]["met"] in (True, False)
    assert found["breaker", "bare call"]["limit"] is None


def test_every_cell_of_ours_does_what_its_row_compares():
    """SPEC X3: each cell is built, checked for its behaviour, and called."""
    with asyncio.Runner() as runner:
        for row, library in cells.select((), [cells.HAND, cells.YAOKI]):
            assert cells.build(row, library, runner).measure(3) > 0


def test_the_program_runs_as_a_module():
    """SPEC X3: `python -m bench` from the root of the checkout."""
    answer = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "--cells", "retry"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert "retry, success at once, budget on  [retry]" in answer.stdout
    assert "<= 0.55" in answer.stdout


def test_memory_is_measured_per_breaker_and_per_key(tmp_path):
    """SPEC X3: bytes per breaker and per key, with their targets."""
    written = tmp_path / "figures.json"
    program.main(["--quick", "--cells", "breaker_bytes", "key_bytes", "--json", str(written)])
    figures = {figure["row"]: figure for figure in json.loads(written.read_text())["figures"]}
    assert (figures["breaker_bytes"]["limit"], figures["key_bytes"]["limit"]) == (160.0, 300.0)
    assert figures["breaker_bytes"]["value"] > 0
    assert figures["key_bytes"]["value"] > 0


def test_imports_and_threads_are_measured(tmp_path):
    """SPEC X3: the import, and eight threads through one breaker."""
    written = tmp_path / "figures.json"
    program.main(["--quick", "--cells", "imports", "threads_wait", "threads_scale", "--json", str(written)])
    figures = {(figure["row"], figure["library"]): figure for figure in json.loads(written.read_text())["figures"]}
    assert figures["imports", "yaoki"]["unit"] == "ms"
    assert figures["threads_wait", "yaoki"]["ratio"] > 0
    assert figures["threads_scale", "yaoki"]["at_least"] is True


@pytest.mark.parametrize(("limit", "status"), [(0.0, 1), (1e9, 0)])
def test_check_fails_when_a_target_is_missed(monkeypatch, limit, status):
    """SPEC X3: `--check` turns a missed target into exit status 1."""
    monkeypatch.setattr(memory, "BREAKER_LIMIT", limit)
    assert program.main(["--quick", "--cells", "breaker_bytes", "--check"]) == status
    assert program.main(["--quick", "--cells", "breaker_bytes"]) == 0


def test_an_unknown_cell_is_refused(capsys):
    """SPEC X3: a misspelt name measures nothing and says so."""
    with pytest.raises(SystemExit):
        program.main(["--quick", "--cells", "braker"])
    assert "no such cell: braker" in capsys.readouterr().err


class Absent(Library):
    """A peer that is not installed."""

    name = "absent"
    module = "a_module_that_is_not_there"

    def breaker(self, call):
        return self.load(self.module)


def test_a_missing_peer_is_named_not_installed(monkeypatch, capsys):
    """SPEC X3: the program runs without its peers."""
    monkeypatch.setattr(cells, "LIBRARIES", (cells.HAND, Absent()))
    assert program.main(["--cells", "breaker", "--rounds", "1"]) == 0
    assert any("absent" in line and "not installed" in line for line in capsys.readouterr().out.splitlines())


class Sham(Library):
    """A library whose guards guard nothing."""

    name = "sham"

    def breaker(self, call):
        return call

    async_breaker = breaker
    retry = breaker


@pytest.mark.parametrize("name", ["breaker", "reject", "async_breaker", "async_reject"])
def test_a_breaker_that_never_opens_is_not_measured(name):
    """SPEC X3: what is compared does what its row says."""
    row = next(row for row in cells.ROWS if row.name == name)
    with (
        asyncio.Runner() as runner,
        pytest.raises(checks.UnfitGuardError, match=f"{name}/sham: the circuit does not stay open"),
    ):
        cells.build(row, Sham(), runner)


def test_a_retry_that_tries_once_is_not_measured():
    """SPEC X3: a failed first try must be followed by a second one."""
    with pytest.raises(ConnectionError):
        checks.retries(lambda call: call)
    with pytest.raises(checks.UnfitGuardError, match="one retry was due"):
        checks.retries(lambda call: lambda value: value)


def test_a_ratio_is_the_median_of_the_rounds_own_ratios():
    """SPEC X3: a round in which everything is slow weighs like any other."""
    row = cells.ROWS[0]
    hand = cells.Cell(row, cells.HAND, _scripted([100, 900, 100]))
    ours = cells.Cell(row, cells.YAOKI, _scripted([50, 450, 90]))
    timings = {timing.library: timing for timing in measure([hand, ours], rounds=3, slice_ns=100)}
    assert timings["yaoki"].ratios == [0.5, 0.5, 0.9]
    assert timings["yaoki"].ratio == 0.5
    assert timings["yaoki"].ns == 90


def _scripted(rounds):
    # One call for the calibration, three slices a round; the best slice is the one that counts.
    answers = iter([100, *(each for time in rounds for each in (time + 7, time, time + 3))])
    return lambda calls: next(answers) * calls


def test_the_page_names_the_command_and_no_place():
    """SPEC X3: the table goes to the documentation with the command that made it."""
    figures = [
        Figure("breaker", "breaker closed", "yaoki", value=100.0, ratio=0.65, spread=(0.64, 0.66), limit=0.70),
        Figure("breaker", "breaker closed", "peer", version="1.2", value=1000.0, ratio=6.5),
        Figure("threads_wait", "threads", "yaoki", ratio=0.5, limit=0.98, at_least=True),
    ]
    command = program._command(["--markdown", "/home/somebody/page.md"])
    report = Report(command, "CPython 3.11", 2, 31, figures)
    page = as_markdown(report, ours="yaoki", order=["yaoki", "peer"])
    assert "`python -m bench --markdown page.md` with CPython 3.11 on 2 cores, 31 rounds" in page
    assert "| breaker closed | 100 ns | 0.65 (0.64 to 0.66) | ≤ 0.70 | met |" in page
    assert "| threads |  | 0.50 | ≥ 0.98 | **missed** |" in page
    assert "| peer 1.2 | 1000 ns (6.50) |" in page
    assert "somebody" not in page


def test_every_peer_is_pinned_by_the_extra():
    """SPEC X3: a figure is taken against the version that the extra names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = dict(pin.split("==") for pin in project["optional-dependencies"]["bench"])
    assert pins.keys() == {peer.distribution for peer in PEERS}
    assert all(pins.values())

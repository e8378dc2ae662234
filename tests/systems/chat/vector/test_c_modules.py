"""SPEC G1: the modules written in C, read in a child process."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from yaoki.systems.chat.vector.corpus import c_modules

REFUSED = ("antigravity", "this", "tkinter", "_tkinter", "turtle", "idlelib", "readline", "test", "xxlimited", "xxsubtype")


def test_g1_docstrings_and_signatures_of_c_modules() -> None:
    """SPEC G1: the only source for `str`, `math` and much of `os`; constants have no docstring of their own."""
    told = c_modules.read(("builtins", "math", "time"))
    entries = {(entry.module, entry.name): entry for entry in told.entries}

    assert told.notice == ""
    assert entries["builtins", "str.split"].parameters == "(sep=None, maxsplit=-1)"
    assert entries["math", "sqrt"].doc == "Return the square root of x."
    assert entries["time", "sleep"].parameters is not None
    assert entries["time", "sleep"].doc.startswith("Delay execution")
    assert ("math", "pi") not in entries


def test_g1_nothing_that_acts_when_imported_is_on_the_list() -> None:
    """SPEC X5: a fixed list, without what opens browsers, prints poems or belongs to tests."""
    assert not set(REFUSED) & set(c_modules.MODULES)
    assert not [name for name in c_modules.MODULES if name.startswith(("_test", "xx"))]


def test_g1_a_missing_module_is_named() -> None:
    """SPEC G1: what cannot be imported is left out and said."""
    told = c_modules.read(("math", "no_such_module"))

    assert {entry.module for entry in told.entries} == {"math"}
    assert "no_such_module" in told.notice


def test_g1_a_child_that_hangs_is_given_up(tmp_path: Path) -> None:
    """SPEC G1: after its deadline the corpus does without the C modules."""
    told = c_modules.read(("math",), python=script(tmp_path, "import time; time.sleep(60)"), deadline=0.2)

    assert told.entries == ()
    assert "longer than 0.2 s" in told.notice


@pytest.mark.parametrize(
    "program",
    ["raise SystemExit(3)", "print('not JSON')", "print('{}')", "print('[1]')", 'print(\'{"entries": [{}], "failed": []}\')'],
)
def test_g1_a_child_that_fails_costs_nothing_else(tmp_path: Path, program: str) -> None:
    """SPEC G1: whatever the child says, the corpus goes on without it."""
    told = c_modules.read(("math",), python=script(tmp_path, program))

    assert told.entries == ()
    assert "not indexed" in told.notice


def test_g1_no_child_at_all_costs_nothing_else(tmp_path: Path) -> None:
    """SPEC G1: where no process can be started, the corpus goes on without it."""
    assert c_modules.read(("math",), python=str(tmp_path / "nothing")).entries == ()


def test_x5_the_child_sees_no_environment_and_no_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC X5: nothing of the user's surroundings is imported or waited for."""
    (tmp_path / "math.py").write_text("raise SystemExit('imported')", "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    assert c_modules.read(("math",)).notice == ""


def script(folder: Path, program: str) -> str:
    """A command that runs this program instead of Python."""
    file = folder / "python"
    file.write_text(f"#!{sys.executable}\n{program}\n", "utf-8")
    file.chmod(0o755)
    return str(file)

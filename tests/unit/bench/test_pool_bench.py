"""The benchmark of the repo pool: what it says, never how fast anything is (SPEC X3)."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.pool import Figure
from bench.pool_repository import git, make_repository


@pytest.mark.parametrize(("ratio", "verdict"), [(2.0, "met"), (2.01, "**missed**"), (None, "")])
def test_a_figure_says_whether_its_target_is_met(ratio: float | None, verdict: str) -> None:
    """SPEC X3: the missed ones, too."""
    assert Figure("a lease", "4.0 ms", ratio, 2.0).cells()[-1] == verdict


def test_a_figure_without_a_target_has_no_verdict() -> None:
    """SPEC X3: a base is only told."""
    assert Figure("one `git status`", "2.0 ms").cells() == ["one `git status`", "2.0 ms", "", "", ""]


def test_the_repository_has_as_many_files_as_it_should(tmp_path: Path) -> None:
    """SPEC X3: and the same ones each time."""
    made = make_repository(tmp_path / "one", 30)
    again = make_repository(tmp_path / "two", 30)

    assert len(git(made, "ls-files").splitlines()) == 31
    assert git(made, "rev-parse", "HEAD^{tree}") == git(again, "rev-parse", "HEAD^{tree}")
    assert git(made, "status", "--porcelain") == ""

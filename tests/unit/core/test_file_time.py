"""The time that the operating system writes on files: what proofs of unchanged files rest on (SPEC W1)."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from yaoki.core.clock import file_time_ns


def test_nothing_that_is_changed_later_bears_an_earlier_time(tmp_path: Path) -> None:
    """SPEC W1: by the same clock, however fast the one follows the other."""
    file = tmp_path / "file"
    for number in range(300):
        before = file_time_ns()
        file.write_text(str(number))
        assert file.stat().st_ctime_ns >= before


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is the fallback that the first test judges")
def test_where_there_is_no_such_clock_it_lags_behind_by_more_than_a_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC W1: better a file too many is looked into than one too few."""

    def missing(clock_id: int) -> int:
        raise OSError(22, "Invalid argument")

    coarse = file_time_ns()
    monkeypatch.setattr(time, "clock_gettime_ns", missing)

    assert coarse - 1_000_000_000 < file_time_ns() <= time.time_ns() - 20_000_000

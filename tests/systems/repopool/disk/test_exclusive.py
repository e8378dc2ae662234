"""One at a time on one part of the disk: waited for as any other lock of the pool (SPEC W1, W4)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from yaoki.core import deadline
from yaoki.service.file_lock import FileLock
from yaoki.systems.repopool.errors import LockTimeoutError
from yaoki.systems.repopool.exclusive import exclusive
from yaoki.systems.repopool.leases.process import ProcessIdentity, this_process


def test_its_note_names_the_process_for_all_time(tmp_path: Path) -> None:
    """SPEC W4: as the lock of a slot does, so that nobody takes a later process of that number for the holder."""
    file = tmp_path / "not made yet" / "mirror.lock"

    with exclusive(file, timeout=0.0):
        assert ProcessIdentity.from_dict(FileLock(file).note()) == this_process()
    assert FileLock(file).note() == {}


def test_who_waits_in_vain_is_told_the_holder(tmp_path: Path) -> None:
    """SPEC W1: after the timeout, or when the deadline of the caller has come."""
    file = tmp_path / "mirror.lock"
    told = re.escape(f"mirror was not free within 0 s: {this_process()} holds it")

    with exclusive(file, timeout=0.0):
        with pytest.raises(LockTimeoutError, match=told), exclusive(file, timeout=0.0):
            pass
        with deadline.within(0.0), pytest.raises(LockTimeoutError, match=told), exclusive(file, timeout=3600.0):
            pass

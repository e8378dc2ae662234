"""A lock on a file that says who holds it (SPEC W4)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from yaoki.service.file_lock import FileLock


def test_the_second_is_told_what_the_holder_has_written(tmp_path: Path) -> None:
    """SPEC W4: whoever finds the lock taken gets the holder's note."""
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")

    assert first.take() is None
    first.write({"pid": 42})

    assert second.take() == {"pid": 42}
    first.release()
    assert second.take() is None
    second.release()


def test_a_lock_given_back_in_order_leaves_an_empty_file(tmp_path: Path) -> None:
    """SPEC W2: an empty file is no lock that somebody has left behind."""
    lock = FileLock(tmp_path / "lock")
    lock.take()
    lock.write({"pid": 42})

    lock.release()

    assert (tmp_path / "lock").read_bytes() == b""


def test_a_file_that_was_deleted_is_not_locked_in_place_of_the_new_one(tmp_path: Path) -> None:
    """SPEC W4: who deletes the file while he holds it splits the lock between no two processes."""
    holder, late = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    holder.take()

    holder.release(delete=True)

    assert not (tmp_path / "lock").exists()
    assert late.take() is None
    assert late.descriptor is not None
    assert os.fstat(late.descriptor).st_ino == (tmp_path / "lock").stat().st_ino
    late.release()


def test_a_child_that_inherits_the_descriptor_holds_the_lock_as_long_as_it_lives(tmp_path: Path) -> None:
    """SPEC W1: what a killed process has started is not disturbed."""
    program = (
        "import os, subprocess, sys; from yaoki.service.file_lock import FileLock\n"
        "lock = FileLock(sys.argv[1]); lock.take()\n"
        "child = subprocess.Popen(['sleep', '60'], pass_fds=[lock.descriptor], stdout=-3)\n"
        "print(child.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "lock")], stdout=subprocess.PIPE, text=True, check=False, timeout=30
    )
    child = int(done.stdout)
    lock = FileLock(tmp_path / "lock")

    assert lock.take() is not None
    os.kill(child, 9)
    while lock.take() is not None:
        pass
    lock.release()


def test_a_forked_child_does_not_hold_its_parents_lock(tmp_path: Path) -> None:
    """SPEC W1: what the parent gives back is free, although a forked child lives on."""
    lock = FileLock(tmp_path / "lock")
    lock.take()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writing)
        os.read(reading, 1)
        os._exit(0 if lock.descriptor is None else 1)
    os.close(reading)
    lock.release()

    other = FileLock(tmp_path / "lock")
    assert other.take() is None

    os.close(writing)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    other.release()

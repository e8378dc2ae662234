"""git is run safely (SPEC W1, W3)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.systems.repopool.disk.world import World
from yaoki.core import deadline
from yaoki.core.faults.errors import DeadlineExceededError
from yaoki.systems.repopool.errors import Failure, GitOperationError, LockTimeoutError, PoolManagerError
from yaoki.systems.repopool.exclusive import exclusive
from yaoki.systems.repopool.git.command import Git
from yaoki.systems.repopool.git.failures import classified


def script(folder: Path, text: str) -> str:
    """A program in the place of git."""
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_w1_the_environment_decides_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """SPEC W1: no GIT_* variable of ours reaches git, and neither the user's nor the system's configuration is read."""
    monkeypatch.setenv("GIT_DIR", "/somewhere")
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "false")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".gitconfig").write_text("[core]\n\tpager = evil\n")

    told = Git(program=script(tmp_path, "env")).run(None, ["x"]).stdout.decode()

    names = dict(line.split("=", 1) for line in told.splitlines() if line.startswith("GIT_"))
    assert "GIT_DIR" not in names
    assert "GIT_EXTERNAL_DIFF" not in names
    assert names["GIT_CONFIG_GLOBAL"] == names["GIT_CONFIG_SYSTEM"] == os.devnull
    assert names["GIT_TERMINAL_PROMPT"] == "0"
    assert Git().run(None, ["config", "--list", "--show-scope"]).stdout.count(b"global\t") == 0


def test_w1_git_and_its_children_end_when_their_time_is_up(tmp_path: Path) -> None:
    """SPEC W1: the whole process group is killed, so nothing goes on writing."""
    program = script(tmp_path, f"sleep 100 & echo $! > {tmp_path}/child; wait")

    with pytest.raises(GitOperationError, match="was stopped after") as caught:
        Git(program=program).run(None, ["fetch"], timeout=0.3)

    assert (caught.value.failure, caught.value.exit_code) == (Failure.TRANSIENT, None)
    child = int((tmp_path / "child").read_text())
    until = time.monotonic() + 10.0
    while _runs(child):
        assert time.monotonic() < until
        time.sleep(0.01)


def _runs(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_t1_a_deadline_of_the_caller_ends_git(tmp_path: Path) -> None:
    """SPEC T1: the deadline in force is shorter than the command's own time."""
    with deadline.within(0.2), pytest.raises(DeadlineExceededError):
        Git(program=script(tmp_path, "sleep 100")).run(None, ["fetch"])


def test_w1_what_git_says_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC W1: neither output nor complaints without end fill our memory."""
    monkeypatch.setattr("yaoki.systems.repopool.git.process._LARGEST_OUTPUT", 100_000)
    with pytest.raises(GitOperationError, match="more than 100000 bytes"):
        Git(program=script(tmp_path, "yes")).run(None, ["x"])

    with pytest.raises(GitOperationError) as caught:
        Git(program=script(tmp_path, "yes | head -c 1000000 >&2; exit 1")).run(None, ["x"])
    assert len(caught.value.stderr) <= 8192


def test_w1_much_is_fed_and_read_at_once(tmp_path: Path) -> None:
    """SPEC W1: a program that answers while it is still asked blocks nobody."""
    asked = b"line\n" * 200_000

    assert Git(program=script(tmp_path, "cat")).run(None, ["x"], stdin=asked).stdout == asked
    assert Git(program=script(tmp_path, "exit 0")).run(None, ["x"], stdin=asked).stdout == b""


def test_f6_a_failure_tells_command_exit_and_words_but_no_password(tmp_path: Path) -> None:
    """SPEC F6: what an operator needs, without secrets."""
    program = script(tmp_path, "echo 'fatal: unable to access https://u:secret@example.org/: 503' >&2; exit 128")

    with pytest.raises(GitOperationError) as caught:
        Git(program=program).run(None, ["fetch", "--", "https://u:secret@example.org/"])

    assert caught.value.exit_code == 128
    assert caught.value.command == ("git", "fetch", "--", "https://example.org/")
    assert "secret" not in f"{caught.value} {caught.value.stderr} {caught.value.command}"


def test_w1_git_that_is_missing_or_too_old_is_said_clearly(tmp_path: Path) -> None:
    """SPEC W1: at least 2.31, and what to do."""
    assert Git().check_version() >= (2, 31)
    with pytest.raises(PoolManagerError, match="is not installed; install git"):
        Git(program=str(tmp_path / "none")).check_version()
    with pytest.raises(PoolManagerError, match=r"git 2\.30 is too old; install git"):
        Git(program=script(tmp_path, "echo git version 2.30.9")).check_version()


def test_f6_a_failure_names_the_command_and_not_a_setting_of_it(tmp_path: Path) -> None:
    """SPEC F6: `git -c name=value status` is a status."""
    git = Git(program=script(tmp_path, "exit 3"))

    with pytest.raises(GitOperationError, match=r"^git status ended with 3"):
        git.run(None, ["-c", "core.bigFileThreshold=1", "--no-pager", "status"])


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        ("fatal: unable to access 'https://x/': Could not resolve host: x", Failure.TRANSIENT),
        ("fatal: unable to connect to 127.0.0.1:\n127.0.0.1[0: 127.0.0.1]: errno=Connection refused", Failure.TRANSIENT),
        ("fatal: the remote end hung up unexpectedly\nfatal: early EOF", Failure.TRANSIENT),
        ("error: RPC failed; HTTP 503 curl 22 The requested URL returned error: 503", Failure.TRANSIENT),
        ("fatal: Unable to create '/x/index.lock': File exists.", Failure.TRANSIENT),
        ("fatal: Authentication failed for 'https://x/'", Failure.AUTH),
        ("git@x: Permission denied (publickey).\nfatal: Could not read from remote repository.", Failure.AUTH),
        ("fatal: could not read Username for 'https://x': terminal prompts disabled", Failure.AUTH),
        (
            "fatal: '/x' does not appear to be a git repository\nfatal: Could not read from remote repository.",
            Failure.PERMANENT,
        ),
        ("remote: Repository not found.", Failure.PERMANENT),
        ("fatal: write error: No space left on device", Failure.NO_SPACE),
        ("error: file write error: Disk quota exceeded\nfatal: unable to write sha1", Failure.NO_SPACE),
        ("fatal: sha1 file '/x/objects/pack/tmp_pack_1' write error. Out of diskspace", Failure.NO_SPACE),
        ("error: object file .git/objects/aa/bb is empty\nfatal: loose object aabb (stored in x) is corrupt", Failure.CORRUPT),
        ("fatal: index file corrupt", Failure.CORRUPT),
        ("error: bad signature 0x00000000\nfatal: index file corrupt", Failure.CORRUPT),
        ("error: packfile ./objects/pack/pack-1.pack is far too short", Failure.CORRUPT),
        ("fatal: bad object HEAD", Failure.CORRUPT),
        ("fatal: not a git repository: '/x/.git'", Failure.CORRUPT),
        ("error: pathspec 'x' did not match any file(s) known to git", Failure.PERMANENT),
        ("usage: git [-v]", Failure.PERMANENT),
    ],
)
def test_w3_a_failure_is_classified_by_what_git_says(said: str, failure: Failure) -> None:
    """SPEC W3: transient, permanent, corrupt, no space, or credentials."""
    assert classified(said, 128) is failure


def test_w1_git_that_was_started_by_a_killed_manager_still_holds_its_lock(world: World, tmp_path: Path) -> None:
    """SPEC W1: the lock lasts as long as the command, so nobody comes in its way."""
    program = script(tmp_path, f"echo $$ > {tmp_path}/pid; sleep 100")
    manager = f"""
from pathlib import Path
from yaoki.systems.repopool.exclusive import exclusive
from yaoki.systems.repopool.git.command import Git
with exclusive(Path({str(tmp_path)!r}) / "one.lock", timeout=1.0) as held:
    Git(program={program!r}).holding(held).run(None, ["gc"])
"""
    process = subprocess.Popen([sys.executable, "-c", manager])
    until = time.monotonic() + 20.0
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < until
        time.sleep(0.01)
    process.kill()
    process.wait()

    with pytest.raises(LockTimeoutError), exclusive(tmp_path / "one.lock", timeout=0.1):
        pass
    os.killpg(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    with exclusive(tmp_path / "one.lock", timeout=10.0):
        pass

"""The data folder and the one instance in it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from yaoki.service.data_directory import LOCK_FILE, Instance, data_directory
from yaoki.service.errors import CannotStartError


def test_x5_the_chosen_folder_comes_first(tmp_path: Path) -> None:
    """SPEC X5: before what systemd says."""
    environ = {"STATE_DIRECTORY": str(tmp_path / "state")}

    assert data_directory("chat", tmp_path / "chosen", environ=environ) == tmp_path / "chosen"
    assert data_directory("chat", environ=environ) == tmp_path / "state"


def test_x5_of_several_state_directories_the_first_is_taken(tmp_path: Path) -> None:
    """SPEC X5: systemd separates them by colons."""
    environ = {"STATE_DIRECTORY": f"{tmp_path / 'one'}:{tmp_path / 'two'}"}

    assert data_directory("chat", environ=environ) == tmp_path / "one"


def test_x5_otherwise_the_platform_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC X5: a folder for each system."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    assert data_directory("chat", environ={}) == tmp_path / "yaoki" / "chat"


def test_x5_a_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    """SPEC X5: and left empty."""
    place = data_directory("chat", tmp_path / "a" / "b")

    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("place", ["/proc/yaoki", "nul\0byte"])
def test_x5_a_place_that_cannot_be_written_is_a_clear_error(place: str) -> None:
    """SPEC X5: which, chosen by whom, and a way out."""
    with pytest.raises(
        CannotStartError, match=r"(?s)the data folder .* \(\$STATE_DIRECTORY\) cannot be written.*--data"
    ) as raised:
        data_directory("chat", environ={"STATE_DIRECTORY": place})

    assert raised.value.way_out == "Choose another with --data FOLDER, or make this one writable."


def test_x5_a_second_instance_is_refused_and_told_who_is_there(tmp_path: Path) -> None:
    """SPEC X5: the process and its address."""
    with Instance("chat", tmp_path) as first:
        first.address = "http://127.0.0.1:8700"
        with pytest.raises(CannotStartError) as raised:
            Instance("chat", tmp_path).acquire()

    assert raised.value.problem == (
        f"chat is running already: process {os.getpid()} at http://127.0.0.1:8700 uses the data folder {tmp_path}"
    )
    assert f"kill {os.getpid()}" in raised.value.way_out


def test_x5_a_released_folder_is_free_again(tmp_path: Path) -> None:
    """SPEC X5: and tells nothing about who was there."""
    with Instance("chat", tmp_path):
        pass

    assert (tmp_path / LOCK_FILE).read_bytes() == b""
    with Instance("chat", tmp_path) as second:
        assert second.address is None


def test_x5_a_lock_file_that_says_nonsense_is_no_obstacle(tmp_path: Path) -> None:
    """SPEC X5: what counts is the lock, not what stands in the file."""
    (tmp_path / LOCK_FILE).write_text("[1, 2" * 1000)

    with Instance("chat", tmp_path):
        assert json.loads((tmp_path / LOCK_FILE).read_text())["pid"] == os.getpid()


def test_x5_a_holder_that_cannot_be_read_is_another_process(tmp_path: Path) -> None:
    """SPEC X5: the refusal does not depend on the file."""
    with Instance("chat", tmp_path):
        (tmp_path / LOCK_FILE).write_text("nonsense")
        with pytest.raises(CannotStartError, match="another process uses"):
            Instance("chat", tmp_path).acquire()


def test_x5_a_killed_holder_leaves_the_folder_free(tmp_path: Path) -> None:
    """SPEC X5: the operating system gives the lock back."""
    program = (
        "import os, sys\n"
        "from yaoki.service.data_directory import Instance\n"
        "Instance('chat', sys.argv[1]).acquire()\n"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)

    assert done.returncode == -9
    with Instance("chat", tmp_path):
        assert json.loads((tmp_path / LOCK_FILE).read_text())["pid"] == os.getpid()


def test_x5_a_link_in_the_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    """SPEC X5: nobody makes the service write into another file."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / LOCK_FILE).symlink_to(victim)

    with pytest.raises(CannotStartError, match="cannot be taken"):
        Instance("chat", tmp_path).acquire()
    assert victim.read_text() == "mine"

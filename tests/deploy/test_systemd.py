"""The systemd units start what there is, stop it well, and start it again (SPEC G1, H4)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.command_line import parse
from tests.deploy.unit_files import DROP_INS, INSTALLED, UNITS, UnitFile
from yaoki.core.shutdown import Shutdown
from yaoki.service.configuration import load
from yaoki.systems.chat.configuration import ChatConfiguration

SERVICES = [unit for unit in UNITS if UnitFile.read(unit).one("Type") != "oneshot"]
YAOKI = Path(sys.executable).with_name("yaoki")


def name_of(file: Path) -> str:
    return file.name


@pytest.mark.parametrize("file", UNITS, ids=name_of)
def test_what_a_unit_starts_is_a_command(file: Path) -> None:
    """Every command exists, and its options parse."""
    program, *arguments = UnitFile.read(file).command

    assert program == INSTALLED
    parse(arguments)


@pytest.mark.parametrize("file", [*UNITS, *DROP_INS], ids=name_of)
def test_what_a_unit_sets_are_settings(file: Path) -> None:
    """Every variable is a setting with a value that it may have, or where the token is."""
    load(ChatConfiguration, section="chat", environ=UnitFile.read(file).environment)


def test_the_separate_services_are_asked_where_they_listen() -> None:
    """SPEC G1: the addresses of the drop-in are those of the two other units."""
    drop_in = UnitFile.read(next(file for file in DROP_INS if file.stem == "three-processes"))
    settings = load(ChatConfiguration, section="chat", environ=drop_in.environment)

    assert settings.vector_url == f"http://{settings.host}:{settings.vector_port}"
    assert settings.llm_url == f"http://{settings.host}:{settings.llm_port}"
    assert set(drop_in.one("Wants", "Unit").split()) <= {file.name for file in UNITS}


@pytest.mark.parametrize("file", SERVICES, ids=name_of)
def test_a_stopped_service_has_time_to_drain(file: Path) -> None:
    """SPEC H4: systemd waits longer than the service takes, and signals the service alone."""
    unit = UnitFile.read(file)
    settings = ChatConfiguration()

    assert float(unit.one("TimeoutStopSec")) > settings.drain_timeout + 5.0 + Shutdown().close_timeout
    assert unit.one("KillMode") == "mixed"


@pytest.mark.parametrize("file", SERVICES, ids=name_of)
def test_a_service_that_fell_rises_for_ever(file: Path) -> None:
    """Started again however it ended, with growing pauses and without a last time; but not where its command line is wrong."""
    unit = UnitFile.read(file)

    assert unit.one("Restart") == "always"
    assert unit.one("StartLimitIntervalSec", "Unit") == "0"
    assert float(unit.one("RestartSec")) < float(unit.one("RestartMaxDelaySec"))
    assert int(unit.one("RestartSteps")) > 0
    assert unit.one("RestartPreventExitStatus") == "2"


def test_what_shares_a_folder_shares_its_user() -> None:
    """The index is changed by the services and by the unit that indexes; each must be able to write what another has written."""
    owners = {
        (unit.one("User"), unit.one("StateDirectory")) for unit in map(UnitFile.read, UNITS) if unit.all("StateDirectory")
    }

    assert len(owners) == 1


@pytest.mark.parametrize("file", UNITS, ids=name_of)
def test_no_secret_is_in_a_unit(file: Path) -> None:
    """SPEC X5: a unit is readable by everybody, so it names files only."""
    assert [name for name in UnitFile.read(file).environment if name.endswith(("_TOKEN", "_KEY"))] == []


def analyze(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`systemd-analyze`, with the units as they are once Yaoki is installed."""
    if shutil.which("systemd-analyze") is None:
        text = "systemd-analyze (on Debian: apt-get install systemd) is missing: systemd itself does not check the units"
        if os.environ.get("CI") == "true":
            pytest.fail(text)
        pytest.skip(text)
    for file in UNITS:
        written = file.read_text("utf-8").replace(INSTALLED, str(YAOKI))
        (folder / file.name.replace("@", "@srv-handbook")).write_text(written, "utf-8")
    for file in DROP_INS:
        place = folder / file.parent.name
        place.mkdir(exist_ok=True)
        shutil.copy(file, place)
    names = [str(file) for file in sorted(folder.glob("*.service"))]
    return subprocess.run(["systemd-analyze", *arguments, *names], capture_output=True, text=True, timeout=30, check=False)


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """Nothing is unknown to it but the steps of the pauses, which are younger than many a systemd."""
    done = analyze(tmp_path, "verify", "--man=no")
    told = [line for line in done.stderr.splitlines() if str(tmp_path) in line]

    assert done.returncode == 0, done.stderr
    assert [line for line in told if "'RestartSteps'" not in line and "'RestartMaxDelaySec'" not in line] == []


def test_a_service_that_was_taken_over_can_do_little(tmp_path: Path) -> None:
    """SPEC X5: systemd's own judgement of the exposure, 0 to 10, is below 2 for each unit."""
    done = analyze(tmp_path, "security", "--offline=true", "--threshold=20")

    assert done.returncode == 0, done.stdout

"""What keeps a service from starting is said in a sentence, with a way out, and exit code 1 (SPEC X5, H4)."""

from __future__ import annotations

import json
import signal
import socket
import stat
from contextlib import closing
from pathlib import Path

import pytest

from tests.systems.service.conftest import Example, Examples

pytestmark = pytest.mark.timeout(60)


def test_x5_a_service_is_for_this_machine_alone(running: Example) -> None:
    """SPEC X5: it listens on the loopback address unless told otherwise."""
    assert running.address.startswith("http://127.0.0.1:")


def test_x5_a_taken_port_is_named(start: Examples) -> None:
    """SPEC X5: and how to choose another."""
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        service = start(port=port)
        text = service.address + service.rest()

    assert service.end() == 1
    assert f"port {port} on 127.0.0.1 is taken by another program" in text
    assert "--port" in text
    assert "Traceback" not in service.errors.read_text("utf-8")


def test_x5_a_second_instance_is_told_who_is_there(start: Examples) -> None:
    """SPEC X5: which process, where it can be reached, how to go on."""
    first = start()
    second = start(data=first.data)
    text = second.address + second.rest()

    assert second.end() == 1
    assert f"process {first.process.pid} at {first.address}" in text
    assert "--data" in text
    assert first.get("/livez").status_code == 200


def test_x5_a_killed_instance_leaves_no_lock(start: Examples) -> None:
    """SPEC X5: nobody needs to delete anything after a crash."""
    first = start()
    first.stop(signal.SIGKILL)
    first.end()

    assert start(data=first.data).get("/livez").text == "ok"


def test_x5_a_data_folder_that_cannot_be_written_is_named(start: Examples, tmp_path: Path) -> None:
    """SPEC X5: which one, who chose it, why, how to go on."""
    file = tmp_path / "file"
    file.write_text("")
    service = start(data=file / "data")
    text = service.address + service.rest()

    assert service.end() == 1
    assert f"the data folder {file}/data (--data) cannot be written: Not a directory" in text


def test_x5_a_wrong_setting_is_named(start: Examples) -> None:
    """SPEC X5: with the path of the field and where it came from."""
    service = start(port=70000)
    text = service.address + service.rest()

    assert service.end() == 1
    assert "example.port: should be less than or equal to 65535, not '70000'; from the option --port" in text


def test_h4_an_application_that_does_not_start_says_why(start: Examples) -> None:
    """SPEC H4: with its own error, and no traceback."""
    service = start(startup_error="the index is damaged")
    text = service.address + service.rest()

    assert (service.end(), text) == (1, "the index is damaged")
    assert "Traceback" not in service.errors.read_text("utf-8")


def test_x5_the_token_is_made_for_its_owner_alone(running: Example) -> None:
    """SPEC X5: on the first start, into the data folder, readable by nobody else; the logs do not know it."""
    file = running.data / "token"
    token = file.read_text().strip()

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(running.data.stat().st_mode) == 0o700
    reset = running.client.post("/reset", headers={"Authorization": f"Bearer {token}"})
    assert (reset.status_code, reset.json()) == (200, "closed")
    assert token not in running.errors.read_text("utf-8")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Origin": "http://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, 403),
    ],
)
def test_x5_nobody_else_changes_anything(running: Example, headers: dict[str, str], status: int) -> None:
    """SPEC X5: neither without the token, nor with it from a foreign page."""
    token = (running.data / "token").read_text().strip()
    entitled = {"Authorization": f"Bearer {token}"} if status == 403 else {}

    refused = running.client.post("/reset", headers={**entitled, **headers})

    assert refused.status_code == status
    assert token not in refused.text


def test_x5_the_lock_file_says_who_is_there(running: Example) -> None:
    """SPEC X5: for who looks for the service: its process and its address."""
    holder = json.loads((running.data / "instance.lock").read_text())

    assert (holder["pid"], holder["address"]) == (running.process.pid, running.address)

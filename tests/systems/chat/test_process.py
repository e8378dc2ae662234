"""How `yaoki up` starts, what it says when it cannot, and how it ends."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.systems.chat.running import FAST, Service, command, copy_index, in_process
from yaoki.systems.chat.vector.index.index import ChatIndex

pytestmark = [pytest.mark.real_index, pytest.mark.timeout(120)]


@pytest.fixture
def prepared(real_index: ChatIndex, real_folder: Path, tmp_path: Path) -> Path:
    """A data folder with an index."""
    return copy_index(real_folder, tmp_path / "data")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_questions_in_flight_be_answered(prepared: Path, number: signal.Signals) -> None:
    """SPEC H4: readiness false, what is in flight is answered, the live feed ends with a last word, exit 0."""
    with Service(prepared, settings={**FAST, "YAOKI_CHAT_VECTOR_TIMEOUT": "3"}) as service:
        service.ready().switch("vector", "slow")
        replies: list[dict[str, Any]] = []
        feed: list[str] = []

        def listen() -> None:
            with service.http.stream("GET", "/events") as stream:
                feed.extend(stream.iter_lines())

        threads = [
            threading.Thread(target=listen),
            threading.Thread(target=lambda: replies.append(service.ask("asyncio timeout"))),
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        service.send(number)
        for thread in threads:
            thread.join()

        assert service.ended() == 0
        assert [reply["mode"] for reply in replies] == ["normal"]
        assert "event: closed" in feed
        assert service.out.rstrip().endswith("Stopped.")


def test_while_it_prepares_it_answers_and_can_be_stopped(tmp_path: Path) -> None:
    """SPEC G1, H4: the first start answers at once, says how far it is, and ends at once; nothing half-built is left."""
    with Service(tmp_path / "data") as service:
        reply = service.ask("asyncio timeout")
        preparation = service.http.get("/status").json()["preparation"]
        page = service.http.get("/").status_code
        service.send(signal.SIGINT)

        assert service.ended() == 0
    assert (reply["mode"], reply["degraded"][0]["reason"]) == ("degraded-no-context", "preparing")
    assert (page, preparation["ready"]) == (200, False)
    assert list((tmp_path / "data").glob("index-*")) == []


def test_the_address_and_the_token_are_printed(prepared: Path) -> None:
    """SPEC X5: one address; the token is in the part of it that no server sees, and in a file of its owner."""
    with Service(prepared) as service:
        assert service.token == (prepared / "token").read_text().strip()
        assert (prepared / "token").stat().st_mode & 0o077 == 0


def test_a_second_instance_is_told_who_is_first(prepared: Path) -> None:
    """One folder, one service: who holds it, and how to stop it."""
    with Service(prepared) as service:
        done = in_process("up", "--data", prepared, "--port", "0")

        assert done.exit_code == 1
        assert service.url in done.stderr
        assert "kill" in done.stderr
        assert len(done.stderr.splitlines()) == 2


def test_a_taken_port_has_a_way_out(prepared: Path, tmp_path: Path) -> None:
    """A taken port is said with what helps."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = command("up", "--data", prepared, "--port", str(taken.getsockname()[1]), cwd=tmp_path)

    assert done.returncode == 1
    assert "taken" in done.stderr
    assert "--port" in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_an_index_of_a_newer_version_is_left_alone(prepared: Path, tmp_path: Path) -> None:
    """What cannot be read ends the service with a way out, and is not touched."""
    file = next(prepared.glob("index-*.sqlite3"))
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA user_version = 999")
    done = command("up", "--data", prepared, "--port", "0", "--no-browser", cwd=tmp_path)

    assert done.returncode == 1
    assert "newer Yaoki" in done.stderr
    assert "Traceback" not in done.stderr
    assert file.exists()


def test_a_damaged_index_is_set_aside_and_built_anew(prepared: Path) -> None:
    """What is damaged is never served, and never deleted; the service builds it anew and says so."""
    file = next(prepared.glob("index-*.sqlite3"))
    file.write_bytes(file.read_bytes()[:5000])
    with Service(prepared) as service:
        assert service.ask("asyncio timeout")["degraded"][0]["reason"] == "preparing"
        service.send(signal.SIGTERM)

        assert service.ended() == 0
    assert [each for each in prepared.iterdir() if "damaged" in each.name]


def test_missing_extras_are_named() -> None:
    """Where only the core is installed, the command says what brings the rest."""
    source = Path(__file__).parents[3] / "src"
    program = f"import sys; sys.path.insert(0, {str(source)!r}); from yaoki.cli import main; main()"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program, "up"], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "Install it with: pip install 'yaoki[chat]'"
    assert len(done.stderr.splitlines()) == 2


def test_the_command_line_breaks_asks_and_heals(prepared: Path) -> None:
    """SPEC O4: the running service is found by its data folder."""
    with Service(prepared) as service:
        service.ready()
        broke = in_process("chat", "break", "vector", "fail", "--data", prepared)
        asked = in_process("chat", "ask", "asyncio timeout", "--language", "ja", "--data", prepared)
        healed = in_process("chat", "heal", "--data", prepared)
        normal = in_process("chat", "ask", "how do I set a timeout on an asyncio task?", "--data", prepared)

    assert [done.exit_code for done in (broke, asked, healed, normal)] == [0, 0, 0, 0]
    assert "yaoki chat heal vector" in broke.stdout
    assert "[degraded-no-context]" in asked.stderr
    assert "検索" in asked.stderr
    assert "asyncio.timeout" in normal.stdout
    assert normal.stderr == ""


def test_a_wrong_token_is_told(prepared: Path, tmp_path: Path) -> None:
    """SPEC X5: the command line says which token it used, and how to name another."""
    with Service(prepared) as service:
        wrong = in_process("chat", "heal", "--url", service.url, "--data", tmp_path / "other", YAOKI_CHAT_TOKEN="x" * 20)
        none = in_process("chat", "heal", "--url", service.url, "--data", tmp_path / "other")

    assert [done.exit_code for done in (wrong, none)] == [1, 1]
    assert "from the environment variable YAOKI_CHAT_TOKEN" in wrong.stderr
    assert "No token is known here" in none.stderr

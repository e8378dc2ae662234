"""`yaoki pool watch` as a process: probes, metrics, recovery on a schedule, a clean end (SPEC H3, H4, W5)."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.systems.repopool.cli.running import Commands, until
from tests.systems.repopool.conftest import git

pytestmark = pytest.mark.pool


class RunningWatch:
    """A watch in a process. `log`: what it logged so far; `url`: where it is."""

    def __init__(self, pool: Commands, *arguments: str, **settings: str) -> None:
        self.process = pool.start("watch", "--port", "0", *arguments, **settings)
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.log = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        line = self.process.stdout.readline()
        assert "is at  http" in line, self.log
        self.url = line.rpartition(" ")[2].strip()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log += line

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", timeout=10.0, trust_env=False)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(40)
        self._reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        return code


@pytest.fixture
def watch(pool: Commands) -> Iterator[Callable[..., RunningWatch]]:
    """A function that starts watches over the pool."""
    running: list[RunningWatch] = []

    def start(*arguments: str, **settings: str) -> RunningWatch:
        running.append(RunningWatch(pool, *arguments, **settings))
        return running[-1]

    yield start
    for each in running:
        each.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_answers_and_ends_well(watch: Callable[..., RunningWatch], number: signal.Signals) -> None:
    """SPEC H2, H4: probes and metrics; exit code 0."""
    running = watch()
    until(lambda: running.get("/readyz").status_code == 200)

    assert running.get("/livez").text == "ok"
    assert running.get("/startupz").status_code == 200
    assert 'yaoki_pool_slots{pool="web",state="available"} 2.0' in running.get("/metrics").text
    assert running.stop(number) == 0


def test_problems_are_told_and_take_no_readiness(pool: Commands, watch: Callable[..., RunningWatch]) -> None:
    """SPEC W5: the look finds, and repairs nothing."""
    (pool.workspaces / "web" / "slot1" / ".git" / "HEAD").write_text("nonsense")
    running = watch(YAOKI_REPOPOOL_LANGUAGE="ja")
    until(lambda: "1件の問題を検出" in running.get("/readyz?verbose").text)

    assert running.get("/readyz").status_code == 200
    assert pool.json("detect", code=14)["problems"] == 1


def test_a_folder_that_is_gone_takes_the_readiness(pool: Commands, watch: Callable[..., RunningWatch]) -> None:
    """SPEC H2: an unmounted disk; the watch lives, and is ready again when the folder is back."""
    running = watch()
    until(lambda: running.get("/readyz").status_code == 200)
    away = pool.workspaces.rename(pool.home / "away")
    until(lambda: running.get("/readyz").status_code == 503, 40.0)
    assert running.get("/livez").status_code == 200
    away.rename(pool.workspaces)

    until(lambda: running.get("/readyz").status_code == 200, 40.0)


def test_it_takes_slots_of_the_dead_back(pool: Commands, watch: Callable[..., RunningWatch]) -> None:
    """SPEC H3, W3: by its schedule, with the work kept, and counted."""
    agent = pool.start("run", "web", "--", "sh", "-c", "echo mine > work.txt; cd /; echo $$; exec sleep 60")
    assert agent.stdout is not None
    command = int(agent.stdout.readline())
    agent.kill()
    os.kill(command, signal.SIGKILL)
    agent.communicate(timeout=20)
    running = watch("--recover-every", "1")
    until(lambda: pool.states() == {"slot1": "available", "slot2": "available"})
    reclaimed = 'yaoki_pool_reclaims_total{cause="dead_owner",pool="web"} 1.0'
    until(lambda: reclaimed in running.get("/metrics").text)

    assert len(pool.json("quarantine", "list")["entries"]) == 1
    until(lambda: "take back" in running.log or "repaired" in running.log)


def test_a_recovery_that_was_killed_is_continued(pool: Commands, watch: Callable[..., RunningWatch]) -> None:
    """SPEC H3: kill -9 of the watch leaves nothing that the next one does not mend."""
    for number in (1, 2):
        (pool.workspaces / "web" / f"slot{number}" / ".git" / "HEAD").write_text("nonsense")
    first = watch("--recover-every", "1")
    until(lambda: "RecoveryStarted" in first.log)
    first.process.kill()
    first.process.wait()
    watch("--recover-every", "1")

    until(lambda: pool("detect").exit_code == 0)


def test_one_watch_at_a_time(pool: Commands, watch: Callable[..., RunningWatch]) -> None:
    """SPEC W5: the second one says where the first is."""
    running = watch()
    second = pool.start("watch", "--port", "0")
    _, error = second.communicate(timeout=40)

    assert second.returncode == 1
    assert running.url in error
    assert "--workspaces" in error


def test_the_configuration_is_followed(pool: Commands, watch: Callable[..., RunningWatch], tmp_path: Path) -> None:
    """SPEC W5: read again when it changes; one that is wrong is told, and the former settings stay."""
    file = tmp_path / "pools.toml"
    file.write_text("[defaults]\nnum_slots = 2\n", "utf-8")
    running = watch(YAOKI_REPOPOOL_RELOAD_EVERY="0.2")
    file.write_text("[defaults]\nnum_slots = -3\n", "utf-8")
    until(lambda: "[-]configuration failed" in running.get("/readyz?verbose").text)
    assert running.get("/readyz").status_code == 200
    file.write_text("[defaults]\nnum_slots = 3\n", "utf-8")

    until(lambda: "[+]configuration ok" in running.get("/readyz?verbose").text)


def test_mirrors_are_kept_fresh(pool: Commands, watch: Callable[..., RunningWatch], tmp_path: Path, pool_origin: Path) -> None:
    """SPEC W1: whoever takes a slot finds what was pushed meanwhile, and has not waited for the remote."""
    origin = tmp_path / "origin"
    shutil.copytree(pool_origin, origin)
    pool.json("create", "fresh", origin, "--slots", 1)
    (tmp_path / "pools.toml").write_text("[defaults]\nfetch_ttl = 0.1\n", "utf-8")
    git(origin, "commit", "-q", "--allow-empty", "-m", "news")
    news = git(origin, "rev-parse", "HEAD").strip()
    watch()

    reference = pool.workspaces / "fresh" / "mirror.git" / "refs" / "heads" / "main"
    until(lambda: reference.exists() and reference.read_text().strip() == news)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--recover-at", "25:00"], 1, "recover_at"),
        (["--check-every", "0"], 1, "check_every"),
        (["--port", "99999"], 1, "port"),
        (["--strategy", "reckless"], 2, "--strategy"),
    ],
)
def test_wrong_settings_are_refused(pool: Commands, arguments: list[str], code: int, said: str) -> None:
    """SPEC W5: the field is named."""
    process = pool.start("watch", *arguments)
    _, error = process.communicate(timeout=40)

    assert process.returncode == code
    assert said in error

"""What is deployed for the repo pool: alert rules over metrics that there are, and a cron line that cron takes (SPEC W5)."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.deploy.command_line import parse
from tests.deploy.unit_files import INSTALLED
from yaoki.systems.repopool import PoolConfig, PoolManager

ROOT = Path(__file__).parents[2]
RULES = yaml.safe_load((ROOT / "deploy" / "prometheus" / "repopool.yaml").read_text("utf-8"))["groups"][0]["rules"]
GUIDE = ROOT / "docs" / "guide" / "repopool-operators.md"


@pytest.fixture
def metrics(tmp_path: Path) -> Iterator[str]:
    """The source that names all metrics of the pools; one manager makes sure that they are collected."""
    manager = PoolManager(PoolConfig(tmp_path))
    assert [family.name for family in manager.collector().collect()]
    yield (ROOT / "src" / "yaoki" / "systems" / "repopool" / "prometheus.py").read_text("utf-8")
    manager.close()


def names_in(text: str) -> set[str]:
    """The metrics of the pools that a text names, without the suffix of counters."""
    return {name.removesuffix("_total") for name in re.findall(r"yaoki_pool_\w+", text)}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_metrics_that_there_are(rule: dict[str, str], metrics: str) -> None:
    """SPEC W5: each name is one that the collector gives."""
    known = names_in(metrics) | {f"yaoki_pool_recovery_{name}" for name in re.findall(r'"((?:slots|locks)_\w+)"', metrics)}

    assert names_in(rule["expr"]) <= known


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_to_do(rule: dict[str, dict[str, str]]) -> None:
    """SPEC W5: a summary, a severity, and commands that there are."""
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert rule["annotations"]["summary"]
    for command in rule["annotations"]["action"].split("; "):
        words = shlex.split(re.sub(r"\{\{.*?\}\}", "web", command))
        if words[0] == "yaoki":
            parse(words[1:])


def test_the_metrics_of_the_guide_are_there(metrics: str) -> None:
    """What the operators' guide names, the collector gives."""
    table = {name for name in names_in(GUIDE.read_text("utf-8")) if "recovery" not in name}

    assert table <= names_in(metrics)


def test_the_cron_line_has_its_user_and_a_command() -> None:
    """SPEC W5: five fields, the user, then a command that `yaoki` takes."""
    lines = (ROOT / "deploy" / "cron" / "yaoki-pool").read_text("utf-8").splitlines()
    (line,) = [line for line in lines if line and not line.startswith("#") and "=" not in line.split()[0]]
    *times, user, command = line.split(maxsplit=6)
    program, *arguments = shlex.split(command.partition(" > ")[0])

    assert times == ["0", "2", "*", "*", "*"]
    assert re.fullmatch(r"[a-z]+", user)
    assert program == INSTALLED
    assert parse(arguments)["strategy"].value == "conservative"

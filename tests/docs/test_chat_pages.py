"""The pages about the chat say what the chat does: its settings, its metrics, its alerts."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from tests.docs.pages import ROOT
from tests.docs.settings_page import table, written
from yaoki.core.shutdown import Shutdown
from yaoki.observe.exposition import render
from yaoki.service.tokens import Token
from yaoki.systems.chat.configuration import ChatConfiguration
from yaoki.systems.chat.process import create_app
from yaoki.systems.chat.service import ChatService
from yaoki.systems.chat.vector.metrics import VectorCollector
from yaoki.systems.chat.vector.service import VectorService

OPERATE = ROOT / "docs" / "guide" / "chat-operate.md"
RULES = ROOT / "deploy" / "prometheus" / "chat.yaml"
SERIES = re.compile(r"(?P<name>yaoki_\w+)(?:\{(?P<labels>[^}]*)\})?")
LABEL = re.compile(r'(\w+)(=~?)"([^"]*)"')


def rules() -> list[dict[str, str]]:
    (group,) = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    found: list[dict[str, str]] = group["rules"]
    return found


async def scraped(folder: Path) -> str:
    """What the chat and the vector service show to Prometheus before anything has happened."""
    chat = ChatService(ChatConfiguration(), folder, Shutdown())
    app = create_app(chat, Token("a-token-of-this-test"), lambda: None)
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")
    async with app.router.lifespan_context(app), client:
        shown = ""
        while "yaoki_health_check_ok" not in shown:
            shown = (await client.get("/metrics")).text
    vector = VectorService(ChatConfiguration(), folder, Shutdown())
    content, _ = render(vector.collector, VectorCollector(vector.access), accept=None)
    vector.close()
    return shown + content.decode()


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> str:
    return asyncio.run(scraped(tmp_path_factory.mktemp("data")))


def unknown(text: str, metrics: str) -> Iterator[str]:
    """The series in a text that no service shows. One that counts what happens has no sample until it does."""
    for match in SERIES.finditer(text):
        family = re.sub(r"_(total|bucket|count|sum)$", "", match["name"])
        if f"# TYPE {family} " not in metrics and f"# TYPE {match['name']} " not in metrics:
            yield match[0]
            continue
        samples = [line for line in metrics.splitlines() if re.match(rf"{match['name']}\b", line)]
        for label, sign, value in LABEL.findall(match["labels"] or ""):
            wanted = re.compile(rf'\b{label}="{value if sign == "=~" else re.escape(value)}"')
            samples_with = [line for line in samples if wanted.search(line)]
            if samples and not samples_with:
                yield match[0]
            samples = samples_with


def test_every_setting_stands_on_its_page() -> None:
    """The table is that of the settings; `python -m tests.docs.settings_page` writes it."""
    assert written() == table()


def test_every_metric_of_the_page_is_shown(metrics: str) -> None:
    """SPEC O1: names and labels are those of `/metrics`."""
    assert list(unknown(OPERATE.read_text("utf-8"), metrics)) == []


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_what_is_shown(rule: dict[str, str], metrics: str) -> None:
    """Each rule reads series that the services have."""
    assert SERIES.search(rule["expr"])
    assert list(unknown(rule["expr"], metrics)) == []


def test_every_alert_is_explained() -> None:
    """The page has a row for each rule, and no other."""
    told = re.findall(r"^\| `(Yaoki\w+)` \|", OPERATE.read_text("utf-8"), re.MULTILINE)

    assert told == [rule["alert"] for rule in rules()]

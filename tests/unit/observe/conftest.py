"""The records that the event log writes during a test."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from yaoki.core.pipeline import registry
from yaoki.observe.log_events import subscribe_logs


class Log(logging.Handler):
    """The records so far."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def told(self, *facts: str) -> list[tuple[Any, ...]]:
        """Level, message and the named facts of every record."""
        return [
            (record.levelname, record.getMessage(), *(getattr(record, fact, None) for fact in facts)) for record in self.records
        ]


@pytest.fixture
def log() -> Iterator[Log]:
    log = Log()
    logger = logging.getLogger("yaoki")
    before = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(log)
    unsubscribe = subscribe_logs()
    yield log
    unsubscribe()
    logger.removeHandler(log)
    logger.setLevel(before)


@pytest.fixture(autouse=True)
def no_pipelines_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other tests of the same process have left alive is not looked at."""
    monkeypatch.setattr(registry, "_named", {})

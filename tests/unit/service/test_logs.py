"""Where the logs of a service go, and in which form."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from yaoki import ConfigurationError
from yaoki.observe.request_id import current_request
from yaoki.service import logs
from yaoki.service.logs import setup_logs

LOG = logging.getLogger("tests.service.logs")


class Stream(io.StringIO):
    """What is written, to a terminal or not."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.fixture(autouse=True)
def logging_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the set-up changes in the process is put back."""
    root = logging.getLogger()
    monkeypatch.setattr(logs, "_ours", None)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    before = root.handlers[:], {name: logging.getLogger(name).level for name in ("", *logs._QUIET)}
    yield
    root.handlers[:], levels = before
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(False)


def test_o3_off_a_terminal_a_record_is_json() -> None:
    """SPEC O3: the request that it belongs to is in it."""
    stream = Stream(terminal=False)
    setup_logs(stream=stream)
    mark = current_request.set("request-7")

    LOG.warning("told", extra={"breaker": "search"})

    current_request.reset(mark)
    record = json.loads(stream.getvalue())
    del record["time"]
    assert record == {
        "level": "warning",
        "logger": "tests.service.logs",
        "message": "told",
        "request_id": "request-7",
        "breaker": "search",
    }


def test_o3_on_a_terminal_a_record_is_a_line_for_people() -> None:
    """SPEC O3: with colours."""
    stream = Stream(terminal=True)
    setup_logs(stream=stream)

    LOG.warning("told", extra={"breaker": "search"})

    assert "\x1b[33mWARNING " in stream.getvalue()
    assert stream.getvalue().endswith(" told  breaker=search\n")


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_o3_colours_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    """SPEC O3: as everywhere else."""
    monkeypatch.setenv(variable, value)
    stream = Stream(terminal=True)
    setup_logs(stream=stream)

    LOG.warning("told")

    assert "\x1b" not in stream.getvalue()


def test_o3_off_a_terminal_there_are_no_colours() -> None:
    """SPEC O3: also if lines for people are wanted there."""
    stream = Stream(terminal=False)
    setup_logs(json=False, stream=stream)

    LOG.critical("told")

    assert "\x1b" not in stream.getvalue()
    assert "CRITICAL told" in stream.getvalue()


def test_o3_set_up_twice_tells_once() -> None:
    """SPEC O3: the second set-up takes the place of the first."""
    first, second = Stream(terminal=False), Stream(terminal=False)
    setup_logs(stream=first)
    setup_logs(stream=second)

    LOG.warning("told")

    assert (first.getvalue(), len(second.getvalue().splitlines())) == ("", 1)


def test_o3_below_the_level_nothing_is_told() -> None:
    """SPEC O3: and what others tell about their work is told from a warning on."""
    stream = Stream(terminal=False)
    setup_logs(level="INFO", stream=stream)

    LOG.debug("too quiet")
    LOG.info("told")
    logging.getLogger("uvicorn.error").info("theirs")

    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == ["told"]


def test_o3_a_level_that_is_none_is_refused() -> None:
    """SPEC O3: with those that there are."""
    with pytest.raises(ConfigurationError, match="level must be one of debug, info, warning, error, critical, not 'loud'"):
        setup_logs(level="loud")

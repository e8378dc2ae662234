"""How a record is written: JSON for machines, a line for people; no secrets, no lines of strangers."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yaoki.observe.log_format import HumanFormatter, JsonFormatter, request_filter
from yaoki.observe.request_id import current_request
from yaoki.observe.secrecy import hide


def record(message: str, *args: object, **extra: object) -> logging.LogRecord:
    made = logging.getLogger("tests.format").makeRecord(
        "tests.format", logging.WARNING, __file__, 1, message, args, None, extra=extra
    )
    made.created = datetime(2026, 11, 25, 12, 30, 5, 250_000, UTC).timestamp()
    return made


def as_json(made: logging.LogRecord) -> dict[str, Any]:
    line = JsonFormatter().format(made)
    assert "\n" not in line
    return json.loads(line)  # type: ignore[no-any-return]  # an object


def as_line(made: logging.LogRecord) -> str:
    return HumanFormatter().format(made)


def test_o3_json_has_the_facts_in_order() -> None:
    """SPEC O3: time in UTC, level in lower case, then what was given."""
    made = record("opened %s", "search", breaker="search", failures=5)

    assert JsonFormatter().format(made) == (
        '{"time": "2026-11-25T12:30:05.250Z", "level": "warning", "logger": "tests.format", '
        '"message": "opened search", "breaker": "search", "failures": 5}'
    )


def test_o3_json_holds_every_kind_of_fact() -> None:
    """SPEC O3: what JSON cannot say is its text; an endless number too."""
    made = record("told", inside={"a": [1, (2.5, None)]}, endless=float("inf"), kind=ValueError("x"), flag=True)

    told = as_json(made)

    assert {name: told[name] for name in ("inside", "endless", "kind", "flag")} == {
        "inside": {"a": [1, [2.5, None]]},
        "endless": "inf",
        "kind": "ValueError('x')",
        "flag": True,
    }


def test_o3_a_fact_does_not_take_the_place_of_another() -> None:
    """SPEC O3: an extra that is called like a field of its own leaves that alone."""
    assert as_json(record("told", level="loud", time="never"))["level"] == "warning"


def test_o3_people_get_a_line() -> None:
    """SPEC O3: time of day, level, message, facts; what is not there is left out; a text with spaces has quotes."""
    made = record("circuit opened", breaker="search", share=0.123456789, none=None, text="two words", empty="")

    assert as_line(made)[12:] == " WARNING  circuit opened  breaker=search share=0.123457 text='two words' empty=''"


@pytest.mark.parametrize("write", [lambda made: as_json(made)["exception"], as_line])
def test_o3_a_traceback_is_told(write: Any) -> None:
    """SPEC O3: in a field, or below the line."""
    made = record("failed")
    try:
        raise LookupError("lost")
    except LookupError as error:
        made.exc_info = (type(error), error, error.__traceback__)

    assert "Traceback (most recent call last):" in write(made)
    assert "LookupError: lost" in write(made)


def test_o3_the_request_is_noted_where_it_is_logged() -> None:
    """SPEC O3: not where the line is written, perhaps in another thread."""
    made, without = record("told"), record("told")
    mark = current_request.set("request-7")
    request_filter(made)
    current_request.reset(mark)
    request_filter(without)

    assert as_json(made)["request_id"] == "request-7"
    assert as_line(made).endswith("told  request=request-7")
    assert "request_id" not in as_json(without)


@pytest.mark.parametrize("write", [JsonFormatter().format, as_line])
def test_x5_a_secret_is_left_out(write: Any) -> None:
    """SPEC X5: a known one wherever it stands, and what a field's name says is one."""
    hide("a-secret-of-this-test")
    made = record(
        "got a-secret-of-this-test", header="Bearer a-secret-of-this-test", password="hunter2", inside={"api_key": "hunter3"}
    )

    written = write(made)

    assert "a-secret-of-this-test" not in written
    assert "hunter2" not in written
    assert written.count("***") >= 3


def test_x5_a_secret_deep_inside_is_left_out() -> None:
    """SPEC X5: in JSON every table is looked at."""
    assert as_json(record("told", a={"b": [{"Authorization": "Bearer hunter3"}]}))["a"] == {"b": [{"Authorization": "***"}]}


@given(st.text())
def test_x5_one_record_is_one_line(text: str) -> None:
    """SPEC X5: whatever is in it; nobody writes lines, or moves the cursor of a terminal, by way of a name."""
    made = record("%s", text, fact=text)

    line = as_line(made)
    told = as_json(made)

    assert len(line.splitlines()) == 1
    assert "\x1b" not in line
    assert (told["message"], told["fact"]) == (text, text)

"""How a log record is written: a line of JSON for machines, or a line for people (SPEC O3).

Both show the same facts: time, level, logger, message, the id of the request, and what was given as `extra`. Secrets are left
out, and one record is one line unless it carries a traceback, whatever characters are in it: nobody writes lines of their own
into the log by way of a path or a name.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pythonjsonlogger.core import RESERVED_ATTRS, BaseJsonFormatter

from yaoki.observe.request_id import current_request
from yaoki.observe.secrecy import HIDDEN, cleaned, is_secret_name

if TYPE_CHECKING:
    from typing import Any

__all__ = ["HumanFormatter", "JsonFormatter", "request_filter"]

_RESERVED = frozenset({*RESERVED_ATTRS, "request_id", "color_message"})


def request_filter(record: logging.LogRecord) -> bool:
    """Note on the record which request it belongs to. For `Handler.addFilter`: it runs in the task or thread that logs."""
    if not hasattr(record, "request_id"):
        record.request_id = current_request.get()
    return True


class JsonFormatter(BaseJsonFormatter):
    """One JSON object a line. Times are UTC; levels are in lower case as in metrics."""

    def __init__(self) -> None:
        super().__init__("%(message)s")

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        """The facts in the order in which they are read."""
        log_data["time"] = _moment(record).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        log_data["level"] = record.levelname.lower()
        log_data["logger"] = record.name
        log_data["message"] = record.getMessage()
        request = getattr(record, "request_id", None)
        if request is not None:
            log_data["request_id"] = request
        for name, value in _extra(record).items():
            log_data.setdefault(name, value)
        if record.exc_info and not record.exc_text:
            record.exc_text = str(self.formatException(record.exc_info))
        if record.exc_text:
            log_data["exception"] = record.exc_text
        if record.stack_info:
            log_data["stack"] = record.stack_info

    def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
        """As JSON of ASCII characters, which no terminal and no reader of lines can misread."""
        return cleaned(json.dumps(_plain(log_data), ensure_ascii=True, allow_nan=False))


class HumanFormatter(logging.Formatter):
    """`12:30:05.250 WARNING circuit opened  breaker=search failures=5`; times are local. Colours only if asked for."""

    def __init__(self, *, colours: bool = False) -> None:
        super().__init__()
        self.colours = colours

    def format(self, record: logging.LogRecord) -> str:
        """The line, and the traceback below it if there is one."""
        moment = _moment(record).astimezone().isoformat(timespec="milliseconds")[11:23]
        facts = dict(_extra(record))
        request = getattr(record, "request_id", None)
        if request is not None:
            facts["request"] = request
        level = f"{record.levelname:8}"
        if self.colours:
            level = f"{_COLOURS.get(record.levelno, '')}{level}{_PLAIN}"
        line = f"{moment} {level} {_on_one_line(record.getMessage())}"
        if facts:
            line += "  " + " ".join(f"{name}={_fact(value)}" for name, value in facts.items() if value is not None)
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        for below in (record.exc_text, record.stack_info):
            if below:
                line += "\n" + "\n".join(_on_one_line(each) for each in below.splitlines())
        return cleaned(line)


_COLOURS = {
    logging.DEBUG: "\x1b[2m",
    logging.WARNING: "\x1b[33m",
    logging.ERROR: "\x1b[31m",
    logging.CRITICAL: "\x1b[1;31m",
}
_PLAIN = "\x1b[0m"


def _moment(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _extra(record: logging.LogRecord) -> dict[str, object]:
    given = {name: value for name, value in vars(record).items() if name not in _RESERVED and not name.startswith("_")}
    return {name: HIDDEN if is_secret_name(name) else value for name, value in given.items()}


def _plain(value: object, depth: int = 8) -> object:
    """What JSON can hold; everything else by its `repr`."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return value if abs(value) < float("inf") else repr(value)
    if depth and isinstance(value, dict):
        return {str(name): HIDDEN if is_secret_name(str(name)) else _plain(item, depth - 1) for name, item in value.items()}
    if depth and isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item, depth - 1) for item in value]
    return repr(value)


def _fact(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = _on_one_line(str(value))
    return repr(text) if " " in text or "=" in text or not text else text


def _on_one_line(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\t" else ascii(char)[1:-1] for char in text)

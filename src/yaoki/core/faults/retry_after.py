"""How long the other side asks us to wait: what is read as such, and what is not (SPEC R4; RFC 9110 §10.2.3 and §5.6.7).

| given | seconds |
| --- | --- |
| a number, a string of digits with or without a fraction | as given; never negative |
| a timedelta | its seconds; never negative |
| an HTTP date in one of the three formats, a datetime | from the wall clock's now until then; 0.0 if it has passed |
| more than `LONGEST` | `LONGEST` |
| anything else: negative, NaN, infinite, booleans, unreadable text | None, as if nothing had been said |
"""

from __future__ import annotations

from yaoki.core.clock import clock

__all__ = ["LONGEST", "seconds_to_wait"]

LONGEST = 86_400.0
"""No answer keeps a caller away for longer than a day: a wrong header must not switch a dependency off."""


def seconds_to_wait(value: object) -> float | None:
    """The seconds from now that `value` asks for, between 0.0 and `LONGEST`, or None if it asks for nothing readable."""
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, (int, float)):
        return None if isinstance(value, bool) else _bounded(value)
    if value is None:
        return None
    return _from_time(value)


def _bounded(seconds: float) -> float | None:
    # Written so that a NaN fails the test, and an integer too large for a float passes it.
    if not 0 <= seconds < _INFINITE:
        return None
    return float(min(seconds, LONGEST))


def _from_text(text: str) -> float | None:
    text = text.strip()
    if len(text) > _LONGEST_TEXT or not text.isascii():
        return None
    whole, _, fraction = text.partition(".")
    if whole.isdigit() and (fraction.isdigit() or not fraction):
        return _bounded(float(text))
    return _from_date(text)


def _from_time(value: object) -> float | None:
    from datetime import datetime, timedelta

    if isinstance(value, timedelta):
        return _bounded(value.total_seconds())
    if isinstance(value, datetime):
        try:
            return _until(value.timestamp())
        except (ValueError, OverflowError, OSError):  # a moment that the platform cannot count
            return None
    return None


def _from_date(text: str) -> float | None:
    """The three formats of RFC 9110 §5.6.7; the day of the week is not compared with the date."""
    words = text.replace(",", " ").split()
    if len(words) == 5 and words[1].isalpha():  # Sun Nov  6 08:49:37 1994
        _, month, day, time_of_day, year = words
    elif len(words) == 6:  # Sun, 06 Nov 1994 08:49:37 GMT
        _, day, month, year, time_of_day, zone = words
        if zone.upper() not in _UNIVERSAL:
            return None
    elif len(words) == 4 and words[1].count("-") == 2:  # Sunday, 06-Nov-94 08:49:37 GMT
        _, date, time_of_day, zone = words
        day, month, year = date.split("-")
        if zone.upper() not in _UNIVERSAL:
            return None
    else:
        return None
    return _moment(year, month, day, time_of_day)


def _moment(year: str, month: str, day: str, time_of_day: str) -> float | None:
    from datetime import UTC, datetime

    clock_parts = time_of_day.split(":")
    if month.title() not in _MONTHS or len(clock_parts) != 3:
        return None
    if not all(part.isdigit() for part in (year, day, *clock_parts)):
        return None
    hour, minute, second = (int(part) for part in clock_parts)
    if len(year) not in (2, 4):
        return None
    full_year = int(year) if len(year) == 4 else _century(int(year))
    try:
        # A leap second counts as the second before it.
        moment = datetime(full_year, _MONTHS.index(month.title()) + 1, int(day), hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        return None
    return _until(moment.timestamp())


def _century(year: int) -> int:
    """The year of these two digits that is less than 50 years ago, or at most 50 ahead (RFC 9110 §5.6.7)."""
    earliest = 1970 + int(clock.wall() // _YEAR) - 49
    return earliest + (year - earliest) % 100


def _until(moment: float) -> float:
    return min(max(0.0, moment - clock.wall()), LONGEST)


_INFINITE = float("inf")
_LONGEST_TEXT = 64
_YEAR = 31_556_952.0
_UNIVERSAL = ("GMT", "UTC", "UT")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

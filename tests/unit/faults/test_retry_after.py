"""How long the other side asks us to wait (SPEC R4; RFC 9110 §10.2.3)."""

from __future__ import annotations

import email.utils
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yaoki.core.faults.retry_after import LONGEST, seconds_to_wait
from yaoki.testing import VirtualClock

NOW = 784_111_777.0  # Sun, 06 Nov 1994 08:49:37 GMT


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (0, 0.0),
        (3, 3.0),
        (2.5, 2.5),
        ("0", 0.0),
        ("120", 120.0),
        (" 120 ", 120.0),
        ("1.5", 1.5),
        (b"7", 7.0),
        (timedelta(minutes=2), 120.0),
    ],
)
def test_seconds_are_taken_as_given(value: object, seconds: float) -> None:
    """SPEC R4: numbers, digits and timedeltas."""
    assert seconds_to_wait(value) == seconds


@pytest.mark.parametrize("value", [10**9, 10**400, 1e300, "9" * 60, timedelta(days=400)])
def test_an_absurd_wait_is_cut_to_a_day(value: object) -> None:
    """SPEC R4: a wrong header does not switch a dependency off."""
    assert seconds_to_wait(value) == LONGEST == 86_400.0


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        -1,
        -0.5,
        float("nan"),
        float("inf"),
        float("-inf"),
        timedelta(seconds=-1),
        "",
        "-1",
        "+1",
        "1e3",
        "0x10",
        "1_000",
        "nan",
        "inf",
        "٣",
        "²",
        ".",
        ".5",
        "1.2.3",
        "soon",
        "9" * 5000,
        b"\xff\xfe",
        [3],
        {"seconds": 3},
        object(),
    ],
)
def test_what_cannot_be_read_says_nothing(value: object) -> None:
    """SPEC R4: garbage is as if the server had not asked."""
    assert seconds_to_wait(value) is None


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:50:37 GMT",
        "Sunday, 06-Nov-94 08:50:37 GMT",
        "Sun Nov  6 08:50:37 1994",
        "sun, 06 nov 1994 08:50:37 gmt",
    ],
)
def test_the_three_date_formats_are_read(text: str) -> None:
    """SPEC R4: all formats of RFC 9110 §5.6.7, counted from the wall clock."""
    with VirtualClock(wall_start=NOW):
        assert seconds_to_wait(text) == 60.0


@pytest.mark.parametrize(
    "value",
    [datetime(1994, 11, 6, 8, 50, 37, tzinfo=UTC), datetime(1994, 11, 6, 9, 50, 37, tzinfo=timezone(timedelta(hours=1)))],
)
def test_a_datetime_is_read(value: datetime) -> None:
    """SPEC R4: a client library may have parsed the date already."""
    with VirtualClock(wall_start=NOW):
        assert seconds_to_wait(value) == 60.0


@pytest.mark.parametrize(
    "value", ["Sun, 06 Nov 1994 08:49:36 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", datetime(1990, 1, 1, tzinfo=UTC)]
)
def test_a_date_that_has_passed_means_now(value: object) -> None:
    """SPEC R4: no negative waits."""
    with VirtualClock(wall_start=NOW):
        assert seconds_to_wait(value) == 0.0


def test_a_far_date_is_cut_to_a_day() -> None:
    """SPEC R4: a wrong header does not switch a dependency off."""
    with VirtualClock(wall_start=NOW):
        assert seconds_to_wait("Fri, 31 Dec 9999 23:59:59 GMT") == LONGEST


def test_a_leap_second_is_a_second() -> None:
    """SPEC R4: RFC 9110 allows 60."""
    with VirtualClock(wall_start=NOW):
        assert seconds_to_wait("Sun, 06 Nov 1994 08:49:60 GMT") == 22.0


def test_a_year_of_two_digits_is_at_most_fifty_years_ahead() -> None:
    """SPEC R4: RFC 9110 §5.6.7 says which century."""
    with VirtualClock(wall_start=NOW):
        assert seconds_to_wait("Sunday, 06-Nov-43 08:49:37 GMT") == LONGEST
        assert seconds_to_wait("Sunday, 06-Nov-46 08:49:37 GMT") == 0.0


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 PST",
        "Sun, 06 Nov 1994 08:49:37 +0900",
        "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06 Nov 1994 25:49:37 GMT",
        "Sun, -6 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 CET",
        "a b-c-d e f",
        "1994-11-06T08:49:37Z",
    ],
)
def test_another_date_is_not_guessed(text: str) -> None:
    """SPEC R4: a date that RFC 9110 does not know says nothing."""
    assert seconds_to_wait(text) is None


@given(ahead=st.integers(min_value=-10_000_000, max_value=80_000))
def test_every_formatted_date_is_read_back(ahead: int) -> None:
    """SPEC R4: against the standard library's own writer of HTTP dates."""
    with VirtualClock(wall_start=NOW):
        text = email.utils.formatdate(NOW + ahead, usegmt=True)
        assert seconds_to_wait(text) == max(0.0, float(ahead))


@given(value=st.one_of(st.text(), st.integers(), st.floats(), st.binary(), st.timedeltas(), st.datetimes()))
def test_the_wait_is_none_or_between_nothing_and_a_day(value: object) -> None:
    """SPEC R4: whatever is sent, nothing is raised and the wait is bounded."""
    seconds = seconds_to_wait(value)

    assert seconds is None or (type(seconds) is float and 0.0 <= seconds <= LONGEST)


@given(
    words=st.lists(
        st.sampled_from(["Sun,", "06", "Nov", "1994", "94", "08:49:37", "GMT", "06-Nov-94", "-", ":", "::", "99"]), max_size=7
    )
)
def test_a_broken_date_raises_nothing(words: list[str]) -> None:
    """SPEC R4: dates that are almost right."""
    seconds = seconds_to_wait(" ".join(words))

    assert seconds is None or 0.0 <= seconds <= LONGEST

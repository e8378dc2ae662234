"""The code with which an opened page gets the token."""

from __future__ import annotations

import pytest

from yaoki.systems.chat.opening import Opening
from yaoki.testing import VirtualClock


def test_a_code_is_good_once() -> None:
    """SPEC X5: who reads the code later finds it used up."""
    opening = Opening()
    code = opening.code()

    assert [opening.take(code), opening.take(code)] == [True, False]


def test_a_wrong_code_uses_it_up() -> None:
    """SPEC X5: nobody can try many."""
    opening = Opening()
    code = opening.code()

    assert [opening.take("guess\ud800"), opening.take(code)] == [False, False]


def test_without_a_code_there_is_nothing_to_take() -> None:
    """SPEC X5: a service that opened no page gives nothing out."""
    assert not Opening().take("")


@pytest.mark.virtual_time
def test_a_code_is_not_good_for_long(virtual_clock: VirtualClock) -> None:
    """SPEC X5: a page opens within a minute, or not at all."""
    opening = Opening()
    code = opening.code()
    virtual_clock.advance(60.0)

    assert not opening.take(code)

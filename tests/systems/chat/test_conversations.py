"""What is remembered of conversations, and for how long."""

from __future__ import annotations

import pytest

from yaoki.systems.chat.answerer import Exchange
from yaoki.systems.chat.conversations import Conversations
from yaoki.testing import VirtualClock

pytestmark = pytest.mark.virtual_time

LONG = Exchange("q" * 50, "a" * 50)


def exchange(number: int) -> Exchange:
    return Exchange(f"question {number}", f"answer {number}")


def test_a_conversation_is_its_users_own() -> None:
    """SPEC X5: the same id of another user is another conversation; without an id there is none."""
    kept = Conversations()
    kept.add("ann", "c", exchange(1))
    kept.add("ann", None, exchange(2))

    assert kept.history("ann", "c") == (exchange(1),)
    assert kept.history("bob", "c") == kept.history(None, "c") == kept.history("ann", None) == ()


def test_turns_and_characters_are_bounded() -> None:
    """SPEC X5: the oldest goes first; a turn that is too long alone is not kept at all."""
    kept = Conversations(turns=2, characters=150)
    for number in range(4):
        kept.add("ann", "c", exchange(number))
    by_turns = kept.history("ann", "c")
    kept.add("ann", "c", LONG)
    by_characters = kept.history("ann", "c")
    kept.add("ann", "c", Exchange("q" * 200, ""))

    assert by_turns == (exchange(2), exchange(3))
    assert by_characters == (exchange(3), LONG)
    assert kept.history("ann", "c") == ()


def test_the_number_of_conversations_is_bounded() -> None:
    """SPEC X5: the one without a turn for the longest time goes first."""
    kept = Conversations(most=2)
    for name in ("a", "b", "a", "c"):
        kept.add("ann", name, exchange(1))

    assert [len(kept.history("ann", name)) for name in ("a", "b", "c")] == [2, 0, 1]


def test_an_idle_conversation_is_forgotten(virtual_clock: VirtualClock) -> None:
    """SPEC X5: an hour after its last turn."""
    kept = Conversations(idle=3600.0)
    kept.add("ann", "c", exchange(1))
    virtual_clock.advance(3000.0)
    kept.add("ann", "c", exchange(2))
    virtual_clock.advance(3000.0)
    still = len(kept.history("ann", "c"))
    virtual_clock.advance(700.0)

    assert (still, kept.history("ann", "c"), len(kept)) == (2, (), 0)

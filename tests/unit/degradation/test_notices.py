"""SPEC K3: users are told, in the language they ask for."""

from __future__ import annotations

import pytest

from yaoki import Mode
from yaoki.core.degradation import apology, notice
from yaoki.core.degradation.notices import language_of


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("ja", "ja"),
        ("JA", "ja"),
        ("ja-JP", "ja"),
        ("ja-Hrkt-JP,en;q=0.9", "ja"),
        ("en-US,en;q=0.5", "en"),
        ("en;q=0.8, ja;q=0.9", "ja"),
        ("en;q=0.9, ja;q=0.8", "en"),
        ("ja, en", "ja"),
        ("en, ja", "en"),
        ("fr-CH, fr;q=0.9, ja;q=0.1", "ja"),
        ("fr, de", "en"),
        ("*", "en"),
        ("en;q=0.1, *;q=0.5", "ja"),
        ("ja;q=0.5, *", "en"),
        ("en;q=0", "ja"),
        ("en;q=0, *;q=0.5", "ja"),
        ("ja;q=0, en;q=0", "en"),
        ("ja;q=0.000, fr", "en"),
        (" ja ; q=1.0 ", "ja"),
    ],
)
def test_the_header_decides(header: str | None, language: str) -> None:
    """SPEC K3: quality first, then the order; a region falls back to its language (RFC 9110 12.5.4, RFC 4647 3.4)."""
    assert language_of(header, ["ja", "en"]) == language


@pytest.mark.parametrize(
    "header",
    [
        "ja;q=2",
        "ja;q=nan",
        "ja;q=1e0",
        "ja;q=-1",
        "ja;q=",
        "ja;q",
        "ja;level=1",
        "ja;q=1_0",
        "ja;q=１",
        ";q=1",
        ",,;,",
        "\0" * 50,
    ],
)
def test_what_is_malformed_is_passed_over(header: str) -> None:
    """SPEC K3, X5: a broken header is no reason to fail, and none to prefer anything."""
    assert language_of(header, ["ja", "en"]) == "en"
    assert language_of(f"{header}, ja;q=0.1", ["ja", "en"]) == "ja"


def test_an_endless_header_is_cut() -> None:
    """SPEC X5: reading a header costs no more than a page of it."""
    assert language_of("de, " * 100_000 + "ja", ["ja", "en"]) == "en"


def test_a_language_finds_its_region() -> None:
    """SPEC K3: texts for regions serve who asks for the language."""
    assert language_of("pt", ["en", "pt-br"]) == "pt-br"
    assert language_of("pt-PT", ["en", "pt-br"]) == "pt-br"


MODE = Mode(
    "half", {"x"}, {"ja": "半分です", "en": "Half of it"}, apologies={"ja": "ごめんなさい"}, maintenance={"en": "Maintenance"}
)


def test_a_notice_is_given_in_the_language_asked_for() -> None:
    """SPEC K3: ladders of users have their own texts."""
    assert notice(MODE, "ja") == "半分です"
    assert notice(MODE, "en") == "Half of it"
    assert notice(MODE) == "Half of it"
    assert notice(MODE, None, default="ja") == "半分です"


def test_a_mode_without_texts_says_nothing() -> None:
    """SPEC K3: the normal mode has no notice."""
    assert notice(Mode("normal"), "ja") is None
    assert apology(Mode("normal"), "ja", maintenance=True) is None


def test_a_text_that_exists_in_one_language_alone_is_given_to_all() -> None:
    """SPEC K3: told in another language is better than not told."""
    assert apology(MODE, "en") == "ごめんなさい"


def test_maintenance_is_said_only_while_it_is_declared() -> None:
    """SPEC K3: an outage is not called maintenance."""
    assert apology(MODE, "ja", maintenance=True) == "Maintenance"
    assert apology(MODE, "ja", maintenance=False) == "ごめんなさい"


def test_maintenance_without_a_text_of_its_own_is_an_apology() -> None:
    """SPEC K3: there is always an answer."""
    assert apology(Mode("down", {"x"}, apologies={"en": "Sorry"}), maintenance=True) == "Sorry"

"""SPEC G3, K3: the four modes of a service that searches and writes, and their texts, word for word."""

from __future__ import annotations

import pytest

from yaoki.core.degradation import apology, chat_ladder, notice

LADDER = chat_ladder()


@pytest.mark.parametrize(
    ("failed", "mode"),
    [
        ((), "normal"),
        (["vector"], "degraded-no-context"),
        (["llm"], "degraded-cache-only"),
        (["llm", "vector"], "static-only"),
    ],
)
def test_the_mode_comes_from_what_failed(failed: list[str], mode: str) -> None:
    """SPEC G3: nothing, retrieval, LLM, both."""
    assert LADDER.mode_of(failed).name == mode


def test_the_dependencies_can_have_other_names() -> None:
    """SPEC G3: the names are the program's."""
    ladder = chat_ladder(search="index", writer="model")

    assert ladder.mode_of({"index", "model"}).name == "static-only"
    assert ladder.dependencies == {"index", "model"}


@pytest.mark.parametrize(
    ("mode", "ja"),
    [
        ("degraded-no-context", "検索機能が一時的に利用できないため、一般的な回答を提供しています"),
        ("degraded-cache-only", "応答生成サービスが一時的に利用できません"),
    ],
)
def test_the_notices_are_those_of_the_source(mode: str, ja: str) -> None:
    """SPEC K3: the Japanese texts word for word."""
    assert notice(LADDER[mode], "ja") == ja


def test_the_apology_is_that_of_the_source() -> None:
    """SPEC K3: the apology of cache-only."""
    assert apology(LADDER["degraded-cache-only"], "ja") == (
        "申し訳ありませんが、現在サービスが混雑しています。しばらく時間をおいてから再度お試しください。"
    )


def test_the_static_text_says_maintenance_only_while_it_is_declared() -> None:
    """SPEC K3: otherwise it says that it is an outage, in both languages."""
    mode = LADDER["static-only"]

    assert (
        apology(mode, "ja", maintenance=True) == "申し訳ありませんが、現在システムがメンテナンス中です。後ほどお試しください。"
    )
    assert "障害" in str(apology(mode, "ja"))
    assert "メンテナンス" not in str(apology(mode, "ja"))
    assert "outage" in str(apology(mode, "en"))
    assert "maintenance" not in str(apology(mode, "en"))
    assert "maintenance" in str(apology(mode, "en", maintenance=True))


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_mode_but_normal_has_a_notice(language: str) -> None:
    """SPEC K3, G3: static-only too."""
    notices = [notice(mode, language) for mode in LADDER]

    assert notices[0] is None
    assert all(notices[1:])
    assert len(set(notices)) == 4


def test_the_two_languages_are_two_texts() -> None:
    """SPEC K3: no English text stands in a Japanese place."""
    for mode in LADDER:
        for texts in (mode.notices, mode.apologies, mode.maintenance):
            assert set(texts) in ({"ja", "en"}, set())
            assert texts.get("en", "").isascii()
            assert not texts.get("ja", "あ").isascii()

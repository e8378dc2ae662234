"""The ladder of a service that searches and then writes an answer: four modes and their texts (SPEC G3, K3).

| mode | failed | the answer is |
| --- | --- | --- |
| normal | nothing | written from what was found |
| degraded-no-context | search | written without it |
| degraded-cache-only | the writer | an earlier one, or taken from what was found, or the apology |
| static-only | both | a prepared one, or the static text: maintenance if that is declared, otherwise an outage |
"""

from __future__ import annotations

from yaoki.core.degradation.ladder import Feature, Ladder, Mode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["chat_ladder"]


def chat_ladder(search: str = "vector", writer: str = "llm", *, features: Iterable[Feature] = ()) -> Ladder:
    """The ladder of such a service. `search` and `writer`: the names of its two dependencies. `features`: what it offers."""
    return Ladder(
        Mode("normal"),
        Mode(
            "degraded-no-context",
            {search},
            {
                "ja": "検索機能が一時的に利用できないため、一般的な回答を提供しています",
                "en": "Search is temporarily unavailable, so this answer is a general one",
            },
        ),
        Mode(
            "degraded-cache-only",
            {writer},
            {
                "ja": "応答生成サービスが一時的に利用できません",
                "en": "The service that writes answers is temporarily unavailable",
            },
            apologies={
                "ja": "申し訳ありませんが、現在サービスが混雑しています。しばらく時間をおいてから再度お試しください。",
                "en": "We are sorry, the service is busy at the moment. Please wait a while and try again.",
            },
        ),
        Mode(
            "static-only",
            {search, writer},
            {
                "ja": "検索機能と応答生成サービスが一時的に利用できないため、あらかじめ用意した回答のみを提供しています",
                "en": "Search and the service that writes answers are temporarily unavailable, so only prepared answers are given",
            },
            apologies={
                "ja": "申し訳ありませんが、現在システムに障害が発生しています。後ほどお試しください。",
                "en": "We are sorry, the system has an outage at the moment. Please try again later.",
            },
            maintenance={
                "ja": "申し訳ありませんが、現在システムがメンテナンス中です。後ほどお試しください。",
                "en": "We are sorry, the system is under maintenance at the moment. Please try again later.",
            },
        ),
        features=features,
    )

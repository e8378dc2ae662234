"""Degradation: which mode an answer was given in, which mode a service reports, and what users are told (SPEC K2, K3).

    ladder = chat_ladder()
    mode = ladder.mode_of({"vector"})              # from what failed in this request
    reported.observe(mode)                         # the service's own mode follows with hysteresis
    notice(mode, "ja, en;q=0.5")                   # the notice for this user
"""

from __future__ import annotations

from yaoki.core.degradation.chat import chat_ladder
from yaoki.core.degradation.ladder import Feature, Ladder, Mode, Rank
from yaoki.core.degradation.notices import apology, notice
from yaoki.core.degradation.reported import ReportedMode

__all__ = ["Feature", "Ladder", "Mode", "Rank", "ReportedMode", "apology", "chat_ladder", "notice"]

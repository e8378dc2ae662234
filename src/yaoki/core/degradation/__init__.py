"""Degradation: which mode an answer was given in, which mode a service reports, and what users are told (SPEC K2, K3).

The mode of an answer is told by what failed on its way; the service's own mode follows with hysteresis:

    ladder = chat_ladder()
    mode = ladder.mode_of({"vector"})
    reported.observe(mode)
    notice(mode, "ja, en;q=0.5")
"""

from __future__ import annotations

from yaoki.core.degradation.chat import chat_ladder
from yaoki.core.degradation.ladder import Feature, Ladder, Mode, Rank
from yaoki.core.degradation.notices import apology, notice
from yaoki.core.degradation.reported import ReportedMode

__all__ = ["Feature", "Ladder", "Mode", "Rank", "ReportedMode", "apology", "chat_ladder", "notice"]

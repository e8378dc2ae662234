"""What was said before in each conversation, in the memory of this process (SPEC G1, K3).

Bounded in every direction: conversations, turns and characters of each, and the time without a new turn; what was longest unused
goes first. A conversation belongs to the user that began it: the same id of another user is another conversation.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from yaoki.core.clock import clock

if TYPE_CHECKING:
    from yaoki.systems.chat.answerer import Exchange

__all__ = ["Conversations"]


class Conversations:
    """At most `most` conversations of `turns` turns and `characters` characters each; `idle` seconds after its last turn one is forgotten.

    For one event loop.
    """

    def __init__(self, *, most: int = 1000, turns: int = 8, characters: int = 8000, idle: float = 3600.0) -> None:
        self.most = most
        self.turns = turns
        self.characters = characters
        self.idle = idle
        self._kept: OrderedDict[tuple[str | None, str], _Conversation] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def history(self, user_id: str | None, conversation_id: str | None) -> tuple[Exchange, ...]:
        """What was said before, oldest first; nothing without a conversation."""
        self._forget_idle()
        kept = None if conversation_id is None else self._kept.get((user_id, conversation_id))
        return () if kept is None else tuple(kept.exchanges)

    def add(self, user_id: str | None, conversation_id: str | None, exchange: Exchange) -> None:
        """Keep one more turn; nothing without a conversation. What no longer fits is forgotten, the oldest first."""
        if conversation_id is None:
            return
        self._forget_idle()
        key = (user_id, conversation_id)
        kept = self._kept.setdefault(key, _Conversation())
        kept.exchanges.append(exchange)
        kept.latest = clock.now()
        while len(kept.exchanges) > self.turns or kept.characters() > self.characters:
            kept.exchanges.popleft()
        self._kept.move_to_end(key)
        if len(self._kept) > self.most:
            self._kept.popitem(last=False)

    def _forget_idle(self) -> None:
        # The first is the one without a new turn for the longest time.
        while self._kept and clock.now() - next(iter(self._kept.values())).latest > self.idle:
            self._kept.popitem(last=False)


class _Conversation:
    __slots__ = ("exchanges", "latest")

    def __init__(self) -> None:
        self.exchanges: deque[Exchange] = deque()
        self.latest = 0.0

    def characters(self) -> int:
        return sum(len(each.question) + len(each.answer) for each in self.exchanges)

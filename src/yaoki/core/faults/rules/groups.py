"""Exception groups: what a group says is what its members say together; the classifier combines them (SPEC F3)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from yaoki.core.faults.rule import Answer

__all__ = ["RULES", "members"]


def members(error: Exception) -> tuple[Exception, ...]:
    """The exceptions of a group that are no groups themselves, in order. A deep nest costs no recursion."""
    found: list[Exception] = []
    waiting: list[BaseException] = [error]
    while waiting:
        member = waiting.pop()
        if isinstance(member, BaseExceptionGroup):
            waiting.extend(reversed(member.exceptions))
        elif isinstance(member, Exception):
            found.append(member)
    return tuple(found)


RULES: Mapping[str, Answer] = {"builtins.ExceptionGroup": members}

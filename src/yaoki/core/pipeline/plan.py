"""The plan of a pipeline: what is the same for all its calls, functions and keys.

A plan ends at its first boundary (a hedge, a timeout by thread), which runs the policies below it in calls of their own, by
the plan `below`. So the number of nested drivers is the number of boundaries, and everything else stays flat.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from yaoki.core.policies.policy import Policy

__all__ = ["Plan"]


class Plan:
    """The policies of a pipeline up to and including its first boundary, and the plan below that (None if there is none).

    `has_timeout`: whether a Timeout among them, or above them, keeps the deadline. `identity`: an object that the plans of one
    pipeline have in common.
    """

    __slots__ = ("below", "has_timeout", "identity", "name", "policies")

    def __init__(
        self,
        policies: tuple[Policy, ...],
        name: str | None,
        *,
        is_async: bool,
        has_timeout: bool = False,
        identity: object = None,
    ) -> None:
        self.name: str | None = name
        self.policies: tuple[Policy, ...] = policies
        self.identity: object = identity
        self.below: Plan | None = None
        self.has_timeout: bool = has_timeout
        for index, policy in enumerate(policies):
            self.has_timeout |= policy.kind == "timeout"
            if policy.is_async_boundary if is_async else policy.is_boundary:
                self.policies = policies[: index + 1]
                self.below = Plan(
                    policies[index + 1 :], name, is_async=is_async, has_timeout=self.has_timeout, identity=identity
                )
                break

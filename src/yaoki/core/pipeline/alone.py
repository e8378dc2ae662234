"""A policy that is used without a Pipeline: one call through a pipeline of one."""

from __future__ import annotations

from yaoki.core.pipeline.call import begin
from yaoki.core.pipeline.driver_sync import drive
from yaoki.core.pipeline.plan import Plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from yaoki.core.pipeline.call import Call
    from yaoki.core.policies.policy import Policy

__all__ = ["begin_alone", "drive"]


def begin_alone(policy: Policy, *, is_async: bool = False) -> Call:
    """A call through `policy` alone that starts now."""
    return begin(Plan((policy,), getattr(policy, "name", None), is_async=is_async))

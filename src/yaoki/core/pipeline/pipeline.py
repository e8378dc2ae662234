"""The pipeline: policies in order, outermost first, around any function.

The kind of the function (plain, coroutine, generator, asynchronous generator) is told once, at decoration. Healthy calls of
plain functions and coroutines run generated code (`generate.py`); everything else runs a driver.
"""

from __future__ import annotations

from yaoki.core.clock import clock
from yaoki.core.deadline import cell, running
from yaoki.core.faults.errors import ConfigurationError
from yaoki.core.pipeline.order import check_order
from yaoki.core.pipeline.plan import Plan
from yaoki.core.policies.policy import Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any, ParamSpec, TypeVar

    from yaoki.core.pipeline.blocks import Attempts
    from yaoki.core.pipeline.call import Call
    from yaoki.core.pipeline.describe import Description
    from yaoki.core.pipeline.keyed import Keyed
    from yaoki.core.pipeline.outcome import Outcome

    F = TypeVar("F", bound=Callable[..., Any])
    P = ParamSpec("P")
    R = TypeVar("R")

__all__ = ["Pipeline"]


class _MadeAtFirstUse:
    """The generated function `call` or `acall`, which then stands in the pipeline's own dictionary.

    That costs a call neither a method in between nor a look into this class.
    """

    def __init__(self, name: str, doc: str) -> None:
        self._name = name
        self.__doc__ = doc

    def __get__(self, pipeline: Pipeline | None, owner: type[Pipeline]) -> object:
        if pipeline is None:
            return self
        from yaoki.core.pipeline.generate import caller

        is_async = self._name == "acall"
        made = caller(pipeline._async_plan if is_async else pipeline._plan, is_async=is_async)
        pipeline.__dict__[self._name] = made
        return made


class Pipeline:
    """Policies in order, outermost first. One object serves threads and event loops at once.

    As a decorator it guards a function, coroutine function, generator function or asynchronous generator function, and keeps
    its signature and type. `call` and `acall` do it for one call; `execute` and `aexecute` return an Outcome instead of raising;
    `attempts` is the block form; `keyed` gives every key a state of its own.

    An order of policies that makes no sense is refused with ConfigurationError, a doubtful one is warned about with
    PolicyOrderWarning; both say why. Named pipelines are found by `pipelines()`, which keeps none of them alive.
    """

    policies: tuple[Policy, ...]
    name: str | None

    def __init__(self, *policies: Policy, name: str | None = None) -> None:
        if name is not None and not isinstance(name, str):
            raise ConfigurationError(f"name must be a string, not {name!r}")
        for policy in policies:
            if not isinstance(policy, Policy):
                hint = ": it is a class, make an object of it" if isinstance(policy, type) else ""
                raise ConfigurationError(f"a Pipeline is made of policies, and {policy!r} is none{hint}")
        check_order(policies)
        self.name = name
        self.policies = policies
        identity = object()
        self._plan = Plan(policies, name, is_async=False, identity=identity)
        self._async_plan = Plan(policies, name, is_async=True, identity=identity)
        if name is not None:
            from yaoki.core.pipeline.registry import register

            register(self)

    def __call__(self, fn: F) -> F:
        """Guard a function."""
        from yaoki.core.pipeline.decorate import decorate

        guarded: F = decorate(self._plan, self._async_plan, fn)
        return guarded

    if TYPE_CHECKING:

        def call(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
            """Call `fn` through the policies."""
            ...

        async def acall(self, fn: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs) -> R:
            """Call `fn` through the policies and await what it returns."""
            ...

    else:
        call = _MadeAtFirstUse("call", "Call `fn` through the policies.")
        acall = _MadeAtFirstUse("acall", "Call `fn` through the policies and await what it returns.")

    def execute(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Outcome[R]:
        """Call `fn` through the policies; return the outcome instead of raising. Cancellation is still raised."""
        from yaoki.core.pipeline.execute import execute

        return execute(self._plan, fn, args, kwargs)

    async def aexecute(self, fn: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs) -> Outcome[R]:
        """Call `fn` through the policies and await it; return the outcome instead of raising. Cancellation is still raised."""
        from yaoki.core.pipeline.execute import execute_async

        return await execute_async(self._async_plan, fn, args, kwargs)

    def attempts(self) -> Attempts:
        """The block form: `for attempt in pipeline.attempts(): with attempt: ...`; `async for` and `async with` likewise."""
        from yaoki.core.pipeline.blocks import Attempts

        return Attempts(self._plan, self._async_plan)

    def current_attempt(self) -> int:
        """The number of the attempt that is running in this thread or task through this pipeline, from 1 on (SPEC R6)."""
        for innermost in (cell().call, running.get()):
            call: Call | None = innermost
            while call is not None:
                if call.plan.identity is self._plan.identity:
                    return call.attempt
                call = call.outer
        return 1

    def keyed(self, *, max_keys: int = 10_000, idle_ttl: float = 600.0) -> Keyed:
        """This pipeline with a state for each key, at most `max_keys`; keys unused for `idle_ttl` seconds are dropped (SPEC B7).

        An open circuit is never dropped before its time.
        """
        from yaoki.core.pipeline.keyed import Keyed

        return Keyed(self, max_keys=max_keys, idle_ttl=idle_ttl)

    def describe(self) -> Description:
        """The stack of policies with their parameters, printable and JSON-ready."""
        from yaoki.core.pipeline.describe import Description

        return Description(self.name, self.policies)

    def snapshot(self) -> dict[str, object]:
        """The state of every policy at this moment, JSON-ready."""
        now = clock.now()
        return {"pipeline": self.name, "policies": [policy.snapshot(now) for policy in self.policies]}

    def __repr__(self) -> str:
        name = "" if self.name is None else f" {self.name!r}"
        return f"<Pipeline{name}: {' > '.join(type(policy).__name__ for policy in self.policies)}>"

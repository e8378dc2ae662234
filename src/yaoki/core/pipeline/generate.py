"""Generated code for healthy calls: the lines of all policies in one function, with the target's own parameter list.

Each policy offers the lines that a healthy call needs (`Policy.healthy`); here they are joined. Whatever is not healthy leaves
the generated function: before the call by `HANDOVER`, after a failure by `handed_over`; the driver goes on from there, after
the `except` block, so that nothing refers to the exception any more. The driver alone decides the same (`YAOKI_COMPILE=0`); a
differential test holds both equal.

Source is cached by its text. Tracebacks show it: its file name has no angle brackets and its loader gives the source.
"""

from __future__ import annotations

from itertools import count
from keyword import iskeyword

from yaoki.core import deadline, events
from yaoki.core.clock import clock
from yaoki.core.interpreter import compiles
from yaoki.core.pipeline.call import begin, handed_over
from yaoki.core.pipeline.driver_sync import drive
from yaoki.core.pipeline.signature import GENERAL, RESERVED, Signature, signature_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from yaoki.core.pipeline.plan import Plan
    from yaoki.core.policies.policy import Fragment

__all__ = ["caller", "guarded", "keyed_caller"]


def guarded(plan: Plan, fn: Callable[..., Any], *, is_async: bool) -> Callable[..., Any]:
    """A function with the parameters of `fn` that calls it through the plan's policies."""
    name = getattr(fn, "__name__", "guarded")
    if not name.isidentifier() or iskeyword(name) or name.startswith(RESERVED):
        name = "guarded"
    signature = signature_of(fn)
    made = _made(plan, name, signature, "_y_fn", is_async=is_async, keyed=False)
    function = made(plan, fn, *plan.policies)
    if signature is not GENERAL:
        function.__defaults__ = fn.__defaults__
        function.__kwdefaults__ = fn.__kwdefaults__
    return function


def caller(plan: Plan, *, is_async: bool) -> Callable[..., Any]:
    """`call(fn, *args, **kwargs)` for the plan's own policies."""
    name = "acall" if is_async else "call"
    return _made(plan, name, _EXPLICIT, "_y_fn", is_async=is_async, keyed=False)(plan, None, *plan.policies)


def keyed_caller(plan: Plan, *, is_async: bool) -> Callable[..., Any]:
    """A method `call(states, fn, *args, **kwargs)`: the policies are `states.p0`, `states.p1`, ...; `states.touched` is set."""
    name = "acall" if is_async else "call"
    return _made(plan, name, _KEYED, "_y_fn", is_async=is_async, keyed=True)(plan, None, *plan.policies)


_EXPLICIT = Signature("_y_fn, /, *_y_args, **_y_kwargs", "*_y_args, **_y_kwargs", "_y_args", "_y_kwargs")
_KEYED = Signature("_y_states, _y_fn, /, *_y_args, **_y_kwargs", "*_y_args, **_y_kwargs", "_y_args", "_y_kwargs")


def _made(
    plan: Plan, name: str, signature: Signature, target: str, *, is_async: bool, keyed: bool
) -> Callable[..., Callable[..., Any]]:
    fragments = [policy.healthy() for policy in plan.policies] if compiles() and plan.below is None else []
    healthy = [fragment for fragment in fragments if fragment is not None]
    if not healthy or len(healthy) < len(plan.policies) or sum(bool(fragment.take) for fragment in healthy) > 1:
        body = [f"return {'await ' if is_async else ''}{_handover(signature, target, is_async=is_async, keyed=keyed)}"]
        constants: dict[str, object] = {}
    else:
        body = _Body(plan, healthy, signature, target, is_async=is_async, keyed=keyed).lines()
        constants = {key: value for fragment in healthy for key, value in fragment.names.items()}
    policies = "".join(f", _y_p{index}" for index in range(len(plan.policies)))
    source = [f"def _y_make(_y_plan, _y_fn{policies}):"]
    source += [f"    {'async ' if is_async else ''}def {name}({signature.parameters}):"]
    if keyed:
        source += ["        _y_states.touched = True"]
        used = "\n".join(body)
        source += [f"        _y_p{n} = _y_states.p{n}" for n in range(len(plan.policies)) if f"_y_p{n}" in used]
    source += ["        " + line for line in body]
    source += [f"    return {name}"]
    return _compiled("\n".join(source) + "\n", constants, is_async=is_async)


def _handover(signature: Signature, target: str, *, is_async: bool, keyed: bool) -> str:
    drive_it = "_y_drive_async" if is_async else "_y_drive"
    states = ", _y_states.policies" if keyed else ""
    return f"{drive_it}(_y_begin(_y_plan{states}), {target}, {signature.as_tuple}, {signature.as_dict}, 0.0)"


class _Body:
    """The lines of one generated function, in the order in which they run."""

    def __init__(
        self,
        plan: Plan,
        fragments: Sequence[Fragment],
        signature: Signature,
        target: str,
        *,
        is_async: bool,
        keyed: bool,
    ) -> None:
        self.fragments = fragments
        self.signature = signature
        self.target = target
        self.is_async = is_async
        self.keyed = keyed
        self.waits = "await " if is_async else ""
        self.handover = f"return {self.waits}{_handover(signature, target, is_async=is_async, keyed=keyed)}"
        timeouts = [(policy.seconds, index) for index, policy in enumerate(plan.policies) if policy.kind == "timeout"]  # type: ignore[attr-defined]  # a Timeout
        self.tightest = min(timeouts, default=None)
        self.counting = [
            (seconds, index)
            for seconds, index in timeouts
            if plan.policies[index].count_overdue and seconds < deadline.NEVER  # type: ignore[attr-defined]  # a Timeout
        ]

    def _filled(self, kind: str) -> list[str]:
        return [line for number in range(len(self.fragments)) for line in self._lines_of(number, kind)]

    def _lines_of(self, number: int, kind: str) -> list[str]:
        lines = getattr(self.fragments[number], kind)
        filled = (line.replace("{p}", f"_y_p{number}").replace("{n}", str(number)) for line in lines)
        return [line.replace("HANDOVER", self.handover) for line in filled]

    def _any(self, what: str) -> bool:
        return any(getattr(fragment, what) for fragment in self.fragments)

    def lines(self) -> list[str]:
        """The whole body."""
        lines = self._filled("alone" if len(self.fragments) == 1 else "gates")
        if self._any("seconds"):
            lines += _read("_y_now", "now")
        if self._any("nanoseconds"):
            lines += _read("_y_start_ns", "now_ns")
        lines += self._deadline()
        lines += self._filled("take")
        lines += [*self._publish(), f"    _y_value = {self._call()}"]
        lines += [f"except {self._caught()} as _y_error:", f"    _y_call = {self._failed()}"]
        lines += ["    if _y_call is None: raise", "else:"]
        lines += ["    " + line for line in self._success()]
        lines += ["    return _y_value"]
        lines += self._withdraw()
        drive_it = "_y_drive_async" if self.is_async else "_y_drive"
        packed = f"{self.signature.as_tuple}, {self.signature.as_dict}"
        return [*lines, f"return {self.waits}{drive_it}(_y_call, {self.target}, {packed}, _y_call.step)"]

    def _call(self) -> str:
        call = f"{self.waits}{self.target}({self.signature.call})"
        if self.signature.as_dict != "_y_kwargs":
            return call
        # Merging an empty dictionary of keywords would be a third of what the call costs.
        return f"{call} if _y_kwargs else {self.waits}{self.target}(*_y_args)"

    def _deadline(self) -> list[str]:
        if self.tightest is None:
            return []
        # A literal, so that the healthy path loads no attribute; an infinite one reads as 1e999.
        finite = self.tightest[0] < deadline.NEVER
        seconds = repr(self.tightest[0]) if finite else "1e999"
        # Of equal deadlines it is the caller's that passes; no deadline at all is not a caller's.
        later = ">=" if finite else ">"
        context = "_y_own.deadline" if self.is_async else "_y_context()"
        inherited = f"if _y_until {later} _y_outer or _y_until {later} {context}: "
        return [
            "try: _y_own = _y_cells.own",
            "except _y_AttributeError: _y_own = _y_cell()",
            "_y_outer = _y_context()" if self.is_async else "_y_outer = _y_own.deadline",
            f"_y_until = _y_now + {seconds}",
            inherited + self.handover,
        ]

    def _publish(self) -> list[str]:
        if self.tightest is None:
            return ["try:"]
        if not self.is_async:
            return ["_y_own.deadline = _y_until", "try:"]
        arm = f"_y_alarm = _y_arm(_y_p{self.tightest[1]}, _y_until)"
        # Arming fails where no loop runs: not before a place that was taken is sure to go back.
        return ["_y_alarm = None", "try:", f"    {arm}"] if self._any("take") else [arm, "try:"]

    def _withdraw(self) -> list[str]:
        if self.tightest is None:
            return []
        if not self.is_async:
            return ["finally:", "    _y_own.deadline = _y_outer"]
        return ["finally:", f"    {'if _y_alarm is not None: ' if self._any('take') else ''}_y_disarm(_y_alarm)"]

    def _caught(self) -> str:
        # A place must go back and an alarm be told apart whatever ended the call; all else is neutral without doing anything.
        base = self._any("take") or (self.is_async and self.tightest is not None)
        return "_y_BaseException" if base else "_y_Exception"

    def _failed(self) -> str:
        permits = ", ".join(
            fragment.permit.replace("{p}", f"_y_p{number}").replace("{n}", str(number))
            for number, fragment in enumerate(self.fragments)
        )
        if self._any("seconds"):
            started = "_y_now"
        elif self._any("nanoseconds"):
            started = "_y_start_ns * 1e-9"
        else:
            started = "None"
        policies = "_y_states.policies" if self.keyed else "_y_plan.policies"
        # The deadline that the caller brought along: our own stands in its place as long as the call runs.
        inherited = "_y_own.deadline" if self.is_async else "_y_context()"
        callers = "None" if self.tightest is None else f"_y_min(_y_outer, {inherited})"
        if self.is_async and self.tightest is not None:
            return f"_y_handed_over_late(_y_plan, {policies}, {self.target}, _y_error, [{permits}], {started}, {callers}, _y_alarm)"
        return f"_y_handed_over(_y_plan, {policies}, {self.target}, _y_error, [{permits}], {started}, {callers})"

    def _success(self) -> list[str]:
        # A place that was taken goes back before anything else, which an interrupt might keep from happening.
        first = [number for number, fragment in enumerate(self.fragments) if fragment.take]
        lines = [line for number in first for line in self._lines_of(number, "success")]
        if self._any("end") or self.counting:
            lines += _read("_y_end", "now")
        if self._any("nanoseconds"):
            lines += _read("_y_end_ns", "now_ns")
        lines += [f"if _y_end > _y_now + {seconds!r}: _y_p{index}.overdue += 1" for seconds, index in self.counting]
        others = (number for number in range(len(self.fragments)) if number not in first)
        return lines + [line for number in others for line in self._lines_of(number, "success")]


def _read(name: str, clock_reads: str) -> list[str]:
    # In two steps: calling a slot's content as if it were a method costs a third more.
    return [f"_y_read = _y_clock.{clock_reads}", f"{name} = _y_read()"]


# Compiling

_factories: dict[str, Callable[..., Callable[..., Any]]] = {}
_KEPT = 512
_numbers = count()


class _Source:
    """Gives a traceback the generated source."""

    def __init__(self, source: str) -> None:
        self._source = source

    def get_source(self, name: str) -> str:
        """The source, whatever the name."""
        return self._source


def _compiled(source: str, constants: dict[str, object], *, is_async: bool) -> Callable[..., Callable[..., Any]]:
    made = _factories.get(source)
    if made is not None:
        return made
    names: dict[str, Any] = {
        "__name__": "yaoki.generated",
        "__loader__": _Source(source),
        # What a parameter may be called as well.
        "_y_AttributeError": AttributeError,
        "_y_BaseException": BaseException,
        "_y_Exception": Exception,
        "_y_min": min,
        "_y_begin": begin,
        "_y_cell": deadline.cell,
        "_y_cells": deadline.cells,
        "_y_clock": clock,
        "_y_context": deadline.context.get,
        "_y_drive": drive,
        "_y_events": events,
        "_y_handed_over": handed_over,
        **constants,
    }
    if is_async:
        names |= _async_names()
    # A number of its own for each source, since tracebacks keep sources by their file's name.
    exec(compile(source, f"yaoki/generated/{next(_numbers)}.py", "exec"), names)  # noqa: S102  # our own lines, joined above
    if len(_factories) >= _KEPT:
        _factories.clear()
    factory: Callable[..., Callable[..., Any]] = names["_y_make"]
    _factories[source] = factory
    return factory


def _async_names() -> dict[str, object]:
    from yaoki.core.pipeline.driver_async import drive_async
    from yaoki.core.pipeline.timers import arm, disarm, handed_over_late

    return {
        "_y_arm": arm,
        "_y_disarm": disarm,
        "_y_drive_async": drive_async,
        "_y_handed_over_late": handed_over_late,
    }

"""Decoration: tells once what kind of function is guarded, and keeps everything that others read from it.

Plain functions and coroutine functions, generator and asynchronous generator functions, methods, `functools.partial` objects,
callable objects, and what `classmethod` and `staticmethod` return are all told apart; a class is refused.
"""

from __future__ import annotations

from yaoki.core.faults.errors import ConfigurationError
from yaoki.core.pipeline.generate import guarded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from yaoki.core.pipeline.plan import Plan

__all__ = ["decorate"]

_GENERATOR = 0x20
_COROUTINE = 0x80
_ITERABLE_COROUTINE = 0x100
_ASYNC_GENERATOR = 0x200


def decorate(plan: Plan, async_plan: Plan, fn: Any) -> Any:
    """`fn`, guarded by the policies, with its own signature, name and attributes.

    Raises ConfigurationError for a class and for what cannot be called.
    """
    if isinstance(fn, (classmethod, staticmethod)):
        return type(fn)(decorate(plan, async_plan, fn.__func__))
    if isinstance(fn, type):
        raise ConfigurationError(f"{fn.__name__} is a class: guard its methods, or a function that makes objects of it")
    if not callable(fn):
        raise ConfigurationError(f"only what can be called can be guarded, not {fn!r}")
    flags = _flags(fn)
    wrapper: Callable[..., Any]
    if flags & _ASYNC_GENERATOR:
        from yaoki.core.pipeline.async_generators import async_generator

        wrapper = async_generator(async_plan, fn)
    elif flags & (_COROUTINE | _ITERABLE_COROUTINE):
        wrapper = guarded(async_plan, fn, is_async=True)
    elif flags & _GENERATOR:
        from yaoki.core.pipeline.generators import generator

        wrapper = generator(plan, fn)
    else:
        wrapper = guarded(plan, fn, is_async=False)
    return _dressed(wrapper, fn)


def _flags(fn: Any) -> int:
    while True:
        inner = getattr(fn, "__func__", None) or (getattr(fn, "func", None) if not hasattr(fn, "__code__") else None)
        if inner is None:
            break
        fn = inner
    code = getattr(fn, "__code__", None)
    if code is None:
        method = getattr(type(fn), "__call__", None)  # noqa: B004  # its code is asked for, not whether it can be called
        code = getattr(method, "__code__", None)
    flags: int = getattr(code, "co_flags", 0)
    # Set by inspect.markcoroutinefunction on a plain function that returns a coroutine.
    return flags | (_COROUTINE if hasattr(fn, "_is_coroutine_mark") else 0)


def _dressed(wrapper: Callable[..., Any], fn: Any) -> Callable[..., Any]:
    for name in ("__module__", "__name__", "__qualname__", "__doc__", "__type_params__"):
        try:
            setattr(wrapper, name, getattr(fn, name))
        except AttributeError:
            continue
    lazily = "__annotate__" if hasattr(fn, "__annotate__") else "__annotations__"
    if hasattr(fn, lazily):
        setattr(wrapper, lazily, getattr(fn, lazily))
    wrapper.__dict__.update(getattr(fn, "__dict__", None) or {})
    wrapper.__wrapped__ = fn  # type: ignore[attr-defined]  # read by inspect.signature
    return wrapper

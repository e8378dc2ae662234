"""The parameter list of a function, as source: so that generated code takes and passes arguments one by one.

Forwarding `*args, **kwargs` is half of what a wrapper costs. The list is read from the code object, without `inspect`.
"""

from __future__ import annotations

from keyword import iskeyword

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

__all__ = ["GENERAL", "Signature", "signature_of"]

_FUNCTION = type(lambda: None)
_VARARGS = 0x04
_VARKEYWORDS = 0x08
RESERVED = "_y"
"""How the names of generated code start; a function with such a parameter is called with `*args, **kwargs`."""


class Signature:
    """How a function is defined, called, and how its arguments are packed for the driver; each a piece of source."""

    __slots__ = ("as_dict", "as_tuple", "call", "parameters")

    def __init__(self, parameters: str, call: str, as_tuple: str, as_dict: str) -> None:
        self.parameters: str = parameters
        self.call: str = call
        self.as_tuple: str = as_tuple
        self.as_dict: str = as_dict


GENERAL = Signature("*_y_args, **_y_kwargs", "*_y_args, **_y_kwargs", "_y_args", "_y_kwargs")


def signature_of(fn: Callable[..., object]) -> Signature:
    """The signature of a plain function; `GENERAL` for whatever has none that can be written down again."""
    # A bound method shows the attributes of its function, whose parameters are not its own.
    if type(fn) is not _FUNCTION:
        return GENERAL
    code: CodeType = fn.__code__
    names = code.co_varnames
    positional = names[: code.co_argcount]
    keyword_only = names[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    rest = list(names[code.co_argcount + code.co_kwonlyargcount :])
    varargs = rest.pop(0) if code.co_flags & _VARARGS else None
    varkeywords = rest.pop(0) if code.co_flags & _VARKEYWORDS else None
    used = [*positional, *keyword_only, *(name for name in (varargs, varkeywords) if name)]
    if any(name.startswith(RESERVED) or not name.isidentifier() or iskeyword(name) for name in used):
        return GENERAL
    return _write(code.co_posonlyargcount, positional, keyword_only, varargs, varkeywords, fn)


def _write(
    positional_only: int,
    positional: tuple[str, ...],
    keyword_only: tuple[str, ...],
    varargs: str | None,
    varkeywords: str | None,
    fn: Callable[..., object],
) -> Signature:
    defaults: tuple[object, ...] = getattr(fn, "__defaults__", None) or ()
    keyword_defaults: dict[str, object] = getattr(fn, "__kwdefaults__", None) or {}
    first_default = len(positional) - len(defaults)
    parameters: list[str] = []
    for index, name in enumerate(positional):
        # The values come later, with the function's own __defaults__.
        parameters.append(name if index < first_default else f"{name}=None")
        if index + 1 == positional_only:
            parameters.append("/")
    if varargs:
        parameters.append(f"*{varargs}")
    elif keyword_only:
        parameters.append("*")
    parameters += [f"{name}=None" if name in keyword_defaults else name for name in keyword_only]
    call = [*positional, *([f"*{varargs}"] if varargs else []), *(f"{name}={name}" for name in keyword_only)]
    packed = [*positional, *([f"*{varargs}"] if varargs else [])]
    keywords = [f"{name!r}: {name}" for name in keyword_only]
    if varkeywords:
        parameters.append(f"**{varkeywords}")
        call.append(f"**{varkeywords}")
        keywords.append(f"**{varkeywords}")
    as_tuple = f"({', '.join(packed)}{',' if packed else ''})"
    return Signature(", ".join(parameters), ", ".join(call), as_tuple, f"{{{', '.join(keywords)}}}")

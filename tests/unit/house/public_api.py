"""The public names and signatures as text. `python -m tests.unit.house.public_api` writes them to `tests/api.txt`."""

from __future__ import annotations

import enum
import importlib
import inspect
from pathlib import Path
from types import MemberDescriptorType, ModuleType

SNAPSHOT = Path(__file__).parents[2] / "api.txt"

MODULES = ("yaoki", "yaoki.testing", "yaoki.events", "yaoki.presets", "yaoki.deadline")


def describe() -> str:
    """One line for each public name and each public member; a base class that has no public name comes at the end, once."""
    lines: list[str] = []
    shown: set[type] = set()
    for address in MODULES:
        module = load(address)
        for name in sorted(module.__all__):
            thing = getattr(module, name)
            lines.extend(entry(f"{address}.{name}", thing))
            if inspect.isclass(thing):
                shown.add(thing)
    below = {base for thing in shown for base in thing.__mro__ if base.__module__.startswith("yaoki.")} - shown
    for base in sorted(below, key=lambda base: (base.__module__, base.__qualname__)):
        lines.extend(entry(f"{base.__module__}.{base.__qualname__}", base))
    return "\n".join(lines) + "\n"


def load(address: str) -> ModuleType:
    """The module of this name, or the attribute: `yaoki.events` is how users reach what lives elsewhere."""
    package, _, name = address.rpartition(".")
    if package:
        module = getattr(importlib.import_module(package), name, None)
        if isinstance(module, ModuleType):
            return module
    return importlib.import_module(address)


def entry(address: str, thing: object) -> list[str]:
    if isinstance(thing, ModuleType):
        return [f"{address}: module"]
    if isinstance(thing, enum.EnumType):
        return [f"{address}: {bases(thing)}", *(f"{address}.{member.name} = {member.value!r}" for member in thing)]
    if inspect.isclass(thing):
        return [f"{address}{signature(thing)}: {bases(thing)}", *members(address, thing)]
    if callable(thing):
        return [f"{address}{signature(thing)}"]
    return [f"{address}: {type(thing).__name__}"]


def bases(thing: type) -> str:
    return "class(" + ", ".join(base.__name__ for base in thing.__bases__) + ")"


def members(address: str, thing: type) -> list[str]:
    """The public members of the class itself."""
    lines = []
    for name in sorted(vars(thing)):
        if name.startswith("_"):
            continue
        member = vars(thing)[name]
        if isinstance(member, classmethod | staticmethod):
            lines.append(f"{address}.{name}{signature(member.__func__)}: {type(member).__name__}")
        elif isinstance(member, property | MemberDescriptorType):
            lines.append(f"{address}.{name}: attribute")
        elif callable(member):
            lines.append(f"{address}.{name}{signature(member)}")
        else:
            lines.append(f"{address}.{name}: {type(member).__name__}")
    return lines


def signature(thing: object) -> str:
    """The signature with its annotations as they are written; how Python's own classes are made is not ours to record."""
    if inspect.isclass(thing) and not any(
        has_constructor(base) for base in thing.__mro__ if base.__module__.startswith("yaoki")
    ):
        return "(...)"
    try:
        found = inspect.signature(thing)  # type: ignore[arg-type]  # whatever is callable
    except ValueError:
        return "(...)"
    return str(
        found.replace(parameters=[bare(parameter) for parameter in found.parameters.values()], return_annotation=written(found))
    )


def has_constructor(thing: type) -> bool:
    return "__init__" in vars(thing) or "__new__" in vars(thing)


def bare(parameter: inspect.Parameter) -> inspect.Parameter:
    annotation = parameter.annotation
    if annotation is not parameter.empty:
        parameter = parameter.replace(annotation=Written(annotation))
    if parameter.default is not parameter.empty:
        parameter = parameter.replace(default=Written(plain(parameter.default)))
    return parameter


def written(found: inspect.Signature) -> object:
    return found.return_annotation if found.return_annotation is found.empty else Written(found.return_annotation)


def plain(value: object) -> str:
    """A default without its address in memory."""
    text = repr(value)
    return f"<{type(value).__name__}>" if " at 0x" in text else text


class Written(str):
    """Text that stands in a signature without quotes."""

    __slots__ = ()

    __repr__ = str.__str__


if __name__ == "__main__":
    SNAPSHOT.write_text(describe(), "utf-8")

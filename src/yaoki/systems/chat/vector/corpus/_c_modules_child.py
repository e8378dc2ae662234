"""Run in a process of its own: imports the modules named on the command line, prints their docstrings as JSON.

It is read from its file and run with `-I -S`, so it imports nothing of this package.
"""

from __future__ import annotations

import importlib
import json
import sys
import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_DOCUMENTED = (
    types.BuiltinFunctionType,
    types.FunctionType,
    types.MethodDescriptorType,
    types.ClassMethodDescriptorType,
    types.WrapperDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
    classmethod,
    staticmethod,
    property,
    type,
)


def _entry(module: str, qualified: str, thing: object) -> dict[str, str]:
    function = getattr(thing, "__func__", thing)
    doc = getattr(function, "__doc__", None)
    signature = getattr(function, "__text_signature__", None)
    return {
        "module": module,
        "name": qualified,
        "doc": doc if isinstance(doc, str) else "",
        "parameters": signature if isinstance(signature, str) else "",
    }


def _entries(name: str) -> Iterator[dict[str, str]]:
    module = importlib.import_module(name)
    doc = getattr(module, "__doc__", None)
    yield {"module": name, "name": "", "doc": doc if isinstance(doc, str) else "", "parameters": ""}
    for attribute, thing in sorted(vars(module).items()):
        # Constants carry the docstring of their type; a second name of the same type is no second thing.
        if attribute.startswith("_") or not isinstance(thing, _DOCUMENTED) or _is_second_name(module, attribute, thing):
            continue
        yield _entry(name, attribute, thing)
        if isinstance(thing, type):
            for member, value in sorted(vars(thing).items()):
                if not member.startswith("_") and isinstance(value, _DOCUMENTED):
                    yield _entry(name, attribute + "." + member, value)


def _is_second_name(module: types.ModuleType, attribute: str, thing: object) -> bool:
    if not isinstance(thing, type) or thing.__name__ == attribute:
        return False
    return getattr(module, thing.__name__, None) is thing or thing.__module__ == "builtins"


def _main() -> None:
    found: list[dict[str, str]] = []
    failed: list[list[str]] = []
    for name in sys.argv[1:]:
        try:
            found.extend(_entries(name))
        except Exception as error:  # noqa: BLE001  # whatever a module does when it is imported
            failed.append([name, type(error).__name__])
    json.dump({"entries": found, "failed": failed}, sys.stdout)


if __name__ == "__main__":
    _main()

"""Under which name users write what a module defines: `asyncio.wait_for`, not `asyncio.tasks.wait_for` (SPEC G1).

A package publishes what it imports from its own modules; any module publishes what it takes from a private one (`bisect` from
`_bisect`). Other imports are nobody's public names. Of several names the shortest counts, the others become further names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from yaoki.systems.chat.vector.corpus.facts import Facts

__all__ = ["PublicNames", "is_public"]

# A thing's own module and its qualified name there.
Thing = tuple[str, str]

# Modules that users reach under another name.
_MODULES = {
    "posixpath": "os.path",
    "ntpath": "os.path",
    "genericpath": "os.path",
    "_collections_abc": "collections.abc",
    "builtins": "",
}
# Private in all but name.
_PRIVATE = frozenset({"posix", "nt"})
# What the source publishes by running code, or hides behind a factory.
_THINGS: dict[Thing, str] = {
    ("multiprocessing.context", "BaseContext"): "multiprocessing",
    ("_thread", "lock"): "threading.Lock",
    ("_thread", "LockType"): "threading.Lock",
    ("_thread", "RLock"): "threading.RLock",
    ("_socket", "socket"): "socket.socket",
    ("_csv", "Reader"): "csv.reader",
    ("_csv", "Writer"): "csv.writer",
}


class PublicNames:
    """The public names of a library. `facts`: its modules. `others`: the names in modules without source."""

    def __init__(self, facts: Iterable[Facts], others: Mapping[str, Collection[str]]) -> None:
        self._facts = {module.module: module for module in facts}
        self._others = others
        self._further: dict[Thing, list[str]] = {}
        for module in self._facts.values():
            if _module_name(module.module) is not None:
                self._publish(module)

    def of(self, module: str, qualified: str) -> tuple[str, ...]:
        """The names of a thing, best first; none where it is nobody's business. `qualified`: "" is the module itself."""
        if not qualified:
            name = _module_name(module)
            return () if name is None or module == "genericpath" else (name or module,)
        return tuple(self._names(module, qualified)) if is_public(qualified) else ()

    def _names(self, module: str, qualified: str) -> list[str]:
        told = _THINGS.get((module, qualified))
        if told is not None:
            return [told]
        owner, _, member = qualified.rpartition(".")
        names: list[str] = []
        if owner:
            names.extend(f"{name}.{member}" for name in self._names(module, owner)[:1])
        elif (own := _module_name(module)) is not None:
            names.append(_join(own, qualified))
        names.extend(self._further.get((module, qualified), ()))
        # The sort is stable: of names of one length the thing's own comes first.
        return sorted(dict.fromkeys(names), key=lambda name: name.count("."))

    def _publish(self, module: Facts) -> None:
        """Note every name under which this module shows what is defined elsewhere, or here under another name."""
        public = _module_name(module.module) or ""
        for name, thing in self._shown(module.module).items():
            via = module.exports[name][0] if name in module.exports else thing[0]
            if is_public(name) and self._publishes(module, name, via):
                self._further.setdefault(thing, []).append(_join(public, name))
        for star in (star for star in module.stars if _module_name(star) is None):
            # A class or function that redefines what came with a star is often without a docstring of its own.
            for name in self._others.get(star, ()):
                if is_public(name) and "." not in name:
                    self._further.setdefault((star, name), []).append(_join(public, name))
        for name, expression in module.aliases.items():
            thing_meant = self.meant(module, expression)
            if thing_meant is None or not is_public(name):
                continue
            if thing_meant[0] == module.module or self._publishes(module, name, thing_meant[0]):
                self._further.setdefault(thing_meant, []).append(_join(public, name))
        # Imported at first use, by `__getattr__`.
        for name in sorted(module.listed - module.definitions.keys() - module.exports.keys() - module.aliases.keys()):
            for inner in self._facts.values():
                if inner.module.startswith(f"{module.module}.") and name in inner.definitions:
                    self._further.setdefault((inner.module, name), []).append(_join(public, name))

    def _publishes(self, module: Facts, name: str, via: str) -> bool:
        """Whether it is meant for users that this module has a name for what it took from the module `via`."""
        if via == module.module:
            return False
        if via.startswith(f"{module.module}."):
            return True
        if _module_name(via) is not None:
            return False
        return not module.listed or name in module.listed or (name not in module.exports and name not in module.aliases)

    def _shown(self, module: str, visited: frozenset[str] = frozenset()) -> dict[str, Thing]:
        """What `from module import name` gives, for every name."""
        facts = self._facts.get(module)
        if facts is None:
            return {name: (module, name) for name in self._others.get(module, ()) if name and "." not in name}
        if module in visited:
            return {}
        shown: dict[str, Thing] = {}
        for star in facts.stars:
            listed = self._facts[star].listed if star in self._facts else ()
            taken = self._shown(star, visited | {module})
            shown.update((name, thing) for name, thing in taken.items() if (name in listed if listed else is_public(name)))
        for name, (origin, original) in facts.exports.items():
            thing_found = self._find(origin, original, set())
            if thing_found is not None:
                shown[name] = thing_found
        shown.update({name: (module, name) for name in facts.definitions if "." not in name})
        return shown

    def _find(self, module: str, name: str, visited: set[Thing]) -> Thing | None:
        """Where the thing is defined that this module calls so."""
        if (module, name) in visited:
            return None
        visited.add((module, name))
        facts = self._facts.get(module)
        if facts is None:
            return (module, name) if name in self._others.get(module, ()) else None
        if name in facts.definitions:
            return module, name
        if name in facts.exports:
            return self._find(*facts.exports[name], visited)
        if name in facts.aliases:
            return self.meant(facts, facts.aliases[name], visited)
        for star in facts.stars:
            if (found := self._find(star, name, visited)) is not None:
                return found
        return None

    def meant(self, facts: Facts, expression: str, visited: set[Thing] | None = None) -> Thing | None:
        """The thing that a dotted expression in this module means; None where it is nothing that is documented."""
        visited = set() if visited is None else visited
        if expression in facts.definitions:
            return facts.module, expression
        first, _, rest = expression.partition(".")
        if first in facts.modules and rest:
            module = facts.modules[first]
            while "." in rest and f"{module}.{rest.partition('.')[0]}" in self._facts:
                step, _, rest = rest.partition(".")
                module = f"{module}.{step}"
            return self._member(self._find(module, rest.partition(".")[0], visited), rest.partition(".")[2])
        if first in facts.instances:
            return self._member(self.meant(facts, facts.instances[first], visited), rest)
        if first in facts.exports or first in facts.aliases or first in facts.definitions:
            return self._member(self._find(facts.module, first, visited), rest)
        return None

    def _member(self, thing: Thing | None, member: str) -> Thing | None:
        if thing is None or not member:
            return thing
        module, name = thing
        qualified = f"{name}.{member}"
        facts = self._facts.get(module)
        known = facts.definitions if facts is not None else self._others.get(module, ())
        return (module, qualified) if qualified in known else None


def is_public(name: str) -> bool:
    """Whether no part of the dotted name begins with an underscore."""
    return not any(part.startswith("_") for part in name.split("."))


def _module_name(module: str) -> str | None:
    """The name under which users know a module; None for a private one."""
    if module in _MODULES:
        return _MODULES[module]
    return module if is_public(module) and module not in _PRIVATE else None


def _join(module: str, name: str) -> str:
    return f"{module}.{name}" if module else name

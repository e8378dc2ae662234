"""Passages from docstrings, each under its public name with its signature (SPEC G1).

The source is read, never imported. What is documented twice, in Python and in C, is taken from Python.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yaoki.systems.chat.vector.corpus.facts import Facts
from yaoki.systems.chat.vector.corpus.facts import read as read_facts
from yaoki.systems.chat.vector.corpus.passage import Passage, cut
from yaoki.systems.chat.vector.corpus.public_names import PublicNames
from yaoki.systems.chat.vector.corpus.signature_lines import split_signature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from yaoki.systems.chat.vector.corpus.c_modules import Documented
    from yaoki.systems.chat.vector.corpus.library import SourceFile

__all__ = ["passages", "read_all"]

# Shorter docstrings say nothing that the name does not say.
SHORTEST = 15
# What stands for "imported by" where nothing need be imported.
IN_EVERY_MODULE = 100
# Docstrings of at least this length that are the same under the same last name are one passage with several names.
SAME_FROM = 60


@dataclass(slots=True)
class _Thing:
    names: tuple[str, ...]
    doc: str
    parameters: str | None
    source: str
    module: str


def read_all(files: Sequence[SourceFile], root: Path, progress: Callable[[float], None]) -> list[Facts]:
    """The facts of every file that can be parsed. `progress` hears the share that is done, after each file."""
    found = []
    for number, file in enumerate(files, 1):
        facts = read_facts(file, file.path.relative_to(root).as_posix())
        if facts is not None:
            found.append(facts)
        progress(number / len(files))
    return found


def passages(facts: Sequence[Facts], c_entries: Sequence[Documented] = ()) -> list[Passage]:
    """A passage for every documented public thing; several where the docstring is long."""
    others: dict[str, set[str]] = {}
    for entry in c_entries:
        others.setdefault(entry.module, set()).add(entry.name)
    names = PublicNames(facts, others)
    by_name: dict[str, _Thing] = {}
    for thing in (*_from_source(facts, names), *_from_c(c_entries, names)):
        known = by_name.setdefault(thing.names[0], thing)
        if known is not thing:
            known.parameters = known.parameters or thing.parameters
    things = _merged(by_name.values())
    imported = _imported_by(facts)
    found = []
    for thing in things:
        name = thing.names[0]
        use = imported[name.partition(".")[0]] if thing.module != "builtins" else IN_EVERY_MODULE
        signature = name + thing.parameters if thing.parameters else ""
        for part, text in enumerate(cut(thing.doc), 1):
            found.append(Passage(name, part, name, text, thing.source, signature, thing.names[1:], use))
    return found


def _from_source(facts: Sequence[Facts], names: PublicNames) -> Iterable[_Thing]:
    by_module = {module.module: module for module in facts}
    for module in facts:
        if len(module.doc) >= SHORTEST and (public := names.of(module.module, "")):
            yield _Thing(public, module.doc, None, module.path, module.module)
        for definition in module.definitions.values():
            doc = definition.doc or _copied(module, definition.qualified, by_module, names)
            if len(doc) >= SHORTEST and (public := names.of(module.module, definition.qualified)):
                written, doc = split_signature(definition.qualified.rpartition(".")[2], doc)
                parameters = definition.parameters or written or None
                yield _Thing(public, doc, parameters, f"{module.path}, line {definition.line}", module.module)


def _copied(module: Facts, qualified: str, by_module: dict[str, Facts], names: PublicNames) -> str:
    """The docstring that `f.__doc__ = other.__doc__` gave the thing."""
    expression = module.docs.get(qualified)
    thing = names.meant(module, expression) if expression else None
    if thing is None or thing[0] not in by_module:
        return ""
    return by_module[thing[0]].definitions[thing[1]].doc


def _from_c(entries: Sequence[Documented], names: PublicNames) -> Iterable[_Thing]:
    for entry in entries:
        if len(entry.doc) >= SHORTEST and (public := names.of(entry.module, entry.name)):
            yield _Thing(public, entry.doc, entry.parameters, f"help('{public[0]}')", entry.module)


def _merged(things: Iterable[_Thing]) -> list[_Thing]:
    """One thing for each docstring that several things of the same last name share."""
    merged: dict[tuple[str, str], _Thing] = {}
    for number, thing in enumerate(things):
        doc = " ".join(thing.doc.split())
        alike = (thing.names[0].rpartition(".")[2], doc) if len(doc) >= SAME_FROM else (str(number), "")
        first = merged.setdefault(alike, thing)
        if first is not thing:
            shorter, longer = sorted((first, thing), key=lambda one: one.names[0].count("."))
            shorter.names = tuple(dict.fromkeys((*shorter.names, *longer.names)))
            merged[alike] = shorter
    return list(merged.values())


def _imported_by(facts: Sequence[Facts]) -> Counter[str]:
    """For each top-level package, how many modules outside it import something of it."""
    counts: Counter[str] = Counter()
    for module in facts:
        package = module.module.partition(".")[0]
        counts.update({imported.partition(".")[0] for imported in module.imports} - {package})
    return counts

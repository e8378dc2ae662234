"""What one source file says without being run: definitions with docstrings, re-exports, aliases, imports (SPEC G1).

Read by `ast`. Conditional code at module level counts, whichever branch it is in; functions' bodies count only for the list of
imported modules, since names that a function imports are nobody's public names.
"""

from __future__ import annotations

import ast
import inspect
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from yaoki.systems.chat.vector.corpus.library import SourceFile

__all__ = ["Definition", "Facts", "read"]

_SIGNATURE_LONGEST = 240
_GETTERS = frozenset({"property", "cached_property", "abstractproperty", "DynamicClassAttribute", "_magic_enum_property"})


@dataclass(slots=True)
class Definition:
    """A class or a function. `parameters`: "(fut, timeout)" as users write it, or None for what is not called."""

    qualified: str
    doc: str
    parameters: str | None
    line: int


@dataclass(slots=True)
class Facts:
    """What a module says. `definitions`, by qualified name. Names below are those in the module's own scope.

    `exports`: from-imports at module level, name to (module, name there). `modules`: imported modules, name to module. `stars`:
    modules of which everything is imported. `aliases`: name (`a` or `Class.a`) to the dotted expression it was assigned.
    `instances`: name to the dotted expression that was called to make its value. `docs`: dotted names whose `__doc__` was
    assigned, to the dotted expression whose `__doc__` it was. `listed`: literal entries of `__all__`. `imports`: every module
    imported anywhere in the file.
    """

    module: str
    path: str
    doc: str
    package: bool
    definitions: dict[str, Definition] = field(default_factory=dict)
    exports: dict[str, tuple[str, str]] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)
    instances: dict[str, str] = field(default_factory=dict)
    docs: dict[str, str] = field(default_factory=dict)
    listed: set[str] = field(default_factory=set)
    imports: set[str] = field(default_factory=set)


def read(file: SourceFile, shown_path: str) -> Facts | None:
    """The facts of one file; None where it cannot be read or parsed."""
    try:
        source = file.path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in somebody's source are not ours to report
            tree = ast.parse(source)
            facts = Facts(file.module, shown_path, ast.get_docstring(tree) or "", file.package)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    for imported in _imports(tree.body):
        if isinstance(imported, ast.Import):
            facts.imports.update(alias.name for alias in imported.names)
        else:
            origin = _origin(facts, imported)
            facts.imports.add(origin)
            facts.imports.update(f"{origin}.{alias.name}" for alias in imported.names)
    for statement in _unconditional(tree.body):
        _read_statement(facts, statement)
    return facts


def _imports(body: Sequence[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    # Statements only: a walk over every expression would take as long as parsing.
    for statement in body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            yield statement
            continue
        for inner in ("body", "orelse", "finalbody"):
            yield from _imports(getattr(statement, inner, ()))
        for handler in getattr(statement, "handlers", ()):
            yield from _imports(handler.body)


def _unconditional(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        if isinstance(statement, ast.If | ast.For | ast.While):
            yield from _unconditional([*statement.body, *statement.orelse])
        elif isinstance(statement, ast.With):
            yield from _unconditional(statement.body)
        elif isinstance(statement, ast.Try):
            handled = [inner for handler in statement.handlers for inner in handler.body]
            yield from _unconditional([*statement.body, *handled, *statement.orelse, *statement.finalbody])
        else:
            yield statement


def _read_statement(facts: Facts, statement: ast.stmt) -> None:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        _read_definition(facts, statement, "")
    elif isinstance(statement, ast.Import):
        for alias in statement.names:
            if alias.asname or "." not in alias.name:
                facts.modules[alias.asname or alias.name] = alias.name
    elif isinstance(statement, ast.ImportFrom):
        origin = _origin(facts, statement)
        for alias in statement.names:
            if alias.name == "*":
                facts.stars.append(origin)
            else:
                facts.exports[alias.asname or alias.name] = (origin, alias.name)
    elif isinstance(statement, ast.Assign):
        for target in statement.targets:
            _read_assignment(facts, target, statement.value)
    elif isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name) and statement.target.id == "__all__":
        facts.listed.update(_literals(statement.value))
    elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        call = statement.value
        if _dotted(call.func) in {"__all__.extend", "__all__.append"}:
            facts.listed.update(text for argument in call.args for text in _literals(argument))


def _read_assignment(facts: Facts, target: ast.expr, value: ast.expr) -> None:
    if isinstance(target, ast.Name):
        expression = _dotted(value)
        if target.id == "__all__":
            facts.listed.update(_literals(value))
        elif expression:
            facts.aliases.setdefault(target.id, expression)
        elif isinstance(value, ast.Call) and (maker := _dotted(value.func)):
            facts.instances.setdefault(target.id, maker)
    elif isinstance(target, ast.Attribute) and target.attr == "__doc__" and (owner := _dotted(target.value)):
        expression = _dotted(value)
        if expression.endswith(".__doc__"):
            facts.docs[owner] = expression.removesuffix(".__doc__")
        elif isinstance(value, ast.Constant) and isinstance(value.value, str) and owner in facts.definitions:
            facts.definitions[owner].doc = inspect.cleandoc(value.value)


def _read_definition(facts: Facts, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, prefix: str) -> None:
    qualified = prefix + node.name
    doc = _docstring(node)
    known = facts.definitions.get(qualified)
    if known is None or (doc and not known.doc):
        facts.definitions[qualified] = Definition(qualified, doc, _parameters(node, inside_class=bool(prefix)), node.lineno)
    if not isinstance(node, ast.ClassDef):
        return
    for statement in _unconditional(node.body):
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            _read_definition(facts, statement, f"{qualified}.")
        elif isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Name):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    facts.aliases.setdefault(f"{qualified}.{target.id}", f"{qualified}.{statement.value.id}")


def _docstring(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> str:
    """The docstring; a class's is followed by that of its `__init__`, which tells the arguments."""
    docs = [ast.get_docstring(node)]
    if isinstance(node, ast.ClassDef):
        makers = (inner for inner in node.body if isinstance(inner, ast.FunctionDef) and inner.name == "__init__")
        docs.extend(ast.get_docstring(maker) for maker in makers)
    return "\n\n".join(filter(None, docs))


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, *, inside_class: bool) -> str | None:
    if isinstance(node, ast.ClassDef):
        makers = {inner.name: inner for inner in node.body if isinstance(inner, ast.FunctionDef)}
        maker = makers.get("__init__") or makers.get("__new__")
        return None if maker is None else _parameters(maker, inside_class=True)
    decorators = {_dotted(decorator).rpartition(".")[2] for decorator in node.decorator_list}
    if decorators & _GETTERS:
        return None
    arguments = node.args
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg):
        if argument is not None:
            argument.annotation = None
    if inside_class and "staticmethod" not in decorators:
        if arguments.posonlyargs:
            del arguments.posonlyargs[0]
        elif arguments.args:
            del arguments.args[0]
    text = f"({ast.unparse(arguments)})"
    return text if len(text) <= _SIGNATURE_LONGEST else text[: _SIGNATURE_LONGEST - 4].rpartition(",")[0] + ", …)"


def _origin(facts: Facts, node: ast.ImportFrom) -> str:
    """The absolute name of the module that a from-import names."""
    if not node.level:
        return node.module or ""
    parts = facts.module.split(".")
    parts = parts[: len(parts) - node.level + (1 if facts.package else 0)]
    return ".".join([*parts, node.module] if node.module else parts)


def _dotted(node: ast.expr) -> str:
    """`a.b.c` as text, or "" for any other expression."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (left := _dotted(node.value)):
        return f"{left}.{node.attr}"
    return ""


def _literals(node: ast.expr) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value

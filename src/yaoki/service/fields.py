"""The fields of a settings model, found by their path: which there are, what they hold, which are secret."""

from __future__ import annotations

from difflib import get_close_matches
from types import UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

__all__ = ["did_you_mean", "field_of", "fields_of", "is_secret", "may_hold", "model_in", "model_of", "strangers"]

_SECRET_WORDS = ("password", "passwd", "secret", "token", "api_key", "private_key", "credential")


def model_of(model: type[BaseModel], path: tuple[str, ...]) -> type[BaseModel] | None:
    """The model that stands at this path; None if something else does."""
    found: type[BaseModel] | None = model
    for name in path:
        field = found.model_fields.get(name) if found is not None else None
        found = None if field is None else model_in(field.annotation)
    return found


def fields_of(model: type[BaseModel], path: tuple[str, ...]) -> Collection[str] | None:
    """The names of the fields at this path; None where any name may stand."""
    found = model_of(model, path)
    return None if found is None else found.model_fields


def field_of(model: type[BaseModel], path: tuple[str, ...]) -> FieldInfo | None:
    """The field at this path, or None."""
    found = model_of(model, path[:-1])
    return None if found is None else found.model_fields.get(path[-1])


def model_in(annotation: object) -> type[BaseModel] | None:
    """The one model among the types of a field, as in `Inner` and `Inner | None`."""
    from pydantic import BaseModel

    for each in _types(annotation):
        if isinstance(each, type) and issubclass(each, BaseModel):
            return each
    return None


def strangers(
    model: type[BaseModel], path: tuple[str, ...], value: object
) -> Iterator[tuple[tuple[str, ...], Collection[str]]]:
    """What nobody knows inside lists and tables of models: each path, and the names that there are."""
    field = field_of(model, path)
    if field is not None:
        yield from _strangers(field.annotation, path, value)


def _strangers(annotation: object, path: tuple[str, ...], value: object) -> Iterator[tuple[tuple[str, ...], Collection[str]]]:
    inner = model_in(annotation)
    if inner is not None and isinstance(value, dict):
        for name, item in value.items():
            if name in inner.model_fields:
                yield from _strangers(inner.model_fields[name].annotation, (*path, name), item)
            else:
                yield (*path, name), inner.model_fields
        return
    items = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    for each in _types(annotation):
        arguments = [argument for argument in get_args(each) if argument is not Ellipsis]
        if arguments:
            for name, item in items:
                yield from _strangers(arguments[-1], (*path, str(name)), item)


def may_hold(model: type[BaseModel], path: tuple[str, ...], kinds: tuple[type, ...]) -> bool:
    """Whether the field at this path takes a value of one of these kinds, and no text."""
    field = field_of(model, path)
    if field is None:
        return False
    types = [get_origin(each) or each for each in _types(field.annotation)]
    return str not in types and any(isinstance(each, type) and (each in kinds or _is_container(each)) for each in types)


def is_secret(model: type[BaseModel], path: tuple[str, ...]) -> bool:
    """Whether the value at this path must not be shown: by its type, or by its name."""
    from pydantic import SecretBytes, SecretStr

    if any(word in name.lower() for name in path for word in _SECRET_WORDS):
        return True
    for length in range(1, len(path) + 1):
        field = field_of(model, path[:length])
        if field is not None and any(each in (SecretStr, SecretBytes) for each in _types(field.annotation)):
            return True
    return False


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Half a sentence with the name that was perhaps meant; without one, with all that there are."""
    close = get_close_matches(name, known, n=1)
    if close:
        return f", did you mean {close[0]!r}"
    return f", there are {', '.join(sorted(known))}" if known else ""


def _types(annotation: object) -> Iterator[Any]:
    if get_origin(annotation) in (Union, UnionType):
        for each in get_args(annotation):
            yield from _types(each)
    else:
        yield annotation


def _is_container(kind: type) -> bool:
    from collections.abc import Mapping, Sequence, Set

    from pydantic import BaseModel

    return issubclass(kind, (Mapping, Sequence, Set, BaseModel)) and not issubclass(kind, (str, bytes))

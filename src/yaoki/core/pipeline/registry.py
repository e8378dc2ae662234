"""The named pipelines of this process, found by whoever shows or checks them. Nothing here keeps one alive."""

from __future__ import annotations

from _weakref import ref

from yaoki.core.interpreter import lock_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from yaoki.core.pipeline.pipeline import Pipeline

__all__ = ["pipelines", "register"]

_named: dict[int, ref[Pipeline]] = {}


def register(pipeline: Pipeline) -> None:
    """Make a named pipeline findable for as long as it lives."""
    number = id(pipeline)

    def forget(_: ref[Pipeline]) -> None:
        _named.pop(number, None)

    with lock_of(_named):
        _named[number] = ref(pipeline, forget)


def pipelines() -> list[Pipeline]:
    """All named pipelines that are alive, in the order in which they were made."""
    with lock_of(_named):
        references = list(_named.values())
    alive = (reference() for reference in references)
    return [pipeline for pipeline in alive if pipeline is not None]

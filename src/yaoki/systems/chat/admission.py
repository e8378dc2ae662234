"""What is let in while much is asked: questions up to a hard limit, everything else only up to half of it (SPEC T4).

One number, the questions that are being answered, decides about both; so nothing auxiliary is ever served while a question is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from yaoki.core.pipeline.pipeline import Pipeline
from yaoki.core.policies.priority import Priority, priority
from yaoki.core.policies.shed import LoadShedder

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from typing import ParamSpec, TypeVar

    P = ParamSpec("P")
    T = TypeVar("T")

__all__ = ["Admission"]


class Admission:
    """Lets in at most `most` questions at once. What it refuses gets OverloadedError."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._shedder = LoadShedder(most, shed_from=0.5, name="chat")
        self.pipeline = Pipeline(self._shedder, name="chat")

    @property
    def full(self) -> bool:
        """Whether a question would be refused now."""
        return self._shedder.running.count >= self.most

    async def answer(self, question: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the answering of a question returns."""
        with priority(Priority.CORE):
            return await self.pipeline.acall(question, *args, **kwargs)

    async def stream(
        self, events: Callable[P, AsyncGenerator[T, None]], *args: P.args, **kwargs: P.kwargs
    ) -> AsyncGenerator[T, None]:
        """The stream of an answer, once it is let in: without its first item, which must come at once."""
        admitted = self.pipeline(events)(*args, **kwargs)
        with priority(Priority.CORE):
            await anext(admitted)
        return admitted

    def check_auxiliary(self) -> None:
        """Let something in that an answer can do without. Raises OverloadedError where it is refused."""
        with priority(Priority.AUXILIARY):
            self.pipeline.call(_nothing)


def _nothing() -> None:
    """What auxiliary work does to be let in; it is not counted while it lasts, since a live feed lasts for hours."""

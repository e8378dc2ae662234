"""The outcome of a call that does not raise: what came out, and what it took (SPEC K1)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Generic, TypeVar

    from yaoki.core.faults.record import Fault

    T_co = TypeVar("T_co", covariant=True)
else:
    T_co = None

    class Generic:
        """Stands for `typing.Generic`, whose import would cost a third of the core's."""

        __slots__ = ()

        def __class_getitem__(cls, item):
            return cls


__all__ = ["Outcome"]


class Outcome(Generic[T_co]):
    """What `execute` returns instead of raising.

    `value`: what the call returned, None if it failed. `error` and `fault`: the exception and its classification, None if it
    did not fail. `attempts`: tries made. `delays`: seconds waited before each further one. `elapsed`: seconds in all.
    `degraded_by`: for each policy that replaced the answer, its label and the fault that made it do so.
    """

    __slots__ = ("attempts", "degraded_by", "delays", "elapsed", "error", "fault", "value")

    value: T_co | None
    error: Exception | None
    fault: Fault | None
    attempts: int
    delays: tuple[float, ...]
    elapsed: float
    degraded_by: tuple[tuple[str, Fault], ...]

    @property
    def ok(self) -> bool:
        """Whether there is a value, be it a replaced one."""
        return self.error is None

    @property
    def degraded(self) -> bool:
        """Whether a policy replaced the answer."""
        return bool(self.degraded_by)

    def unwrap(self) -> T_co:
        """The value; or the exception, raised."""
        error = self.error
        if error is None:
            return self.value  # type: ignore[return-value]  # without an error it is the function's value
        try:
            raise error
        finally:
            # The error leads to this frame by its traceback, and must not be led back to.
            del self, error

    def __repr__(self) -> str:
        what = f"value={self.value!r}" if self.error is None else f"error={self.error!r}"
        by = f", degraded_by={[label for label, _ in self.degraded_by]}" if self.degraded_by else ""
        return f"Outcome({what}, attempts={self.attempts}, elapsed={self.elapsed:.3g}{by})"

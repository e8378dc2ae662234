"""Circuits for tests: a pipeline around one breaker, calls that go well and badly, and how many of them got through."""

from __future__ import annotations

import pytest

from yaoki import CircuitBreaker, CircuitOpenError, Pipeline
from yaoki.testing import Script


class Circuit:
    """A breaker in a pipeline of its own, in front of a dependency that counts its calls."""

    def __init__(self, **parameters: object) -> None:
        self.breaker = CircuitBreaker(**parameters)  # type: ignore[arg-type]  # a test's own
        self.pipeline = Pipeline(self.breaker)

    @property
    def state(self) -> str:
        return str(self.breaker.state)

    def __getitem__(self, name: str) -> object:
        return self.breaker.snapshot()[name]

    def succeed(self, times: int = 1) -> None:
        """Calls that reach the dependency and return."""
        for _ in range(times):
            assert self.pipeline.call(lambda: "found") == "found"

    def fail(self, times: int = 1, error: BaseException | type[BaseException] = ConnectionResetError) -> None:
        """Calls that reach the dependency and raise."""
        for _ in range(times):
            script = Script(error)
            with pytest.raises(error if isinstance(error, type) else type(error)) as raised:
                self.pipeline.call(script)
            assert isinstance(error, type) or raised.value is error
            assert script.count == 1

    def refusal(self) -> CircuitOpenError:
        """The refusal of a call, which does not reach the dependency."""
        script = Script("found")
        with pytest.raises(CircuitOpenError) as refused:
            self.pipeline.call(script)
        assert script.count == 0
        return refused.value

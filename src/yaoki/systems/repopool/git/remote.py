"""Talking to a remote: the core's retry and a circuit breaker for each address (SPEC R2, B10, W3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from yaoki.core.pipeline.pipeline import Pipeline
from yaoki.core.presets import git_retry, standard_breaker

if TYPE_CHECKING:
    from collections.abc import Callable

    from yaoki.systems.repopool.names import Address

__all__ = ["REMOTES", "ask"]

T = TypeVar("T")

REMOTES = Pipeline(git_retry(), standard_breaker(), name="repopool.remote").keyed()
"""3 attempts, from 1 s doubling up to 10 s, only for transient failures; 5 of them in a row stop the calls for 60 s."""


def ask(address: Address, question: Callable[[], T]) -> T:
    """What `question` returns, asked as often as makes sense. Raises what it raises last, or CircuitOpenError."""
    return REMOTES[address.text].call(question)

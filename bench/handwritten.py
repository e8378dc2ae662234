"""The yardstick: what a careful programmer writes by hand, `try` and `except` around the call, and a counter.

It takes `*args, **kwargs`, since it must fit any function; its state is in closure cells, the cheapest place for it; a success
costs one increment, and failures in a row are found by comparing that count. It knows neither threads nor half-open trials,
jitter or budgets. One wrapper for each kind of guard, none slower than it must be.
"""

from __future__ import annotations

import asyncio
import functools
from typing import Any

from bench.library import Library
from bench.targets import Guard, Target

ATTEMPTS = 3
FAILURE_THRESHOLD = 5


class RefusedError(Exception):
    """The hand-written breaker is open."""


class Handwritten(Library):
    """One wrapper for each kind of guard."""

    name = "hand-written"

    def breaker(self, call: Target) -> Guard:
        """Counts what succeeds, and failures in a row; refuses after five of these."""
        is_open = False
        successes = successes_seen = failures = 0

        @functools.wraps(call)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            nonlocal is_open, successes, successes_seen, failures
            if is_open:
                raise RefusedError
            try:
                value = call(*args, **kwargs)
            except Exception:
                failures = failures + 1 if successes == successes_seen else 1
                successes_seen = successes
                is_open = failures >= FAILURE_THRESHOLD
                raise
            successes += 1
            return value

        return guarded

    def retry(self, call: Target) -> Guard:
        """Tries three times."""

        @functools.wraps(call)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            attempt = 1
            while True:
                try:
                    return call(*args, **kwargs)
                except ConnectionError:
                    if attempt >= ATTEMPTS:
                        raise
                    attempt += 1

        return guarded

    def breaker_retry(self, call: Target) -> Guard:
        """Both in one: tries three times, each try counted by the breaker."""
        is_open = False
        successes = successes_seen = failures = 0

        @functools.wraps(call)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            nonlocal is_open, successes, successes_seen, failures
            attempt = 1
            while True:
                if is_open:
                    raise RefusedError
                try:
                    value = call(*args, **kwargs)
                except ConnectionError:
                    failures = failures + 1 if successes == successes_seen else 1
                    successes_seen = successes
                    is_open = failures >= FAILURE_THRESHOLD
                    if attempt >= ATTEMPTS:
                        raise
                    attempt += 1
                else:
                    successes += 1
                    return value

        return guarded

    def async_breaker(self, call: Target) -> Guard:
        """As `breaker`, awaited."""
        is_open = False
        successes = successes_seen = failures = 0

        @functools.wraps(call)
        async def guarded(*args: Any, **kwargs: Any) -> Any:
            nonlocal is_open, successes, successes_seen, failures
            if is_open:
                raise RefusedError
            try:
                value = await call(*args, **kwargs)
            except Exception:
                failures = failures + 1 if successes == successes_seen else 1
                successes_seen = successes
                is_open = failures >= FAILURE_THRESHOLD
                raise
            successes += 1
            return value

        return guarded

    def async_retry(self, call: Target) -> Guard:
        """As `retry`, awaited."""

        @functools.wraps(call)
        async def guarded(*args: Any, **kwargs: Any) -> Any:
            attempt = 1
            while True:
                try:
                    return await call(*args, **kwargs)
                except ConnectionError:
                    if attempt >= ATTEMPTS:
                        raise
                    attempt += 1

        return guarded

    def async_breaker_retry(self, call: Target) -> Guard:
        """As `breaker_retry`, awaited."""
        is_open = False
        successes = successes_seen = failures = 0

        @functools.wraps(call)
        async def guarded(*args: Any, **kwargs: Any) -> Any:
            nonlocal is_open, successes, successes_seen, failures
            attempt = 1
            while True:
                if is_open:
                    raise RefusedError
                try:
                    value = await call(*args, **kwargs)
                except ConnectionError:
                    failures = failures + 1 if successes == successes_seen else 1
                    successes_seen = successes
                    is_open = failures >= FAILURE_THRESHOLD
                    if attempt >= ATTEMPTS:
                        raise
                    attempt += 1
                else:
                    successes += 1
                    return value

        return guarded

    def async_timeout(self, call: Target, seconds: float = 5.0) -> Guard:
        """`asyncio.timeout` around the call."""

        @functools.wraps(call)
        async def guarded(*args: Any, **kwargs: Any) -> Any:
            async with asyncio.timeout(seconds):
                return await call(*args, **kwargs)

        return guarded

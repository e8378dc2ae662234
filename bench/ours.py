"""Yaoki, guarded as its documentation says. Waits are zero where one is reached; all counts and budgets are as they come."""

# mypy: disable-error-code="no-any-return"
# Loaded by name, as the peers are: a checkout without the library still measures them.

from __future__ import annotations

from typing import Any

from bench.library import OPEN_SECONDS, TIMEOUT_SECONDS, Library
from bench.targets import Guard, Target


class Yaoki(Library):
    """The library that this program is for."""

    name = "yaoki"
    module = "yaoki"
    distribution = "yaoki"

    @property
    def api(self) -> Any:
        """The package."""
        return self.load("yaoki")

    def breaker(self, call: Target) -> Guard:
        """Consecutive failures, the default."""
        return self.api.CircuitBreaker(open_timeout=OPEN_SECONDS)(call)

    def breaker_rate(self, call: Target) -> Guard:
        """A failure rate over calls."""
        return self.breaker_object()(call)

    def breaker_object(self) -> Any:
        """A stand-alone breaker with a rate window."""
        return self.api.CircuitBreaker(failure_rate=0.5, window=self.api.calls(100), open_timeout=OPEN_SECONDS)

    def breaker_time(self, call: Target) -> Guard:
        """A failure rate over the last seconds."""
        return self.api.CircuitBreaker(failure_rate=0.5, window=self.api.seconds(10.0), open_timeout=OPEN_SECONDS)(call)

    def breaker_histogram(self, call: Target) -> Guard:
        """A breaker, and the distribution of latencies."""
        return self.api.Pipeline(self.api.LatencyHistogram(), self.api.CircuitBreaker(open_timeout=OPEN_SECONDS))(call)

    def _retry(self) -> Any:
        return self.api.Retry(backoff=self.api.constant(0.0))

    def retry(self, call: Target) -> Guard:
        """Classifier and budget on, as by default."""
        return self._retry()(call)

    def retry_by_type(self, call: Target) -> Guard:
        """The exception type is given, and the budget is off."""
        return self.api.Retry(backoff=self.api.constant(0.0), retry_on=ConnectionError, budget=None)(call)

    def pipeline(self) -> Any:
        """Retry around a breaker, to be called explicitly or by key."""
        return self.api.Pipeline(self._retry(), self.api.CircuitBreaker(open_timeout=OPEN_SECONDS))

    def breaker_retry(self, call: Target) -> Guard:
        """Both fused."""
        return self.pipeline()(call)

    def breaker_retry_deadline(self, call: Target) -> Guard:
        """Both under a deadline for the whole call, which travels on to calls further in."""
        timeout = self.api.Timeout(TIMEOUT_SECONDS)
        return self.api.Pipeline(timeout, self._retry(), self.api.CircuitBreaker(open_timeout=OPEN_SECONDS))(call)

    def breaker_retry_overdue(self, call: Target) -> Guard:
        """The same, and values that come late are counted."""
        timeout = self.api.Timeout(TIMEOUT_SECONDS, count_overdue=True)
        return self.api.Pipeline(timeout, self._retry(), self.api.CircuitBreaker(open_timeout=OPEN_SECONDS))(call)

    def standard(self, call: Target) -> Guard:
        """The standard pipeline: five policies."""
        return self.api.Pipeline(
            self.api.Fallback(value=None),
            self.api.Timeout(TIMEOUT_SECONDS),
            self._retry(),
            self.api.CircuitBreaker(failure_rate=0.5, minimum_calls=10, open_timeout=OPEN_SECONDS),
            self.api.Timeout(1.0),
        )(call)

    async_breaker = breaker
    async_retry = retry
    async_breaker_retry = breaker_retry

    def async_timeout(self, call: Target, seconds: float = TIMEOUT_SECONDS) -> Guard:
        """A timeout alone."""
        return self.api.Timeout(seconds)(call)

"""The peers, each used as its own documentation says, with waits of zero and without logs or hooks. Versions: the extra
`bench` in pyproject.toml.

A breaker opens after five failures in a row where the library can say that, else as near to it as it can; a retry tries three
times. What a library does not offer in one of its own pieces is not built for it here.
"""

# mypy: disable-error-code="no-any-return"
# What the peers return is not typed here: they need not be installed where this is checked.

from __future__ import annotations

import datetime as dt
import fractions
import functools
import itertools
import logging
from typing import Any

from bench.library import OPEN_SECONDS, TIMEOUT_SECONDS, Library
from bench.targets import Guard, Target

ATTEMPTS = 3
FAILURES = 5


class Tenacity(Library):
    """Retry only."""

    name = module = distribution = "tenacity"

    def retry(self, call: Target) -> Guard:
        tenacity = self.load("tenacity")
        return tenacity.retry(
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            wait=tenacity.wait_none(),
            retry=tenacity.retry_if_exception_type(ConnectionError),
            reraise=True,
        )(call)

    async_retry = retry


class Stamina(Library):
    """Retry only, on top of tenacity."""

    name = module = distribution = "stamina"

    def retry(self, call: Target) -> Guard:
        stamina = self.load("stamina")
        stamina.instrumentation.set_on_retry_hooks([])
        return stamina.retry(on=ConnectionError, attempts=ATTEMPTS, wait_initial=0.0, wait_max=0.0, wait_jitter=0.0)(call)

    async_retry = retry


class Backoff(Library):
    """Retry only."""

    name = module = distribution = "backoff"

    def retry(self, call: Target) -> Guard:
        backoff = self.load("backoff")
        return backoff.on_exception(
            backoff.constant, ConnectionError, max_tries=ATTEMPTS, interval=0.0, jitter=None, logger=None
        )(call)

    async_retry = retry


class Pybreaker(Library):
    """Breaker only; its asynchronous form is for Tornado."""

    name = module = distribution = "pybreaker"

    def breaker_object(self) -> Any:
        return self.load("pybreaker").CircuitBreaker(fail_max=FAILURES, reset_timeout=OPEN_SECONDS)

    def breaker(self, call: Target) -> Guard:
        return self.breaker_object()(call)


class Circuitbreaker(Library):
    """Breaker only."""

    name = module = distribution = "circuitbreaker"
    _numbers = itertools.count()

    def breaker_object(self) -> Any:
        return self.load("circuitbreaker").CircuitBreaker(
            failure_threshold=FAILURES, recovery_timeout=OPEN_SECONDS, expected_exception=ConnectionError
        )

    def breaker(self, call: Target) -> Guard:
        breaker = self.breaker_object()
        breaker._name = f"breaker-{next(self._numbers)}"
        return breaker(call)

    async_breaker = breaker


class Hyx(Library):
    """Asynchronous only; a stack is one decorator on the other."""

    name = module = distribution = "hyx"
    imported = "hyx.circuitbreaker, hyx.retry, hyx.timeout"

    def breaker_object(self) -> Any:
        return self.load("hyx.circuitbreaker").consecutive_breaker(
            exceptions=ConnectionError, failure_threshold=FAILURES, recovery_time_secs=OPEN_SECONDS
        )

    def async_breaker(self, call: Target) -> Guard:
        return self.breaker_object()(call)

    def async_retry(self, call: Target) -> Guard:
        return self.load("hyx.retry").retry(on=ConnectionError, attempts=ATTEMPTS, backoff=0.0)(call)

    def async_breaker_retry(self, call: Target) -> Guard:
        return self.async_retry(self.async_breaker(call))

    def async_timeout(self, call: Target, seconds: float = TIMEOUT_SECONDS) -> Guard:
        timeout = self.load("hyx.timeout").timeout

        # Its decorator starts a task for each call; the context manager is several times cheaper.
        @functools.wraps(call)
        async def guarded(*args: Any, **kwargs: Any) -> Any:
            async with timeout(seconds):
                return await call(*args, **kwargs)

        return guarded


class Interlock(Library):
    """Rate windows only: a count window stands for failures in a row. Its retry is tenacity's."""

    name = distribution = "interlock-cb"
    module = "interlock"

    @functools.cached_property
    def _configs(self) -> dict[str, Any]:
        # A configuration is meant to be shared by many breakers.
        config = self.load("interlock").Config
        kind = self.load("interlock.window").WindowType
        rules = {"failure_rate_threshold": 0.5, "minimum_number_of_calls": 10, "wait_duration_in_open": OPEN_SECONDS}
        return {
            "calls": config(**rules, window_type=kind.COUNT_BASED, window_size=100),
            "seconds": config(**rules, window_type=kind.TIME_BASED, window_size=10),
        }

    def _breaker(self, window: str) -> Any:
        return self.load("interlock").CircuitBreaker(name="breaker", config=self._configs[window])

    def _builder(self) -> Any:
        return self.load("interlock.pipeline").Pipeline.builder()

    def _with_retry(self, builder: Any) -> Any:
        tenacity = self.load("tenacity")
        return builder.retry(
            attempts=ATTEMPTS, retry=tenacity.retry_if_exception_type(ConnectionError), wait=tenacity.wait_none()
        )

    def breaker_object(self) -> Any:
        return self._breaker("calls")

    def breaker(self, call: Target) -> Guard:
        return self._breaker("calls")(call)

    def breaker_time(self, call: Target) -> Guard:
        return self._breaker("seconds")(call)

    def retry(self, call: Target) -> Guard:
        return self._with_retry(self._builder()).build()(call)

    def breaker_retry(self, call: Target) -> Guard:
        return self._with_retry(self._builder()).circuit_breaker(self._breaker("calls")).build()(call)

    def async_timeout(self, call: Target, seconds: float = TIMEOUT_SECONDS) -> Guard:
        return self._builder().timeout(seconds).build()(call)

    breaker_rate = breaker
    async_breaker = breaker
    async_retry = retry
    async_breaker_retry = breaker_retry


class Pyresilience(Library):
    """One decorator for all; retry around the breaker."""

    name = module = distribution = "pyresilience"

    def _retry(self) -> Any:
        return self.load("pyresilience").RetryConfig(
            max_attempts=ATTEMPTS, delay=0.0, jitter=False, retry_on=(ConnectionError,)
        )

    def _breaker(self, **window: Any) -> Any:
        return self.load("pyresilience").CircuitBreakerConfig(
            failure_threshold=FAILURES, recovery_timeout=OPEN_SECONDS, error_types=(ConnectionError,), **window
        )

    def breaker_object(self) -> Any:
        return self.load("pyresilience").CircuitBreaker(self._breaker())

    def breaker(self, call: Target) -> Guard:
        return self.load("pyresilience").resilient(circuit_breaker=self._breaker())(call)

    def breaker_rate(self, call: Target) -> Guard:
        breaker = self._breaker(sliding_window_size=100, failure_rate_threshold=0.5, minimum_calls=10)
        return self.load("pyresilience").resilient(circuit_breaker=breaker)(call)

    def retry(self, call: Target) -> Guard:
        return self.load("pyresilience").resilient(retry=self._retry())(call)

    def breaker_retry(self, call: Target) -> Guard:
        return self.load("pyresilience").resilient(retry=self._retry(), circuit_breaker=self._breaker())(call)

    def async_timeout(self, call: Target, seconds: float = TIMEOUT_SECONDS) -> Guard:
        pyresilience = self.load("pyresilience")
        return pyresilience.resilient(timeout=pyresilience.TimeoutConfig(seconds=seconds))(call)

    async_breaker = breaker
    async_retry = retry
    async_breaker_retry = breaker_retry


class ResilientCircuit(Library):
    """Thresholds are fractions, so "five of five" cannot be said: four of five. Its asynchronous breaker works through threads."""

    name = distribution = "resilient-circuit"
    module = "resilient_circuit"
    _numbers = itertools.count()

    @functools.cached_property
    def _storage(self) -> Any:
        logging.getLogger("resilient_circuit").setLevel(logging.CRITICAL + 1)
        return self.load("resilient_circuit.storage").InMemoryStorage(max_entries=None)

    def breaker_object(self) -> Any:
        return self.load("resilient_circuit").CircuitProtectorPolicy(
            resource_key=f"breaker-{next(self._numbers)}",
            storage=self._storage,
            cooldown=dt.timedelta(seconds=OPEN_SECONDS),
            failure_limit=fractions.Fraction(4, 5),
        )

    def breaker(self, call: Target) -> Guard:
        return self.breaker_object()(call)

    def _retry(self) -> Any:
        return self.load("resilient_circuit").RetryWithBackoffPolicy(
            max_retries=ATTEMPTS - 1, should_handle=lambda error: isinstance(error, ConnectionError)
        )

    def retry(self, call: Target) -> Guard:
        return self._retry()(call)

    def breaker_retry(self, call: Target) -> Guard:
        return self.load("resilient_circuit").SafetyNet(policies=(self._retry(), self.breaker_object()))(call)

    async_breaker = breaker
    async_retry = retry
    async_breaker_retry = breaker_retry


class Redress(Library):
    """A policy calls functions without arguments: they are bound by `functools.partial`. Its breaker stands around the retry."""

    name = module = distribution = "redress"

    def breaker_object(self) -> Any:
        redress = self.load("redress")
        return redress.CircuitBreaker(
            failure_threshold=FAILURES,
            window_s=60.0,
            recovery_timeout_s=OPEN_SECONDS,
            trip_on={redress.ErrorClass.TRANSIENT, redress.ErrorClass.SERVER_ERROR, redress.ErrorClass.UNKNOWN},
        )

    def _rules(self) -> dict[str, Any]:
        return {
            "classifier": self.load("redress").default_classifier,
            "strategy": lambda context: 0.0,
            "max_attempts": ATTEMPTS,
        }

    def retry(self, call: Target) -> Guard:
        return self.load("redress").retry(**self._rules())(call)

    def breaker(self, call: Target) -> Guard:
        policy = self.load("redress").Policy(circuit_breaker=self.breaker_object())
        return _bound(policy, call)

    def breaker_retry(self, call: Target) -> Guard:
        redress = self.load("redress")
        return _bound(redress.Policy(retry=redress.Retry(**self._rules()), circuit_breaker=self.breaker_object()), call)

    def async_breaker(self, call: Target) -> Guard:
        return _bound_async(self.load("redress").AsyncPolicy(circuit_breaker=self.breaker_object()), call)

    def async_breaker_retry(self, call: Target) -> Guard:
        redress = self.load("redress")
        retry = redress.AsyncRetry(**self._rules())
        return _bound_async(redress.AsyncPolicy(retry=retry, circuit_breaker=self.breaker_object()), call)

    async_retry = retry


def _bound(policy: Any, call: Target) -> Guard:
    @functools.wraps(call)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        return policy.call(functools.partial(call, *args, **kwargs))

    return guarded


def _bound_async(policy: Any, call: Target) -> Guard:
    @functools.wraps(call)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        return await policy.call(functools.partial(call, *args, **kwargs))

    return guarded


PEERS: tuple[Library, ...] = (
    Tenacity(),
    Stamina(),
    Backoff(),
    Pybreaker(),
    Circuitbreaker(),
    Hyx(),
    Interlock(),
    Pyresilience(),
    ResilientCircuit(),
    Redress(),
)

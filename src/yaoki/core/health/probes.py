"""Probes: whether the process lives, has started, and shall get work (SPEC H2).

| probe | true while |
| --- | --- |
| live | the process answers; checks of "live" look at nothing but the process |
| ready | it has started, no shutdown was requested, and every critical check of "ready" was ok at its latest run |
| startup | every check of "startup" was ok once |

So a dead dependency never fails liveness, and fails readiness only where no degraded answer is possible.
"""

from __future__ import annotations

from yaoki.core.health.checks import CheckResult, HealthChecks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Protocol

    class Stopping(Protocol):
        """What readiness asks a Shutdown."""

        @property
        def requested(self) -> bool:
            """Whether the process is to end."""

        @property
        def reason(self) -> str | None:
            """Why."""


__all__ = ["ProbeResult", "Probes"]


class ProbeResult:
    """The answer of one probe. True as a boolean if `ok`.

    `probe`: "livez", "readyz" or "startupz". `checks`: the results it rests on. `excluded`: those left out on request.
    """

    __slots__ = ("checks", "excluded", "ok", "probe")

    def __init__(self, probe: str, ok: bool, checks: tuple[CheckResult, ...], excluded: tuple[str, ...] = ()) -> None:
        self.probe = probe
        self.ok = ok
        self.checks = checks
        self.excluded = excluded

    def __bool__(self) -> bool:
        return self.ok

    @property
    def status(self) -> int:
        """The HTTP status: 200 or 503."""
        return 200 if self.ok else 503

    def text(self, verbose: bool = False) -> str:
        """As kube-apiserver writes it: "ok", or a line for each check, `[+]name ok` or `[-]name failed: reason`."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, object]:
        """JSON-ready."""
        raise NotImplementedError


class Probes:
    """The three probes over the latest results of `checks`; asking costs no run. `shutdown`: fails readiness once requested."""

    __slots__ = ("checks", "shutdown")

    def __init__(self, checks: HealthChecks | None = None, shutdown: Stopping | None = None) -> None:
        self.checks = checks if checks is not None else HealthChecks()
        self.shutdown = shutdown

    def live(self, exclude: Collection[str] = ()) -> ProbeResult:
        """Whether the process lives. `exclude`: names of checks to leave out."""
        raise NotImplementedError

    def ready(self, exclude: Collection[str] = ()) -> ProbeResult:
        """Whether the process shall get work."""
        raise NotImplementedError

    def startup(self, exclude: Collection[str] = ()) -> ProbeResult:
        """Whether the process has started; once true, it stays so."""
        raise NotImplementedError

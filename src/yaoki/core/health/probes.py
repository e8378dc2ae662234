"""Probes: whether the process lives, has started, and shall get work (SPEC H2).

| probe | true while |
| --- | --- |
| live | the process answers; checks of "live" look at nothing but the process |
| ready | it has started, nobody has requested its shutdown, and every critical check of "ready" was ok at its latest run |
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
            raise NotImplementedError

        @property
        def reason(self) -> str | None:
            """Why."""
            raise NotImplementedError


__all__ = ["ProbeResult", "Probes"]


class ProbeResult:
    """The answer of one probe. As a boolean, whether it is ok.

    `probe`: "livez", "readyz" or "startupz". `checks`: the results it rests on. `excluded`: the names left out on request;
    `unknown`: those that name no check of this probe.
    """

    __slots__ = ("checks", "excluded", "ok", "probe", "unknown")

    def __init__(
        self,
        probe: str,
        ok: bool,
        checks: tuple[CheckResult, ...],
        excluded: tuple[str, ...] = (),
        unknown: tuple[str, ...] = (),
    ) -> None:
        self.probe: str = probe
        self.ok: bool = ok
        self.checks: tuple[CheckResult, ...] = checks
        self.excluded: tuple[str, ...] = excluded
        self.unknown: tuple[str, ...] = unknown

    def __bool__(self) -> bool:
        return self.ok

    @property
    def status(self) -> int:
        """The HTTP status: 200 or 503."""
        return 200 if self.ok else 503

    def text(self, verbose: bool = False) -> str:
        """As kube-apiserver writes it: "ok", or a line for each check, `[+]name ok` or `[-]name failed: reason`.

        What has failed is listed anyhow.
        """
        if self.ok and not verbose:
            return "ok"
        lines = [_line(result, self.probe, excluded=result.name in self.excluded) for result in self.checks]
        if self.unknown:
            lines.append(
                f"warn: some checks cannot be excluded: no matches for {', '.join(repr(name[:100]) for name in self.unknown)}"
            )
        lines.append(f"{self.probe} check {'passed' if self.ok else 'failed'}")
        return "\n".join(lines) + "\n"

    def to_dict(self) -> dict[str, object]:
        """JSON-ready."""
        return {
            "probe": self.probe,
            "ok": self.ok,
            "checks": [result.to_dict() for result in self.checks],
            "excluded": list(self.excluded),
        }

    def __repr__(self) -> str:
        return f"<ProbeResult {self.probe}: {'ok' if self.ok else 'failed'}>"


class Probes:
    """The three probes over the latest results of `checks`; asking runs no check. `shutdown` fails readiness once requested."""

    __slots__ = ("checks", "shutdown")

    def __init__(self, checks: HealthChecks | None = None, shutdown: Stopping | None = None) -> None:
        self.checks: HealthChecks = checks if checks is not None else HealthChecks()
        self.shutdown: Stopping | None = shutdown

    def live(self, exclude: Collection[str] = ()) -> ProbeResult:
        """Whether the process lives. `exclude`: names of checks to leave out."""
        ping = CheckResult("ping", True, groups=("live",), passed=True)
        return _probe("livez", [ping, *self._of("live")], exclude)

    def ready(self, exclude: Collection[str] = ()) -> ProbeResult:
        """Whether the process shall get work. `exclude`: names of checks to leave out."""
        waiting = [result.name for result in self._of("startup") if not result.passed]
        detail = f"waits for {', '.join(waiting)}" if waiting else None
        own = [CheckResult("started", not waiting, detail)]
        if self.shutdown is not None:
            requested = self.shutdown.requested
            own.append(CheckResult("shutdown", not requested, f"shutting down: {self.shutdown.reason}" if requested else None))
        return _probe("readyz", own + self._of("ready"), exclude)

    def startup(self, exclude: Collection[str] = ()) -> ProbeResult:
        """Whether the process has started; once true, it stays so. `exclude`: names of checks to leave out."""
        return _probe("startupz", self._of("startup"), exclude)

    def _of(self, group: str) -> list[CheckResult]:
        return [result for result in self.checks.results().values() if group in result.groups]


def _probe(probe: str, results: list[CheckResult], exclude: Collection[str]) -> ProbeResult:
    if isinstance(exclude, str):
        exclude = (exclude,)
    known = {result.name for result in results}
    ok = all(_counts_as_ok(result, probe) for result in results if result.name not in exclude)
    excluded = tuple(name for name in dict.fromkeys(exclude) if name in known)
    unknown = tuple(name for name in dict.fromkeys(exclude) if name not in known)
    return ProbeResult(probe, ok, tuple(results), excluded, unknown)


def _counts_as_ok(result: CheckResult, probe: str) -> bool:
    if probe == "startupz":
        return result.passed
    if probe == "livez":
        # Who has not been checked yet lives.
        return result.ok is not False
    return result.ok is True or not result.critical


def _line(result: CheckResult, probe: str, *, excluded: bool) -> str:
    if excluded:
        return f"[+]{result.name} excluded: ok"
    if result.ok is True or (probe == "startupz" and result.passed):
        return f"[+]{result.name} ok"
    if result.ok is None and probe == "livez":
        return f"[+]{result.name} ok: not checked yet"
    reason = "not checked yet" if result.ok is None else result.detail or "no reason given"
    tolerated = " (not critical)" if probe == "readyz" and not result.critical else ""
    return f"[-]{result.name} failed: {reason}{tolerated}"

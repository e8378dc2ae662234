"""How a kind of anomaly is repaired: a ladder of repairs, the cheapest first, and the question whether it worked (SPEC H3).

After each rung the subject is verified; the first rung that leaves it well is the last. What a destructive rung would replace
goes to the quarantine before.
"""

from __future__ import annotations

from yaoki.core.faults.errors import ConfigurationError
from yaoki.core.parameters import duration
from yaoki.core.recovery.anomaly import word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from typing import Protocol, TypeAlias

    from yaoki.core.recovery.anomaly import Anomaly, Verdict

    Action: TypeAlias = "Callable[[Attempt], bool | None] | Callable[[Attempt], Awaitable[bool | None]]"
    Application: TypeAlias = "Callable[[Anomaly], bool] | Callable[[Anomaly], Awaitable[bool]]"
    Verification: TypeAlias = "Callable[[Anomaly], bool | Verdict] | Callable[[Anomaly], Awaitable[bool | Verdict]]"
else:
    Protocol = object

__all__ = ["Attempt", "Quarantine", "Repair", "RepairLadder"]


class Attempt:
    """What a repair, and the quarantine before it, is told.

    `run`: the id of the recovery. `step`: the rung, as the journal names it. `key`: of (run, subject, step), the same when an
    interrupted step is repeated: work that must not happen twice is recognised by it. `number`: from 1 on; above 1 the step was
    interrupted before. `tickets`: where the quarantine keeps what this rung replaces, oldest first.
    """

    __slots__ = ("anomaly", "number", "run", "step", "tickets")

    def __init__(self, anomaly: Anomaly, run: str, step: str, number: int, tickets: tuple[str, ...] = ()) -> None:
        self.anomaly: Anomaly = anomaly
        self.run: str = run
        self.step: str = step
        self.number: int = number
        self.tickets: tuple[str, ...] = tickets

    @property
    def subject(self) -> str:
        """What is repaired."""
        return self.anomaly.subject

    @property
    def key(self) -> str:
        """The idempotency key: run/subject/step."""
        return f"{self.run}/{self.subject}/{self.step}"

    def __repr__(self) -> str:
        return f"<Attempt {self.number} of {self.key}>"


class Quarantine(Protocol):
    """Where a system keeps what its destructive repairs replace. What is kept can be got back."""

    def keep(self, attempt: Attempt) -> str | Awaitable[str]:
        """Take in what the repair would replace, durably; returns the ticket by which it is found again.

        An empty ticket says that nothing is there to be kept. Called a second time with the same `attempt.key`, it was interrupted
        in the middle, and finishes. Raises what it likes: then the repair does not run.
        """
        raise NotImplementedError


class Repair:
    """One rung.

    `action` is a function or coroutine function of an `Attempt`; False says that it could not help, so does an exception. `applies`: one
    of the anomaly, asked before; False says that there is nothing for it to mend, and it is not begun.
    `destructive`: it replaces or removes something, so the quarantine is asked first. `forced`: it may interrupt somebody's work,
    and runs only if the strategy forces. `repeatable`: whether it may run again after it was interrupted by the end of the process;
    if not, it counts as failed then. `timeout`: seconds until it is left and the subject isolated; the time of the quarantine
    before it is counted by itself.

    Raises ConfigurationError for a value out of its range.
    """

    __slots__ = ("action", "applies", "destructive", "forced", "name", "repeatable", "timeout")

    def __init__(
        self,
        name: str,
        action: Action,
        *,
        applies: Application | None = None,
        destructive: bool = False,
        forced: bool = False,
        repeatable: bool = True,
        timeout: float = 300.0,
    ) -> None:
        if not callable(action):
            raise ConfigurationError(f"action must be callable with an Attempt, not {action!r}")
        if applies is not None and not callable(applies):
            raise ConfigurationError(f"applies must be callable with an Anomaly, not {applies!r}")
        self.name: str = word("name", name)
        self.action: Action = action
        self.applies: Application | None = applies
        self.destructive: bool = destructive
        self.forced: bool = forced
        self.repeatable: bool = repeatable
        self.timeout: float = duration("timeout", timeout)

    def __repr__(self) -> str:
        return f"<Repair {self.name}{', destructive' if self.destructive else ''}>"


class RepairLadder:
    """The repairs for some kinds of anomaly, cheapest first; with none, such a subject is isolated at once.

    `verify` is a function or coroutine function of the anomaly: only True, or a Verdict that is ok, says that the subject is
    well. `command`: what a person may try with an isolated subject: a text in which `{subject}` stands for it, or a function of the
    anomaly. `verify_timeout`: seconds.

    Raises ConfigurationError for a value out of its range, and for two rungs of one name.
    """

    __slots__ = ("_command", "kinds", "repairs", "verify", "verify_timeout")

    def __init__(
        self,
        kinds: str | Iterable[str],
        *repairs: Repair,
        verify: Verification,
        verify_timeout: float = 60.0,
        command: str | Callable[[Anomaly], str] = "",
    ) -> None:
        self.kinds: tuple[str] | tuple[str, ...] = (kinds,) if isinstance(kinds, str) else tuple(kinds)
        if not self.kinds:
            raise ConfigurationError("kinds must name at least one kind of anomaly")
        self.repairs: tuple[Repair, ...] = repairs
        names = [repair.name for repair in repairs]
        if len(set(names)) < len(names):
            raise ConfigurationError(f"repairs must have names of their own, not {', '.join(names)}")
        if not callable(verify):
            raise ConfigurationError(f"verify must be callable with an Anomaly, not {verify!r}")
        self.verify: Verification = verify
        self.verify_timeout: float = duration("verify_timeout", verify_timeout)
        self._command = command

    def command(self, anomaly: Anomaly) -> str:
        """What a person may try with the isolated subject; empty if there is no advice."""
        given = self._command
        return given.replace("{subject}", anomaly.subject) if isinstance(given, str) else given(anomaly)

    def rungs(self, *, force: bool) -> list[Repair]:
        """The repairs that may run."""
        return [repair for repair in self.repairs if force or not repair.forced]

    def __repr__(self) -> str:
        return f"<RepairLadder for {', '.join(self.kinds)}: {', '.join(repair.name for repair in self.repairs) or 'isolate'}>"

"""One call on its way through a pipeline's policies: down, until the function may run; up, until the outcome is decided.

The call is flat: it walks a tuple of policies with an index, so a failure that passes ten policies adds no stack frames. It
never keeps an exception. It does nothing itself: the drivers (`driver_sync`, `driver_async`) sleep, wait and call.
"""

from __future__ import annotations

from yaoki.core import deadline, events
from yaoki.core.clock import clock
from yaoki.core.faults.classifier import classify
from yaoki.core.faults.errors import DeadlineExceededError, Rejected
from yaoki.core.policies.policy import NEUTRAL, RESUME, Answer, Ticket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from yaoki.core.faults.record import Fault
    from yaoki.core.pipeline.plan import Plan
    from yaoki.core.policies.policy import Policy, Step

__all__ = ["Call", "begin", "handed_over"]


class Call:
    """The state of one call: which policies it has entered, with which permits, and how often it was tried.

    Attributes that policies read and write while they decide:
    `attempt`: the number of the attempt, from 1 on. `value`: what the function returned. `deadline`: the tightest deadline in
    force, in monotonic seconds, and `timeout`: the Timeout that set it, None if the caller did. `ran`: whether the function was
    called in this attempt. `committed`: whether an item has reached the consumer, so nothing may be repeated or replaced.
    `since`: when the call started, or its first failure if the start was not noted (`started` is then False). `target`: the
    guarded function, None for a block. `told`: whether a call below a boundary (`child.py`) has sent the event of the failure
    already. `answering`: whether an answer that shall replace the outcome is being made.
    """

    plan: Plan
    policies: tuple[Policy, ...]
    permits: list[object]
    since: float
    started: bool
    callers_deadline: float
    deadline: float
    ran: bool
    told: bool
    answering: bool
    committed: bool
    delays: list[float] | None
    errors: list[Exception] | None
    _fault: Fault | None

    attempt = 1
    last_delay: float = 0.0
    last_cost = 0
    value: object = None
    timeout: Policy | None = None
    degraded_by: list[tuple[str, Fault]] | None = None
    outer: Call | None = None
    target: Callable[..., object] | None = None
    step: Step = 0.0

    # Not `__init__`, and by position: a call is made at every failure, and a class runs its `__init__` the slow way.
    def start(
        self,
        plan: Plan,
        policies: tuple[Policy, ...],
        permits: list[object],
        since: float,
        deadline: float,
        started: bool = True,
    ) -> None:
        """Set what a new call needs to know."""
        self.plan = plan
        self.policies = policies
        self.permits = permits
        self.since = since
        self.callers_deadline = deadline
        self.deadline = deadline
        self.started = started
        # What every failure reads is set here: a default of the class is found three times as slowly.
        self.ran = self.told = self.answering = self.committed = False
        self.delays = self.errors = self._fault = None

    @property
    def name(self) -> str | None:
        """The pipeline's name."""
        return self.plan.name

    @property
    def key(self) -> Hashable:
        """The key of a keyed pipeline that this call belongs to, or None."""
        for policy in self.policies:
            if policy.key is not None:
                return policy.key
        return None

    def fault(self, error: Exception) -> Fault:
        """What `error` is, classified once for each outcome."""
        fault = self._fault
        if fault is None:
            fault = self._fault = classify(error)
        return fault

    def is_callers_deadline(self, error: BaseException) -> bool:
        """Whether `error` says that the deadline which the caller brought along has passed: nobody's fault here."""
        return isinstance(error, DeadlineExceededError) and error.until >= self.callers_deadline

    def shut_until(self, above: Policy, now: float) -> float:
        """Until when a policy further in than `above` will refuse calls; `now` if none will."""
        until = now
        for policy in reversed(self.policies):
            if policy is above:
                break
            shut_until = policy.shut_until(now)
            if shut_until > until:  # noqa: PLR1730  # max() would be a call
                until = shut_until
        plan = self.plan.below
        while plan is not None:
            until = max([until, *(policy.shut_until(now) for policy in plan.policies)])
            plan = plan.below
        return until

    # Down

    def descend(self, now: float) -> Exception | Ticket | None:
        """Enter the policies not yet entered. None: the function may run. A Ticket: wait, then `admit`. Else a refusal."""
        policies, permits = self.policies, self.permits
        self.ran = False
        self._fault = None
        while len(permits) < len(policies):
            permit = policies[len(permits)].enter(self, now)
            if isinstance(permit, (Exception, Ticket)):
                return permit
            permits.append(permit)
            if events.listeners:
                # What a listener took to hear of a change is not the time of the policies further in.
                now = clock.now()
        return None

    def may_run_again(self) -> bool:
        """Whether the function may be called again as it is: every policy is entered."""
        self._fault = None
        return len(self.permits) == len(self.policies)

    def admit(self, permit: object) -> None:
        """Take the permit that a Ticket was resolved to."""
        self.permits.append(permit)

    # Up

    def failed(self, error: BaseException, now: float) -> Step:
        """Tell the policies, from the innermost out, that the call failed. None: it goes on to the caller.

        A float: call again below the policy that said so. An Answer: this instead, judged by the policies above it.
        """
        failure = error if isinstance(error, Exception) else None
        if self.answering:
            # The answer failed in its turn. Whoever made it has said so, and nothing was replaced.
            self.answering = False
            if self.degraded_by is not None:
                self.degraded_by.pop()
        elif failure is not None and events.listeners and not self.told:
            self._emit_failed(failure)
        self.told = False
        policies, permits = self.policies, self.permits
        while permits:
            permit = permits.pop()
            policy = policies[len(permits)]
            try:
                step = policy.leave(self, permit, error, now)
            except Exception as broken:
                # A predicate of the user's raised while the failure was judged: that is the error now.
                self._fault = None
                if events.listeners:
                    self._emit_raised(broken)
                raise broken from error
            if step is not None and failure is not None:
                if isinstance(step, Answer):
                    self.answering = True
                    if self.degraded_by is not None:
                        self.degraded_by.append((policy.label, self.fault(failure)))
                    self._fault = None
                else:
                    permits.append(permit)
                return step
        if failure is not None and events.listeners:
            self._emit_raised(failure)
        return None

    def returned(self, value: object, now: float) -> Step:
        """Tell the policies, from the innermost out, that the call returned `value`. None: it goes to the caller."""
        self.value = value
        self.answering = False
        policies, permits = self.policies, self.permits
        while permits:
            permit = permits.pop()
            step = policies[len(permits)].leave(self, permit, None, now)
            if step is not None:
                if not isinstance(step, Answer):
                    permits.append(permit)
                return step
        return None

    def release(self, now: float) -> None:
        """Give back what is still held, judging nothing: the call ended without an outcome."""
        self.errors = None
        policies, permits = self.policies, self.permits
        while permits:
            permit = permits.pop()
            policies[len(permits)].leave(self, permit, NEUTRAL, now)

    def _emit_failed(self, error: Exception) -> None:
        if isinstance(error, (Rejected, DeadlineExceededError)) and not self.ran:
            policy = error.policy
            events.emit(
                events.CallRefused(
                    pipeline=self.name,
                    key=self.key,
                    policy="deadline" if policy is None else policy if isinstance(policy, str) else policy.label,
                    reason=str(error),
                    retry_after=error.retry_after if isinstance(error, Rejected) else None,
                )
            )
        else:
            events.emit(events.CallFailed(pipeline=self.name, key=self.key, attempt=self.attempt, fault=self.fault(error)))

    def _emit_raised(self, error: Exception) -> None:
        refused = isinstance(error, (Rejected, DeadlineExceededError)) and not self.ran
        events.emit(
            events.CallRaised(pipeline=self.name, key=self.key, attempts=self.attempt, fault=self.fault(error), refused=refused)
        )


def begin(plan: Plan, policies: tuple[Policy, ...] | None = None) -> Call:
    """A call that starts now and has entered nothing yet; `policies` are the states of one key, the plan's own by default."""
    call = Call()
    call.start(plan, plan.policies if policies is None else policies, [], clock.now(), deadline.current())
    return call


def handed_over(
    plan: Plan,
    policies: tuple[Policy, ...],
    target: Callable[..., object],
    error: BaseException,
    permits: list[object],
    started: float | None,
    callers: float | None,
) -> Call | None:
    """A call of `target` that failed on the healthy path, holding `permits`, and what its policies decide about `error`.

    `started`: when the call started, None if nobody looked. `callers`: the deadline that the caller brought along, None if the
    healthy path published no other in its place. Returns None if `error` goes on to the caller; else the call, whose
    `step` the driver carries out.
    """
    now = clock.now()
    known = deadline.current() if callers is None else callers
    call = Call()
    call.start(plan, policies, permits, now if started is None else started, known, started is not None)
    if callers is not None:
        for index, permit in enumerate(permits):
            if permit is RESUME:
                permits[index] = policies[index].resume(call, call.since)
    call.target = target
    call.ran = True
    try:
        call.step = call.failed(error, now)
    except BaseException:
        call.release(now)
        raise
    return None if call.step is None else call

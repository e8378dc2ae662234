"""What an exception is: one fault record for any exception of any library (SPEC F3).

The first of these that has an answer decides:

1. a record that the exception carries: its attribute `fault`;
2. the table of kinds, for the errors that Yaoki raises itself;
3. predicates that users registered, the newest first;
4. type rules along the MRO, the most specific class first; at the same class users' rules, the newest first, then ours;
5. the default for unknown exceptions: SYSTEM, ERROR, RECOVERABLE, DEPENDENCY.

Then `retry_after` is filled in from the exception's attribute of that name, where the rule has not told it (SPEC R4).

A wrapper is classified as what it wraps where its rule says so. Of several exceptions (a group) every axis is decided on its
own: the least recoverable, the loudest, the dependency's fault as soon as one of them is; the longest `retry_after`; category,
`error_type` and code come from the least recoverable one (SPEC F2).

What a type decides is worked out once and kept as long as the type lives. A rule that raises, or answers nonsense, is logged
once, counted, and passed over: it never changes a call.
"""

from __future__ import annotations

from _weakref import ref

from yaoki.core.faults.category import Category, Origin, Recoverability, Severity
from yaoki.core.faults.errors import ConfigurationError, DeadlineExceededError, RetryExhaustedError, YaokiError
from yaoki.core.faults.record import Fault
from yaoki.core.faults.retry_after import seconds_to_wait
from yaoki.core.faults.rule import Rule, checked_axes, checked_target, qualified_name
from yaoki.core.faults.rules import built_in
from yaoki.core.faults.templates import UNKNOWN
from yaoki.core.interpreter import lock_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    from yaoki.core.faults.kinds import Kind
    from yaoki.core.faults.rule import Answer, Decision

    T = TypeVar("T")

__all__ = ["Classifier", "classify"]


class Classifier:
    """Classifies exceptions: `classifier(error)` returns a `Fault`. Safe for threads; looking up takes no lock.

    A new one knows the built-in rules and nothing else.
    """

    __slots__ = ("_known", "_rule_errors", "_rules")

    def __init__(self) -> None:
        self._rules: tuple[Rule, ...] = ()
        self._rule_errors = 0
        self._known: dict[int, _Known] = {}

    def __call__(self, error: Exception) -> Fault:
        """The fault that `error` is.

        Raises TypeError for what is no `Exception`: a cancelled task, KeyboardInterrupt, SystemExit and GeneratorExit are
        never faults.
        """
        known = self._known.get(id(type(error)))
        if known is not None:
            try:
                if getattr(error, "fault", None) is None and getattr(error, "retry_after", None) is None:
                    if known.constant is not None:
                        return known.constant
                    if known.complete is not None:
                        return known.complete(error)
            except Exception:  # noqa: BLE001, S110  # border: somebody's properties; the other way asks again, with care
                pass
        return self._classify(error, 0)

    @property
    def rule_errors(self) -> int:
        """How often a registered rule has raised or answered nonsense."""
        return self._rule_errors

    def register(
        self,
        exception: type[Exception] | str,
        *,
        rule: Answer | None = None,
        category: Category | None = None,
        severity: Severity | None = None,
        recoverability: Recoverability | None = None,
        origin: Origin | None = None,
    ) -> Callable[[], None]:
        """Say what an exception type and its subclasses are. Returns a function that takes the rule back.

        `exception`: the type, or its qualified name, such as "redis.exceptions.ConnectionError": then nothing is imported.
        Either some axes: those left out stay as the other rules say. Or `rule`: a `Fault`, or a function of the exception
        that returns a `Fault`; or an exception that shall be classified instead; or a tuple of them; or None, which leaves
        it to the next rule. An empty `error_type` becomes the exception's class name.

        Raises ConfigurationError for anything else.
        """
        axes = checked_axes(category, severity, recoverability, origin)
        if rule is None and not axes:
            raise ConfigurationError("register needs rule, or one of category, severity, recoverability, origin")
        if rule is not None and axes:
            raise ConfigurationError(f"rule decides everything: {', '.join(axes)} cannot be given beside it")
        if rule is not None and not isinstance(rule, Fault) and not callable(rule):
            raise ConfigurationError(f"rule must be a Fault or a function of the exception, not {rule!r}")
        return self._add(Rule(checked_target(exception), rule, axes))

    def register_predicate(
        self,
        predicate: Callable[[Exception], Decision],
        *,
        category: Category | None = None,
        severity: Severity | None = None,
        recoverability: Recoverability | None = None,
        origin: Origin | None = None,
    ) -> Callable[[], None]:
        """Ask a function about every exception before the type rules. Returns a function that takes it back.

        The function answers as the `rule` of `register` does; or True, if axes are given here: then they are changed in what
        the next rules say. False and None: not its business. It costs every classification, so prefer types.

        Raises ConfigurationError for anything else.
        """
        if not callable(predicate):
            raise ConfigurationError(f"predicate must be a function of the exception, not {predicate!r}")
        return self._add(Rule(None, predicate, checked_axes(category, severity, recoverability, origin)))

    def copy(self) -> Classifier:
        """A classifier with the same rules; what is registered on one later does not show on the other."""
        twin = Classifier()
        twin._rules = self._rules
        return twin

    def _add(self, rule: Rule) -> Callable[[], None]:
        with lock_of(self):
            self._change_locked((rule, *self._rules))

        def remove() -> None:
            with lock_of(self):
                self._change_locked(tuple(other for other in self._rules if other is not rule))

        return remove

    def _change_locked(self, rules: tuple[Rule, ...]) -> None:
        # In this order, and a new dict: a thread that works a type out by the old rules writes into the old one.
        self._rules = rules
        self._known = {}

    def _classify(self, error: Exception, depth: int) -> Fault:
        known = self._known.get(id(type(error))) or self._learn(type(error))
        carried = _attribute(error, "fault", Fault)
        if carried is not None:
            return carried
        fault = known.constant
        if fault is None:
            fault = self._own(known.kinds, error, depth) if known.kinds else None
            fault = fault or self._ask(known.chain, error, depth)
            if not fault.error_type:
                fault = fault.replace(error_type=known.name)
        if fault.retry_after is None:
            seconds = _wait_asked_by(error)
            if seconds is not None:
                fault = fault.replace(retry_after=seconds)
        return fault

    def _learn(self, cls: type) -> _Known:
        # Read before the rules: see _change_locked.
        store = self._known
        if not issubclass(cls, Exception):
            raise TypeError(f"{qualified_name(cls)} is no Exception: it is never a fault")
        chain, complete = self._chain(cls)
        kinds: Mapping[str, Kind] | None = None
        if issubclass(cls, YaokiError):
            try:
                from yaoki.core.faults.kinds import by_name

                kinds = by_name
            except Exception:  # noqa: BLE001  # border: see _chain
                complete = False
        known = _Known(cls, chain, kinds)
        if complete:
            known.keep(cls, store)
        return known

    def _chain(self, cls: type) -> tuple[tuple[Rule, ...], bool]:
        """The rules that may speak about an exception of this class, in their order; and whether all could be loaded."""
        rules = self._rules
        complete = True
        chain = [rule for rule in rules if rule.target is None]
        for base in _mro_of(cls):
            chain.extend(rule for rule in rules if rule.matches(base))
            try:
                ours = built_in(qualified_name(base))
            except Exception:  # noqa: BLE001  # border: a file cannot be opened, for want of descriptors or memory
                ours, complete = None, False
            if ours is not None:
                chain.append(ours)
        return tuple(chain), complete

    def _own(self, by_name: Mapping[str, Kind], error: Exception, depth: int) -> Fault | None:
        """What the table of kinds says of an error of ours, or None for a kind that is not in it."""
        kind = by_name.get(_attribute(error, "kind", str) or "")
        if kind is None:
            return None
        cls = type(error)  # an exception may lie about its `__class__`
        if issubclass(cls, DeadlineExceededError) and _attribute(error, "policy", object) is None:
            return kind.fault(when="inherited").replace(origin=Origin.CALLER)
        attempts = _attribute(error, "attempts", tuple) if issubclass(cls, RetryExhaustedError) else None
        if attempts and issubclass(type(attempts[-1]), Exception) and depth < _DEEPEST:
            last = self._classify(attempts[-1], depth + 1)
            return kind.fault().replace(category=last.category, severity=last.severity, origin=last.origin)
        return kind.fault()

    def _ask(self, chain: tuple[Rule, ...], error: Exception, depth: int) -> Fault:
        axes: dict[str, object] = {}
        fault = None
        for rule in chain:
            decision = self._decision(rule, error)
            if isinstance(decision, Fault):
                fault = decision
            elif decision is True:
                axes = rule.axes | axes
            elif isinstance(decision, tuple):
                if depth + _COST_OF_MANY <= _DEEPEST:
                    fault = _together([self._classify(other, depth + _COST_OF_MANY) for other in decision])
            elif decision is not None and decision is not False and depth < _DEEPEST:
                fault = self._classify(decision, depth + 1)
            if fault is not None:
                break
        fault = fault or UNKNOWN
        return fault.replace(**axes) if axes else fault

    def _decision(self, rule: Rule, error: Exception) -> Decision:
        traceback = _traceback.__get__(error)
        try:
            return rule.decide(error)
        except Exception as failure:  # noqa: BLE001  # border: users' rules, which must not change the call
            if failure is error:
                _traceback.__set__(error, traceback)
            self._report(rule, failure)
            return None

    def _report(self, rule: Rule, failure: Exception) -> None:
        with lock_of(self):
            self._rule_errors += 1
            first, rule.failed = not rule.failed, True
        if first:
            try:
                import logging

                logging.getLogger("yaoki.core.faults").error("%r failed and is passed over", rule, exc_info=failure)
            except Exception:  # noqa: BLE001, S110  # border: users' log handlers, which must not change the call
                pass


class _Known:
    """What is known about one exception type: its rules, or the fault that they come to for every exception of it."""

    __slots__ = ("chain", "complete", "constant", "kinds", "name", "reference")

    reference: ref[type]
    complete: Callable[[Exception], Fault] | None

    def __init__(self, cls: type, chain: tuple[Rule, ...], kinds: Mapping[str, Kind] | None) -> None:
        self.chain = chain
        self.kinds = kinds
        self.name: str = _name_of(cls)
        self.constant = None if kinds else _constant(chain, self.name)
        first = chain[0] if chain and not kinds else None
        self.complete = first.answer if first is not None and first.complete else None  # type: ignore[assignment]  # as it says

    def keep(self, cls: type, store: dict[int, _Known]) -> None:
        """Put this into `store`, for as long as the type lives: the entry goes before another object can have its id."""
        key = id(cls)
        self.reference = ref(cls, lambda _: store.pop(key, None))
        store[key] = self


def _constant(chain: tuple[Rule, ...], name: str) -> Fault | None:
    """The fault that the rules come to without being asked about an exception, or None if a function has to be asked."""
    axes: dict[str, object] = {}
    for rule in chain:
        answer = rule.answer
        if answer is None:
            axes = rule.axes | axes
        elif isinstance(answer, Fault):
            return answer.replace(error_type=answer.error_type or name, **axes)
        else:
            return None
    return UNKNOWN.replace(error_type=name, **axes)


def _together(faults: list[Fault]) -> Fault:
    """Each axis on its own; what is left comes from the least recoverable fault, the first of equals."""
    worst = max(faults, key=lambda fault: (fault.recoverability, fault.origin is Origin.DEPENDENCY, fault.severity))
    if len(faults) == 1:
        return worst
    waits = [fault.retry_after for fault in faults if fault.retry_after is not None]
    dependency = any(fault.origin is Origin.DEPENDENCY for fault in faults)
    return worst.replace(
        severity=max(fault.severity for fault in faults),
        origin=Origin.DEPENDENCY if dependency else worst.origin,
        retry_after=max(waits, default=None),
        context={**worst.context, "exceptions": len(faults)},
    )


def _attribute(error: Exception, name: str, cls: type[T]) -> T | None:
    try:
        value = getattr(error, name, None)
        return value if isinstance(value, cls) else None
    except Exception:  # noqa: BLE001  # border: a property of somebody's exception
        return None


def _wait_asked_by(error: Exception) -> float | None:
    try:
        value = getattr(error, "retry_after", None)
        return None if value is None else seconds_to_wait(value)
    except Exception:  # noqa: BLE001  # border: a property of somebody's exception, a value of somebody's type
        return None


# How far wrappers are followed. Members of a group may be wrappers, but not lead to a second group.
_DEEPEST = 8
_COST_OF_MANY = 5

# Past what a class or its metaclass makes of these names.
_mro_of = vars(type)["__mro__"].__get__
_name_of = vars(type)["__name__"].__get__
_traceback = vars(BaseException)["__traceback__"]

classify: Classifier = Classifier()
"""The classifier that pipelines ask. `classify(error)` returns a `Fault`; `classify.register(...)` adds to it."""

"""The ladder of modes: declared over what failed, from the best mode to the worst (SPEC K2).

The mode of an answer comes from what happened to this answer, not from a health flag that may be stale: `mode_of` gets the
names of the dependencies that failed meanwhile, and picks the last mode on the ladder that holds for them.
"""

from __future__ import annotations

from enum import Enum
from types import MappingProxyType

from yaoki.core.faults.errors import ConfigurationError
from yaoki.core.policies.priority import Priority

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

__all__ = ["Feature", "Ladder", "Mode", "Rank"]


class Rank(Enum):
    """How much a feature matters."""

    CORE = "core"
    """What the service is there for: offered as long as what it needs works."""
    AUXILIARY = "auxiliary"
    """What an answer can do without: given up in every mode that does not say otherwise."""


class Feature:
    """Something a service offers. `needs`: the names of the dependencies it cannot do without.

    Raises ConfigurationError for a value of the wrong type.
    """

    __slots__ = ("name", "needs", "rank")

    def __init__(self, name: str, rank: Rank = Rank.CORE, needs: Collection[str] = ()) -> None:
        self.name: str = _name("name", name)
        if not isinstance(rank, Rank):
            raise ConfigurationError(f"rank must be a Rank, not {rank!r}")
        self.rank: Rank = rank
        self.needs: frozenset[str] = _names("needs", needs)

    @property
    def priority(self) -> Priority:
        """The priority for calls made for this feature: auxiliary ones are refused before core ones (SPEC T4)."""
        return Priority.CORE if self.rank is Rank.CORE else Priority.AUXILIARY

    def __repr__(self) -> str:
        return f"Feature({self.name!r}, {self.rank})"


class Mode:
    """One step of a ladder.

    `failed`: the dependencies that have all failed where this mode holds; none for the best mode. `any_of`: others of which
    at least one has failed. `notices`: what users are told, by language ("ja", "en"). `apologies`: the answer where there is
    no other, by language; `maintenance`: the same while maintenance is declared. `auxiliary`: whether auxiliary features are
    still offered; in the best mode they always are.

    Raises ConfigurationError for a value of the wrong type, an empty text, or a language that is none.
    """

    __slots__ = ("any_of", "apologies", "auxiliary", "failed", "maintenance", "name", "notices")

    def __init__(
        self,
        name: str,
        failed: Collection[str] = (),
        notices: Mapping[str, str] | None = None,
        *,
        any_of: Collection[str] = (),
        apologies: Mapping[str, str] | None = None,
        maintenance: Mapping[str, str] | None = None,
        auxiliary: bool = False,
    ) -> None:
        self.name: str = _name("name", name)
        self.failed: frozenset[str] = _names("failed", failed)
        self.any_of: frozenset[str] = _names("any_of", any_of)
        self.notices: Mapping[str, str] = _texts("notices", notices)
        self.apologies: Mapping[str, str] = _texts("apologies", apologies)
        self.maintenance: Mapping[str, str] = _texts("maintenance", maintenance)
        self.auxiliary: bool = auxiliary

    def holds(self, failed: Collection[str]) -> bool:
        """Whether the condition of this mode is met when these dependencies have failed."""
        return self.failed.issubset(failed) and (not self.any_of or not self.any_of.isdisjoint(failed))

    def covers(self, other: Mode) -> bool:
        """Whether this mode holds wherever `other` does."""
        if not self.failed <= other.failed:
            return False
        if not self.any_of or not self.any_of.isdisjoint(other.failed):
            return True
        return bool(other.any_of) and other.any_of <= self.any_of

    def __repr__(self) -> str:
        return f"Mode({self.name!r})"


class Ladder:
    """Modes from the best to the worst. Iterates over them; `ladder["normal"]` is the mode of that name, or KeyError.

    `features`: what the service offers. `dependencies`: every name that a mode or a feature knows.

    Raises ConfigurationError if the first mode has a condition, if a mode can never be reached because a later one always
    takes its place, or if a name is there twice.
    """

    __slots__ = ("_by_name", "dependencies", "features", "modes")

    def __init__(self, *modes: Mode, features: Iterable[Feature] = ()) -> None:
        self.modes: tuple[Mode, ...] = modes
        self.features: tuple[Feature, ...] = tuple(features)
        self._check_modes()
        self._by_name = {mode.name: mode for mode in modes}
        _refuse_twice("mode", [mode.name for mode in modes])
        _refuse_twice("feature", [feature.name for feature in self.features])
        self.dependencies: frozenset[str] = frozenset[str]().union(
            *(mode.failed | mode.any_of for mode in modes), *(feature.needs for feature in self.features)
        )

    def _check_modes(self) -> None:
        for mode in self.modes:
            if not isinstance(mode, Mode):
                raise ConfigurationError(f"a Ladder is made of modes, and {mode!r} is none")
        if not self.modes or self.modes[0].failed or self.modes[0].any_of:
            raise ConfigurationError("the first mode of a Ladder is the one where nothing has failed: give it no condition")
        for place, mode in enumerate(self.modes):
            for later in self.modes[place + 1 :]:
                if later.covers(mode):
                    raise ConfigurationError(
                        f"the mode {mode.name!r} can never be reached: where it holds, so does {later.name!r} after it"
                    )

    @property
    def best(self) -> Mode:
        """The mode where nothing has failed."""
        return self.modes[0]

    def mode_of(self, failed: Collection[str]) -> Mode:
        """The mode of an answer on whose way these dependencies failed: the last on the ladder that holds.

        Raises ConfigurationError for a name that no mode and no feature knows: nothing would tell about its failure.
        """
        names = _names("failed", failed)
        unknown = names - self.dependencies
        if unknown:
            raise ConfigurationError(
                f"failed must name dependencies of the ladder ({', '.join(sorted(self.dependencies))}), not {sorted(unknown)}"
            )
        return next(mode for mode in reversed(self.modes) if mode.holds(names))

    def offered(self, failed: Collection[str]) -> tuple[Feature, ...]:
        """The features that can be offered while these dependencies fail, in the order of declaration.

        Raises ConfigurationError as `mode_of` does.
        """
        mode = self.mode_of(failed)
        auxiliary = mode.auxiliary or mode is self.best
        return tuple(
            feature
            for feature in self.features
            if feature.needs.isdisjoint(failed) and (auxiliary or feature.rank is Rank.CORE)
        )

    def __getitem__(self, name: str) -> Mode:
        return self._by_name[name]

    def __iter__(self) -> Iterator[Mode]:
        return iter(self.modes)

    def __len__(self) -> int:
        return len(self.modes)

    def __repr__(self) -> str:
        return f"Ladder({', '.join(mode.name for mode in self.modes)})"


def _name(what: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{what} must be a text that is not empty, not {value!r}")
    return value


def _names(what: str, values: Collection[str]) -> frozenset[str]:
    if isinstance(values, str):
        raise ConfigurationError(f"{what} must be a collection of names, not the text {values!r}")
    return frozenset(_name(f"each name in {what}", value) for value in values)


def _texts(what: str, texts: Mapping[str, str] | None) -> Mapping[str, str]:
    known: dict[str, str] = {}
    for language, text in (texts or {}).items():
        tag = _name(f"each language in {what}", language)
        if not tag.isascii() or not tag.replace("-", "").isalnum():
            raise ConfigurationError(f"{what} must be texts by language, such as 'ja' or 'en-GB', not {language!r}")
        known[tag.lower()] = _name(f"{what}[{language!r}]", text)
    return MappingProxyType(known)


def _refuse_twice(what: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f"a Ladder has one {what} of each name, and {name!r} is there twice")

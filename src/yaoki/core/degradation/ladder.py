"""The ladder of modes: declared over what failed, from the best mode to the worst (SPEC K2).

The mode of an answer comes from what happened to this answer, not from a health flag that may be stale: `mode_of` gets the
names of the dependencies that failed meanwhile, and picks the last mode on the ladder that holds for them.
"""

from __future__ import annotations

from enum import Enum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

__all__ = ["Feature", "Ladder", "Mode", "Rank"]


class Rank(Enum):
    """How much a feature matters."""

    CORE = "core"
    """What the service is there for: offered as long as what it needs works."""
    AUXILIARY = "auxiliary"
    """What an answer can do without: given up first."""


class Feature:
    """Something a service offers. `needs`: the names of the dependencies it cannot do without."""

    __slots__ = ("name", "needs", "rank")

    def __init__(self, name: str, rank: Rank = Rank.CORE, needs: Collection[str] = ()) -> None:
        raise NotImplementedError


class Mode:
    """One step of a ladder.

    `failed`: the dependencies that have all failed where this mode holds; none for the best mode. `any_of`: others of which
    at least one has failed. `notices`: what users are told, by language ("ja", "en"). `apologies`: the answer where there is
    no other, by language; `maintenance`: the same while maintenance is declared. `auxiliary`: whether auxiliary features are
    still offered; always in the best mode.
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
        raise NotImplementedError


class Ladder:
    """Modes from the best to the worst. Iterates over them; `ladder["normal"]` is the mode of that name.

    Raises ConfigurationError if the first mode has a condition, if a mode can never be reached, or if a name is there twice.
    """

    __slots__ = ("dependencies", "features", "modes")

    def __init__(self, *modes: Mode, features: Iterable[Feature] = ()) -> None:
        raise NotImplementedError

    def mode_of(self, failed: Collection[str]) -> Mode:
        """The mode of an answer on whose way these dependencies failed: the last on the ladder that holds.

        Raises ConfigurationError for a name that no mode and no feature knows: nothing would tell about its failure.
        """
        raise NotImplementedError

    def offered(self, failed: Collection[str]) -> tuple[Feature, ...]:
        """The features that can be offered while these dependencies fail."""
        raise NotImplementedError

    def __getitem__(self, name: str) -> Mode:
        raise NotImplementedError

    def __iter__(self) -> Iterator[Mode]:
        raise NotImplementedError

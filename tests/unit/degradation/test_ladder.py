"""SPEC K2: modes declared over what failed, features ranked core and auxiliary."""

from __future__ import annotations

import pytest

from yaoki import ConfigurationError, Feature, Ladder, Mode, Rank
from yaoki.core.policies.priority import Priority

SHOP = Ladder(
    Mode("full"),
    Mode("plain", any_of={"reviews", "recommendations"}),
    Mode("no-search", {"search"}),
    Mode("catalogue-only", {"search", "stock"}, auxiliary=True),
    features=[
        Feature("order", needs={"stock"}),
        Feature("browse"),
        Feature("reviews", Rank.AUXILIARY, {"reviews"}),
        Feature("tips", Rank.AUXILIARY),
    ],
)


@pytest.mark.parametrize(
    ("failed", "mode"),
    [
        ((), "full"),
        (["reviews"], "plain"),
        (["recommendations", "reviews"], "plain"),
        (["search"], "no-search"),
        (["search", "reviews"], "no-search"),
        (["stock"], "full"),
        (["stock", "search"], "catalogue-only"),
        (["stock", "search", "reviews", "recommendations"], "catalogue-only"),
    ],
)
def test_the_last_mode_that_holds_is_the_mode(failed: list[str], mode: str) -> None:
    """SPEC K2: the worst condition that is met names the mode."""
    assert SHOP.mode_of(failed) is SHOP[mode]


@pytest.mark.parametrize(
    ("failed", "offered"),
    [
        ((), ["order", "browse", "reviews", "tips"]),
        (["reviews"], ["order", "browse"]),
        (["search"], ["order", "browse"]),
        (["stock"], ["browse", "reviews", "tips"]),
        (["stock", "search"], ["browse", "reviews", "tips"]),
    ],
)
def test_auxiliary_features_are_given_up_first(failed: list[str], offered: list[str]) -> None:
    """SPEC K2: below the best mode they go, unless the mode keeps them; core features stay while what they need works."""
    assert [feature.name for feature in SHOP.offered(failed)] == offered


def test_the_rank_of_a_feature_is_the_priority_of_its_calls() -> None:
    """SPEC K2, T4: auxiliary features are refused before core ones."""
    assert Feature("order").priority is Priority.CORE
    assert Feature("tips", Rank.AUXILIARY).priority is Priority.AUXILIARY


def test_a_dependency_that_no_mode_knows_is_refused() -> None:
    """SPEC K2: a misspelt name would be a normal answer."""
    with pytest.raises(
        ConfigurationError, match=r"failed must name dependencies of the ladder \(.*search.*\), not \['serach'\]"
    ):
        SHOP.mode_of(["serach"])


def test_a_ladder_is_read_from_the_best_mode_to_the_worst() -> None:
    """SPEC K2: iteration, length, names."""
    assert [mode.name for mode in SHOP] == ["full", "plain", "no-search", "catalogue-only"]
    assert (len(SHOP), SHOP.best.name) == (4, "full")
    assert SHOP.dependencies == {"reviews", "recommendations", "search", "stock"}
    with pytest.raises(KeyError):
        SHOP["fulll"]


@pytest.mark.parametrize(
    ("modes", "message"),
    [
        ((), "the first mode of a Ladder is the one where nothing has failed"),
        ((Mode("a", {"x"}),), "the first mode of a Ladder is the one where nothing has failed"),
        ((Mode("a", any_of={"x"}),), "the first mode of a Ladder is the one where nothing has failed"),
        ((Mode("a"), Mode("b")), "'a' can never be reached: where it holds, so does 'b'"),
        ((Mode("a"), Mode("b", {"x", "y"}), Mode("c", {"x"})), "'b' can never be reached: where it holds, so does 'c'"),
        ((Mode("a"), Mode("b", {"x"}), Mode("c", any_of={"x", "y"})), "'b' can never be reached"),
        ((Mode("a"), Mode("b", any_of={"x"}), Mode("c", any_of={"x", "y"})), "'b' can never be reached"),
        ((Mode("a"), Mode("b", {"x"}), Mode("b", {"y"})), "one mode of each name, and 'b' is there twice"),
        ((Mode("a"), "b"), "a Ladder is made of modes, and 'b' is none"),
    ],
)
def test_a_ladder_that_makes_no_sense_is_refused(modes: tuple[Mode, ...], message: str) -> None:
    """SPEC K2: every mode can be reached, and the first is the best."""
    with pytest.raises(ConfigurationError, match=message):
        Ladder(*modes)


def test_modes_that_can_all_be_reached_are_accepted() -> None:
    """SPEC K2: a later condition that is not always met where the earlier one is takes nothing away."""
    ladder = Ladder(Mode("a"), Mode("b", any_of={"x", "y"}), Mode("c", any_of={"x"}), Mode("d", {"x"}, any_of={"y"}))

    assert [ladder.mode_of(failed).name for failed in ([], ["y"], ["x"], ["x", "y"])] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Mode(""), "name must be a text that is not empty"),
        (lambda: Mode("a", "search"), "failed must be a collection of names, not the text 'search'"),
        (lambda: Mode("a", {"x"}, {"ja_JP": "…"}), "notices must be texts by language, such as 'ja' or 'en-GB', not 'ja_JP'"),
        (lambda: Mode("a", {"x"}, {"en": ""}), r"notices\['en'\] must be a text that is not empty"),
        (lambda: Mode("a", {"x"}, apologies={"en": None}), r"apologies\['en'\] must be a text"),  # type: ignore[dict-item]  # wrong
        (lambda: Feature("a", "core"), "rank must be a Rank, not 'core'"),  # type: ignore[arg-type]  # on purpose
        (lambda: Feature("a", needs="db"), "needs must be a collection of names"),
        (lambda: Ladder(Mode("a"), features=[Feature("x"), Feature("x")]), "one feature of each name, and 'x' is there twice"),
    ],
)
def test_a_wrong_value_is_refused(make: object, message: str) -> None:
    """SPEC K2: the message names the parameter."""
    assert callable(make)
    with pytest.raises(ConfigurationError, match=message):
        make()

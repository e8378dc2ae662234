"""SPEC T3: the moving quantile, against the figures of a simulation."""

from __future__ import annotations

import math
import random
import statistics

import pytest

from yaoki.core.quantile import MovingQuantile

TRUE_95 = math.exp(0.5 * 1.6448536)
"""The 95th percentile of a log-normal latency with sigma 0.5."""


def latency(chance: random.Random) -> float:
    return math.exp(chance.gauss(0.0, 0.5))


def fed(samples: int, seed: int) -> tuple[MovingQuantile, random.Random]:
    chance, estimate = random.Random(seed), MovingQuantile(0.95)
    for _ in range(samples):
        estimate.add(latency(chance))
    return estimate, chance


def test_t3_a_share_of_one_in_twenty_lies_above_the_95th_percentile() -> None:
    """SPEC T3: 4.9 % of the samples lie above the estimate, which is 1 to 2 % high with a standard deviation of 9 %."""
    estimate, chance = fed(2_000, seed=1)
    above, values = 0, []
    for _ in range(30_000):
        sample = latency(chance)
        above += sample > estimate.value
        values.append(estimate.value / TRUE_95)
        estimate.add(sample)

    assert above / len(values) == pytest.approx(0.049, abs=0.002)
    assert statistics.mean(values) == pytest.approx(1.015, abs=0.015)
    assert statistics.stdev(values) == pytest.approx(0.09, abs=0.015)


def test_t3_the_estimate_follows_a_fivefold_shift_in_some_fifty_samples() -> None:
    """SPEC T3: when the dependency gets five times slower, the hedge delay is three quarters there within some fifty calls."""
    needed = []
    for seed in range(20):
        estimate, chance = fed(2_000, seed)
        count = 0
        while estimate.value < 0.75 * 5.0 * TRUE_95:
            estimate.add(5.0 * latency(chance))
            count += 1
        needed.append(count)

    assert 35 <= statistics.median(needed) <= 65


def test_t3_the_estimate_is_near_after_the_first_hundred_samples() -> None:
    """SPEC T3: hedging starts after 100 samples, with an estimate that is of the right size."""
    ratios = [fed(100, seed)[0].value / TRUE_95 for seed in range(50)]

    assert all(0.5 < ratio < 2.0 for ratio in ratios)
    assert statistics.mean(ratios) == pytest.approx(1.0, abs=0.15)


def test_t3_a_sample_above_moves_the_estimate_nineteen_times_as_far_as_one_below() -> None:
    """SPEC T3: the steps balance where 95 % of the samples are below."""
    down, _ = fed(500, seed=3)
    up, _ = fed(500, seed=3)
    start = down.value
    spread = 0.2

    down.add(start - spread)
    up.add(start + spread)

    assert (up.value - start) / (start - down.value) == pytest.approx(19.0, rel=0.02)


@pytest.mark.parametrize("unit", [1e-6, 60.0])
def test_t3_the_unit_of_the_samples_does_not_matter(unit: float) -> None:
    """SPEC T3: microseconds and minutes are followed alike."""
    plain, scaled = MovingQuantile(0.9), MovingQuantile(0.9)
    chance = random.Random(7)
    for _ in range(500):
        sample = latency(chance)
        plain.add(sample)
        scaled.add(sample * unit)

    assert scaled.value == pytest.approx(plain.value * unit, rel=1e-9)


def test_t3_the_first_sample_is_the_first_estimate() -> None:
    """SPEC T3: with one sample there is nothing better."""
    estimate = MovingQuantile(0.95)
    estimate.add(0.25)

    assert (estimate.value, estimate.count) == (0.25, 1)

"""Differences of rates and of latency quantiles between arms."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.stats.sequential import (
    Compared,
    difference_calls_needed,
    difference_compliance_log_e,
    difference_log_e,
    label_log_e,
    quantile_compliance_log_e,
    quantile_log_e,
)
from gnomon.stats.sequential_bets import FEWER, FEWER_OF_MANY, MORE, MORE_OF_MANY, log_mean
from gnomon.stats.sequential_difference import payoffs

GOAL = math.log(1 / 0.05)
LOOKS, RUNS, CALLS = 60, 400, 1_000
shares = st.floats(0.005, 0.95)


@pytest.mark.parametrize("bets", [MORE, FEWER, MORE_OF_MANY, FEWER_OF_MANY])
@given(shares, st.floats(-0.2, 0.2), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_every_bet_loses_on_average_wherever_its_hypothesis_is_true(bets, share, margin, center, stable, towards):
    """Exact for a call routed at random: the rates of that moment do not matter, only their difference."""
    edge = min(max(stable + margin, 0.0), 1.0)
    canary = edge * towards if bets.odds[0] > 1 else edge + (1 - edge) * towards
    stable = max(stable, canary - margin) if bets.odds[0] > 1 else min(stable, canary - margin)
    if not 0 <= stable <= 1:
        return
    chances = np.array([share * canary, share * (1 - canary), (1 - share) * stable, (1 - share) * (1 - stable)])
    assert (chances @ np.exp(payoffs(share, margin, center, bets)) <= 1 + 1e-9).all()


@given(st.integers(0, 40), st.integers(0, 40), st.sampled_from([0.01, 0.1, 0.5]))
def test_without_margin_and_center_it_is_the_label_test(canary, stable, share):
    segment = Compared(canary, 1_000, stable, 9_000, share)
    assert difference_log_e([segment], 0.0) == pytest.approx(label_log_e([(canary, canary + stable, share)], 1.0))


def crossed(canary, stable, share, bets, margin=0.0, center=0.0):
    """The share of runs in which evidence ever reached the goal; counts (runs, looks) of arms of exact sizes."""
    ours = np.arange(1, LOOKS + 1) * CALLS * share
    a, b = canary.cumsum(axis=1), stable.cumsum(axis=1)
    theirs = np.arange(1, LOOKS + 1) * CALLS - ours
    counts = np.stack([a, ours - a, b, theirs - b], axis=-1)
    return (log_mean(counts @ payoffs(share, margin, center, bets), bets) >= GOAL).any(axis=1).mean()


def rates(p_canary, p_stable, share, seed=4):
    rng = np.random.default_rng(seed)
    swing = 1 + 0.5 * np.sin(np.arange(LOOKS) / 5)
    canary = rng.binomial(int(CALLS * share), p_canary * swing, size=(RUNS, LOOKS))
    return canary, rng.binomial(CALLS - int(CALLS * share), p_stable * swing, size=(RUNS, LOOKS))


def test_equal_arms_under_swings_are_neither_blamed_nor_promoted_by_chance():
    canary, stable = rates(0.01, 0.01, 0.1)
    assert crossed(canary, stable, 0.1, MORE) <= 0.05
    assert crossed(*rates(0.015, 0.01, 0.1), 0.1, FEWER, margin=0.0) <= 0.01


def test_half_a_percent_more_errors_is_found_and_half_the_margin_is_promoted():
    assert crossed(*rates(0.02, 0.005, 0.1), 0.1, MORE, margin=0.005) > 0.95
    assert crossed(*rates(0.005, 0.005, 0.1), 0.1, FEWER, margin=0.01) > 0.95
    assert crossed(*rates(0.015, 0.005, 0.1), 0.1, FEWER, margin=0.01) <= 0.05


def test_a_slower_median_is_found_sooner_with_the_good_calls_looked_at_too():
    p50 = rates(0.54, 0.5, 0.1)
    centered = crossed(*p50, 0.1, MORE_OF_MANY, center=0.5)
    assert centered > 0.9
    assert centered > crossed(*p50, 0.1, MORE) + 0.1
    assert crossed(*rates(0.5, 0.5, 0.1), 0.1, MORE_OF_MANY, center=0.5) <= 0.05


def test_a_quantile_is_compared_at_its_own_share_of_slow_calls():
    segments = [Compared(60, 1_000, 450, 9_000, 0.1), Compared(320, 5_000, 260, 5_000, 0.5)]
    assert quantile_log_e(segments, 0.95) == difference_log_e(segments, 0.0, 1 - 0.95)
    assert quantile_compliance_log_e(segments, 0.5, 0.1) == difference_compliance_log_e(segments, 0.1, 0.5)


def test_counts_of_workers_add_and_segments_in_which_one_arm_had_no_traffic_do_nothing():
    halves = [Compared(3, 400, 20, 3_600, 0.1), Compared(5, 600, 18, 5_400, 0.1)]
    whole = Compared(8, 1_000, 38, 9_000, 0.1)
    assert difference_log_e(halves, 0.001, 0.01) == pytest.approx(difference_log_e([whole], 0.001, 0.01))
    assert difference_log_e([Compared(5, 5, 0, 0, 1.0), Compared(0, 0, 7, 9, 0.0)], 0.0) == 0.0
    assert difference_log_e([], 0.0) == difference_compliance_log_e([], 0.1) == 0.0


@given(st.integers(1, 10**12), st.floats(0, 1), st.floats(0, 1), shares)
def test_a_million_million_calls_give_a_finite_number(calls, bad, stable_bad, share):
    segment = Compared(bad * calls, calls, stable_bad * calls, calls, share)
    for evidence in (difference_log_e, difference_compliance_log_e):
        assert math.isfinite(evidence([segment], 0.01, 0.5))


def test_more_bad_calls_of_the_canary_are_more_evidence():
    found = [difference_log_e([Compared(bad, 1_000, 90, 9_000, 0.1)], 0.0, 0.01) for bad in range(0, 60, 5)]
    assert found == sorted(found)
    found = [difference_compliance_log_e([Compared(bad, 1_000, 90, 9_000, 0.1)], 0.01) for bad in range(0, 60, 5)]
    assert found == sorted(found, reverse=True)


def test_calls_needed_is_the_first_number_of_calls_that_decides():
    seen = Compared(5, 1_000, 45, 9_000, 0.1)
    more = difference_calls_needed([seen], 0.005, 0.05)
    times = 1 + more / 10_000
    grown = Compared(5 * times, 1_000 * times, 45 * times, 9_000 * times, 0.1)
    assert difference_compliance_log_e([grown], 0.005) >= GOAL > difference_compliance_log_e([seen], 0.005)
    assert difference_calls_needed([grown], 0.005, 0.05) == 0
    assert difference_calls_needed([Compared(40, 1_000, 45, 9_000, 0.1)], 0.01, 0.05) is None
    assert difference_calls_needed([], 0.01, 0.05) is None
    assert difference_calls_needed([Compared(0, 0, 4, 9, 0.0)], 0.01, 0.05) is None


@pytest.mark.parametrize(
    ("segment", "margin", "center", "message"),
    [
        (Compared(3, 2, 0, 1, 0.5), 0.0, 0.0, "got 3"),
        (Compared(1, 2, 5, 1, 0.5), 0.0, 0.0, "got 5"),
        (Compared(1, 2, 0, 1, 1.5), 0.0, 0.0, r"share .* got 1\.5"),
        (Compared(1, 2, 0, 1, 0.5), 1.0, 0.0, r"margin .* got 1\.0"),
        (Compared(1, 2, 0, 1, 0.5), 0.0, 1.1, r"center .* got 1\.1"),
    ],
)
def test_bad_arguments_are_named(segment, margin, center, message):
    with pytest.raises(ValueError, match=message):
        difference_log_e([segment], margin, center)


def test_a_quantile_is_between_zero_and_one():
    with pytest.raises(ValueError, match=r"got 1\.0"):
        quantile_log_e([], 1.0)
    with pytest.raises(ValueError, match=r"got 0\.0"):
        quantile_compliance_log_e([], 0.0, 0.1)

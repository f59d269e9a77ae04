"""Means of bounded values, from their number, sum and sum of squares."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.stats.sequential import mean_calls_needed, mean_compliance_log_e, mean_interval, mean_log_e

GOAL = math.log(1 / 0.05)
values = st.lists(st.floats(-1, 1), min_size=1, max_size=30)


def sums(values):
    return len(values), float(np.sum(values)), float(np.square(values).sum())


@given(values, st.floats(-0.9, 0.9))
def test_evidence_is_never_more_than_what_the_bets_themselves_have_won(values, limit):
    """So it inherits their error rate: the bets 1 + lambda y, of mean one at the limit, are a martingale."""
    stakes = np.array([0.95, 0.7, 0.4, 0.2, 0.1, 0.05, 0.02, 0.01, 0.004, 0.001])
    excess = (np.array(values) - limit) / (limit + 1)
    won = np.log1p(stakes[:, None] * excess).sum(axis=1)
    assert mean_log_e(*sums(values), limit) <= np.logaddexp.reduce(won) - math.log(len(stakes)) + 1e-9


@given(values, st.floats(-0.9, 0.9))
def test_compliance_is_the_mirror_image(values, limit):
    mirrored = [-value for value in values]
    assert mean_compliance_log_e(*sums(values), limit) == pytest.approx(mean_log_e(*sums(mirrored), -limit), abs=1e-9)


@given(values, st.floats(-1, 1))
def test_a_larger_value_is_more_evidence_where_values_are_small(values, last):
    """Not for large ones: there the bound on the bets is loose."""
    small = [value / 10 for value in (*values, last)]
    larger = [*small[:-1], small[-1] + 0.01]
    assert mean_log_e(*sums(larger), 0.0) >= mean_log_e(*sums(small), 0.0)


def test_error_rate_and_power_over_many_looks():
    rng = np.random.default_rng(6)
    steps = rng.choice([-1.0, 0.0, 1.0], p=[0.02, 0.96, 0.02], size=(300, 20, 500))
    for shift, expected in ((0.0, (0.0, 0.05)), (0.02, (0.95, 1.0))):
        moved = np.where(rng.random(steps.shape) < shift, 1.0, steps)
        total, squares = moved.sum(2).cumsum(1), (moved**2).sum(2).cumsum(1)
        found = [
            any(mean_log_e(500 * (i + 1), total[run, i], squares[run, i], 0.0) >= GOAL for i in range(20))
            for run in range(300)
        ]
        assert expected[0] <= np.mean(found) <= expected[1]


def test_the_interval_contains_the_mean_at_all_looks_at_once_and_narrows():
    rng = np.random.default_rng(7)
    differences = rng.normal(0.01, 0.05, size=(80, 10, 400)).clip(-1, 1)
    total, squares = differences.sum(2).cumsum(1), (differences**2).sum(2).cumsum(1)
    missed, widths = 0, []
    for run in range(80):
        intervals = [mean_interval(400 * (i + 1), total[run, i], squares[run, i], 0.05) for i in range(10)]
        missed += any(not low <= 0.01 <= high for low, high in intervals)
        widths.append([high - low for low, high in intervals])
    assert missed / 80 <= 0.05
    assert np.mean(widths, axis=0)[-1] < 0.02
    assert (np.diff(np.mean(widths, axis=0)) < 0).all()


@given(values)
def test_the_interval_contains_the_sample_mean_and_stays_in_the_bounds(values):
    low, high = mean_interval(*sums(values), 0.05)
    assert -1 <= low <= np.mean(values) + 1e-9
    assert np.mean(values) - 1e-9 <= high <= 1


def test_nothing_seen_says_nothing():
    assert mean_log_e(0, 0.0, 0.0, 0.0) == mean_compliance_log_e(0, 0.0, 0.0, 0.5) == 0.0
    assert mean_interval(0, 0.0, 0.0, 0.05, 0.0, 2.0) == (0.0, 2.0)
    assert mean_calls_needed(0, 0.0, 0.0, 0.1, 0.05) is None


def test_a_million_million_values_are_no_trouble():
    low, high = mean_interval(10**12, 10**9, 10**9, 0.05)
    assert 0.0009 < low < 0.001 < high < 0.0011
    assert mean_log_e(10**12, 10**9, 10**9, 0.0) > 1e6
    assert math.isfinite(mean_log_e(10**12, -(10**12), 10**12, 0.9))


def test_calls_needed_is_the_first_number_that_decides():
    more = mean_calls_needed(1_000, 1.0, 2.0, 0.01, 0.05)
    times = 1 + more / 1_000
    assert mean_compliance_log_e(1_000 * times, 1.0 * times, 2.0 * times, 0.01) >= GOAL
    assert mean_calls_needed(1_000 * times, 1.0 * times, 2.0 * times, 0.01, 0.05) == 0
    assert mean_calls_needed(1_000, 20.0, 2.0, 0.01, 0.05) is None
    assert mean_calls_needed(100, 3.0, 2.0, 0.01, 0.05, evidence=mean_log_e) > 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_log_e(2, 3.0, 2.0, 0.0), r"sum of 2 values .* 3\.0"),
        (lambda: mean_log_e(2, 1.0, 3.0, 0.0), r"squares .* 3\.0"),
        (lambda: mean_log_e(2, 1.0, -1.0, 0.0), r"squares .* -1\.0"),
        (lambda: mean_log_e(-1, 0.0, 0.0, 0.0), "got -1"),
        (lambda: mean_log_e(2, math.nan, 1.0, 0.0), "nan"),
        (lambda: mean_log_e(2, 1.0, 1.0, 1.0), r"limit .* got 1\.0"),
        (lambda: mean_interval(2, 1.0, 1.0, 0.05, 1.0, -1.0), r"low .* got 1\.0"),
        (lambda: mean_interval(2, 1.0, 1.0, 0.0), r"alpha .* got 0\.0"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()

"""Evidence: formulas against a plain transcription, error rates over many looks, power, and the edges."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.stats.sequential import (
    calls_needed,
    compliance_log_e,
    exceedance_interval,
    exceedance_log_e,
    label_log_e,
    noninferiority_log_e,
)

GOAL = math.log(1 / 0.05)
LOOKS, RUNS = 60, 300


def crossings(evidence, bad_per_look, calls_per_look, p0):
    """For each run, at which look the evidence first reached the goal, or infinity."""
    bad = np.cumsum(bad_per_look, axis=1)
    looks = range(1, bad.shape[1] + 1)
    firsts = [
        next((look for look in looks if evidence(run[look - 1], look * calls_per_look, p0) >= GOAL), math.inf)
        for run in bad
    ]
    return np.array(firsts)


def binomial(p, calls=1_000, seed=0):
    return np.random.default_rng(seed).binomial(calls, p, size=(RUNS, LOOKS))


def log_mean_likelihood_ratio(bad, n, p0, alternatives):
    terms = [bad * math.log(p / p0) + (n - bad) * math.log((1 - p) / (1 - p0)) for p in alternatives]
    return math.log(sum(math.exp(term) for term in terms) / len(terms))


@pytest.mark.parametrize(("bad", "n", "p0"), [(0, 100, 0.01), (3, 3, 0.01), (20, 1_000, 0.01), (7, 9, 0.9)])
def test_evidence_is_the_mean_likelihood_ratio_over_the_grid(bad, n, p0):
    odds = p0 / (1 - p0)
    more = [odds * rho / (1 + odds * rho) for rho in (1.05, 1.1, 1.2, 1.35, 1.5, 1.75, 2, 2.5, 3, 4, 6, 10)]
    less = [p0 * share / 10 for share in range(1, 10)]
    assert exceedance_log_e(bad, n, p0) == pytest.approx(log_mean_likelihood_ratio(bad, n, p0, more))
    assert compliance_log_e(bad, n, p0) == pytest.approx(log_mean_likelihood_ratio(bad, n, p0, less))


def test_label_evidence_is_the_mean_likelihood_ratio_of_the_labels():
    def theta(share, ratio):
        return share * ratio / (share * ratio + 1 - share)

    def plain(segments, ratio, multiples):
        scores = [
            sum(
                a * math.log(theta(w, ratio * rho) / theta(w, ratio))
                + (t - a) * math.log((1 - theta(w, ratio * rho)) / (1 - theta(w, ratio)))
                for a, t, w in segments
            )
            for rho in multiples
        ]
        return math.log(sum(math.exp(score) for score in scores) / len(scores))

    segments = [(3, 20, 0.1), (10, 30, 0.25)]
    more, less = (1.1, 1.25, 1.5, 1.75, 2, 2.5, 3, 4, 6, 10), (0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)
    assert label_log_e(segments, 1.3) == pytest.approx(plain(segments, 1.3, more))
    assert noninferiority_log_e(segments, 1.3) == pytest.approx(plain(segments, 1.3, less))


def test_three_bad_of_three_are_enough_at_one_percent():
    assert math.exp(exceedance_log_e(3, 3, 0.01)) > 64


def test_at_the_budget_false_alarms_over_all_looks_stay_below_alpha():
    assert np.isfinite(crossings(exceedance_log_e, binomial(0.01), 1_000, 0.01)).mean() <= 0.05
    assert np.isfinite(crossings(compliance_log_e, binomial(0.01), 1_000, 0.01)).mean() <= 0.05


def test_within_the_budget_no_alarm_and_soon_compliant():
    assert not np.isfinite(crossings(exceedance_log_e, binomial(0.008), 1_000, 0.01)).any()
    found = crossings(compliance_log_e, binomial(0.005), 1_000, 0.01)
    assert np.isfinite(found).all()
    assert np.median(found) <= 5


def test_a_doubled_rate_is_found_after_about_a_thousand_calls():
    found = crossings(exceedance_log_e, binomial(0.0195, calls=100), 100, 0.01)
    assert np.isfinite(found).mean() > 0.99
    assert np.median(found) <= 14


def labels(p_canary, p_baseline, share, calls=10_000, seed=1):
    """Bad events of canary and baseline at each look, under a load that swings both rates alike."""
    rng = np.random.default_rng(seed)
    swing = np.exp(0.5 * np.sin(np.arange(LOOKS) / 5))
    canary = rng.poisson(calls * share * p_canary * swing, size=(RUNS, LOOKS))
    return canary, canary + rng.poisson(calls * (1 - share) * p_baseline * swing, size=(RUNS, LOOKS))


def label_crossings(evidence, canary, total, share, ratio):
    a, t = np.cumsum(canary, axis=1), np.cumsum(total, axis=1)
    return np.array(
        [
            next((i for i in range(LOOKS) if evidence([(a[run, i], t[run, i], share)], ratio) >= GOAL), math.inf)
            for run in range(len(a))
        ]
    )


def test_swings_common_to_both_arms_are_not_blamed_on_the_canary():
    found = label_crossings(label_log_e, *labels(0.01, 0.01, 0.1), 0.1, 1.0)
    assert np.isfinite(found).mean() <= 0.05


def test_a_canary_of_twice_the_rate_is_found_after_about_a_hundred_events():
    canary, total = labels(0.02, 0.01, 0.1, calls=1_000)
    found = label_crossings(label_log_e, canary, total, 0.1, 1.0)
    assert np.isfinite(found).mean() > 0.99
    assert 50 < total.cumsum(axis=1).mean(axis=0)[int(np.median(found))] < 250


def test_noninferiority_is_shown_when_nothing_changed_and_not_at_the_margin():
    found = label_crossings(noninferiority_log_e, *labels(0.01, 0.01, 0.1), 0.1, 1.3)
    assert np.isfinite(found).mean() > 0.95
    found = label_crossings(noninferiority_log_e, *labels(0.013, 0.01, 0.1), 0.1, 1.3)
    assert np.isfinite(found).mean() <= 0.05


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(5, 90)), min_size=1, max_size=4))
def test_merging_workers_is_adding_their_counts(workers):
    bad, n = (sum(column) for column in zip(*workers, strict=True))
    segments = [(b, t, 0.1) for b, t in workers]
    assert label_log_e(segments, 1.0) == pytest.approx(label_log_e([(bad, n, 0.1)], 1.0), abs=1e-9)


def test_no_calls_are_no_evidence():
    assert exceedance_log_e(0, 0, 0.01) == 0.0
    assert compliance_log_e(0, 0, 0.01) == 0.0
    assert label_log_e([], 1.0) == 0.0
    assert label_log_e([(0, 0, 0.5)], 1.0) == 0.0


def test_segments_in_which_one_arm_had_no_traffic_add_nothing():
    assert label_log_e([(5, 5, 1.0), (0, 7, 0.0)], 1.0) == 0.0
    assert label_log_e([(5, 5, 1.0), (3, 9, 0.2)], 1.0) == label_log_e([(3, 9, 0.2)], 1.0)


def test_evidence_of_huge_counts_neither_overflows_nor_is_clamped():
    assert exceedance_log_e(10**9, 10**9, 0.01) > 1e9
    assert exceedance_log_e(0, 10**9, 0.01) < -1e5
    assert compliance_log_e(10**9, 10**9, 0.5) < -1e7
    assert exceedance_log_e(0, math.inf, 0.01) == -math.inf


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: exceedance_log_e(2, 1, 0.01), "got 2"),
        (lambda: exceedance_log_e(-1, 1, 0.01), "got -1"),
        (lambda: compliance_log_e(0, 1, 0.0), r"got 0\.0"),
        (lambda: compliance_log_e(0, 1, 1.0), r"got 1\.0"),
        (lambda: label_log_e([(3, 2, 0.5)], 1.0), "got 3"),
        (lambda: label_log_e([(1, 2, 1.5)], 1.0), r"got 1\.5"),
        (lambda: label_log_e([], 0.0), r"got 0\.0"),
        (lambda: calls_needed(0.01, 0, 1, 1.0), r"got 1\.0"),
        (lambda: exceedance_interval(2, 1, 0.05), "got 2"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_calls_needed_is_the_first_number_of_calls_that_decides():
    more = calls_needed(0.01, 0, 50, 0.05)
    assert compliance_log_e(0, 50 + more, 0.01) >= GOAL > compliance_log_e(0, 50 + more - 1, 0.01)
    assert calls_needed(0.01, 0, 50 + more, 0.05) == 0
    assert 100 < calls_needed(0.01, 2, 100, 0.05, exceedance_log_e) < 2_000


def test_calls_needed_is_none_where_the_rate_seen_never_decides():
    assert calls_needed(0.01, 0, 0, 0.05) is None
    assert calls_needed(0.01, 2, 100, 0.05) is None
    assert calls_needed(0.01, 0, 100, 0.05, exceedance_log_e) is None


def test_the_interval_holds_the_rates_that_neither_evidence_rejects():
    low, high = exceedance_interval(30, 1_000, 0.05)
    goal = math.log(2 / 0.05)
    assert low < 0.03 < high
    assert exceedance_log_e(30, 1_000, low * 0.999) > goal > exceedance_log_e(30, 1_000, low * 1.001)
    assert compliance_log_e(30, 1_000, high * 1.001) > goal > compliance_log_e(30, 1_000, high * 0.999)


def test_the_interval_narrows_and_ends_where_rates_end():
    assert exceedance_interval(0, 0, 0.05) == (0.0, 1.0)
    assert exceedance_interval(0, 1_000, 0.05)[0] == 0.0
    assert exceedance_interval(1_000, 1_000, 0.05)[1] == 1.0
    narrow, wide = exceedance_interval(1_000, 100_000, 0.05), exceedance_interval(10, 1_000, 0.05)
    assert wide[0] < narrow[0] < 0.01 < narrow[1] < wide[1]


def test_the_interval_contains_the_rate_at_all_looks_at_once():
    bad = np.cumsum(np.random.default_rng(5).binomial(500, 0.02, size=(60, 10)), axis=1)
    missed = 0
    for run in bad:
        intervals = [exceedance_interval(run[look], 500 * (look + 1), 0.05) for look in range(10)]
        missed += any(not low <= 0.02 <= high for low, high in intervals)
    assert missed / len(bad) <= 0.05

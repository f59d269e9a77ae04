"""Evidence: formulas against a plain transcription, error rates over many looks, power, and the edges."""

import decimal
import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.stats.sequential import (
    calls_needed,
    compliance_log_e,
    exceedance_interval,
    exceedance_log_e,
    flip_log_e,
    label_calls_needed,
    label_compliance_log_e,
    label_log_e,
    sample_size,
)
from gnomon.stats.sequential_bets import FEWER, FEWER_OF_MANY, MORE, MORE_OF_MANY, Bets, log_mean, scores

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


def log_mixture(terms, bets):
    return math.log(sum(math.exp(term + weight) for term, weight in zip(terms, bets.log_weights, strict=True)))


def log_likelihood_ratios(bad, n, p0, bets):
    """Bernoulli likelihood at each alternative of the bets over that at p0."""
    odds = [p0 / (1 - p0) * rho for rho in bets.odds]
    alternatives = [each / (1 + each) for each in odds]
    return [bad * math.log(p / p0) + (n - bad) * math.log((1 - p) / (1 - p0)) for p in alternatives]


@pytest.mark.parametrize(("bad", "n", "p0"), [(0, 100, 0.01), (3, 3, 0.01), (20, 1_000, 0.01), (7, 9, 0.9)])
def test_evidence_is_the_mean_likelihood_ratio_over_the_grid(bad, n, p0):
    plain = log_mixture(log_likelihood_ratios(bad, n, p0, MORE), MORE)
    assert exceedance_log_e(bad, n, p0) == pytest.approx(plain)
    plain = log_mixture(log_likelihood_ratios(bad, n, p0, FEWER), FEWER)
    assert compliance_log_e(bad, n, p0) == pytest.approx(plain)


def test_label_evidence_is_the_mean_likelihood_ratio_of_the_labels():
    def plain(segments, ratio, bets):
        theta = [share * ratio / (share * ratio + 1 - share) for _, _, share in segments]
        each = [log_likelihood_ratios(a, t, p, bets) for (a, t, _), p in zip(segments, theta, strict=True)]
        return log_mixture([sum(terms) for terms in zip(*each, strict=True)], bets)

    segments = [(3, 20, 0.1), (10, 30, 0.25)]
    assert label_log_e(segments, 1.3) == pytest.approx(plain(segments, 1.3, MORE))
    assert label_compliance_log_e(segments, 1.3) == pytest.approx(plain(segments, 1.3, FEWER))


@pytest.mark.parametrize("bets", [MORE, FEWER])
@given(p0=st.floats(0.001, 0.999), towards=st.floats(0, 1))
def test_every_bet_loses_on_average_wherever_its_hypothesis_is_true(bets, p0, towards):
    """The one fact all error rates rest on: E after one more call is at most E, so it is a supermartingale."""
    for p in (p0, p0 * towards if bets is MORE else p0 + (1 - p0) * towards):
        after_bad, after_good = (np.exp(scores(bad, 1, p0, bets)) for bad in (1, 0))
        assert (p * after_bad + (1 - p) * after_good <= 1 + 1e-12).all()


@pytest.mark.parametrize("bets", [MORE, FEWER, MORE_OF_MANY, FEWER_OF_MANY])
def test_stakes_add_up_to_one_and_bet_on_one_side(bets):
    assert np.exp(bets.log_weights).sum() == pytest.approx(1)
    assert (bets.odds > 1).all() if bets is MORE or bets is MORE_OF_MANY else ((bets.odds > 0) & (bets.odds < 1)).all()


counts = st.integers(0, 10**12).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, st.floats(1e-4, 0.5))
def test_evidence_of_up_to_a_million_million_calls_is_exact_and_finite(count, p0):
    bad, n = count
    with decimal.localcontext(prec=60):
        for evidence, bets in ((exceedance_log_e, MORE), (compliance_log_e, FEWER)):
            found = evidence(bad, n, p0)
            scale = [1 + (Decimal(rho) - 1) * Decimal(p0) for rho in bets.odds]
            exact = [
                Decimal(weight) + bad * Decimal(rho).ln() - n * each.ln()
                for rho, weight, each in zip(bets.odds, bets.log_weights, scale, strict=True)
            ]
            top = max(exact)
            wanted = top + sum((each - top).exp() for each in exact).ln()
            assert found == pytest.approx(float(wanted), rel=1e-9, abs=2e-3)


@given(counts, st.floats(1e-4, 0.5))
def test_a_bad_call_more_is_more_evidence_of_harm_and_less_of_compliance(count, p0):
    bad, n = count
    assert exceedance_log_e(bad, n + 1, p0) <= exceedance_log_e(bad + 1, n + 1, p0)
    assert compliance_log_e(bad, n + 1, p0) >= compliance_log_e(bad + 1, n + 1, p0)


@given(counts, st.floats(0.01, 0.5), st.floats(0.001, 0.4))
def test_a_higher_limit_is_less_exceeded_and_more_complied_with(count, p0, higher):
    bad, n = count[0] % 1_000, count[0] % 1_000 + count[1] % 10_000
    assert exceedance_log_e(bad, n, p0) >= exceedance_log_e(bad, n, p0 + higher) - 1e-9
    assert compliance_log_e(bad, n, p0) <= compliance_log_e(bad, n, p0 + higher) + 1e-9


@given(counts, st.floats(0.01, 0.5))
def test_compliance_of_the_bad_is_exceedance_of_the_good(count, p0):
    """Good calls at reciprocal odds: the same bets, seen from the other side."""
    bad, n = count[0] % 10_000, count[0] % 10_000 + count[1] % 10_000
    mirrored = Bets(1 / FEWER.odds, FEWER.log_weights)
    seen = float(log_mean(scores(n - bad, n, 1 - p0, mirrored), mirrored))
    assert compliance_log_e(bad, n, p0) == pytest.approx(seen, rel=1e-9, abs=1e-9)


def test_a_label_seen_from_the_baseline_is_its_mirror():
    """Which side is called the canary does not matter to evidence that the two differ, in odds and in share."""
    made = scores(30, 100, 0.2, MORE)
    mirrored = Bets(1 / MORE.odds, MORE.log_weights)
    assert made == pytest.approx(scores(70, 100, 0.8, mirrored))
    assert flip_log_e(30, 10) == pytest.approx(flip_log_e(10, 30))


def test_three_bad_of_three_are_enough_at_one_percent():
    assert math.exp(exceedance_log_e(3, 3, 0.01)) > 64


def test_at_the_budget_false_alarms_over_all_looks_stay_below_alpha():
    assert np.isfinite(crossings(exceedance_log_e, binomial(0.01), 1_000, 0.01)).mean() <= 0.05
    assert np.isfinite(crossings(compliance_log_e, binomial(0.01), 1_000, 0.01)).mean() <= 0.05


def test_within_the_budget_no_alarm_and_soon_compliant():
    assert np.isfinite(crossings(exceedance_log_e, binomial(0.008), 1_000, 0.01)).mean() <= 0.01
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
    found = label_crossings(label_compliance_log_e, *labels(0.01, 0.01, 0.1), 0.1, 1.3)
    assert np.isfinite(found).mean() > 0.95
    found = label_crossings(label_compliance_log_e, *labels(0.013, 0.01, 0.1), 0.1, 1.3)
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
    assert exceedance_log_e(0, 10**9, 0.01) < -0.9e5
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
        (lambda: exceedance_log_e(math.nan, 1, 0.01), "got nan"),
        (lambda: flip_log_e(-1, 3), "got -1"),
        (lambda: flip_log_e(3, -1), "got"),
        (lambda: sample_size(1.0, 0.5, 0.05), r"p0 .* got 1\.0"),
        (lambda: sample_size(0.5, 1.5, 0.05), r"p .* got 1\.5"),
        (lambda: sample_size(0.5, 0.1, 0.05, power=1.0), r"power .* got 1\.0"),
        (lambda: calls_needed(0.01, 0, 0, 2.0), r"got 2\.0"),
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


SEEN = [(30, 300, 0.1), (60, 300, 0.2)]  # as many of the canary as of its share of calls


def test_label_calls_needed_is_the_first_number_of_calls_that_decides():
    more = label_calls_needed(SEEN, 60_000, 1.3, 0.05, share=0.5)
    assert 1_000 < more < 100_000

    def after(calls):
        return label_compliance_log_e([*SEEN, (calls * 0.01 * 0.5, calls * 0.01, 0.5)], 1.3)

    assert after(more) >= GOAL > after(more - 10)
    assert label_calls_needed(SEEN, 60_000, 1.3, 0.05) > more  # a smaller share takes longer
    done = [*SEEN, (more * 0.01 * 0.5, more * 0.01, 0.5)]
    assert label_calls_needed(done, 60_000 + more, 1.3, 0.05) == 0


def test_label_calls_needed_to_find_harm_follows_the_ratio_seen():
    few, many = [(5, 20, 0.1)], [(3, 20, 0.1)]
    worse = label_calls_needed(few, 2_000, 1.0, 0.05, evidence=label_log_e)
    assert 0 < worse < label_calls_needed(many, 2_000, 1.0, 0.05, evidence=label_log_e)


def test_label_calls_needed_is_none_without_anything_to_go_by():
    assert label_calls_needed([], 0, 1.3, 0.05) is None
    assert label_calls_needed([(0, 0, 0.1)], 500, 1.3, 0.05) is None
    assert label_calls_needed([(5, 5, 1.0)], 500, 1.3, 0.05) is None
    assert (
        label_calls_needed([(40, 100, 0.1)], 5_000, 1.3, 0.05) is None
    )  # worse than the margin: never shown not to be
    with pytest.raises(ValueError, match="got 20"):
        label_calls_needed([(5, 20, 0.1)], 10, 1.3, 0.05)


@pytest.mark.parametrize(
    ("evidence", "p0", "p"),
    [(compliance_log_e, 0.01, 0.005), (exceedance_log_e, 0.01, 0.025), (compliance_log_e, 0.5, 0.4)],
)
def test_a_planned_sample_has_about_its_power(evidence, p0, p):
    n = sample_size(p0, p, 0.05, power=0.9, evidence=evidence)
    bad = np.random.default_rng(3).binomial(n, p, size=2_000)
    bets = FEWER if evidence is compliance_log_e else MORE
    power = (log_mean(scores(bad, np.full(len(bad), n), p0, bets), bets) >= GOAL).mean()
    assert 0.86 < power < 0.95
    assert sample_size(p0, p, 0.05, power=0.5, evidence=evidence) < n < sample_size(p0, p, 0.01, evidence=evidence)


def test_no_sample_shows_what_is_not_so():
    assert sample_size(0.01, 0.01, 0.05) is None
    assert sample_size(0.01, 0.02, 0.05) is None
    assert sample_size(0.01, 0.005, 0.05, evidence=exceedance_log_e) is None


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

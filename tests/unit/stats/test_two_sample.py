"""PSI, KS and missing values against batch answers, their promised brackets, and simulated error rates."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from gnomon.stats import bins, null
from gnomon.stats.bins import coarsen
from gnomon.stats.samples import NotEnoughSamples
from gnomon.stats.two_sample import ks, missing, psi


def counted(reference, *windows):
    reference = np.asarray(reference, np.float32)
    edges = bins.fit_edges(reference)
    counts = [bins.count(np.asarray(values, np.float32), edges)[:-1] for values in (reference, *windows)]
    return *counts, bins.singletons(edges)


def uniform_windows(n, runs, m=50_000, seed=0):
    """Clean windows over 240 bins of equal true mass, the reference drawn too."""
    rng = np.random.default_rng(seed)
    mass = np.full(240, 1 / 240)
    return zip(rng.multinomial(m, mass, size=runs), rng.multinomial(n, mass, size=runs), strict=True)


def test_psi_is_the_definition_with_half_a_value_added():
    reference, window = np.array([100, 100, 200]), np.array([60, 90, 50])
    p, q = (reference + 0.5) / 401.5, (window + 0.5) / 201.5
    result = psi(reference, window)
    assert result.value == pytest.approx(np.sum((q - p) * np.log(q / p)))
    assert result.corrected == pytest.approx(result.value - 2 * (1 / 200 + 1 / 400))
    assert result.p_value == pytest.approx(stats.chi2.sf(result.value / (1 / 200 + 1 / 400), 2))  # 67 values a group
    assert (result.n, result.groups) == (200, 3)


def test_240_equal_bins_become_20_groups_or_10_for_few_rows():
    reference = np.full(240, 100)
    assert np.bincount(coarsen(reference, 20)).tolist() == [12] * 20
    assert psi(reference, np.full(240, 4)).groups == 20
    assert psi(reference, np.full(240, 2)).groups == 10


@settings(max_examples=100, deadline=None)
@given(hnp.arrays(np.int64, st.integers(1, 240), elements=st.integers(0, 5) | st.integers(0, 10_000)))
def test_every_group_has_half_an_equal_share_of_the_reference(reference):
    labels = coarsen(reference, 20)
    mass = np.bincount(labels, reference)
    assert set(np.diff(labels)) <= {0, 1}
    assert len(mass) == 1 or mass.min() >= reference.sum() / 40
    assert len(mass) <= 40


@pytest.mark.parametrize(("n", "groups"), [(250, 10), (1_000, 20), (5_000, 20)])
def test_psi_of_clean_windows_has_its_mean_and_alarms_as_often_as_promised(n, groups):
    results = [psi(reference, window) for reference, window in uniform_windows(n, 2_000)]
    assert {result.groups for result in results} == {groups}
    expected = (groups - 1) * (1 / n + 1 / 50_000)
    assert np.mean([result.value for result in results]) == pytest.approx(expected, rel=0.06)
    assert abs(np.mean([result.corrected for result in results])) < 0.06 * expected
    assert np.mean([result.p_value < 0.01 for result in results]) < 0.025
    assert max(result.lower for result in results) < 0.1


@pytest.mark.parametrize("n", [50, 120, 240])
def test_p_values_of_few_rows_are_those_of_draws(n):
    p_values = np.array([psi(*pair).p_value for pair in uniform_windows(n, 4_000, seed=n)])
    for level in (0.5, 0.05, 0.01):
        assert abs(np.mean(p_values < level) - level) < 4 * np.sqrt(level * (1 - level) / 4_000)


def test_p_values_of_few_rows_fall_without_a_step_and_below_the_draws():
    scaled = np.linspace(0, 80, 400)
    p_values = np.array([null.psi_tail(x, 10, 100) for x in scaled])
    assert (np.diff(p_values) <= 0).all()
    assert p_values[0] == 1
    assert 0 < p_values[-1] < 1e-9
    tail = stats.chi2.sf(scaled, 9)
    near = (tail < 0.2) & (tail > 1e-4)
    assert np.abs(np.log(p_values[near] / tail[near])).max() < np.log(3)


def test_the_lower_bound_covers_the_psi_behind_the_sample():
    rng = np.random.default_rng(1)
    p = np.full(20, 0.05)
    q = p * np.exp(np.linspace(-0.55, 0.55, 20))
    q /= q.sum()
    truth = np.sum((q - p) * np.log(q / p))
    reference = rng.multinomial(50_000, p)
    results = [psi(reference, rng.multinomial(2_000, q), tolerance=truth, alpha=0.05) for _ in range(1_000)]
    assert np.mean([result.lower > truth for result in results]) < 0.075
    assert np.median([result.lower for result in results]) > 0.7 * truth
    assert [result.lower > truth for result in results] == [result.tolerance_p_value < 0.05 for result in results]


@pytest.mark.parametrize(("value", "n"), [("small", 1_000), ("huge", 2_000_000)])
def test_the_lower_bound_solves_the_non_central_chi_square(value, n):
    shift = 0.05 if value == "small" else 1.0
    reference = np.full(20, n)
    window = np.round(np.linspace(1 - shift, 1 + shift, 20) * n / 20).astype(np.int64)
    result = psi(reference, window, alpha=0.01)
    k = 1 / window.sum() + 1 / reference.sum()
    if result.lower == 0:
        assert result.p_value >= 0.01
    else:
        assert stats.ncx2.sf(result.value / k, 19, result.lower / k) == pytest.approx(0.01, rel=1e-3)


def test_one_group_cannot_drift():
    result = psi(np.array([0, 100, 0]), np.array([50, 0, 50]))
    assert (result.value, result.p_value, result.lower, result.groups) == (0.0, 1.0, 0.0, 1)


def test_too_few_values_have_no_psi_and_no_ks():
    reference = np.full(240, 10)
    few = np.zeros(240, np.int64)
    few[0] = 49
    for statistic in (psi, lambda a, b: ks(a, b, np.zeros(240, np.bool_))):
        with pytest.raises(NotEnoughSamples) as caught:
            statistic(reference, few)
        assert (caught.value.n, caught.value.needed) == (49, 50)


def test_bad_arguments_are_named():
    good = np.full(10, 100)
    with pytest.raises(ValueError, match=r"alpha.*got 0"):
        psi(good, good, alpha=0)
    with pytest.raises(ValueError, match=r"tolerance.*got -1"):
        psi(good, good, tolerance=-1)
    with pytest.raises(ValueError, match="same bins"):
        psi(good, good[:5])
    with pytest.raises(ValueError, match="singleton"):
        ks(good, good, np.zeros(3, np.bool_))
    with pytest.raises(ValueError, match="got 6"):
        missing((0, 10), (6, 5))


RNG = np.random.default_rng(3)
NORMAL = RNG.normal(size=20_000)
ZEROS = np.where(RNG.uniform(size=20_000) < 0.7, 0, RNG.gamma(2, size=20_000))
KS_CASES = {
    "nothing": (NORMAL, RNG.normal(size=3_000)),
    "shift": (NORMAL, RNG.normal(0.1, size=3_000)),
    "scale": (NORMAL, RNG.normal(0, 1.3, size=3_000)),
    "heavy tail moved": (NORMAL, np.r_[RNG.normal(size=2_970), np.full(30, 50)]),
    "lognormal": (np.exp(1.5 * NORMAL), 1.2 * np.exp(1.5 * RNG.normal(size=3_000))),
    "new atom": (NORMAL, np.r_[RNG.normal(size=2_900), np.full(100, 0.123)]),
    "integers": (RNG.integers(0, 12, 20_000), RNG.binomial(11, 0.55, 3_000)),
    "mostly zeros": (ZEROS, np.where(RNG.uniform(size=3_000) < 0.65, 0, RNG.gamma(2, size=3_000))),
    "constant, another value": (np.zeros(20_000), np.r_[np.zeros(2_000), np.full(1_000, 0.5)]),
    "integers, values between": (RNG.integers(0, 12, 20_000), RNG.integers(0, 12, 3_000) + 0.5),
}
EXACT = ("integers", "constant, another value", "integers, values between")


@pytest.mark.parametrize("case", KS_CASES)
def test_the_exact_ks_distance_lies_in_its_narrow_bracket(case):
    reference, window = (np.asarray(values, np.float32) for values in KS_CASES[case])
    exact = stats.ks_2samp(reference.astype(float), window.astype(float), method="asymp").statistic
    result = ks(*counted(reference, window))
    assert result.lo - 1e-12 <= exact <= result.hi + 1e-12
    assert result.hi - result.lo <= (1e-12 if case in EXACT else 1 / 240 + 1e-4)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_bracket_holds_for_any_two_samples(data):
    values = st.integers(-20, 20) | st.floats(-20, 20, width=32)
    reference = data.draw(hnp.arrays(np.float32, st.integers(50, 400), elements=values))
    window = data.draw(hnp.arrays(np.float32, st.integers(50, 100), elements=values))
    exact = stats.ks_2samp(reference.astype(float), window.astype(float), method="asymp").statistic
    result = ks(*counted(reference, window))
    assert result.lo - 1e-9 <= exact <= result.hi + 1e-9


def test_ks_of_clean_windows_alarms_no_more_often_than_promised():
    singleton = np.zeros(240, np.bool_)
    p_values = [ks(*pair, singleton).p_value for pair in uniform_windows(2_000, 2_000)]
    assert np.mean(np.array(p_values) < 0.05) < 0.06
    assert np.mean(np.array(p_values) < 0.01) < 0.015


def test_missing_is_near_the_exact_tail_where_z_is_not():
    exact = stats.fisher_exact([[5, 45], [500, 49_500]]).pvalue
    assert exact <= missing((500, 50_000), (5, 50)) < 2.1 * exact  # both tails as the heavier one
    assert missing((0, 50_000), (3, 50)) < 1e-7


def test_missing_in_neither_or_in_all_is_no_difference():
    assert missing((0, 100), (0, 100)) == 1.0
    assert missing((100, 100), (50, 50)) == 1.0
    with pytest.raises(NotEnoughSamples):
        missing((0, 100), (0, 0))

"""Arrays of windows against one reference: the values of the slow way, and levels that hold in the tail."""

import numpy as np
import pytest
from scipy import stats

from gnomon.stats import deviance, two_sample
from gnomon.stats.design import call_sums, design_effect, design_effects, kish

rng = np.random.default_rng(11)
REFERENCE = rng.multinomial(50_000, np.full(20, 0.05))


def windows(n=5_000, size=50, shares=None):
    return rng.multinomial(n, np.full(20, 0.05) if shares is None else shares, size=size)


def test_deviance_is_that_of_the_contingency_table():
    for window in windows(size=5):
        expected = stats.chi2_contingency(np.stack([REFERENCE, window]), correction=False, lambda_="log-likelihood")
        assert deviance.deviance(REFERENCE, window) == pytest.approx(expected.statistic)
        assert deviance.deviance_p_value(REFERENCE, window) == pytest.approx(expected.pvalue, rel=0.05)  # corrected


def test_psi_and_ks_are_those_of_one_window_at_a_time():
    many = windows()
    singleton = np.zeros(20, bool)
    for window, psi, ks in zip(many, deviance.psi(REFERENCE, many), deviance.ks(REFERENCE, many), strict=True):
        assert psi == pytest.approx(two_sample.psi(REFERENCE, window).value, rel=0.05)  # groups are joined there
        assert ks == pytest.approx(two_sample.ks(REFERENCE, window, singleton).lo)


def test_empty_groups_and_a_single_group_are_no_evidence():
    assert deviance.deviance(np.array([10, 0]), np.array([[7, 0], [0, 0]])).tolist() == [0, 0]
    assert deviance.deviance_p_value(np.array([10]), np.array([[7]])).tolist() == [1]


def test_in_the_tail_the_deviance_keeps_its_level_where_a_lean_bin_carries_psi_away():
    # 10 rows a group: P(p < 1e-4) is about 1.3e-4 by the deviance and 3.7e-4 by PSI (a million clean windows).
    reference = np.full(10, 5_000)
    clean = np.random.default_rng(5).multinomial(100, np.full(10, 0.1), size=100_000)
    by_psi = stats.chi2.sf(deviance.psi(reference, clean) * deviance.effective(50_000, 100), 9)
    by_deviance = deviance.deviance_p_value(reference, clean)
    assert (by_deviance < 1e-4).mean() < 2.5e-4 < (by_psi < 1e-4).mean()


def test_quantile_and_noncentrality_undo_each_other():
    for noncentral in (0.5, 20.0, 900.0):
        x = deviance.quantile(19, noncentral, 1e-7)
        assert deviance.noncentrality(x, 19, 1e-7) == pytest.approx(noncentral, rel=1e-4)
    assert deviance.noncentrality(deviance.quantile(19, 0.0, 0.01) - 0.1, 19, 0.01) == 0
    assert deviance.quantile(19, 0.0, 0.01) == pytest.approx(stats.chi2.isf(0.01, 19))


def calls_of(n_calls, rows, sticky):
    """Counts (n_calls, 20): with the chance `sticky` a row is a copy of its call's first one."""
    first = rng.integers(0, 20, (n_calls, 1))
    values = np.where(rng.random((n_calls, rows)) < sticky, first, rng.integers(0, 20, (n_calls, rows)))
    return np.stack([np.bincount(value, minlength=20) for value in values])


def test_the_design_effect_is_that_of_the_dependence_between_the_rows_of_a_call():
    assert design_effect(calls_of(4_000, 1, 1.0)) == pytest.approx(1, abs=0.05)
    assert design_effect(calls_of(4_000, 8, 0.0)) == pytest.approx(1, abs=0.05)
    assert design_effect(calls_of(4_000, 8, 1.0)) == pytest.approx(8, rel=0.05)
    assert design_effect(calls_of(4_000, 8, 0.5)) == pytest.approx(1 + 7 * 0.25, rel=0.1)


def test_with_the_design_effect_windows_of_dependent_rows_keep_the_level():
    reference = np.full(20, 2_500)
    clean = np.stack([calls_of(500, 4, 1.0).sum(0) for _ in range(400)])
    naive = (deviance.deviance_p_value(reference, clean) < 0.05).mean()
    honest = (deviance.deviance_p_value(reference, clean, 4.0) < 0.05).mean()
    assert naive > 0.9
    assert honest < 0.1


def test_rows_of_calls_bound_the_design_effect():
    assert kish(np.array([1, 1, 1])) == 1
    assert kish(np.array([1, 99])) == pytest.approx(98.02)
    assert kish(np.full(50, 8)) == 8
    with pytest.raises(ValueError, match="at least 1 row"):
        kish(np.array([0]))
    with pytest.raises(ValueError, match="at least 2 calls with rows, got 1"):
        design_effect(np.array([[1, 2], [0, 0]]))


def halves(n_calls, rows, sticky):
    """(above, rows) of calls in which a row is a copy of its call's first one with the chance `sticky`."""
    above = calls_of(n_calls, rows, sticky)[:, 10:].sum(1, keepdims=True)
    return above, np.full(n_calls, rows)


@pytest.mark.parametrize(("sticky", "expected"), [(0.0, 1.0), (0.5, 2.75), (1.0, 8.0)])
def test_sums_of_calls_tell_the_design_effect_and_err_to_the_safe_side(sticky, expected):
    found = float(design_effects(call_sums(*halves(4_000, 8, sticky)), 32_000)[0])
    assert min(expected, 8.0) * 0.98 <= found <= min(8.0, expected * 1.15)


def test_sums_are_added_and_calls_of_one_row_thin_them_out():
    one, other = halves(500, 8, 1.0), halves(300, 8, 1.0)
    together = call_sums(one[0], one[1]) + call_sums(other[0], other[1])
    both = call_sums(np.concatenate([one[0], other[0]]), np.concatenate([one[1], other[1]]))
    assert together.tolist() == both.tolist()
    assert float(design_effects(both, 6_400)[0]) == 8
    assert float(design_effects(both, 64_000)[0]) == pytest.approx(1 + 7 * 0.1, rel=0.03)


def test_few_calls_are_taken_for_more_alike_than_they_look():
    four = call_sums(np.array([[2], [4], [6], [4]]), np.full(4, 8))  # as spread as independent rows are
    assert float(design_effects(four, 32)[0]) == pytest.approx(1 + 3 * np.sqrt(0.5))
    assert design_effects(np.zeros(6, np.int64), 100).tolist() == [1]
    constant = call_sums(np.full((50, 1), 8), np.full(50, 8))
    assert float(design_effects(constant, 400)[0]) == pytest.approx(1.6)  # nothing varies, so nothing looks alike
    with pytest.raises(ValueError, match="3 and then 3 a monitor, got shape"):
        design_effects(np.zeros(5, np.int64), 1)
    with pytest.raises(ValueError, match="more than the 1 of the window"):
        design_effects(constant, 1)

"""Tests of shares against batch answers and simulated error rates."""

import numpy as np
import pytest
from scipy import stats

from gnomon.stats import NotEnoughSamples, Profile, Sketch, judge
from gnomon.stats.nominal import chi_square


def test_chi_square_is_pearsons():
    reference, window = np.array([500, 300, 200]), np.array([40, 30, 30])
    expected = stats.chi2_contingency([reference, window], correction=False)
    result = chi_square(reference, window)
    assert result.value == pytest.approx(expected.statistic)
    assert result.p_value == pytest.approx(expected.pvalue)
    assert (result.degrees, result.n) == (2, 100)
    assert result.distance == pytest.approx(0.1)


def test_rare_cells_are_taken_together():
    reference, window = np.array([5_000, 30, 20, 10, 0]), np.array([90, 1, 2, 3, 4])
    assert chi_square(reference, window).degrees == 1
    assert chi_square(np.array([0, 100]), np.array([0, 100])).p_value == 1.0


def test_chi_square_of_clean_windows_alarms_as_often_as_promised():
    rng = np.random.default_rng(0)
    shares = 1 / np.arange(1, 60)
    shares /= shares.sum()
    pairs = zip(rng.multinomial(20_000, shares, 3_000), rng.multinomial(300, shares, 3_000), strict=True)
    p_values = np.array([chi_square(*pair).p_value for pair in pairs])
    assert 0.03 < np.mean(p_values < 0.05) < 0.07
    assert np.mean(p_values < 0.01) < 0.02


def test_too_few_values_and_other_cells_are_refused():
    with pytest.raises(NotEnoughSamples) as caught:
        chi_square(np.array([100]), np.array([49]))
    assert (caught.value.n, caught.value.needed) == (49, 50)
    with pytest.raises(ValueError, match="same cells"):
        chi_square(np.array([100]), np.array([50, 50]))


@pytest.fixture(scope="module")
def profile():
    rng = np.random.default_rng(1)
    return Profile.fit({"carrier": rng.zipf(1.6, 20_000).clip(1, 3_000), "delay": rng.normal(size=20_000)},
                       categorical=["carrier"])  # fmt: skip


def window_of(profile, carriers, delays):
    sketch = Sketch(profile)
    sketch.update({"carrier": carriers, "delay": delays})
    return sketch


def test_a_clean_window_has_as_many_new_values_as_good_and_turing_say(profile):
    rng = np.random.default_rng(2)
    p_values = []
    for _ in range(200):
        sketch = window_of(profile, rng.zipf(1.6, 2_000).clip(1, 3_000), rng.normal(size=2_000))
        p_values.append(sketch.new_categories()["carrier"].p_value)
    assert np.mean(np.array(p_values) < 0.01) < 0.03
    share = sketch.new_categories()["carrier"]
    assert 0 < share.reference < 0.05
    assert share.n == 2_000


def test_new_values_alarm_and_the_reason_says_so(profile):
    rng = np.random.default_rng(3)
    carriers = np.where(np.arange(500) % 5 == 0, 10**6, rng.zipf(1.6, 500).clip(1, 3_000))
    sketch = window_of(profile, carriers, rng.normal(size=500))
    assert sketch.new_categories()["carrier"].share > 0.2
    assert sketch.chi_square()["carrier"].p_value < 1e-9
    verdict, calm = judge(profile, sketch.counts)
    assert (verdict.alarmed, calm.alarmed) == (True, False)
    assert "values not in the reference 2" in verdict.reason
    assert np.isnan(verdict.ks_lo)


def test_each_kind_of_monitor_has_its_own_statistics(profile):
    rng = np.random.default_rng(4)
    sketch = window_of(profile, rng.zipf(1.6, 500).clip(1, 3_000), rng.normal(size=500))
    assert sketch.psi().keys() == sketch.missing().keys() == {"carrier", "delay"}
    assert sketch.ks().keys() == sketch.outside().keys() == {"delay"}
    assert sketch.chi_square().keys() == sketch.new_categories().keys() == {"carrier"}
    assert [verdict.alarmed for verdict in sketch.judge(alpha=1e-3)] == [False, False]


def test_values_outside_the_reference_are_counted_on_their_side(profile):
    delays = np.r_[np.zeros(97), -99, 99, np.inf, np.nan]
    sketch = window_of(profile, np.ones(101, np.int64), delays)
    outside = sketch.outside()["delay"]
    assert (outside.below, outside.above, outside.n) == (0.01, 0.02, 100)
    missing = sketch.missing()["delay"]
    assert (missing.share, missing.reference, missing.n) == (1 / 101, 0, 101)


def test_shares_of_nothing_are_refused(profile):
    for statistic in (Sketch.missing, Sketch.new_categories, Sketch.outside):
        with pytest.raises(NotEnoughSamples, match="0 values of"):
            statistic(Sketch(profile))

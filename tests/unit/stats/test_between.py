"""Two streams counted in bins of their own: the exact distance is always inside the bracket."""

import numpy as np
import pytest
from scipy.stats import ks_2samp

from gnomon.stats import NotEnoughSamples, Profile
from gnomon.stats.between import ks_between, psi_between
from gnomon.stats.bins import count


def monitor_of(values):
    return Profile.fit(values.astype(np.float32)).monitors[0]


@pytest.mark.parametrize("digits", [(7, 7), (1, 7), (1, 1), (0, 1)])
def test_the_exact_distance_lies_in_the_bracket_whatever_the_bins(digits):
    rng = np.random.default_rng(digits[0])
    for _ in range(40):
        ours, theirs = (
            np.round(rng.normal(rng.normal() / 4, size=rng.integers(60, 3_000)), to).astype(np.float32) for to in digits
        )
        one, other = monitor_of(np.round(rng.normal(0.3, 1.2, 3_000), 2)), monitor_of(rng.normal(size=2_500))
        found = ks_between(one, count(ours, one.edges), other, count(theirs, other.edges))
        exact = ks_2samp(ours, theirs, method="asymp").statistic
        assert found.lo - 1e-9 <= exact <= found.hi + 1e-9


def test_same_bins_leave_no_doubt_at_their_edges_and_have_a_psi():
    rng = np.random.default_rng(1)
    one = monitor_of(rng.normal(size=5_000))
    ours, theirs = (count(rng.normal(shift, size=4_000).astype(np.float32), one.edges) for shift in (0.5, 0.0))
    found = ks_between(one, ours, one, theirs)
    assert found.hi - found.lo < 0.01
    assert found.p_value < 1e-30
    assert psi_between(one, ours, one, theirs).value == pytest.approx(0.25, abs=0.05)


def test_other_bins_have_no_psi_and_few_values_no_distance():
    rng = np.random.default_rng(2)
    one, other = monitor_of(rng.normal(size=500)), monitor_of(rng.normal(size=500))
    few = count(rng.normal(size=49).astype(np.float32), one.edges)
    assert psi_between(one, few, other, other.counts) is None
    with pytest.raises(NotEnoughSamples):
        ks_between(one, few, other, other.counts)

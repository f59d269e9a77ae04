"""The p-value of two shares: never below Fisher's exact one, and near it where alarms live."""

import itertools

import numpy as np
import pytest
from scipy import stats

from gnomon.stats.shares import share_p_value


@pytest.mark.parametrize(("n", "m", "other"), [(1_000, 50_000, 500), (200, 400, 90), (50_000, 1_000, 10), (30, 30, 29)])
def test_it_is_at_least_twice_the_exact_tail_and_near_it_where_that_is_small(n: int, m: int, other: int) -> None:
    for marked in range(0, n + 1, max(1, n // 100)):
        dealt = stats.hypergeom(n + m, marked + other, n)
        exact = 2 * min(dealt.cdf(marked), dealt.sf(marked - 1))
        found = float(share_p_value(marked, n, other, m))
        assert found >= min(1.0, exact) * (1 - 1e-6)
        if 1e-250 < exact < 1e-4:
            assert found <= 1.1 * exact


def test_of_same_shares_fewer_pass_than_the_level() -> None:
    generator = np.random.default_rng(0)
    reference, window = generator.binomial(50_000, 0.01, 400_000), generator.binomial(1_000, 0.01, 400_000)
    passed = share_p_value(window, 1_000, reference, 50_000) < 1e-3
    assert 40 < passed.sum() <= 400


def test_nothing_marked_and_all_marked_is_no_difference_and_arrays_are_as_their_elements() -> None:
    assert share_p_value(0, 100, 0, 100) == share_p_value(50, 50, 100, 100) == 1.0
    pairs = list(itertools.product((0, 3, 40), (1, 30)))
    together = share_p_value([x for x, _ in pairs], 50, [y for _, y in pairs], 60)
    np.testing.assert_array_equal(together, [share_p_value(x, 50, y, 60) for x, y in pairs])

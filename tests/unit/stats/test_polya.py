"""Evidence that may be looked at after every row, with a reference that is finite."""

import math

import numpy as np
import pytest

from gnomon.stats import Profile, polya_log_e

CERTAIN = math.log(1 / 0.05)


def best_seen(rng, m, shift=0.0, looks=40, rows=250):
    """The largest evidence over all looks at a stream, and the rows at which it was enough (None: never)."""
    monitor = Profile.fit(rng.normal(size=m)).monitors[0]
    counts, best, needed = np.zeros(len(monitor.edges) + 1, np.int64), -math.inf, None
    for number in range(looks):
        bins = np.searchsorted(monitor.edges, rng.normal(shift, size=rows).astype(np.float32), side="right")
        counts += np.bincount(bins, minlength=len(counts))
        best = max(best, polya_log_e(counts, monitor.counts[:-1]))
        if needed is None and best >= CERTAIN:
            needed = (number + 1) * rows
    return best, needed


@pytest.mark.parametrize("m", [200, 2_000])
def test_a_small_reference_raises_no_alarm_however_long_it_is_looked_at(m):
    rng = np.random.default_rng(m)
    alarms = sum(best_seen(rng, m)[0] >= CERTAIN for _ in range(100))
    assert alarms <= 10  # 5 expected at most; more than 10 in 100 have a chance of 1 %


def test_a_fifth_of_a_standard_deviation_is_found_within_2_000_rows():
    rng = np.random.default_rng(7)
    needed = [best_seen(rng, 20_000, shift=0.2, looks=8)[1] for _ in range(10)]
    assert all(rows is not None for rows in needed)
    assert np.median(needed) <= 1_000


def test_one_row_more_or_less_changes_e_so_that_its_mean_over_the_urn_is_the_same():
    """The martingale: averaged over the chance of each next bin, E stays as it is."""
    reference, counts = np.array([30, 20, 50]), np.array([4, 0, 9])
    gaps = np.array([31, 20, 50])
    chance = (gaps + counts) / (gaps.sum() + counts.sum())
    nexts = [math.exp(polya_log_e(counts + step, reference, groups=3)) for step in np.eye(3, dtype=np.int64)]
    assert float(chance @ nexts) == pytest.approx(math.exp(polya_log_e(counts, reference, groups=3)))


def test_no_rows_are_no_evidence_and_what_is_no_count_is_refused():
    assert polya_log_e(np.zeros(3, np.int64), np.array([5, 5, 5])) == pytest.approx(0)
    with pytest.raises(ValueError, match="same bins"):
        polya_log_e(np.zeros(2, np.int64), np.ones(3, np.int64))
    with pytest.raises(ValueError, match="negative, got -1"):
        polya_log_e(np.array([-1, 0]), np.ones(2, np.int64))
    with pytest.raises(ValueError, match="at least 1 row"):
        polya_log_e(np.zeros(2, np.int64), np.zeros(2, np.int64))

"""Confidence sequences of latency quantiles, from histograms."""

import math

import numpy as np
import pytest

from gnomon.stats.latency import BUCKETS, Histogram
from gnomon.stats.sequential import quantile_interval


def test_the_interval_contains_the_quantile_at_all_looks_at_once():
    p99 = 1_000 * math.exp(0.5 * 2.3263479)
    missed = 0
    for seed in range(60):
        histogram, rng = Histogram(), np.random.default_rng(seed)
        intervals = []
        for _ in range(10):
            histogram.update(rng.lognormal(math.log(1_000), 0.5, 500))
            intervals.append(quantile_interval(histogram.counts, 0.99, 0.05))
        missed += any(not low <= p99 <= high for low, high in intervals)
    assert missed / 60 <= 0.05


def test_it_narrows_around_the_sample_quantile():
    histogram, widths = Histogram(), []
    rng = np.random.default_rng(1)
    for _ in range(3):
        histogram.update(rng.lognormal(7, 0.5, 20_000))
        low, high = quantile_interval(histogram.counts, 0.5, 0.05)
        assert low <= histogram.quantile(0.5) <= high
        widths.append(high / low)
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 1.06


def test_an_end_that_nothing_speaks_for_is_open():
    assert quantile_interval(np.zeros(BUCKETS, np.int64), 0.99, 0.05) == (0.0, math.inf)
    few = Histogram()
    few.update([1_000.0] * 20)
    low, high = quantile_interval(few.counts, 0.99, 0.05)
    assert low == pytest.approx(1_000, rel=0.02)
    assert high == math.inf  # twenty calls say nothing about the slowest in a hundred


@pytest.mark.parametrize(("shape", "p", "alpha"), [((5,), 0.5, 0.05), ((BUCKETS,), 1.0, 0.05), ((BUCKETS,), 0.5, 1.0)])
def test_bad_arguments_are_refused(shape, p, alpha):
    with pytest.raises(ValueError, match="got"):
        quantile_interval(np.zeros(shape, np.int64), p, alpha)

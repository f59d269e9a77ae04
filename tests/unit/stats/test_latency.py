import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.stats import latency
from gnomon.stats.latency import BUCKETS, Histogram, bucket_of, lower_edge_us
from gnomon.stats.samples import NotEnoughSamples


@given(st.floats(1, 4.2e9, width=32))
def test_a_duration_lies_in_its_bucket_which_is_narrow(value):
    bucket = int(bucket_of(value))
    assert lower_edge_us(bucket) <= value < lower_edge_us(bucket + 1)
    assert lower_edge_us(bucket + 1) / lower_edge_us(bucket) <= 1 + 1 / 64


def test_every_edge_is_in_the_bucket_it_opens():
    edges = [lower_edge_us(bucket) for bucket in range(BUCKETS)]
    assert bucket_of(edges).tolist() == list(range(BUCKETS))
    assert (edges[0], lower_edge_us(BUCKETS)) == (1.0, 2.0**32)


@pytest.mark.parametrize(
    ("value", "bucket"),
    [
        (0, 0),
        (-3, 0),
        (0.99, 0),
        (-np.inf, 0),
        (1e12, BUCKETS - 1),
        (np.inf, BUCKETS - 1),
        (np.nan, BUCKETS - 1),
        (1e300, BUCKETS - 1),
    ],
)
def test_durations_out_of_range_go_to_the_ends_and_nan_to_the_slow_one(value, bucket):
    assert bucket_of(value) == bucket
    assert bucket_of([value]).dtype == np.int32


def test_quantiles_are_within_the_promised_error():
    values = np.random.default_rng(0).lognormal(8, 1, 20_000)
    histogram = Histogram()
    histogram.update(values)
    for p in (0.01, 0.5, 0.9, 0.99, 0.999, 1.0):
        exact = np.quantile(values, p, method="inverted_cdf")
        assert histogram.quantile(p) == pytest.approx(exact, rel=0.008)


def test_merging_equals_counting_everything_in_one():
    left, right, both = Histogram(), Histogram(), Histogram()
    left.update([1, 10, 100])
    right.update(np.array([[10], [1_000]]))
    both.update([1, 10, 100, 10, 1_000])
    left.merge(right)
    assert np.array_equal(left.counts, both.counts)
    assert left.count == 5


def test_sparse_gives_back_the_histogram_and_repeated_buckets_add():
    histogram = Histogram()
    histogram.update([5, 5, 70_000])
    indices, counts = histogram.sparse()
    assert counts.tolist() == [2, 1]
    assert np.array_equal(Histogram.from_sparse(indices, counts).counts, histogram.counts)
    assert Histogram.from_sparse([3, 3], [1, 2]).counts[3] == 3
    assert Histogram.from_sparse([], []).count == 0


@pytest.mark.parametrize(("indices", "counts"), [([BUCKETS], [1]), ([-1], [1]), ([1], [-1]), ([1, 2], [1])])
def test_sparse_counts_that_cannot_be_are_refused(indices, counts):
    with pytest.raises(ValueError):
        Histogram.from_sparse(indices, counts)


def test_an_empty_histogram_has_no_quantile_and_p_is_a_share():
    with pytest.raises(NotEnoughSamples) as caught:
        Histogram().quantile(0.5)
    assert (caught.value.n, caught.value.needed) == (0, 1)
    with pytest.raises(ValueError, match=r"got 1\.5"):
        Histogram().quantile(1.5)
    with pytest.raises(ValueError, match="2049"):
        lower_edge_us(2049)


def test_there_are_64_buckets_an_octave():
    assert latency.BUCKETS == 32 * 64
    assert bucket_of(2.0) == 64

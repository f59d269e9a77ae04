import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.stats import latency
from gnomon.stats.latency import (
    BUCKETS,
    Histogram,
    below,
    bucket_of,
    classic_edges_us,
    edge_near_us,
    lower_edge_us,
)
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


@given(st.lists(st.floats(1, 60e6), min_size=1, max_size=40), st.floats(0, 1))
def test_any_quantile_from_1_us_to_60_s_is_within_one_percent(values, p):
    histogram = Histogram()
    histogram.update(values)
    exact = np.quantile(values, p, method="inverted_cdf")
    assert abs(histogram.quantile(p) / exact - 1) <= 0.008


@given(st.lists(st.lists(st.floats(1, 60e6), max_size=20), min_size=2, max_size=5), st.randoms())
def test_shards_merged_in_any_order_are_the_same_counts(shards, order):
    whole, merged = Histogram(), Histogram()
    whole.update([value for shard in shards for value in shard])
    order.shuffle(shards)
    for shard in shards:
        part = Histogram()
        part.update(shard)
        merged.merge(part)
    assert np.array_equal(merged.counts, whole.counts)


@given(st.floats(1, 2.0**32))
def test_the_edge_nearest_to_a_budget_is_a_bucket_edge_within_one_percent(value):
    edge = edge_near_us(value)
    assert abs(edge / value - 1) <= 1 / 128
    assert edge == 2.0**32 or lower_edge_us(int(bucket_of(edge))) == edge


@given(st.lists(st.floats(1, 60e6, width=32), max_size=60), st.floats(300, 60e6))
def test_classic_buckets_are_exact_at_their_edges_and_at_a_budget_on_one(values, budget):
    histogram, edge = Histogram(), edge_near_us(budget)
    histogram.update(values)
    edges = classic_edges_us([edge])
    assert edge in edges
    assert below(histogram.counts, edges).tolist() == [sum(value < each for value in values) for each in edges]


@given(st.lists(st.floats(1, 60e6, width=32), max_size=60), st.floats(300, 60e6))
def test_between_bucket_edges_a_share_over_a_budget_is_never_told_too_small(values, budget):
    histogram = Histogram()
    histogram.update(values)
    (found,) = below(histogram.counts, [budget])
    assert sum(value < budget * (1 - 1 / 64) for value in values) <= found <= sum(value < budget for value in values)


def test_classic_edges_are_few_ascending_and_span_what_is_measured():
    edges = classic_edges_us([5_000, 5_000.0])
    assert list(edges) == sorted(set(edges))
    assert 5_000 in edges
    assert len(edges) == 20
    assert (edges[0], edges[-1]) == (256, 2**26)


@pytest.mark.parametrize("value", [0.5, 2.0**33, np.nan])
def test_there_is_no_edge_near_a_duration_out_of_range(value):
    with pytest.raises(ValueError, match="got"):
        edge_near_us(value)


def test_counts_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"\(5,\)"):
        below(np.zeros(5, np.int64), [1.0])


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

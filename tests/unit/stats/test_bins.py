"""Fitted bins: within budget, exact for few values, and no bin without reference mass but beside an atom."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gnomon.stats import bins

FLOATS = st.floats(width=32, allow_nan=False, allow_subnormal=True)
COLUMNS = hnp.arrays(np.float32, st.integers(1, 600), elements=FLOATS | st.sampled_from([0.0, -0.0, 1.0, np.inf]))

LIMITS = np.iinfo(np.int64)
WHOLE = hnp.arrays(np.int64, st.integers(1, 600), elements=st.integers(-5, 5) | st.integers(LIMITS.min, LIMITS.max))
WIDE = hnp.arrays(
    np.float64, st.integers(1, 600), elements=st.floats(allow_nan=False) | st.sampled_from([0.0, -0.0, 1])
)


@settings(max_examples=60, deadline=None)
@given(values=COLUMNS | WHOLE | WIDE)
def test_any_column_is_within_budget_and_empty_bins_lie_beside_an_atom_or_outside(values):
    edges = bins.fit_edges(values)
    assert len(edges) + 1 <= 2 * bins.BINS + 2
    assert edges.dtype == values.dtype
    assert (np.diff(edges) > 0).all() or np.isinf(edges).any()
    assert not np.isin(bins.extremes(edges.dtype)[0], edges).any()
    counts = bins.count(values, edges)
    assert counts.sum() == len(values)
    alone = bins.singletons(edges)
    beside = alone | np.append(alone[1:], False) | np.append(False, alone[:-1])
    outside = np.zeros_like(beside)
    outside[[0, -1]] = True
    assert (counts[:-1][~(beside | outside)] > 0).all()


@settings(max_examples=60, deadline=None)
@given(
    heavy=st.lists(st.integers(1, 400), max_size=300),
    light=st.integers(0, 3_000),
    budget=st.sampled_from([bins.BINS, 20]),
)
def test_no_bin_of_several_values_holds_more_than_its_share(heavy, light, budget):
    atoms = np.repeat(np.arange(len(heavy)) * 7.0, heavy)
    values = np.concatenate([atoms, np.random.default_rng(light).uniform(0, 2_100, light), [1.5]])
    edges = bins.fit_edges(values, budget)
    assert len(edges) + 1 <= 2 * budget + 2
    shared = bins.count(values, edges)[:-1][~bins.singletons(edges)]
    assert shared.max(initial=0) <= len(values) // budget


def test_a_continuous_column_gets_240_bins_of_equal_mass():
    values = np.random.default_rng(1).normal(size=24_000).astype(np.float32)
    below, *counts, above, missing = bins.count(values, bins.fit_edges(values))
    counts = np.array(counts)
    assert (below, above, missing) == (0, 0, 0)
    assert len(counts) == 240
    assert counts.min() >= 98
    assert counts.max() <= 102


@pytest.mark.parametrize("distinct", [1, 2, 12, 119, 120, 200, 239, 240])
def test_each_of_at_most_240_distinct_values_has_a_bin_of_its_own(distinct):
    values = np.repeat(np.arange(distinct, dtype=np.float32) * 3 - 7, 5)
    edges = bins.fit_edges(values)
    counts = bins.count(values, edges)[:-1]
    assert np.count_nonzero(counts) == distinct
    assert bins.singletons(edges)[counts > 0].all()


def test_an_atom_in_a_continuous_column_is_a_singleton():
    rng = np.random.default_rng(2)
    values = np.concatenate([np.zeros(7_000), rng.gamma(2, size=3_000)]).astype(np.float32)
    edges = bins.fit_edges(values)
    at_zero = np.searchsorted(edges, np.float32(0), "right")
    assert bins.singletons(edges)[at_zero]
    assert bins.count(values, edges)[at_zero] == 7_000


def test_a_value_beside_a_constant_falls_in_another_bin():
    edges = bins.fit_edges(np.full(100, 5, np.float32))
    fives, below, above = np.searchsorted(edges, np.array([5, 4.999, 5.001], np.float32), "right")
    assert len({fives, below, above}) == 3


def test_of_many_values_those_that_are_heavier_than_a_share_are_alone():
    rng = np.random.default_rng(3)
    atoms = np.repeat(np.arange(150), np.linspace(100, 300, 150).astype(int))
    values = np.concatenate([atoms, rng.uniform(0, 150, 2_000)]).astype(np.float32)
    edges = bins.fit_edges(values)
    heavy = np.flatnonzero(np.bincount(atoms) > len(values) // 240).astype(np.float32)
    assert len(heavy) > 100
    assert bins.singletons(edges)[np.searchsorted(edges, heavy, "right")].all()


@settings(max_examples=60, deadline=None)
@given(values=WHOLE | COLUMNS | WIDE)
def test_the_first_bin_is_below_the_reference_and_the_last_above(values):
    edges = bins.fit_edges(values)
    lowest, highest = bins.extremes(values.dtype)
    counts = bins.count(values, edges)[:-1]
    assert bool(counts[0] == 0) == bool(values.min() > lowest[0])
    assert bool(counts[-1] == 0) == bool(values.max() < highest[0])
    if values.min() > lowest[0]:
        assert edges[0] == values.min()
    if values.max() < highest[0]:
        assert edges[-1] == bins.above(np.array([values.max()]))[0]


def test_neighbours_that_float32_cannot_tell_apart_have_bins_of_their_own():
    for dtype in (np.int64, np.float64):
        values = np.repeat(np.array([2**40, 2**40 + 1, 2**40 + 2], dtype), 5)
        edges = bins.fit_edges(values)
        assert np.count_nonzero(bins.count(values, edges)) == 3
        whole = bins.singletons(edges)
        assert (whole[1:4] if dtype is np.int64 else ~whole[[0, -1]]).all()


def test_infinities_have_bins():
    values = np.array([-np.inf, -np.inf, 0, 1, np.inf], np.float32)
    edges = bins.fit_edges(values)
    assert np.count_nonzero(bins.count(values, edges)) == 4
    assert bins.singletons(edges)[[0, -1]].all()

"""Edges come and go, and no cumulative count ever falls."""

import dataclasses
import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gateway.observe.edges import BUDGETS_KEPT, FIXED_LE, FIXED_NS, budgets_us, edges_ns, le, recut, with_budgets
from tests.journals import route

BUDGETS = st.lists(st.integers(1, 30_000_000), max_size=4, unique=True)


def cumulative(counts, edges):
    return dict(zip((*edges, float("inf")), np.cumsum(counts).tolist(), strict=True))


@given(st.lists(st.tuples(BUDGETS, st.lists(st.integers(0, 20_000_000_000), max_size=20)), max_size=6))
def test_through_any_changes_of_budgets_no_edge_that_stays_loses_a_call_and_new_ones_are_exact_from_then_on(turns):
    edges, counts, kept = edges_ns(()), np.zeros(len(FIXED_NS) + 1, np.int64), ()
    for wanted, latencies in turns:
        before = cumulative(counts, edges)
        kept = with_budgets(kept, wanted)
        counts, edges = recut(counts, edges, edges_ns(kept)), edges_ns(kept)
        after = cumulative(counts, edges)
        assert all(after[edge] == count for edge, count in before.items() if edge in after)
        assert after[float("inf")] == before[float("inf")]
        assert {1_000 * us for us in wanted} <= set(edges)
        counts = counts + np.bincount(np.searchsorted(edges, latencies), minlength=len(counts))
        gained = cumulative(counts, edges)
        assert all(gained[edge] - after[edge] == sum(ns <= edge for ns in latencies) for edge in edges)


def test_the_latest_budgets_are_kept_and_the_oldest_go():
    kept = with_budgets((), range(1, BUDGETS_KEPT + 1))
    assert with_budgets(kept, (1, 99)) == (*range(3, BUDGETS_KEPT + 1), 1, 99)


def test_fixed_edges_are_geometric_and_labels_are_what_clients_compute():
    assert all(upper == 2 * lower for lower, upper in itertools.pairwise(FIXED_NS))
    assert {"5e-05", "0.0001", "0.0512", "13.1072", "+Inf"} <= FIXED_LE
    assert [le(1_000_000_000), le(3_271_000)] == ["1.0", "0.003271"]


def test_a_threshold_that_stands_for_none_is_no_budget():
    assert budgets_us(dataclasses.replace(route(), latency_thresholds_us=(4_000_000_000, 7_000, 0))) == (7_000,)

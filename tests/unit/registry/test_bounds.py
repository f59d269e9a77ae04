"""Distances that are surely there: never more than the truth, at any look, whatever the bins."""

import numpy as np
import pytest

from gnomon.stats.bins import count, fit_edges
from gnomon.stats.sequential import exceedance_log_e
from registry.rollout.bounds import Binned, cuts_of, distance, log_goal, lower_bound

LEVEL = log_goal(0.01, 1, 9)


def binned(values: np.ndarray, edges: np.ndarray) -> Binned:
    return Binned(edges=edges, counts=count(values.astype(np.float32), edges)[:-1])


def edges_of(values: np.ndarray) -> np.ndarray:
    return fit_edges(values.astype(np.float32))


def test_a_lower_bound_is_where_the_evidence_ends() -> None:
    low = lower_bound(np.array([0, 50, 1_000]), 1_000, LEVEL)
    assert low[0] == 0.0
    assert 0.02 < low[1] < 0.05
    assert 0.97 < low[2] < 1.0
    assert exceedance_log_e(50, 1_000, float(low[1]) * 0.9) > LEVEL, "a smaller share is put aside by other bets, too"


def test_no_difference_is_ever_seen_where_there_is_none() -> None:
    """Ten pairs of streams of one distribution, in bins of different samples, looked at ten times each."""
    rng = np.random.default_rng(7)
    for _ in range(10):
        reference, other = rng.beta(2, 5, (2, 4_000))
        mine, theirs = edges_of(reference), edges_of(other)
        cuts = cuts_of(binned(reference, mine))
        a, b = rng.beta(2, 5, 9_000), rng.beta(2, 5, 1_000)
        for look in range(2, 21, 2):
            found = distance(binned(a[: 450 * look], mine), binned(b[: 50 * look], theirs), cuts, LEVEL)
            assert (found.psi, found.ks) == (0.0, 0.0)


@pytest.mark.parametrize("same_bins", [True, False])
def test_a_difference_is_shown_and_never_more_than_there_is(same_bins: bool) -> None:
    rng = np.random.default_rng(8)
    reference, shifted = rng.normal(0, 1, 20_000), rng.normal(1, 1, 20_000)
    mine = edges_of(reference)
    theirs = mine if same_bins else edges_of(shifted)
    cuts = cuts_of(binned(reference, mine))
    a, b = rng.normal(0, 1, 50_000), rng.normal(1, 1, 5_000)
    found = distance(binned(a, mine), binned(b, theirs), cuts, LEVEL)
    assert 0.30 < found.ks < 0.383, "of two normal distributions a deviation apart: 2 Φ(1/2) - 1"
    assert 0.45 < found.psi < 1.0, "1 over all values; less over ten groups"


def test_bins_that_do_not_meet_cost_only_what_lies_between() -> None:
    rng = np.random.default_rng(9)
    a, b = rng.uniform(0, 1, 20_000), rng.uniform(0.2, 1.2, 20_000)
    fine, coarse = edges_of(a), np.linspace(0, 1.2, 8, dtype=np.float32)[1:-1]
    cuts = cuts_of(binned(a, fine))
    exact, blurred = (distance(binned(a, fine), binned(b, edges), cuts, LEVEL) for edges in (fine, coarse))
    assert 0.05 < blurred.ks < exact.ks < 0.2
    assert 0.0 < blurred.psi < exact.psi


def test_constant_columns_and_empty_windows_show_nothing() -> None:
    constant = binned(np.ones(100), edges_of(np.ones(100)))
    nothing = binned(np.ones(0), edges_of(np.ones(100)))
    for other in (constant, nothing):
        found = distance(constant, other, cuts_of(constant), LEVEL)
        assert (found.psi, found.ks) == (0.0, 0.0)


def test_a_value_never_seen_before_is_a_difference() -> None:
    reference = np.repeat([0.0, 1.0], 500)
    edges = edges_of(reference)
    found = distance(
        binned(reference, edges), binned(np.full(500, 1.0), edges), cuts_of(binned(reference, edges)), LEVEL
    )
    assert found.ks > 0.3

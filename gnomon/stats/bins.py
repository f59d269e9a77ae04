"""Bins of one column, fitted to reference data and frozen.

Bin of x is the number of edges that are <= x, as in `numpy.searchsorted(edges, x, side="right")`. Bins come from
the reference alone: bins that move with each window can be neither merged nor compared with last week.
"""

import numpy as np
from numpy.typing import NDArray

BINS = 240  # 20 * 12 = 10 * 24: PSI with 20 and with 10 groups are exact coarsenings

_LOWEST = np.finfo(np.float32).min
_INFINITY = np.float32(np.inf)


def fit_edges(values: NDArray[np.float32], bins: int = BINS) -> NDArray[np.float32]:
    """Ascending float32 edges of at most `bins` bins for the reference `values` (n,), NaN left out by the caller.

    Up to `bins` distinct values: each has a bin of its own, so counts of values seen before are exact. More: quantile
    edges, each a value of the reference, so that a bin holds about 1/bins of it. A value heavier than 1/bins (an atom)
    gets the bin [v, nextafter(v)), which nothing else can enter. The gap beside an atom may be without reference
    mass: it is where a value never seen before becomes visible.

    Known weakness: with many atoms the budget is spent on them, first at the cost of every other quantile edge
    (bins of up to about 2/bins), then of the lightest atoms.
    """
    ordered = np.sort(values) + np.float32(0)  # + 0 turns -0.0 into 0.0
    atoms, weights = np.unique(ordered, return_counts=True)
    if len(atoms) <= bins:
        essential = atoms[1:]
        wanted = np.concatenate([atoms[:1], _above(atoms[np.argsort(-weights, kind="stable")])])
    else:
        heavy = weights > len(ordered) / bins
        by_weight = np.argsort(-weights[heavy], kind="stable")
        wanted = _above(atoms[heavy][by_weight])
        essential = _thinned(_quantiles(ordered, bins), atoms[heavy], len(wanted) - (bins - 1))
    return _within_budget(_usable(essential), _usable(wanted), bins - 1)


def count(values: NDArray[np.float32], edges: NDArray[np.float32]) -> NDArray[np.int64]:
    """Counts (len(edges) + 2,) of `values` (n,): the bins, then NaN. The slow reference for the compiled kernel."""
    missing = np.isnan(values)
    bins = np.searchsorted(edges, values[~missing], side="right")
    counts = np.bincount(bins, minlength=len(edges) + 2).astype(np.int64)
    counts[-1] = np.count_nonzero(missing)
    return counts


def singletons(edges: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Per bin (len(edges) + 1,): whether exactly one float32 value can be in it."""
    if len(edges) == 0:
        return np.zeros(1, np.bool_)
    return np.concatenate([[edges[0] == _LOWEST], _above(edges[:-1]) == edges[1:], [edges[-1] == _INFINITY]])


def _quantiles(ordered: NDArray[np.float32], bins: int) -> NDArray[np.float32]:
    """Inner quantiles as `numpy.quantile(..., method="higher")` gives them, without its arithmetic on infinities."""
    ranks = -(-np.arange(1, bins) * (len(ordered) - 1) // bins)
    return np.unique(ordered[ranks])


def _thinned(edges: NDArray[np.float32], keep: NDArray[np.float32], room: int) -> NDArray[np.float32]:
    """`edges` without some that are not in `keep`, evenly, at most every other one, so that `room` more fit."""
    excess = len(edges) + room
    light = np.flatnonzero(~np.isin(edges, keep))
    drop = min(excess, len(light) // 2)
    if drop <= 0:
        return edges
    return np.delete(edges, light[np.arange(drop) * len(light) // drop])


def _within_budget(essential: NDArray[np.float32], wanted: NDArray[np.float32], budget: int) -> NDArray[np.float32]:
    fresh = wanted[~np.isin(wanted, essential)]
    return np.unique(np.concatenate([essential, fresh[: max(0, budget - len(essential))]]))


def _usable(edges: NDArray[np.float32]) -> NDArray[np.float32]:
    """Without -inf: every number is at or above it, so it parts nothing."""
    usable: NDArray[np.float32] = edges[edges != -_INFINITY]
    return usable


def _above(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The next float32 after each value, infinity after the largest; -0.0 never comes out."""
    with np.errstate(over="ignore"):
        return np.nextafter(values, _INFINITY) + np.float32(0)

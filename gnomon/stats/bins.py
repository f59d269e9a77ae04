"""Bins of one column, fitted to reference data and frozen.

Bin of x is the number of edges that are <= x, as in `numpy.searchsorted(edges, x, side="right")`. Bins come from
the reference alone: bins that move with each window can be neither merged nor compared with last week.

The first bin lies below every value of the reference and the last one above: both are empty of reference, and what
falls there was never seen. Edges are of the column's own type: float32, float64 or int64.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 240  # of the reference; 20 * 12 = 10 * 24: PSI with 20 and with 10 groups are exact coarsenings

Numbers = NDArray[Any]  # float32, float64 or int64


def fit_edges(values: Numbers, bins: int = BINS) -> Numbers:
    """Ascending edges, of at most `bins` bins and two outside, for the reference `values` (n,) without NaN.

    Up to `bins` distinct values: each has a bin of its own, so counts of values seen before are exact. More: quantile
    edges, each a value of the reference, so that a bin holds about 1/bins of it. A value heavier than 1/bins (an atom)
    gets the bin [v, next(v)), which nothing else can enter. The gap beside an atom may be without reference
    mass: it is where a value never seen before becomes visible.

    Known weakness: with many atoms the budget is spent on them, first at the cost of every other quantile edge
    (bins of up to about 2/bins), then of the lightest atoms.
    """
    ordered = np.sort(values) + values.dtype.type(0)  # + 0 turns -0.0 into 0.0
    if len(ordered) == 0:
        return np.asarray(ordered)
    atoms, weights = np.unique(ordered, return_counts=True)
    if len(atoms) <= bins:
        essential = atoms[1:]
        wanted = above(atoms[np.argsort(-weights, kind="stable")])
    else:
        heavy = weights > len(ordered) / bins
        by_weight = np.argsort(-weights[heavy], kind="stable")
        wanted = above(atoms[heavy][by_weight])
        essential = _thinned(_quantiles(ordered, bins), atoms[heavy], len(wanted) - (bins - 1))
    inner = _within_budget(_usable(essential), _usable(wanted), bins - 1)
    return np.unique(np.concatenate([inner, _usable(ordered[:1]), above(ordered[-1:])]))


def count(values: Numbers, edges: Numbers) -> NDArray[np.int64]:
    """Counts (len(edges) + 2,) of `values` (n,): the bins, then NaN. The slow reference for the compiled kernel."""
    missing = np.isnan(values)
    found = np.searchsorted(edges, values[~missing], side="right")
    counts = np.bincount(found, minlength=len(edges) + 2).astype(np.int64)
    counts[-1] = np.count_nonzero(missing)
    return counts


def singletons(edges: Numbers) -> NDArray[np.bool_]:
    """Per bin (len(edges) + 1,): whether exactly one value of the edges' type can be in it."""
    if len(edges) == 0:
        return np.zeros(1, np.bool_)
    low, high = extremes(edges.dtype)
    return np.concatenate([[edges[0] == above(low)[0]], above(edges[:-1]) == edges[1:], [edges[-1] == high[0]]])


def coarsen(reference_counts: NDArray[np.int64], groups: int) -> NDArray[np.intp]:
    """Label (n_bins,) of the group each bin belongs to: neighbours, of 1/groups of the reference mass or near it.

    A group has at least half of that mass, so no group is empty of reference; a heavy bin is one of its own.
    """
    share = reference_counts.sum() / groups
    labels = np.empty(len(reference_counts), np.intp)
    label, mass = 0, 0.0
    for index, weight in enumerate(reference_counts.tolist()):
        if mass >= share / 2 and mass + weight / 2 > share:
            label, mass = label + 1, 0.0
        labels[index] = label
        mass += weight
    if label > 0 and mass < share / 2:
        labels[labels == label] = label - 1
    return labels


def extremes(dtype: np.dtype[Any]) -> tuple[Numbers, Numbers]:
    """The lowest and the highest value, (1,) each."""
    if dtype.kind == "f":
        return np.array([-np.inf], dtype), np.array([np.inf], dtype)
    limits = np.iinfo(dtype)
    return np.array([limits.min], dtype), np.array([limits.max], dtype)


def above(values: Numbers) -> Numbers:
    """The next value after each, the highest after itself; -0.0 never comes out."""
    _, high = extremes(values.dtype)
    if values.dtype.kind == "i":
        return np.asarray(np.where(values == high, values, values + (values != high)))
    with np.errstate(over="ignore"):
        return np.asarray(np.nextafter(values, high) + values.dtype.type(0))


def _quantiles(ordered: Numbers, bins: int) -> Numbers:
    """Inner quantiles as `numpy.quantile(..., method="higher")` gives them, without its arithmetic on infinities."""
    ranks = -(-np.arange(1, bins) * (len(ordered) - 1) // bins)
    return np.unique(ordered[ranks])


def _thinned(edges: Numbers, keep: Numbers, room: int) -> Numbers:
    """`edges` without some that are not in `keep`, evenly, at most every other one, so that `room` more fit."""
    excess = len(edges) + room
    light = np.flatnonzero(~np.isin(edges, keep))
    drop = min(excess, len(light) // 2)
    if drop <= 0:
        return edges
    return np.delete(edges, light[np.arange(drop) * len(light) // drop])


def _within_budget(essential: Numbers, wanted: Numbers, budget: int) -> Numbers:
    fresh = wanted[~np.isin(wanted, essential)]
    return np.unique(np.concatenate([essential, fresh[: max(0, budget - len(essential))]]))


def _usable(edges: Numbers) -> Numbers:
    """Without the lowest value: every number is at or above it, so it parts nothing."""
    usable: Numbers = edges[edges != extremes(edges.dtype)[0]]
    return usable

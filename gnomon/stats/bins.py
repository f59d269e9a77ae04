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
FEW = 4  # times as many distinct values as bins

Numbers = NDArray[Any]  # float32, float64 or int64


def fit_edges(values: Numbers, bins: int = BINS) -> Numbers:
    """Ascending edges for the reference `values` (n,) without NaN; bins outside of them are empty of reference.

    Neighbouring values share a bin while they are at most `most` rows together; a value of more (an atom) has the bin
    [v, next(v)), which nothing else can enter. `most` is the smallest for which `bins` bins suffice, but n/bins at
    most, so that the Kolmogorov-Smirnov distance of any window is known to 1/bins: for it, columns of many atoms, or of
    few rows, may have up to twice as many bins. So may columns of few distinct values, whose distribution is all jumps:
    of up to `bins` values, each has a bin of its own.

    The gap beside an atom may be without reference mass: it is where a value never seen before becomes visible.
    """
    # Imported here: it brings the compiler, which who reads profiles need not load.
    from gnomon.stats.cuts import cuts

    ordered = np.sort(values) + values.dtype.type(0)  # + 0 turns -0.0 into 0.0
    if len(ordered) == 0:
        return np.asarray(ordered)
    atoms, weights = np.unique(ordered, return_counts=True)
    room = bins if len(atoms) > FEW * bins else 2 * bins
    low, high = 0, len(ordered) // bins
    while low < high:
        most = (low + high) // 2
        low, high = (low, most) if cuts(weights, most).sum() < room else (most + 1, high)
    at, behind = cuts(weights, high)
    inner = np.concatenate([atoms[at], above(atoms[behind])])
    return np.unique(np.concatenate([_usable(inner), _usable(ordered[:1]), above(ordered[-1:])]))


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


def _usable(edges: Numbers) -> Numbers:
    """Without the lowest value: every number is at or above it, so it parts nothing."""
    usable: Numbers = edges[edges != extremes(edges.dtype)[0]]
    return usable

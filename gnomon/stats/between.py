"""Two streams of traffic beside each other, each counted in bins of its own: what of their distance is certain.

Where the bins are the same, PSI and KS are those of any two samples. Where they differ (each version has the bins of
its own training data), a distribution function is known at its own edges and lies between its neighbours' values
elsewhere. So KS is still bracketed, PSI is not to be had, and nothing is guessed.
"""

import numpy as np
from numpy.typing import NDArray

from gnomon.stats import deviance
from gnomon.stats.profile import Monitor
from gnomon.stats.samples import NotEnoughSamples
from gnomon.stats.two_sample import KS_ROWS, KsResult, PsiResult, psi

Counts = NDArray[np.int64]


def psi_between(one: Monitor, ours: Counts, other: Monitor, theirs: Counts) -> PsiResult | None:
    """PSI of `ours` (slots of `one`,) against `theirs`; None where their bins differ.

    Raises:
        NotEnoughSamples: fewer than 5 values a group on either side.
    """
    same = np.array_equal(one.edges, other.edges) and len(ours) == len(theirs) == len(one.edges) + 2
    return psi(theirs[:-1], ours[:-1]) if same else None


def ks_between(one: Monitor, ours: Counts, other: Monitor, theirs: Counts) -> KsResult:
    """Bracket of the Kolmogorov-Smirnov distance of two streams, missing values left out; the p-value is that of `lo`.

    Raises:
        NotEnoughSamples: fewer than 50 values on either side.
    """
    n, m = int(ours[:-1].sum()), int(theirs[:-1].sum())
    if min(n, m) < KS_ROWS:
        raise NotEnoughSamples(min(n, m), KS_ROWS)
    edges = np.union1d(one.edges, other.edges)
    below, above = (_known(monitor.edges, counts[:-1], edges) for monitor, counts in ((one, ours), (other, theirs)))
    apart = np.maximum(below[0] - above[1], above[0] - below[1])
    lo = float(max(0.0, apart.max(initial=0.0)))
    # Between two neighbouring edges a function is at least its lowest value at the left, at most its highest right.
    ends = [(np.append(0.0, low), np.append(high, 1.0)) for low, high in (below, above)]
    wide = np.maximum(ends[0][1] - ends[1][0], ends[1][1] - ends[0][0])
    p_value = float(deviance.ks_p_value(lo, float(deviance.effective(m, n))))
    return KsResult(lo=lo, hi=max(lo, float(wide.max())), p_value=p_value, n=n)


def _known(
    own: NDArray[np.float32], counts: Counts, edges: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest value (edges,) that the share below each of `edges` can have."""
    reached = np.append(0.0, np.cumsum(counts) / counts.sum())  # at -inf, at each own edge, at +inf
    low = reached[np.searchsorted(own, edges, side="right")]
    high = reached[np.searchsorted(own, edges, side="left") + 1]
    return low, high

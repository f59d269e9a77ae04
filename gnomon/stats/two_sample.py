"""Is the window drawn from where the reference was? PSI, Kolmogorov-Smirnov and missing values, from counts alone."""

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from gnomon.stats import null
from gnomon.stats.bins import coarsen
from gnomon.stats.deviance import noncentrality, tail
from gnomon.stats.samples import NotEnoughSamples
from gnomon.stats.shares import share_p_value

Counts = NDArray[np.int64]

MANY_ROWS = 500  # from here on PSI has 20 groups, below it 10
KS_ROWS = 50
_ROWS_A_GROUP = 5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PsiResult:
    """PSI of a window.

    Attributes:
        value: as defined; biased upwards by about (groups - 1)(1/n + 1/m).
        corrected: without that bias; below 0 by chance where nothing drifted.
        p_value: of no drift at all.
        tolerance_p_value: of a drift no larger than the tolerance asked for.
        lower: lower confidence bound of the PSI behind the sample, at the level asked for.
        n: values of the window; groups: cells compared.
    """

    value: float
    corrected: float
    p_value: float
    tolerance_p_value: float
    lower: float
    n: int
    groups: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class KsResult:
    """The largest distance of two distribution functions lies in [lo, hi]; p_value belongs to lo; n values."""

    lo: float
    hi: float
    p_value: float
    n: int


def psi(reference_counts: Counts, window_counts: Counts, *, tolerance: float = 0.1, alpha: float = 0.01) -> PsiResult:
    """Population stability index over about 20 groups of equal reference mass, or 10 below 500 values.

    Both arguments are (n_bins,) counts of the same bins, without NaN. Half a value is added to each group, so an empty
    one weighs as much as the sample allows and not as much as an arbitrary constant does. With k = 1/n + 1/m, PSI/k is
    chi-square with groups - 1 degrees of freedom when nothing drifted (Yurdakul & Naranjo 2020) and about non-central
    chi-square with nc = PSI/k when it did (Potgieter et al., arXiv 2307.11878), which gives the bound and its p-value.
    Below 25 values a group the p-value comes from draws instead (null.py).

    Raises:
        NotEnoughSamples: fewer than 5 values a group on either side.
        ValueError: shapes differ, or tolerance or alpha out of range.
    """
    _check(reference_counts, window_counts)
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be between 0 and 1, got {alpha}")
    if not tolerance >= 0:
        raise ValueError(f"tolerance must not be negative, got {tolerance}")
    m, n = int(reference_counts.sum()), int(window_counts.sum())
    labels = coarsen(reference_counts, 20 if n >= MANY_ROWS else 10)
    groups = int(labels[-1]) + 1
    needed = _ROWS_A_GROUP * max(groups, 10)
    if min(n, m) < needed:
        raise NotEnoughSamples(min(n, m), needed)
    p = (np.bincount(labels, reference_counts) + 0.5) / (m + groups / 2)
    q = (np.bincount(labels, window_counts) + 0.5) / (n + groups / 2)
    value = float(((q - p) * np.log(q / p)).sum())
    k, degrees = 1 / n + 1 / m, groups - 1
    return PsiResult(
        value=value,
        corrected=value - degrees * k,
        p_value=_psi_tail(value / k, groups, n),
        tolerance_p_value=_chi_square_tail(value / k, degrees, tolerance / k),
        lower=k * noncentrality(value / k, degrees, alpha),
        n=n,
        groups=groups,
    )


def ks(reference_counts: Counts, window_counts: Counts, singleton: NDArray[np.bool_]) -> KsResult:
    """Bracket of the Kolmogorov-Smirnov distance, from (n_bins,) counts of the same bins without NaN.

    At the edges of the bins both distribution functions are exact: that is `lo`. Inside a bin they can part no further
    than the bin's own mass allows: that is `hi`. In a singleton bin, and in one without reference mass, nothing is
    added. The p-value is the asymptotic one of `lo`, conservative for ties and for bins.

    Raises:
        NotEnoughSamples: fewer than 50 values on either side.
        ValueError: shapes differ.
    """
    _check(reference_counts, window_counts)
    if singleton.shape != window_counts.shape:
        raise ValueError(f"{len(window_counts)} bins need as many singleton flags, got {len(singleton)}")
    m, n = int(reference_counts.sum()), int(window_counts.sum())
    if min(n, m) < KS_ROWS:
        raise NotEnoughSamples(min(n, m), KS_ROWS)
    p, q = reference_counts / m, window_counts / n
    right = np.cumsum(p) - np.cumsum(q)
    right[-1] = 0.0
    left = np.concatenate([[0.0], right[:-1]])
    lo = float(np.abs(right).max())
    inside = np.maximum(np.minimum(left + p, right + q), np.minimum(q - left, p - right))
    hi = max(lo, float(inside[~singleton].max(initial=0.0)))
    return KsResult(lo=lo, hi=hi, p_value=float(special.kolmogorov(math.sqrt(n * m / (n + m)) * lo)), n=n)


def missing(reference: tuple[int, int], window: tuple[int, int]) -> float:
    """Two-sided p-value of the same share of missing values, from (missing, rows) of each side; exact or above it.

    Raises:
        NotEnoughSamples: a side has no rows.
        ValueError: more missing than rows.
    """
    for absent, rows in (reference, window):
        if rows < 1:
            raise NotEnoughSamples(rows, 1)
        if not 0 <= absent <= rows:
            raise ValueError(f"missing values must be between 0 and {rows}, got {absent}")
    return float(share_p_value(*window, *reference))


def _check(reference_counts: Counts, window_counts: Counts) -> None:
    if reference_counts.ndim != 1 or reference_counts.shape != window_counts.shape:
        raise ValueError(f"counts must be of the same bins, got {reference_counts.shape} and {window_counts.shape}")


def _psi_tail(scaled: float, groups: int, n: int) -> float:
    if groups > 1 and n < null.FEW * groups:
        return null.psi_tail(scaled, groups, n)
    return _chi_square_tail(scaled, groups - 1, 0.0)


def _chi_square_tail(x: float, degrees: int, nc: float) -> float:
    """P(X >= x) of the (non-central) chi-square; with no degrees of freedom there is nothing to reject."""
    return 1.0 if degrees == 0 else tail(x, degrees, nc)

"""Evidence and effect of drift, from counts of the same groups: one window, or as many as an array holds.

The effect size is PSI and the Kolmogorov-Smirnov distance; the evidence that there is any effect is the likelihood
ratio of the two samples (the deviance, "G test") and the tail of the Kolmogorov distribution. PSI/k has the same
chi-square limit as the deviance, but alarms live at levels of 1e-6 and below, and there a bin that is nearly empty
counts in PSI for more than its probability bears out: the logarithm of a chance is what the deviance measures
(Sanov), so its exponent stays right. Below 5 values a group it does not hold either: at 5 to 10 a group its true rate
is somewhat above the nominal one.

Rows of one call are not independent. `design_effect` says how many rows are worth one: all sample sizes are divided
by it (Kish 1965; Rao & Scott 1984, the first-order correction).
"""

import numpy as np
from numpy.typing import NDArray
from scipy import special

Counts = NDArray[np.int64]
Numbers = NDArray[np.float64]

MEAN_OF_KOLMOGOROV = 0.868731  # sqrt(pi/2) ln 2: what sqrt(n m/(n+m)) KS is on average where nothing drifted


def psi(reference: Counts, windows: Counts) -> Numbers:
    """PSI (...) of `windows` (..., groups) against `reference` (groups,) or (..., groups), half a value more in all."""
    groups = reference.shape[-1]
    p = (reference + 0.5) / (reference.sum(-1, keepdims=True) + groups / 2)
    q = (windows + 0.5) / (windows.sum(-1, keepdims=True) + groups / 2)
    value: Numbers = ((q - p) * np.log(q / p)).sum(-1)
    return value


def deviance(reference: Counts, windows: Counts) -> Numbers:
    """Twice the log likelihood ratio (...) of two multinomials against one: 0 where the shares are the same."""
    m, n = reference.sum(-1, keepdims=True), windows.sum(-1, keepdims=True)
    together = (reference + windows) / np.maximum(n + m, 1)
    value: Numbers = 2 * (_surprise(reference, together * m) + _surprise(windows, together * n)).sum(-1)
    return np.maximum(value, 0.0)


def deviance_p_value(reference: Counts, windows: Counts, design_effect: float = 1.0) -> Numbers:
    """P-value (...) of the same shares: chi-square with groups - 1 degrees of freedom; 1 where there is one group."""
    degrees = reference.shape[-1] - 1
    statistic = deviance(reference, windows) / inflation(reference.sum(-1), windows.sum(-1), design_effect)
    if degrees == 0:
        return np.ones_like(statistic)
    return np.asarray(special.chdtrc(degrees, statistic / _williams(reference, windows)), np.float64)


def ks(reference: Counts, windows: Counts) -> Numbers:
    """Kolmogorov-Smirnov distance (...) at the edges of the bins of `windows` (..., bins): at most the exact one."""
    ours = np.cumsum(windows, axis=-1) / np.maximum(windows.sum(-1, keepdims=True), 1)
    theirs = np.cumsum(reference, axis=-1) / np.maximum(reference.sum(-1, keepdims=True), 1)
    distance: Numbers = np.abs(ours - theirs).max(-1)
    return distance


def effective(m: Numbers | float, n: NDArray[np.int64] | float, design_effect: float = 1.0) -> NDArray[np.float64]:
    """1 / (1/m + design_effect/n): how many rows two samples of m and n tell as much as."""
    return np.asarray(1 / (1 / m + design_effect / np.maximum(n, 1)), np.float64)


def inflation(m: NDArray[np.int64], n: NDArray[np.int64], design_effect: float) -> NDArray[np.float64]:
    """By how much dependence between the rows of a window makes a two-sample chi-square larger than it should be."""
    return effective(1.0 * np.maximum(m, 1), n) / effective(1.0 * np.maximum(m, 1), n, design_effect)


def ks_p_value(distance: Numbers | float, rows: Numbers | float) -> Numbers:
    """Tail of the Kolmogorov distribution, from `effective` rows: an upper bound in the far tail (Massart 1990)."""
    return np.asarray(special.kolmogorov(np.sqrt(rows) * distance), np.float64)


def ks_margin(rows: float, level: float) -> float:
    """How far above its population's the distance of a sample can be, but for a chance of `level`."""
    return float(np.sqrt(np.log(2 / level) / (2 * rows)))


def quantile(degrees: int, noncentral: float, level: float) -> float:
    """The x with P(X >= x) = level, by bisection: the tail is what is accurate at levels of 1e-8."""
    low, high = 0.0, degrees + noncentral + 10.0
    while tail(high, degrees, noncentral) > level:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if tail(middle, degrees, noncentral) > level else (low, middle)
    return high


def noncentrality(x: float, degrees: int, level: float) -> float:
    """The nc at which x is the upper `level` quantile, 0 if there is none, by bisection between 0 and x.

    At nc = x the mean is degrees + x, so x is no upper quantile there; the tail grows with nc.
    """
    if degrees == 0 or tail(x, degrees, 0.0) >= level:
        return 0.0
    low, high = 0.0, x
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if tail(x, degrees, middle) >= level else (middle, high)
    return low


def tail(x: float, degrees: int, noncentral: float) -> float:
    """P(X >= x) of the (non-central) chi-square."""
    if noncentral == 0:
        return float(special.chdtrc(degrees, x))
    return max(0.0, 1 - float(special.chndtr(x, degrees, noncentral)))


def _williams(reference: Counts, windows: Counts) -> Numbers:
    """By how much the mean of the deviance is above that of its chi-square (Williams 1976)."""
    n, m, groups = windows.sum(-1), reference.sum(-1), reference.shape[-1]
    rows = np.maximum(n + m, 1)
    inverse = (rows[..., np.newaxis] / np.maximum(reference + windows, 1)).sum(-1) - 1
    sides = rows / np.maximum(n, 1) + rows / np.maximum(m, 1) - 1
    value: Numbers = 1 + sides * inverse / (6 * rows * (groups - 1))
    return value


def _surprise(observed: Counts, expected: Numbers) -> Numbers:
    value: Numbers = special.xlogy(observed, observed / np.where(expected > 0, expected, 1))
    return value
